package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
)

// Person seals what is known of one person, under a key that is theirs alone: without
// that key, which is kept sealed in one place, nobody reads it again. So a person is
// forgotten by forgetting the key. It prints as [redacted].
type Person struct {
	_    [0]func()
	aead cipher.AEAD
}

// personKeySize is that of AES-256.
const personKeySize = 32

// personFormat begins what is sealed under a person's key: AES-256-GCM, a random nonce
// of 96 bits before the ciphertext (NIST SP 800-38D, 8.2.2).
const personFormat = 1

// NewPerson draws the key of a person, and returns it and, to be stored at a place, its
// sealed form.
func (v *Vault) NewPerson(at Field) (Person, []byte, error) {
	var key [personKeySize]byte
	rand.Read(key[:]) // never fails (crypto/rand)
	defer clear(key[:])
	p, err := newPerson(key[:])
	if err != nil {
		return Person{}, nil, err
	}
	sealed, err := v.Seal(key[:], at)
	return p, sealed, err
}

// OpenPerson returns the person whose key was stored at a place.
func (v *Vault) OpenPerson(sealed []byte, at Field) (Person, error) {
	key, err := v.Open(sealed, at)
	if err != nil {
		return Person{}, err
	}
	defer clear(key)
	return newPerson(key)
}

func newPerson(key []byte) (Person, error) {
	if len(key) != personKeySize {
		return Person{}, fmt.Errorf("the key of a person has %d bytes, not %d", len(key), personKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Person{}, fmt.Errorf("using the key of a person: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Person{}, fmt.Errorf("using the key of a person: %w", err)
	}
	return Person{aead: aead}, nil
}

// Seal returns the value encrypted for its place.
func (p Person) Seal(value []byte, at Field) []byte {
	return p.aead.Seal([]byte{personFormat}, nil, value, at.associatedData()) //nolint:gosec // it draws the nonce itself
}

// Open returns the value that was sealed for this place, as [Vault.Open] does.
func (p Person) Open(sealed []byte, at Field) ([]byte, error) {
	if len(sealed) > 0 && sealed[0] == personFormat {
		if value, err := p.aead.Open(nil, nil, sealed[1:], at.associatedData()); err == nil {
			return value, nil
		}
	}
	return nil, errSealed(at)
}

// Format implements [fmt.Formatter] for every verb.
func (Person) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (Person) LogValue() slog.Value { return slog.StringValue("[redacted]") }
