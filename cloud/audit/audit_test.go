package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/internal/corpus"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const house = Chain("0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f")

// chain returns a chain of n entries.
func chain(n int) []Entry {
	var h Head
	var all []Entry
	for i := range n {
		e := h.Next(house, Event{
			At: noon.Add(time.Duration(i) * time.Second), Who: Account("ada"), Origin: "session:1f2e", Action: MemberSet,
			Target: fmt.Sprintf("account:%d", i), Detail: "role=viewer", Result: Done,
		})
		all, h = append(all, e), e.Head()
	}
	return all
}

func sequence(all []Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func export(t testing.TB, all []Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := Write(&b, sequence(all)); err != nil || n != len(all) {
		t.Fatalf("wrote %d entries of %d: %v", n, len(all), err)
	}
	return b.Bytes()
}

func TestChain(t *testing.T) {
	all := chain(20)
	for n := range len(all) + 1 {
		h, err := Verify(house, sequence(all[:n]), nil)
		if err != nil || h.Number != uint64(n) {
			t.Fatalf("a chain of %d: head %d, %v", n, h.Number, err)
		}
		if n > 0 && h != all[n-1].Head() {
			t.Errorf("a chain of %d ends with another head than its last entry's", n)
		}
	}
	h, err := Verify(house, Read(bytes.NewReader(export(t, all))), nil)
	if err != nil || h != all[19].Head() {
		t.Errorf("exported and read: head %d, %v", h.Number, err)
	}
}

// TestTampering changes, in each way, entry 7 of a chain, and expects that it is named.
func TestTampering(t *testing.T) {
	for name, change := range map[string]func(e *Entry){
		"who":      func(e *Entry) { e.Who = Account("eve") },
		"origin":   func(e *Entry) { e.Origin = "" },
		"action":   func(e *Entry) { e.Action = GroupMade },
		"target":   func(e *Entry) { e.Target += "0" },
		"detail":   func(e *Entry) { e.Detail = "role=owner" },
		"result":   func(e *Entry) { e.Result = Refused },
		"time":     func(e *Entry) { e.At = e.At.Add(time.Millisecond) },
		"digest":   func(e *Entry) { e.Digest[31] ^= 1 },
		"previous": func(e *Entry) { e.Previous[0] ^= 0x80 },
		"number":   func(e *Entry) { e.Number = 8 },
		"log":      func(e *Entry) { e.Chain = People },
		"a text moved into the next field": func(e *Entry) {
			e.Target, e.Detail = e.Target+e.Detail, ""
		},
		"made anew": func(e *Entry) { // with a digest of its own, but the next one remembers
			e.Detail = "role=owner"
			e.Digest = e.digest()
		},
	} {
		all := chain(20)
		change(&all[6])
		want := uint64(7)
		if name == "made anew" {
			want = 8
		}
		wantBroken(t, name, want, all, nil)
	}
	wantBroken(t, "one taken out", 7, slices.Delete(chain(20), 6, 7), nil)
	wantBroken(t, "the first taken out", 1, chain(20)[1:], nil)
	wantBroken(t, "one twice", 8, slices.Insert(chain(20), 6, chain(20)[6]), nil)
	swapped := chain(20)
	swapped[6], swapped[7] = swapped[7], swapped[6]
	wantBroken(t, "two swapped", 7, swapped, nil)
}

func wantBroken(t *testing.T, name string, number uint64, all []Entry, expect *Head) {
	t.Helper()
	_, err := Verify(house, sequence(all), expect)
	var broken *BrokenError
	if !errors.As(err, &broken) || broken.Number != number {
		t.Errorf("%s: %v; expected entry %d to be named", name, err, number)
	}
}

// TestKeptHead shows what a chain alone cannot: its end is missing, or all of it is new.
func TestKeptHead(t *testing.T) {
	all := chain(20)
	kept := all[11].Head()
	if _, err := Verify(house, sequence(all), &kept); err != nil {
		t.Errorf("a log that goes on after its head was kept: %v", err)
	}
	if _, err := Verify(house, sequence(nil), &Head{}); err != nil {
		t.Errorf("a log that was empty when its head was kept: %v", err)
	}
	wantBroken(t, "the end cut off", 11, all[:10], &kept)
	var h Head
	var forged []Entry
	for _, e := range all {
		e.Who = Account("eve")
		n := h.Next(house, e.Event)
		forged, h = append(forged, n), n.Head()
	}
	if _, err := Verify(house, sequence(forged), nil); err != nil {
		t.Fatal(err)
	}
	wantBroken(t, "made anew", 12, forged, &kept)
}

// TestEveryByte alters each byte of an export in turn, and expects its line to be named.
func TestEveryByte(t *testing.T) {
	good := export(t, chain(12))
	for i := range good {
		for _, flip := range []byte{0x01, 0x20} { // another character; the other case
			bad := bytes.Clone(good)
			bad[i] ^= flip
			_, err := Verify(house, Read(bytes.NewReader(bad)), nil)
			line := 1 + bytes.Count(good[:i], []byte("\n"))
			if err == nil {
				t.Fatalf("byte %d (line %d) altered by %#x: nothing found", i, line, flip)
			}
			text := err.Error()
			named := strings.Contains(text, fmt.Sprintf("line %d ", line)) || strings.Contains(text, fmt.Sprintf("entry %d:", line))
			// A line feed that is gone makes one line of two.
			if !named {
				t.Fatalf("byte %d altered by %#x: %q does not name line %d", i, flip, text, line)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	good := string(export(t, chain(1)))
	for name, text := range map[string]string{
		"no JSON":      "entry",
		"an empty":     "\n",
		"another time": strings.Replace(good, "12:00:00.000Z", "13:00:00+01:00", 1),
		"a new field":  strings.Replace(good, "{", `{"x":1,`, 1),
		"spaces":       strings.Replace(good, ":1,", ": 1,", 1),
		"CR LF":        strings.Replace(good, "\n", "\r\n", 1),
		"too long":     strings.Repeat("x", maxLine+1),
	} {
		for _, err := range Read(strings.NewReader(text)) {
			if sconce.KindOf(err) != sconce.Invalid || !strings.Contains(err.Error(), "line 1") {
				t.Errorf("%s: %v; expected an invalid line 1", name, err)
			}
		}
	}
	broken := errors.New("broken")
	failing := func(yield func(Entry, error) bool) { yield(Entry{}, broken) }
	if _, err := Write(io.Discard, failing); !errors.Is(err, broken) {
		t.Errorf("writing what cannot be read: %v", err)
	}
	if _, err := Verify(house, failing, nil); !errors.Is(err, broken) {
		t.Errorf("verifying what cannot be read: %v", err)
	}
}

// TestTextsAreBounded shows that no event is too strange to be kept.
func TestTextsAreBounded(t *testing.T) {
	e := Head{}.Next(house, Event{At: noon, Target: strings.Repeat("ä", 300), Detail: "a\nb\xff\x00"})
	if len(e.Target) != maxText || e.Detail != "a?b??" {
		t.Errorf("target of %d bytes, detail %q", len(e.Target), e.Detail)
	}
	if _, err := Verify(house, Read(bytes.NewReader(export(t, []Entry{e}))), nil); err != nil {
		t.Error(err)
	}
}

func TestSubjects(t *testing.T) {
	for got, want := range map[Subject]string{
		Account(""): "nobody", Account("ada"): "account:ada", Gateway(0x124b0000000001): "gateway:00124b0000000001",
	} {
		if string(got) != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(export(f, chain(3)))
	f.Add([]byte(`{"log":"people","number":1}`))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		var all []Entry
		for e, err := range Read(bytes.NewReader(b)) {
			if err != nil {
				return
			}
			all = append(all, e)
		}
		want := b
		if len(want) > 0 && want[len(want)-1] != '\n' {
			want = append(bytes.Clone(want), '\n')
		}
		if got := export(t, all); !bytes.Equal(got, want) {
			t.Errorf("read %q, wrote %q", b, got)
		}
	})
}
