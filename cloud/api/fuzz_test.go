package api

import (
	"strings"
	"testing"

	"sconce/internal/corpus"
)

// FuzzOnceKey: a key has one form, whether or not it came in quotation marks.
func FuzzOnceKey(f *testing.F) {
	for _, s := range []string{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`, "plain", `""`, `"`, `a"b`, `"a\b"`, "\x00", strings.Repeat("x", 101)} {
		f.Add(s)
	}
	corpus.Fuzz(f, func(t *testing.T, given string) {
		key, err := onceKey(given)
		if err != nil {
			return
		}
		if given != key && given != `"`+key+`"` || len(key) > maxOnceKey {
			t.Errorf("%q reads as %q", given, key)
		}
		for _, canonical := range []string{key, `"` + key + `"`} {
			if again, err := onceKey(canonical); err != nil || again != key {
				t.Errorf("%q reads as %q, %v; of %q", canonical, again, err, given)
			}
		}
	})
}

// FuzzIfMatch: a list of entity tags names a tag exactly when one of its members is the tag,
// weak or not, or *; and a tag of ours always names itself.
func FuzzIfMatch(f *testing.F) {
	f.Add(`"a", W/"b"`, "body")
	f.Add("*", "")
	f.Add(` ,,"`, "x")
	corpus.Fuzz(f, func(t *testing.T, list, body string) {
		tag := etag([]byte(body))
		if !matches(tag, tag) || !matches("W/"+tag, tag) || !matches(list+", "+tag, tag) || !matches(" * ", tag) {
			t.Errorf("%s does not name itself, behind %q", tag, list)
		}
		named := strings.Contains(list, tag) || strings.Contains(list, "*")
		if matches(list, tag) && !named {
			t.Errorf("%q names %s", list, tag)
		}
	})
}

// FuzzSupportCursor: a place in a list has one form.
func FuzzSupportCursor(f *testing.F) {
	f.Add("1700000000000.ABC")
	f.Add("+1.a")
	f.Add("-1.a.b")
	corpus.Fuzz(f, func(t *testing.T, cursor string) {
		if p, err := placeOf(cursor); err == nil && cursor != "" && cursorOf(p) != cursor {
			t.Errorf("%q reads as %+v, which is written as %q", cursor, p, cursorOf(p))
		}
	})
}
