package identity

import (
	"crypto/sha256"
	_ "embed"
	"sort"
	"strings"
	"unicode/utf8"

	"sconce"
)

// leaked is the passwords that are tried first, those of at least [MinPasswordLength] characters among
// the million that were found most often in leaks: of each, in lower case, the first bytes
// of its SHA-256, in their order. scripts/leaked-passwords writes it. Of a million passwords
// that are not in the list, 0.04 are taken for one that is.
//
//go:embed leaked.sha256
var leaked string

const leakedBytes = 5

// isLeaked reports whether a password, in lower case, is in the list.
func isLeaked(lower string) bool {
	sum := sha256.Sum256([]byte(lower))
	key := string(sum[:leakedBytes])
	n := len(leaked) / leakedBytes
	i := sort.Search(n, func(i int) bool { return leaked[i*leakedBytes:(i+1)*leakedBytes] >= key })
	return i < n && leaked[i*leakedBytes:(i+1)*leakedBytes] == key
}

// The least that a password has to have beside what others know of its owner.
const (
	minOwn      = 8 // characters that are not of a known word
	minKnown    = 4 // a shorter word is not looked for
	minDistinct = 5 // different characters
)

// check returns a [sconce.Invalid] for a password that would be guessed: too short, or
// among those that are tried first (NIST SP 800-63B-4, 3.1.1.2: leaked ones, and those
// made of the name of the service or of its user). known is what others know of its
// owner. There are no rules about its composition.
func (p Password) check(known ...string) error {
	switch lower := strings.ToLower(p.text); {
	case utf8.RuneCountInString(p.text) < MinPasswordLength:
		return sconce.FieldErrorf("password", "a password has at least %d characters; a sentence is a good one", MinPasswordLength)
	case len(p.text) > MaxPasswordLength:
		return sconce.FieldErrorf("password", "a password has at most %d bytes", MaxPasswordLength)
	case isLeaked(lower):
		return sconce.FieldErrorf("password", "this password was found in leaks from other services, and is among the first that are tried: choose another; a sentence is a good one")
	case distinct(lower) < minDistinct:
		return sconce.FieldErrorf("password", "this password repeats too few characters: choose another; a sentence is a good one")
	case ownPart(lower, known) < minOwn:
		return sconce.FieldErrorf("password", "this password is little more than your name, your address or the name of this service: choose another; a sentence is a good one")
	default:
		return nil
	}
}

// distinct returns how many different characters a text has.
func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// ownPart returns how many characters of a text are left without known words.
func ownPart(lower string, known []string) int {
	for _, k := range known {
		for _, word := range strings.FieldsFunc(strings.ToLower(k), func(r rune) bool { return strings.ContainsRune(" @.-_+", r) }) {
			if utf8.RuneCountInString(word) >= minKnown {
				lower = strings.ReplaceAll(lower, word, "")
			}
		}
	}
	return utf8.RuneCountInString(lower)
}

// known returns what others know of somebody at this site.
func (s *Service) known(email, name string) []string {
	return []string{email, name, s.host(), "sconce", "password"}
}
