package zigbee

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ErrInstallCode is returned for a text that is no install code: a wrong digit,
// a wrong length or a wrong check sum.
var ErrInstallCode = errors.New("install code: expected 16, 20, 28 or 36 hexadecimal digits as printed on the label, and one is wrong or missing")

// InstallCode is the secret on a device's label from which the link key for its
// first join is made (BDB 3.0.1, 10.1). It prints as [redacted]; [InstallCode.Label]
// gives the text for the label.
type InstallCode struct {
	_    [0]func()
	code [KeySize]byte
	n    uint8 // bytes of code in use: 6, 8, 12 or 16
}

// NewInstallCode returns the install code of 6, 8, 12 or 16 bytes, without the
// check sum.
func NewInstallCode(code []byte) (InstallCode, error) {
	switch len(code) {
	case 6, 8, 12, 16:
		c := InstallCode{n: uint8(len(code))}
		copy(c.code[:], code)
		return c, nil
	}
	return InstallCode{}, fmt.Errorf("%w: %d bytes", ErrInstallCode, len(code))
}

// ParseInstallCode reads a code with its check sum, in hexadecimal digits of
// either case. Spaces, colons and hyphens are allowed anywhere between digits.
func ParseInstallCode(s string) (InstallCode, error) {
	s = strings.NewReplacer(" ", "", ":", "", "-", "").Replace(s)
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) < 8 {
		return InstallCode{}, ErrInstallCode
	}
	n := len(raw) - 2
	crc := crc16(raw[:n])
	if raw[n] != uint8(crc) || raw[n+1] != uint8(crc>>8) {
		return InstallCode{}, ErrInstallCode
	}
	return NewInstallCode(raw[:n])
}

// Label returns the text for the label: upper-case digits in blocks of four,
// check sum included. It is "" for the zero value.
func (c InstallCode) Label() string {
	if c.n == 0 {
		return ""
	}
	var b strings.Builder
	for i, digit := range strings.ToUpper(hex.EncodeToString(c.withCRC())) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// LinkKey returns the link key made from the code: the AES-MMO hash of the code
// and its check sum (05-3474-22, B.1.3; BDB 3.0.1, 10.1.2).
func (c InstallCode) LinkKey() LinkKey { return NewLinkKey(Hash(c.withCRC())) }

// IsZero reports whether there is no code.
func (c InstallCode) IsZero() bool { return c.n == 0 }

// Equal compares the codes in constant time.
func (c InstallCode) Equal(o InstallCode) bool {
	return c.n == o.n && subtle.ConstantTimeCompare(c.code[:], o.code[:]) == 1
}

// String returns "[redacted]".
func (InstallCode) String() string { return redacted }

// GoString returns "[redacted]".
func (InstallCode) GoString() string { return redacted }

// LogValue implements [slog.LogValuer] with "[redacted]".
func (InstallCode) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements [fmt.Formatter]: every verb prints "[redacted]".
func (InstallCode) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// withCRC returns the code followed by its check sum, least significant byte first.
func (c InstallCode) withCRC() []byte {
	b := append(make([]byte, 0, KeySize+2), c.code[:c.n]...)
	crc := crc16(b)
	return append(b, uint8(crc), uint8(crc>>8))
}

// crc16 is CRC-16/X-25: polynomial 0x1021 reflected, all ones at the start and
// inverted at the end (BDB 3.0.1, 10.1.1).
func crc16(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, v := range b {
		crc ^= uint16(v)
		for range 8 {
			if crc&1 == 1 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}
