package identity

import (
	"encoding/base32"
	"time"
)

// AppCode returns what an authenticator app with a key shows at a moment.
func AppCode(key string, at time.Time) Code {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		panic(err)
	}
	k, err := otpKeyOf(b)
	if err != nil {
		panic(err)
	}
	return Code{text: k.code(otpStep(at))}
}

// NewCheap returns a Service whose password hashes cost next to nothing, and a
// count of how often one was derived and with which iterations.
func NewCheap(p Parts) (*Service, *[]int) {
	var costs []int
	return newService(p, func(password string, salt []byte, iterations int) ([]byte, error) {
		costs = append(costs, iterations)
		return derive(password, salt, 1)
	}), &costs
}

// EmptyPasswordHash is what a [NewCheap] service would store for an empty password,
// which it never does.
func EmptyPasswordHash() string {
	salt := make([]byte, saltLength)
	key, err := derive("", salt, 1)
	if err != nil {
		panic(err)
	}
	return encodeHash(Iterations, salt, key)
}

// Derive is PBKDF2-HMAC-SHA-256 as used for passwords.
var Derive = derive
