package zigbee

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// KeySize is the size of every Zigbee key in bytes.
const KeySize = 16

const redacted = "[redacted]"

// secret is what the key types share. It cannot be compared with ==, and prints
// as [redacted].
type secret struct {
	_ [0]func()
	b [KeySize]byte
}

func (secret) String() string             { return redacted }
func (secret) GoString() string           { return redacted }
func (secret) LogValue() slog.Value       { return slog.StringValue(redacted) }
func (secret) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// Bytes returns a copy of the key itself. It is for codecs and ciphers; it
// is never logged.
func (k secret) Bytes() [KeySize]byte { return k.b }

// IsZero reports whether every byte of the key is 0: there is no key.
func (k secret) IsZero() bool {
	var zero [KeySize]byte
	return subtle.ConstantTimeCompare(k.b[:], zero[:]) == 1
}

// NetworkKey protects the network layer of a whole network. It is random, and
// belongs to one network.
type NetworkKey struct{ secret }

// NewNetworkKey returns the key with the given bytes.
func NewNetworkKey(b [KeySize]byte) NetworkKey { return NetworkKey{secret{b: b}} }

// Equal compares in constant time.
func (k NetworkKey) Equal(o NetworkKey) bool { return subtle.ConstantTimeCompare(k.b[:], o.b[:]) == 1 }

// LinkKey protects what two devices say to one another: a device and its trust
// centre, as a rule.
type LinkKey struct{ secret }

// NewLinkKey returns the key with the given bytes.
func NewLinkKey(b [KeySize]byte) LinkKey { return LinkKey{secret{b: b}} }

// Equal compares in constant time.
func (k LinkKey) Equal(o LinkKey) bool { return subtle.ConstantTimeCompare(k.b[:], o.b[:]) == 1 }

// IsWellKnown reports whether k is a key that is printed in public documents:
// the default global trust-centre link key, the distributed-security global
// link key of certification, the touchlink certification key, or all zeros.
// Such a key protects nothing, and this project refuses it everywhere.
func (k LinkKey) IsWellKnown() bool {
	found := k.IsZero()
	for _, known := range [...]string{
		"ZigBeeAlliance09", // 05-3474-22, 4.4.1.1: "5A 69 67 … 30 39"
		"\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf", // BDB 3.0.1, 6.3.2
		"\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf", // BDB 3.0.1, 8.7
	} {
		if subtle.ConstantTimeCompare(k.b[:], []byte(known)) == 1 {
			found = true
		}
	}
	return found
}
