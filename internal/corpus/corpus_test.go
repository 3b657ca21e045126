package corpus

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// allKinds are the types that a target may have.
func allKinds(t testing.TB) kinds {
	t.Helper()
	k, err := kindsOf(func(*testing.T, []byte, string, bool, int, uint8, uint16, uint32, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestInputs(t *testing.T) {
	k := allKinds(t)
	if k.String() != "[]byte string bool int byte uint16 uint32 uint64" {
		t.Error(k.String())
	}
	in := input{[]byte{0, 0xff, '\n'}, "a \"b\"\n\xff é", true, -3, uint8(200), uint16(65535), uint32(7), uint64(1 << 63)}
	line := k.format(in)
	if want := `0x00ff0a "a \"b\"\n\xff \u00e9" true -3 200 65535 7 9223372036854775808`; line != want {
		t.Errorf("%s, want %s", line, want)
	}
	if back, err := k.parse(line); err != nil || !reflect.DeepEqual(back, in) {
		t.Errorf("%#v, %v", back, err)
	}
	empty := input{[]byte{}, "", false, 0, uint8(0), uint16(0), uint32(0), uint64(0)}
	if back, err := k.parse(k.format(empty)); err != nil || !reflect.DeepEqual(back, empty) {
		t.Errorf("%#v, %v", back, err)
	}
	for _, bad := range []string{
		"", "0x00", line + " 1", line[2:], strings.Replace(line, "200", "256", 1), strings.Replace(line, "true", "yes", 1), strings.Replace(line, "0x00", "0x0", 1),
	} {
		if in, err := k.parse(bad); err == nil {
			t.Errorf("%s: %v without an error", bad, in)
		}
	}
}

// What go test writes is read, every byte of it.
func TestFinds(t *testing.T) {
	const find = "go test fuzz v1\n[]byte(\"\\x00\\xff\\n)\")\nstring(\"a)(b\")\nbool(true)\nint(-3)\nbyte('\\xc8')\nuint16(65535)\nuint32(7)\nuint64(8)\n"
	want := input{[]byte{0, 0xff, '\n', ')'}, "a)(b", true, -3, uint8(200), uint16(65535), uint32(7), uint64(8)}
	k := allKinds(t)
	if in, err := k.parseFind(find); err != nil || !reflect.DeepEqual(in, want) {
		t.Errorf("%#v, %v", in, err)
	}
	for _, bad := range []string{"", "go test fuzz v1\n", strings.Replace(find, "v1", "v2", 1), strings.Replace(find, "byte('\\xc8')", "byte('\\u0200')", 1), find + "int(1)\n"} {
		if in, err := k.parseFind(bad); err == nil {
			t.Errorf("%q: %v without an error", bad, in)
		}
	}
	for literal, want := range map[string]uint8{`'\''`: '\'', `'\x00'`: 0, `'a'`: 'a', `'ÿ'`: 0xff, `'"'`: '"'} {
		if got, err := literalOf(k[4], literal); err != nil || got != want {
			t.Errorf("%s: %v, %v", literal, got, err)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, bad := range []any{3, func([]byte) {}, func(*testing.T) {}, func(*testing.T, []byte) error { return nil }} {
		if k, err := kindsOf(bad); err == nil {
			t.Errorf("%T: %v without an error", bad, k)
		}
	}
}

func TestLoad(t *testing.T) {
	k, err := kindsOf(func(*testing.T, uint8, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	path := Path(t.TempDir(), "FuzzX")
	if all, err := load(path, k); err != nil || all != nil {
		t.Errorf("no file: %v, %v", all, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, n := range map[string]int{"byte []byte\n": 0, "byte []byte\n1 0x\n2 0x00ff\n": 2, "[]byte\n0x\n": -1, "byte []byte\n1\n": -1, "": -1} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := load(path, k)
		if (err != nil) != (n < 0) || err == nil && len(all) != n {
			t.Errorf("%q: %v, %v", text, all, err)
		}
	}
	finds := t.TempDir()
	for name, text := range map[string]string{"1": "go test fuzz v1\nbyte('a')\n[]byte(\"b\")\n", "2": "go test fuzz v1\n[]byte(\"of before\")\n"} {
		if err := os.WriteFile(filepath.Join(finds, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := findsIn(finds, k); err != nil || len(all) != 1 || all[0][0] != uint8('a') {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := findsIn(filepath.Join(finds, "none"), k); err != nil || all != nil {
		t.Errorf("%v, %v", all, err)
	}
}

func TestWrite(t *testing.T) {
	k, err := kindsOf(func(*testing.T, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	path := Path(t.TempDir(), "FuzzX")
	for _, lines := range [][]string{nil, {"0x", "0x01"}, nil} {
		if err := write(path, k, lines); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if lines != nil && string(text) != "[]byte\n0x\n0x01\n" || lines == nil && err == nil {
			t.Errorf("%q is kept as %q, %v", lines, text, err)
		}
	}
}

func TestChoose(t *testing.T) {
	long := strings.Repeat("x", MaxSize/2)
	for _, c := range []struct{ first, others, want []string }{
		{nil, nil, nil},
		{[]string{"bb"}, []string{"a"}, []string{"a", "bb"}},
		{[]string{long}, []string{"a", long, "b"}, []string{"a", long}},
	} {
		if got := choose(c.first, c.others); !slices.Equal(got, c.want) {
			t.Errorf("%d and %d: %d lines", len(c.first), len(c.others), len(got))
		}
	}
}

func TestShortestFirst(t *testing.T) {
	lines := []string{"0x0001", "0x02", "0x01", "0x"}
	slices.SortFunc(lines, compareLines)
	if got := strings.Join(lines, " "); got != "0x 0x01 0x02 0x0001" {
		t.Error(got)
	}
}

// FuzzParse: a line that parses is the line of what it says, but for how its
// numbers and texts are spelt.
func FuzzParse(f *testing.F) {
	k := allKinds(f)
	f.Add(`0x00ff0a "a \"b\"" true -3 200 65535 7 9223372036854775808`)
	Fuzz(f, func(t *testing.T, line string) {
		in, err := k.parse(line)
		if err != nil {
			return
		}
		canonical := k.format(in)
		again, err := k.parse(canonical)
		if err != nil || k.format(again) != canonical {
			t.Fatalf("%s becomes %s, and that %v, %v", line, canonical, again, err)
		}
	})
}
