package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"sconce/cloud/identity"
)

// Secret is the text of a token. It prints as [redacted] and cannot be compared with ==.
type Secret struct {
	_     [0]func()
	token identity.Token
}

func newSecret() Secret { return Secret{token: identity.NewToken()} }

// parseSecret reads the text made by [Secret.Reveal].
func parseSecret(text string) (Secret, error) {
	rest, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return Secret{}, errWrong()
	}
	token, err := identity.ParseToken(rest)
	if err != nil {
		return Secret{}, errWrong()
	}
	return Secret{token: token}, nil
}

// Reveal returns the text, to hand to its maker once and to nobody else.
func (s Secret) Reveal() string { return Prefix + s.token.Reveal() }

// digest returns what is stored of it. A plain digest suffices, as nothing about 256
// random bits can be guessed.
func (s Secret) digest() [sha256.Size]byte { return s.token.Digest() }

const redacted = "[redacted]"

// Format implements [fmt.Formatter] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: it is only written out by [Secret.Reveal].
func (s Secret) MarshalText() ([]byte, error) { return nil, errors.New("encoding a secret: refused") }
