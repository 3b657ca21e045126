package mqtt

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// ValidTopic reports whether s is a topic name (4.7.3): not empty, no wildcard,
// UTF-8 without U+0000, at most 65,535 bytes.
func ValidTopic(s string) bool {
	return s != "" && len(s) <= 65535 && !strings.ContainsAny(s, "+#\x00") && utf8.ValidString(s)
}

// validTopicBytes is [ValidTopic] for text that is already known to be valid.
func validTopicBytes(b []byte) bool {
	return len(b) > 0 && bytes.IndexByte(b, '+') < 0 && bytes.IndexByte(b, '#') < 0
}

// ValidFilter reports whether s is a topic filter (4.7.1, 4.7.3): "+" and "#"
// stand for whole levels, and "#" only for the last.
func ValidFilter(s string) bool {
	if s == "" || len(s) > 65535 || strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return false
	}
	for {
		level, rest, more := strings.Cut(s, "/")
		if strings.ContainsAny(level, "+#") && len(level) != 1 || level == "#" && more {
			return false
		}
		if !more {
			return true
		}
		s = rest
	}
}

// sharePrefix begins the filter of a shared subscription (4.8.2).
const sharePrefix = "$share/"

// Shared takes the filter of a shared subscription apart: into the name of those who
// share it, and what topics it is for. It returns false for any other filter.
func Shared(s string) (name, filter string, ok bool) {
	rest, ok := strings.CutPrefix(s, sharePrefix)
	if !ok {
		return "", s, false
	}
	name, filter, ok = strings.Cut(rest, "/")
	return name, filter, ok
}

// validShared reports whether a filter that begins as a shared subscription's is one
// [MQTT-4.8.2-1], [MQTT-4.8.2-2].
func validShared(s string) bool {
	name, filter, ok := Shared(s)
	return ok && name != "" && !strings.ContainsAny(name, "+#") && ValidFilter(filter)
}

// Levels returns the number of levels of a topic name or filter.
func Levels(s string) int { return strings.Count(s, "/") + 1 }
