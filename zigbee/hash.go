package zigbee

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
)

// Hash is the AES-MMO hash function: Matyas-Meyer-Oseas over AES-128
// (05-3474-22, B.1.3 and B.6).
func Hash(message []byte) [KeySize]byte {
	padded := pad(message)
	var h [KeySize]byte
	for ; len(padded) > 0; padded = padded[KeySize:] {
		block, err := aes.NewCipher(h[:])
		if err != nil {
			panic(err) // the key has 16 bytes
		}
		block.Encrypt(h[:], padded[:KeySize])
		subtle.XORBytes(h[:], h[:], padded[:KeySize])
	}
	return h
}

// pad appends a one bit, zero bits and the length of the message in bits: 16 bits
// of length for messages of less than 2^16 bits, else 32 bits and 16 zero bits
// (05-3474-22, B.6).
func pad(message []byte) []byte {
	const longest16 = 1<<16/8 - 1 // bytes
	b := append(make([]byte, 0, len(message)+2*KeySize), message...)
	b = append(b, 0x80)
	bits := uint32(len(message)) * 8
	if len(message) > longest16 {
		for len(b)%KeySize != KeySize-6 {
			b = append(b, 0)
		}
		b = binary.BigEndian.AppendUint32(b, bits)
		return append(b, 0, 0)
	}
	for len(b)%KeySize != KeySize-2 {
		b = append(b, 0)
	}
	return binary.BigEndian.AppendUint16(b, uint16(bits))
}

// KeyedHash is HMAC (FIPS 198-1) with [Hash] as its hash function and its block
// as block size (05-3474-22, B.1.4).
func KeyedHash(key [KeySize]byte, message []byte) [KeySize]byte {
	inner := make([]byte, KeySize, KeySize+len(message))
	var outer [2 * KeySize]byte
	for i, k := range key {
		inner[i] = k ^ 0x36
		outer[i] = k ^ 0x5c
	}
	h := Hash(append(inner, message...))
	copy(outer[KeySize:], h[:])
	return Hash(outer[:])
}

// The messages that turn a link key into the keys made from it (05-3474-22, 4.5.3).
const (
	messageKeyTransport = 0x00
	messageKeyLoad      = 0x02
	messageVerifyKey    = 0x03
)

// KeyTransport returns the key that protects a network key on its way to the
// other holder of k (05-3474-22, 4.5.3).
func (k LinkKey) KeyTransport() LinkKey {
	return NewLinkKey(KeyedHash(k.b, []byte{messageKeyTransport}))
}

// KeyLoad returns the key that protects a link key on its way to the other
// holder of k (05-3474-22, 4.5.3).
func (k LinkKey) KeyLoad() LinkKey {
	return NewLinkKey(KeyedHash(k.b, []byte{messageKeyLoad}))
}

// VerifyHash returns the value with which a device proves that it holds k
// (05-3474-22, 4.4.10.7.1).
func (k LinkKey) VerifyHash() [KeySize]byte {
	return KeyedHash(k.b, []byte{messageVerifyKey})
}
