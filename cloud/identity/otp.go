package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what authenticator apps compute; see otpKey
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// The codes of authenticator apps: those of RFC 6238 with its default values, which are
// the only ones that all of the apps compute.
const (
	otpPeriod = 30 * time.Second
	otpDigits = 6
	// otpSkew is how many steps a clock may be wrong, each way (RFC 6238, 5.2).
	otpSkew = 1
)

// otpKey is the secret that an authenticator app shares with this cloud: 160 bits, as
// RFC 4226 (4, R6) recommends. It prints as [redacted] and cannot be compared with ==.
//
// Its codes are made with HMAC-SHA-1. The apps in use ignore a request for another
// hash and would show codes that are wrong; and what is weak in SHA-1 are collisions, which
// do not help against HMAC (RFC 6151; NIST SP 800-131A revision 2, 10, goes on
// accepting it). It serves for these codes alone.
type otpKey struct {
	_     [0]func()
	bytes [20]byte
}

func newOTPKey() otpKey {
	var k otpKey
	rand.Read(k.bytes[:]) // never fails (crypto/rand)
	return k
}

// otpKeyOf reads what [otpKey.seal] stored.
func otpKeyOf(b []byte) (otpKey, error) {
	var k otpKey
	if len(b) != len(k.bytes) {
		return otpKey{}, fmt.Errorf("a stored key of an authenticator app has %d bytes, want %d", len(b), len(k.bytes))
	}
	copy(k.bytes[:], b)
	return k, nil
}

// reveal returns the key as it is typed into an app: base32 (RFC 4648, 6) without padding.
func (k otpKey) reveal() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(k.bytes[:])
}

// uri returns the key as apps scan it, for an account at a site
// (the Key URI Format of google-authenticator, which the others follow).
func (k otpKey) uri(site, account string) string {
	u := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + site + ":" + account,
		RawQuery: "secret=" + k.reveal() + "&issuer=" + url.QueryEscape(site),
	}
	return u.String()
}

// code returns the code of a time step (RFC 4226, 5.3).
func (k otpKey) code(step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac := hmac.New(sha1.New, k.bytes[:])
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fff_ffff
	return fmt.Sprintf("%0*d", otpDigits, n%1_000_000)
}

// otpStep returns the number of the time step of a moment (RFC 6238, 4.2).
func otpStep(at time.Time) int64 { return at.Unix() / int64(otpPeriod/time.Second) }

// check returns the time step whose code was typed, when it is one of those around now and
// later than the last one that was used.
func (k otpKey) check(typed string, now time.Time, last int64) (step int64, ok bool) {
	for s := otpStep(now) - otpSkew; s <= otpStep(now)+otpSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(k.code(s)), []byte(typed)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// Format implements [fmt.Formatter] for every verb.
func (k otpKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (k otpKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: a key is only written out by reveal, and stored sealed.
func (k otpKey) MarshalText() ([]byte, error) { return nil, errWriteSecret() }

// A recovery code is 120 random bits, good once in the place of an app's code. So many bits
// cannot be guessed, and a plain digest of them can be stored (NIST SP 800-63B-4, 3.1.2.2).
const (
	recoveryCodes = 10
	recoveryBytes = 15
	recoveryGroup = 6 // characters between two hyphens
)

// Code is what a person typed in the second step of signing in: the code of an app, or a
// recovery code. It can be read in but not written out, prints as [redacted], and cannot be
// compared with ==.
type Code struct {
	_    [0]func()
	text string
}

// NewCode returns what was typed, without what people put between its characters.
func NewCode(text string) Code {
	return Code{text: strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\t", "").Replace(text))}
}

// newRecoveryCode draws a recovery code.
func newRecoveryCode() Code {
	b := make([]byte, recoveryBytes)
	rand.Read(b) // never fails (crypto/rand)
	return Code{text: base32.StdEncoding.EncodeToString(b)}
}

// isRecovery reports whether what was typed has the form of a recovery code.
func (c Code) isRecovery() bool {
	b, err := base32.StdEncoding.DecodeString(c.text)
	return err == nil && len(b) == recoveryBytes
}

// Reveal returns a recovery code in groups, for the person it belongs to and nobody else.
func (c Code) Reveal() string {
	var parts []string
	for rest := c.text; rest != ""; {
		n := min(recoveryGroup, len(rest))
		parts, rest = append(parts, rest[:n]), rest[n:]
	}
	return strings.Join(parts, "-")
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Code) UnmarshalText(b []byte) error {
	c.text = NewCode(string(b)).text
	return nil
}

// Format implements [fmt.Formatter] for every verb.
func (c Code) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (c Code) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: a code is only written out by [Code.Reveal].
func (c Code) MarshalText() ([]byte, error) { return nil, errWriteSecret() }
