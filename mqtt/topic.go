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

// Match reports whether a valid filter matches a valid topic name (4.7). A
// wildcard at the start does not match a topic that begins with "$" [MQTT-4.7.2-1].
func Match(filter, topic string) bool {
	if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	return covers(filter, topic)
}

// Covers reports whether every topic name that the valid filter narrow can match
// is also matched by the valid filter wide.
func Covers(wide, narrow string) bool {
	// "+" and "#" at the front never match topics of "$", so a literal "$" level
	// is covered by no wildcard.
	if narrow[0] == '$' && (wide[0] == '+' || wide[0] == '#') {
		return false
	}
	return covers(wide, narrow)
}

// covers compares level by level. A "+" or "#" in narrow is covered only by a
// wildcard at least as wide; in a topic name neither can occur.
func covers(wide, narrow string) bool {
	for {
		w, wideRest, wideMore := strings.Cut(wide, "/")
		n, narrowRest, narrowMore := strings.Cut(narrow, "/")
		switch {
		case w == "#":
			return true
		case n == "#", w != "+" && w != n:
			return false
		case !wideMore && !narrowMore:
			return true
		case !narrowMore:
			return wideRest == "#" // "#" includes the parent level (4.7.1.2)
		case !wideMore:
			return false
		}
		wide, narrow = wideRest, narrowRest
	}
}

// Levels returns the number of levels of a topic name or filter.
func Levels(s string) int { return strings.Count(s, "/") + 1 }
