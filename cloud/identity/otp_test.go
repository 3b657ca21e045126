package identity

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sconce/internal/corpus"
)

func rfcKey(t *testing.T) otpKey {
	t.Helper()
	k, err := otpKeyOf([]byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestHOTPVectors are the vectors of RFC 4226, appendix D.
func TestHOTPVectors(t *testing.T) {
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := rfcKey(t).code(int64(i)); got != want {
			t.Errorf("counter %d: %s, want %s", i, got, want)
		}
	}
}

// TestTOTPVectors are those of RFC 6238, appendix B, for SHA-1: the last six of their eight
// digits.
func TestTOTPVectors(t *testing.T) {
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := rfcKey(t).code(otpStep(time.Unix(at, 0))); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

// TestCodeWindow shows which codes count: those of one step around now, and none at or before
// the last that was used.
func TestCodeWindow(t *testing.T) {
	k, now := rfcKey(t), time.Unix(1_800_000_000, 0)
	step := otpStep(now)
	for _, try := range []struct {
		of, last int64
		ok       bool
	}{
		{step, 0, true},
		{step - 1, 0, true},
		{step + 1, 0, true},
		{step - 2, 0, false},
		{step + 2, 0, false},
		{step, step, false},
		{step - 1, step, false},
		{step + 1, step, true},
		{step, step - 1, true},
	} {
		got, ok := k.check(k.code(try.of), now, try.last)
		if ok != try.ok || ok && got != try.of {
			t.Errorf("the code of step %+d with the last at %+d: step %+d, %v", try.of-step, try.last-step, got-step, ok)
		}
	}
	for _, typed := range []string{"", "12345", k.code(step) + "0", " " + k.code(step)} {
		if _, ok := k.check(typed, now, 0); ok {
			t.Errorf("%q was taken", typed)
		}
	}
}

func TestKeyURI(t *testing.T) {
	want := "otpauth://totp/sconce.example.org:ada+x@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=sconce.example.org"
	if got := rfcKey(t).uri("sconce.example.org", "ada+x@example.org"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := otpKeyOf(make([]byte, 19)); err == nil {
		t.Error("a key of 19 bytes was taken")
	}
}

// TestStepSecretsDoNotPrint shows that keys and codes reach no log and no answer by accident.
func TestStepSecretsDoNotPrint(t *testing.T) {
	key, code := rfcKey(t), newRecoveryCode()
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key, "code", code)
	out := log.String()
	for _, v := range []any{key, code, []Code{code}, struct{ K otpKey }{key}} {
		out += fmt.Sprintf("%v %+v %#v %s %x", v, v, v, v, v)
		if b, err := json.Marshal(v); err == nil {
			out += string(b)
			if fmt.Sprintf("%T", v) != "struct { K identity.otpKey }" || strings.Contains(string(b), "[") {
				t.Errorf("%T encodes as %s", v, b)
			}
		}
	}
	for _, secret := range []string{key.reveal(), "12345678901234567890", code.text, code.Reveal(), fmt.Sprintf("%x", code.text)} {
		if strings.Contains(out, secret) {
			t.Errorf("%q shows in %s", secret, out)
		}
	}
}

// FuzzCode checks that a recovery code has one form, however it was typed.
func FuzzCode(f *testing.F) {
	f.Add(newRecoveryCode().Reveal())
	f.Add("123 456")
	f.Add(strings.Repeat("a", 24))
	corpus.Fuzz(f, func(t *testing.T, typed string) {
		c := NewCode(typed)
		if !c.isRecovery() {
			return
		}
		if again := NewCode(c.Reveal()); again.text != c.text || !again.isRecovery() || len(c.text) != 24 {
			t.Errorf("%q reads as %q, and that as %q", typed, c.text, again.text)
		}
	})
}

// TestShelf shows that things are found under their token, once, until they are too old or
// pushed out.
func TestShelf(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newShelf[string](time.Minute, 3)
	a, until := s.put(now, "a")
	if !until.Equal(now.Add(time.Minute)) {
		t.Errorf("until %v", until)
	}
	if _, ok := s.take(now, NewToken()); ok {
		t.Error("found under a strange token")
	}
	if v, ok := s.take(now, a); !ok || v != "a" {
		t.Errorf("%q, %v", v, ok)
	}
	if _, ok := s.take(now, a); ok {
		t.Error("found twice")
	}
	old, _ := s.put(now, "old")
	if _, ok := s.take(now.Add(time.Minute), old); ok {
		t.Error("found when it was too old")
	}
	var tokens []Token
	for range 4 {
		k, _ := s.put(now, "x")
		tokens = append(tokens, k)
	}
	if _, ok := s.take(now, tokens[0]); ok {
		t.Error("more is kept than there is room for")
	}
	if _, ok := s.take(now, tokens[1]); !ok || len(s.items) != 2 || s.order.Len() != 2 {
		t.Errorf("%d things, %d in order, after one of three was taken", len(s.items), s.order.Len())
	}
}
