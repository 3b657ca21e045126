package zigbee

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sconce/ccm"
)

// Errors of the security envelope.
var (
	ErrSecurityHeader = errors.New("zigbee: malformed auxiliary security header")
	ErrSecurity       = errors.New("zigbee: frame is not authentic")
)

// MICSize is the length in bytes of the message integrity code at security
// level 5, ENC-MIC-32, the only level that Zigbee PRO uses (05-3474-22, 4.5.1.1.1).
const MICSize = 4

// securityLevel is the level that enters nonce and authentication. On the air
// its bits are 0 (05-3474-22, 4.3.1.1 step 8).
const (
	securityLevel = 5
	levelMask     = 7
)

// KeyID says which key secures a frame (05-3474-22, 4.5.1.1.2).
type KeyID uint8

// The key identifiers.
const (
	KeyData      KeyID = 0 // a link key
	KeyNetwork   KeyID = 1 // the network key with the given sequence number
	KeyTransport KeyID = 2 // made from a link key; protects network keys
	KeyLoad      KeyID = 3 // made from a link key; protects link keys
)

// Aux is an auxiliary security header (05-3474-22, 4.5.1).
type Aux struct {
	Key         KeyID
	Counter     uint32
	HasSource   bool  // the extended nonce is present
	Source      EUI64 // of the device that secured the frame, when HasSource
	KeySequence uint8 // when Key is KeyNetwork
}

const (
	auxExtendedNonce = 1 << 5
	auxReserved      = 0xc0
)

// Size returns the size of the header in bytes.
func (a Aux) Size() int {
	n := 5
	if a.HasSource {
		n += 8
	}
	if a.Key == KeyNetwork {
		n++
	}
	return n
}

func (a Aux) control() uint8 {
	c := uint8(a.Key&3) << 3
	if a.HasSource {
		c |= auxExtendedNonce
	}
	return c
}

// AppendAux appends a to b, with a security level of 0.
func AppendAux(b []byte, a Aux) []byte {
	b = append(b, a.control())
	b = binary.LittleEndian.AppendUint32(b, a.Counter)
	if a.HasSource {
		b = binary.LittleEndian.AppendUint64(b, uint64(a.Source))
	}
	if a.Key == KeyNetwork {
		b = append(b, a.KeySequence)
	}
	return b
}

// ParseAux reads a header from the start of b and returns it and what follows.
// The security level is read over (canonical form: 0); reserved bits must be 0.
func ParseAux(b []byte) (Aux, []byte, error) {
	if len(b) < 5 || b[0]&auxReserved != 0 {
		return Aux{}, nil, ErrSecurityHeader
	}
	a := Aux{
		Key:       KeyID(b[0] >> 3 & 3),
		HasSource: b[0]&auxExtendedNonce != 0,
		Counter:   binary.LittleEndian.Uint32(b[1:]),
	}
	if len(b) < a.Size() {
		return Aux{}, nil, ErrSecurityHeader
	}
	b = b[5:]
	if a.HasSource {
		a.Source = EUI64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if a.Key == KeyNetwork {
		a.KeySequence = b[0]
		b = b[1:]
	}
	return a, b, nil
}

// Envelope secures and opens the frames of the network and application support
// layers with one key, at level 5 (05-3474-22, 4.3.1 and 4.4.1). It is not safe
// for concurrent use. A call allocates nothing beyond growing the caller's slice.
type Envelope struct {
	aead  *ccm.AEAD
	nonce [13]byte
}

// NewEnvelope returns an envelope for a network key or a link key.
func NewEnvelope(k interface{ Bytes() [KeySize]byte }) *Envelope {
	b := k.Bytes()
	aead, err := ccm.New(b[:], MICSize)
	if err != nil {
		panic(fmt.Sprintf("zigbee: %v", err)) // the key has 16 bytes and the tag 4
	}
	return &Envelope{aead: aead}
}

// Secure appends to frame, which holds the header of its layer from start on, the
// auxiliary header a, the encrypted payload and its integrity code. The source
// enters the nonce whether or not a carries it.
func (e *Envelope) Secure(frame []byte, start int, a Aux, source EUI64, payload []byte) []byte {
	aux := len(frame)
	frame = AppendAux(frame, a)
	frame[aux] |= securityLevel
	e.setNonce(source, a.Counter, frame[aux])
	frame = e.aead.Seal(frame, e.nonce[:], payload, frame[start:])
	frame[aux] &^= levelMask
	return frame
}

// Open verifies and decrypts, in place, a frame of a layer whose header has
// header bytes and is followed by an auxiliary header a with its secured payload.
// It returns the payload, which lies in frame. After [ErrSecurity] the frame is
// spoilt.
func (e *Envelope) Open(frame []byte, header int, a Aux, source EUI64) ([]byte, error) {
	body := header + a.Size()
	if len(frame) < body {
		return nil, ErrSecurityHeader
	}
	frame[header] = frame[header]&^levelMask | securityLevel
	e.setNonce(source, a.Counter, frame[header])
	payload, err := e.aead.Open(frame[body:body], e.nonce[:], frame[body:], frame[:body])
	if err != nil {
		return nil, ErrSecurity
	}
	return payload, nil
}

// setNonce makes the CCM* nonce (05-3474-22, 4.5.2.2).
func (e *Envelope) setNonce(source EUI64, counter uint32, control uint8) {
	binary.LittleEndian.PutUint64(e.nonce[:], uint64(source))
	binary.LittleEndian.PutUint32(e.nonce[8:], counter)
	e.nonce[12] = control
}
