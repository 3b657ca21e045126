// Package ccm is authenticated encryption with AES in CCM mode, as specified in
// NIST SP 800-38C, and Zigbee's extension CCM* (05-3474-22, annex A), which also
// allows a tag of no bytes, that is encryption alone.
//
// It exists because the standard library has no CCM. It runs on the AES block
// of crypto/aes, and so on that of Go's FIPS 140-3 module where it is enabled;
// the mode itself is not part of that module. It is pure, and a call allocates
// nothing. It does not choose nonces: a nonce must never be used twice with one
// key.
package ccm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
)

// The lengths of a nonce, in bytes. A nonce of n bytes allows messages of less
// than 2^(8(15-n)) bytes.
const (
	MinNonce = 7
	MaxNonce = 13
)

const blockSize = aes.BlockSize

// ErrOpen is returned when a message is not authentic.
var ErrOpen = errors.New("ccm: message is not authentic")

// An AEAD seals and opens messages with one key and one length of tag. It is
// not safe for concurrent use: it holds the working state of a call.
type AEAD struct {
	block cipher.Block
	tag   int

	mac [blockSize]byte // the CBC-MAC so far
	ctr [blockSize]byte // the next counter block
	key [blockSize]byte // key stream
	s0  [blockSize]byte // key stream that covers the tag
}

// New returns an AEAD for an AES key of 16, 24 or 32 bytes and tags of tag bytes:
// 4, 6, 8, 10, 12, 14 or 16 (SP 800-38C, A.1), or 0 (CCM*).
func New(key []byte, tag int) (*AEAD, error) {
	if tag < 0 || tag > 16 || tag == 2 || tag%2 != 0 {
		return nil, fmt.Errorf("ccm: tag of %d bytes; expected 4, 6, 8, 10, 12, 14 or 16, or 0 for CCM* without authentication", tag)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("ccm: %w", err)
	}
	return &AEAD{block: block, tag: tag}, nil
}

// Overhead returns the length of the tag in bytes.
func (a *AEAD) Overhead() int { return a.tag }

// Seal encrypts and authenticates plaintext, authenticates aad, and appends the
// result, with the tag at its end, to dst. The plaintext may lie exactly where
// the result goes (dst = plaintext[:0]), but must not overlap it otherwise.
// It panics when the nonce has not 7 to 13 bytes or the plaintext is too long
// for it, which are faults of the caller.
func (a *AEAD) Seal(dst, nonce, plaintext, aad []byte) []byte {
	if !fits(nonce, len(plaintext)) {
		panic("ccm: nonce of wrong length, or plaintext too long for it")
	}
	dst, out := grow(dst, len(plaintext)+a.tag)
	a.start(nonce, len(plaintext), aad)
	rest, to := plaintext, out
	for len(rest) >= blockSize {
		in, o := rest[:blockSize:blockSize], to[:blockSize:blockSize]
		p0, p1 := word(in), word(in[8:])
		a.xorMAC(p0, p1)
		a.next()
		a.block.Encrypt(a.mac[:], a.mac[:])
		putWord(o, p0^word(a.key[:]))
		putWord(o[8:], p1^word(a.key[8:]))
		rest, to = rest[blockSize:], to[blockSize:]
	}
	if len(rest) > 0 {
		subtle.XORBytes(a.mac[:], a.mac[:], rest)
		a.next()
		a.block.Encrypt(a.mac[:], a.mac[:])
		subtle.XORBytes(to, rest, a.key[:])
	}
	subtle.XORBytes(out[len(plaintext):], a.mac[:a.tag], a.s0[:])
	return dst
}

// Open verifies and decrypts what [AEAD.Seal] made, and appends the plaintext to
// dst. The ciphertext may lie exactly where the result goes (dst =
// ciphertext[:0]), but must not overlap it otherwise. When the message is not
// authentic it returns [ErrOpen], and the space for the result holds zeros. It
// panics when the nonce has not 7 to 13 bytes.
func (a *AEAD) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	if !fits(nonce, 0) {
		panic("ccm: nonce of wrong length")
	}
	n := len(ciphertext) - a.tag
	if n < 0 || !fits(nonce, n) {
		return nil, ErrOpen
	}
	tag := ciphertext[n:]
	dst, out := grow(dst, n)
	a.start(nonce, n, aad)
	rest, to := ciphertext[:n], out
	for len(rest) >= blockSize {
		in, o := rest[:blockSize:blockSize], to[:blockSize:blockSize]
		a.next()
		p0, p1 := word(in)^word(a.key[:]), word(in[8:])^word(a.key[8:])
		putWord(o, p0)
		putWord(o[8:], p1)
		a.xorMAC(p0, p1)
		a.block.Encrypt(a.mac[:], a.mac[:])
		rest, to = rest[blockSize:], to[blockSize:]
	}
	if len(rest) > 0 {
		a.next()
		subtle.XORBytes(to, rest, a.key[:])
		subtle.XORBytes(a.mac[:], a.mac[:], to)
		a.block.Encrypt(a.mac[:], a.mac[:])
	}
	subtle.XORBytes(a.mac[:], a.mac[:], a.s0[:])
	if subtle.ConstantTimeCompare(a.mac[:a.tag], tag) != 1 {
		clear(out)
		return nil, ErrOpen
	}
	return dst, nil
}

// fits reports whether the nonce has an allowed length that leaves room to count
// n bytes.
func fits(nonce []byte, n int) bool {
	if len(nonce) < MinNonce || len(nonce) > MaxNonce {
		return false
	}
	bits := 8 * (15 - len(nonce)) // 16 to 64
	return bits >= 63 || uint64(n)>>bits == 0
}

// start authenticates the first block and aad (SP 800-38C, A.2), makes the key
// stream for the tag, and sets the counter to 1 (A.3).
func (a *AEAD) start(nonce []byte, n int, aad []byte) {
	l := 15 - len(nonce)
	flags := uint8(l - 1)

	putWord(a.ctr[8:], 0)
	a.ctr[0] = flags
	copy(a.ctr[1:], nonce)
	a.block.Encrypt(a.s0[:], a.ctr[:])
	a.ctr[15] = 1

	if len(aad) > 0 {
		flags |= 1 << 6
	}
	if a.tag > 0 {
		flags |= uint8((a.tag-2)/2) << 3
	}
	binary.BigEndian.PutUint64(a.mac[8:], uint64(n))
	a.mac[0] = flags
	copy(a.mac[1:], nonce)
	a.block.Encrypt(a.mac[:], a.mac[:])
	a.authenticate(aad)
}

// authenticate adds the length of aad and aad itself to the MAC (SP 800-38C, A.2.2).
func (a *AEAD) authenticate(aad []byte) {
	if len(aad) == 0 {
		return
	}
	var head [10]byte
	h := 2
	switch n := uint64(len(aad)); {
	case n < 1<<16-1<<8:
		binary.BigEndian.PutUint16(head[:], uint16(n))
	case n < 1<<32:
		head[0], head[1] = 0xff, 0xfe
		binary.BigEndian.PutUint32(head[2:], uint32(n))
		h = 6
	default:
		head[0], head[1] = 0xff, 0xff
		binary.BigEndian.PutUint64(head[2:], n)
		h = 10
	}
	subtle.XORBytes(a.mac[:], a.mac[:], head[:h])
	n := min(len(aad), blockSize-h)
	subtle.XORBytes(a.mac[h:], a.mac[h:], aad[:n])
	a.block.Encrypt(a.mac[:], a.mac[:])
	for aad = aad[n:]; len(aad) >= blockSize; aad = aad[blockSize:] {
		a.xorMAC(word(aad), word(aad[8:]))
		a.block.Encrypt(a.mac[:], a.mac[:])
	}
	if len(aad) > 0 {
		subtle.XORBytes(a.mac[:], a.mac[:], aad)
		a.block.Encrypt(a.mac[:], a.mac[:])
	}
}

// next makes the next block of key stream. The counter has at least two bytes,
// and the length of the message fits it: nothing carries into the nonce.
func (a *AEAD) next() {
	a.block.Encrypt(a.key[:], a.ctr[:])
	c := binary.BigEndian.Uint64(a.ctr[8:])
	binary.BigEndian.PutUint64(a.ctr[8:], c+1)
}

func (a *AEAD) xorMAC(p0, p1 uint64) {
	putWord(a.mac[:], word(a.mac[:])^p0)
	putWord(a.mac[8:], word(a.mac[8:])^p1)
}

func word(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putWord(b []byte, w uint64) { binary.LittleEndian.PutUint64(b, w) }

// grow extends dst by n bytes and returns it and the new part.
func grow(dst []byte, n int) (all, added []byte) {
	if total := len(dst) + n; cap(dst) >= total {
		all = dst[:total]
	} else {
		all = make([]byte, total)
		copy(all, dst)
	}
	return all, all[len(dst):]
}
