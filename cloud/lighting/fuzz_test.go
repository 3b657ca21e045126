package lighting

import (
	"encoding/hex"
	"testing"

	"sconce/internal/corpus"
)

// FuzzParseInstallCode: a code that parses is that of its own digits.
func FuzzParseInstallCode(f *testing.F) {
	f.Add("83FE D340 7A93 9723 A5C6 39B2 6916 D505 C3B5")
	f.Add("83fed3407a939723a5c639b26916d505c3b4")
	corpus.Fuzz(f, func(t *testing.T, s string) {
		c, err := ParseInstallCode(s)
		if err != nil {
			return
		}
		if again, err := ParseInstallCode(hex.EncodeToString(c.bytes[:])); err != nil || again != c {
			t.Errorf("%q: its digits are another code, %v", s, err)
		}
	})
}
