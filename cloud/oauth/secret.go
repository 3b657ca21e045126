package oauth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"sconce/cloud/access"
	"sconce/cloud/identity"
)

// What the texts of secrets begin with, so that scanners for leaked secrets know them. An
// access token begins with [access.Prefix] alone, so that none of these is read as one.
const (
	codePrefix    = access.Prefix + "code_"
	refreshPrefix = access.Prefix + "refresh_"
	secretPrefix  = access.Prefix + "secret_"
	tokenLength   = 43 // of 256 bits in base64url
)

// hidden lets a secret print as [redacted], and keeps it from being compared with == and
// from being written out by accident.
type hidden struct{ _ [0]func() }

// Format implements [fmt.Formatter] for every verb.
func (hidden) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (hidden) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText refuses: a secret is only written out by Reveal.
func (hidden) MarshalText() ([]byte, error) { return nil, errors.New("encoding a secret: refused") }

// ClientSecret is by what a confidential app is known: 256 random bits.
type ClientSecret struct {
	hidden

	token identity.Token
}

// Reveal returns the text, to hand to the owner who registers the app, once.
func (s ClientSecret) Reveal() string { return secretPrefix + s.token.Reveal() }

func parseClientSecret(text string) (Digest, bool) { return parseToken(text, secretPrefix) }

// code is 256 random bits that a browser carries to an app.
type code struct {
	hidden

	token identity.Token
}

func (c code) reveal() string { return codePrefix + c.token.Reveal() }

func parseCode(text string) (Digest, bool) { return parseToken(text, codePrefix) }

// parseToken returns the digest of a secret of 256 bits.
func parseToken(text, prefix string) (Digest, bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return Digest{}, false
	}
	t, err := identity.ParseToken(rest)
	return t.Digest(), err == nil
}

// RefreshToken is 256 random bits that all refresh tokens of a grant have in common, and 256
// that are new each time. By the first the grant is found of one that was used before.
type RefreshToken struct {
	hidden

	family, token identity.Token
}

// Reveal returns the text, to hand to the app and to nobody else.
func (t RefreshToken) Reveal() string {
	return refreshPrefix + t.family.Reveal() + t.token.Reveal()
}

// digests are those of the family and of the whole.
func (t RefreshToken) digests() (family, whole Digest) {
	return t.family.Digest(), sha256.Sum256([]byte(t.Reveal()))
}

func parseRefreshToken(text string) (RefreshToken, bool) {
	rest, ok := strings.CutPrefix(text, refreshPrefix)
	if !ok || len(rest) != 2*tokenLength {
		return RefreshToken{}, false
	}
	family, err := identity.ParseToken(rest[:tokenLength])
	if err != nil {
		return RefreshToken{}, false
	}
	token, err := identity.ParseToken(rest[tokenLength:])
	return RefreshToken{family: family, token: token}, err == nil
}
