package gp

import (
	"encoding/binary"
	"fmt"
	"slices"

	"sconce/ccm"
	"sconce/zigbee"
)

// The last byte of the nonce: security level 5, and reserved bits that are set in
// frames to a device with an extended address (A.1.5.3.2).
const (
	nonceControl         = 0x05
	nonceControlToDevice = 0xc5
)

// nonce makes the CCM* nonce (A.1.5.3.2).
func nonce(id ID, counter uint32, toDevice bool) (n [13]byte) {
	le := binary.LittleEndian
	n[12] = nonceControl
	if id.EUI64 != 0 {
		le.PutUint64(n[:], uint64(id.EUI64))
		if toDevice {
			n[12] = nonceControlToDevice
		}
	} else {
		if !toDevice {
			le.PutUint32(n[:], uint32(id.Source))
		}
		le.PutUint32(n[4:], uint32(id.Source))
	}
	le.PutUint32(n[8:], counter)
	return n
}

func cipher(k [zigbee.KeySize]byte) *ccm.AEAD {
	a, err := ccm.New(k[:], zigbee.MICSize)
	if err != nil {
		panic(fmt.Sprintf("gp: %v", err)) // the key has 16 bytes and the tag 4
	}
	return a
}

// Seal secures the plain body of a frame at the frame's level, which is not
// [LevelNone], and returns the frame with its body and integrity code (A.1.5.3.4).
func Seal(k Key, f Frame) Frame {
	n := nonce(f.ID, f.Counter, f.ToDevice)
	var sealed []byte
	if f.Level == LevelEncrypted {
		sealed = cipher(k.b).Seal(nil, n[:], f.Body, f.appendHeader(nil))
		f.Body = sealed[:len(f.Body):len(f.Body)]
	} else {
		sealed = cipher(k.b).Seal(nil, n[:], nil, append(f.appendHeader(nil), f.Body...))
	}
	copy(f.MIC[:], sealed[len(sealed)-len(f.MIC):])
	return f
}

// Open verifies a secured frame and returns its command and payload (A.1.5.3.5). A
// frame without security is [ErrSecurity].
func Open(k Key, f Frame) ([]byte, error) {
	n := nonce(f.ID, f.Counter, f.ToDevice)
	switch f.Level {
	case LevelMIC:
		if _, err := cipher(k.b).Open(nil, n[:], f.MIC[:], append(f.appendHeader(nil), f.Body...)); err != nil {
			return nil, ErrSecurity
		}
		return slices.Clone(f.Body), nil
	case LevelEncrypted:
		body, err := cipher(k.b).Open(nil, n[:], slices.Concat(f.Body, f.MIC[:]), f.appendHeader(nil))
		if err != nil {
			return nil, ErrSecurity
		}
		return body, nil
	default:
		return nil, ErrSecurity
	}
}

// publicLinkKey is the key that protects a device's key in its commissioning frame,
// unless somebody gives it another (gpLinkKey, A.3.3.3.3). It is printed in public
// documents: what it protects is not secret.
const publicLinkKey = "ZigBeeAlliance09"

// ProtectKey encrypts the key of a device as its commissioning frame carries it
// (A.3.7.1.2.3): with a public key, which hides nothing.
func ProtectKey(id ID, k Key) ([zigbee.KeySize]byte, [zigbee.MICSize]byte) {
	n := nonce(id, id.low(), false)
	header := binary.LittleEndian.AppendUint32(nil, id.low())
	sealed := cipher([zigbee.KeySize]byte([]byte(publicLinkKey))).Seal(nil, n[:], k.b[:], header)
	return [zigbee.KeySize]byte(sealed), [zigbee.MICSize]byte(sealed[zigbee.KeySize:])
}

// UnprotectKey reverses [ProtectKey].
func UnprotectKey(id ID, protected [zigbee.KeySize]byte, mic [zigbee.MICSize]byte) (Key, error) {
	n := nonce(id, id.low(), false)
	header := binary.LittleEndian.AppendUint32(nil, id.low())
	b, err := cipher([zigbee.KeySize]byte([]byte(publicLinkKey))).Open(nil, n[:], slices.Concat(protected[:], mic[:]), header)
	if err != nil {
		return Key{}, ErrSecurity
	}
	return NewKey([zigbee.KeySize]byte(b)), nil
}
