package identity

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sconce"
)

// The cost of a stored password: PBKDF2-HMAC-SHA-256 (NIST SP 800-132, RFC 8018)
// with the iteration count that the OWASP Password Storage Cheat Sheet asks for.
const (
	Iterations = 600_000
	saltLength = 16
	hashLength = sha256.Size
)

// The lengths of a password: at least so many characters, at most so many bytes.
const (
	MinPasswordLength = 12
	MaxPasswordLength = 1024
)

const scheme = "pbkdf2-sha256"

// maxWaiting is how many password checks may wait for a processor. One more is
// refused: an answer that comes after the caller has gone helps nobody.
const maxWaiting = 64

// deriveFunc is PBKDF2-HMAC-SHA-256.
type deriveFunc func(password string, salt []byte, iterations int) ([]byte, error)

func derive(password string, salt []byte, iterations int) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, iterations, hashLength)
}

// hasher makes and checks password hashes, on at most as many processors as the
// machine has.
type hasher struct {
	derive  deriveFunc
	waiting chan struct{}
	running chan struct{}
	// absent is checked in place of the hash of an account that is not there.
	absent string
}

func newHasher(derive deriveFunc) *hasher {
	salt := make([]byte, saltLength)
	rand.Read(salt)
	return &hasher{
		derive:  derive,
		waiting: make(chan struct{}, maxWaiting),
		running: make(chan struct{}, runtime.GOMAXPROCS(0)),
		absent:  encodeHash(Iterations, salt, make([]byte, hashLength)),
	}
}

// hash returns the text to store for a password.
func (h *hasher) hash(ctx context.Context, p Password) (string, error) {
	salt := make([]byte, saltLength)
	rand.Read(salt)
	key, err := h.run(ctx, p, salt, Iterations)
	if err != nil {
		return "", err
	}
	return encodeHash(Iterations, salt, key), nil
}

// verify reports whether a password is the one that was hashed. An empty stored
// text is that of no account: it costs the same work and is never right.
func (h *hasher) verify(ctx context.Context, p Password, stored string) (bool, error) {
	exists := stored != ""
	if !exists {
		stored = h.absent
	}
	if len(p.text) > MaxPasswordLength {
		p, exists = Password{}, false
	}
	iterations, salt, want, err := decodeHash(stored)
	if err != nil {
		return false, err
	}
	got, err := h.run(ctx, p, salt, iterations)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && exists, nil
}

func (h *hasher) run(ctx context.Context, p Password, salt []byte, iterations int) ([]byte, error) {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return nil, sconce.LaterErrorf(sconce.TooMany, 5*time.Second, "too many people are signing in right now: try again in a moment")
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	key, err := h.derive(p.text, salt, iterations)
	if err != nil {
		return nil, fmt.Errorf("deriving a password hash: %w", err)
	}
	return key, nil
}

func encodeHash(iterations int, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return strings.Join([]string{scheme, strconv.Itoa(iterations), b64(salt), b64(key)}, "$")
}

func decodeHash(text string) (iterations int, salt, key []byte, err error) {
	part := strings.Split(text, "$")
	if len(part) == 4 && part[0] == scheme {
		iterations, err = strconv.Atoi(part[1])
		if err == nil {
			salt, err = base64.RawStdEncoding.Strict().DecodeString(part[2])
		}
		if err == nil {
			key, err = base64.RawStdEncoding.Strict().DecodeString(part[3])
		}
		if err == nil && iterations > 0 && len(salt) >= saltLength && len(key) == hashLength && encodeHash(iterations, salt, key) == text {
			return iterations, salt, key, nil
		}
	}
	return 0, nil, nil, fmt.Errorf("a stored password hash is not of the form %s$iterations$salt$hash", scheme)
}
