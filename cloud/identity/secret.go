package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"

	"sconce"
)

const redacted = "[redacted]"

// Password is what a person typed. It can be read in (JSON, text) but not
// written out, prints as [redacted], and cannot be compared with ==.
type Password struct {
	_    [0]func()
	text string
}

// NewPassword returns the password with the given text.
func NewPassword(text string) Password { return Password{text: text} }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Password) UnmarshalText(b []byte) error {
	p.text = string(b)
	return nil
}

// Format implements [fmt.Formatter] for every verb.
func (p Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (p Password) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: a password is never written out.
func (p Password) MarshalText() ([]byte, error) { return nil, errWriteSecret() }

// Token is 256 bits drawn at random that prove a session, or a ticket for live
// data, to this cloud. It prints as [redacted] and cannot be compared with ==;
// only its SHA-256 is ever stored.
type Token struct {
	_     [0]func()
	bytes [32]byte
}

// NewToken draws a token.
func NewToken() Token {
	var t Token
	rand.Read(t.bytes[:]) // never fails (crypto/rand)
	return t
}

// ParseToken reads the text made by [Token.Reveal].
func ParseToken(text string) (Token, error) {
	var t Token
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(t.bytes) {
		return Token{}, errNotSignedIn()
	}
	copy(t.bytes[:], b)
	if t.Reveal() != text { // base64 reads over line breaks
		return Token{}, errNotSignedIn()
	}
	return t, nil
}

// Reveal returns the token's text, 43 characters fit for a cookie, to hand to
// the person it belongs to and to nobody else.
func (t Token) Reveal() string { return base64.RawURLEncoding.EncodeToString(t.bytes[:]) }

// Digest returns what is stored of a token. A plain digest suffices, as nothing
// about 256 random bits can be guessed.
func (t Token) Digest() [sha256.Size]byte { return sha256.Sum256(t.bytes[:]) }

// Format implements [fmt.Formatter] for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: a token is only written out by [Token.Reveal].
func (t Token) MarshalText() ([]byte, error) { return nil, errWriteSecret() }

func errWriteSecret() error {
	return fmt.Errorf("encoding a secret: refused")
}

func errNotSignedIn() error {
	return sconce.Errorf(sconce.Unauthenticated, "you are not signed in, or your session has ended: sign in again")
}
