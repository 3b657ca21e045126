package identity

import (
	"strings"
	"testing"

	"sconce/internal/corpus"
)

// FuzzParseToken checks that a token has one text only.
func FuzzParseToken(f *testing.F) {
	f.Add(NewToken().Reveal())
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("A", 42) + "B")
	f.Add(strings.Repeat("A", 20) + "\n" + strings.Repeat("A", 23))
	corpus.Fuzz(f, func(t *testing.T, text string) {
		if token, err := ParseToken(text); err == nil && token.Reveal() != text {
			t.Errorf("%q reads as the token of %q", text, token.Reveal())
		}
	})
}

// FuzzDecodeHash checks that a stored password has one text only.
func FuzzDecodeHash(f *testing.F) {
	f.Add(encodeHash(Iterations, make([]byte, saltLength), make([]byte, hashLength)))
	f.Add("pbkdf2-sha256$+1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	corpus.Fuzz(f, func(t *testing.T, text string) {
		if n, salt, key, err := decodeHash(text); err == nil && encodeHash(n, salt, key) != text {
			t.Errorf("%q decodes to what encodes as %q", text, encodeHash(n, salt, key))
		}
	})
}

// FuzzNormaliseEmail checks that the normal form of an address is its own.
func FuzzNormaliseEmail(f *testing.F) {
	for _, s := range []string{"ada@example.org", " Ada@Example.ORG\t", "\"a b\"@example.org", "Ä@example.org", "İ@example.org", "a@[192.0.2.1]"} {
		f.Add(s)
	}
	corpus.Fuzz(f, func(t *testing.T, s string) {
		once, err := NormaliseEmail(s)
		if err != nil {
			return
		}
		if twice, err := NormaliseEmail(once); err != nil || twice != once {
			t.Errorf("%q becomes %q, and that %q, %v", s, once, twice, err)
		}
		if strings.ContainsAny(once, "\r\n\x00 ") {
			t.Errorf("%q becomes %q", s, once)
		}
	})
}
