package lighting

import (
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"strings"

	"sconce"
)

// InstallCode is the secret on the label of a device that lets it join: 16 bytes
// and their check sum (Zigbee Base Device Behaviour 3.0.1, 10.1). It is a secret:
// every way of printing it says [redacted].
type InstallCode struct{ bytes [18]byte }

// ParseInstallCode reads the 36 hexadecimal digits of a label; spaces, colons and
// hyphens between them are allowed. A code whose check sum is wrong was mistyped.
func ParseInstallCode(s string) (InstallCode, error) {
	var c InstallCode
	digits := strings.NewReplacer(" ", "", ":", "", "-", "").Replace(s)
	if len(digits) != hex.EncodedLen(len(c.bytes)) {
		return InstallCode{}, sconce.FieldErrorf("install_code", "an install code has 36 hexadecimal digits, as on the label; this has %d characters", len(digits))
	}
	if _, err := hex.Decode(c.bytes[:], []byte(digits)); err != nil {
		return InstallCode{}, sconce.FieldErrorf("install_code", "an install code has only the digits 0 to 9 and A to F")
	}
	if crc(c.bytes[:16]) != binary.LittleEndian.Uint16(c.bytes[16:]) {
		return InstallCode{}, sconce.FieldErrorf("install_code", "the install code was mistyped: its check sum is wrong; compare it with the label")
	}
	return c, nil
}

// crc is CRC-16/IBM-SDLC, as the check sum of install codes is.
func crc(b []byte) uint16 {
	c := uint16(0xffff)
	for _, x := range b {
		c ^= uint16(x)
		for range 8 {
			c = c>>1 ^ 0x8408&-(c&1)
		}
	}
	return ^c
}

// String returns [redacted].
func (InstallCode) String() string { return "[redacted]" }

// GoString returns [redacted].
func (InstallCode) GoString() string { return "[redacted]" }

// LogValue returns [redacted].
func (InstallCode) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText writes [redacted]: an install code leaves only sealed, or for the gateway.
func (InstallCode) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
