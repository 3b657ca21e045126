package identity

import (
	"strings"
	"testing"

	"sconce"
)

// TestLeakedPasswords looks for passwords that top the lists of leaks, in any case.
func TestLeakedPasswords(t *testing.T) {
	if n := len(leaked) / leakedBytes; n < 40_000 || len(leaked)%leakedBytes != 0 {
		t.Errorf("the list has %d passwords, in %d bytes", n, len(leaked))
	}
	for i := leakedBytes; i < len(leaked); i += leakedBytes {
		if leaked[i-leakedBytes:i] >= leaked[i:i+leakedBytes] {
			t.Fatalf("the list is not in order at %d", i/leakedBytes)
		}
	}
	for _, text := range []string{
		"unbelievable", "1q2w3e4r5t6y", "123456789012", "1234567890qwertyuiop", "Password1234", "passwordpassword", "iloveyou1234",
		"aaaaaaaaaaaa", "CHRISTOPHER1", "manchesterunited", "zaq12wsxcde3",
	} {
		if !isLeaked(strings.ToLower(text)) {
			t.Errorf("%s is not in the list", text)
		}
	}
	for _, text := range []string{"a bug in the relay", "correct horse battery", "wandleuchte-im-flur", "kT9#vq2LpxR4", ""} {
		if isLeaked(text) {
			t.Errorf("%q is in the list", text)
		}
	}
}

// TestPasswordsThatAreGuessed shows each reason for which a password is refused, and that there are
// no others.
func TestPasswordsThatAreGuessed(t *testing.T) {
	s := newService(Parts{}, derive)
	known := s.known("grace.hopper@navy.example.org", "Grace Hopper")
	for text, reason := range map[string]string{
		"elevenchars":                   "at least 12",
		strings.Repeat("äöüß", 257):     "at most 1024",
		"Unbelievable":                  "leaks",
		"abababababababab":              "too few characters",
		"gracehopper2026":               "your name",
		"Hopper.Grace+1906":             "your name",
		"sconcepassword1!":              "your name",
		"grace.hopper@navy.example.org": "your name",
		"a bug in the relay":            "",
		"grace hopper found it":         "",
		"all lower case letters":        "",
		"3141592653589":                 "",
		"пароль из слов":                "",
		"🌙🌞🌙🌞🌙🌞🌙🌞🌙🌞🌙🌞🌧🌈⛄":                              "",
		strings.Repeat("x", 1020) + "yzab":             "",
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\n\v": "",
	} {
		err := NewPassword(text).check(known...)
		if reason == "" && err != nil {
			t.Errorf("%q is refused: %v", text, err)
		}
		if reason != "" && (sconce.KindOf(err) != sconce.Invalid || !strings.Contains(err.Error(), reason)) {
			t.Errorf("%q: %v; want it refused for %s", text, err, reason)
		}
	}
}
