package access

import (
	"testing"

	"sconce/internal/corpus"
)

// FuzzSecret: the text of a token has one form.
func FuzzSecret(f *testing.F) {
	f.Add(newSecret().Reveal())
	f.Add(Prefix)
	f.Add(newSecret().Reveal() + "\n")
	corpus.Fuzz(f, func(t *testing.T, text string) {
		secret, err := parseSecret(text)
		if digest, ok := DigestOf(text); ok != (err == nil) || ok && digest != secret.digest() {
			t.Errorf("%q: %v, and a digest %v", text, err, ok)
		}
		if err == nil && (secret.Reveal() != text || !IsToken(text)) {
			t.Errorf("%q reads as a token of another form", text)
		}
	})
}
