package config

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// A Checker gathers what is wrong with a configuration and knows where each key
// stands. Keys are written as in "cloud.address" and "radio.channels[1]".
type Checker struct {
	file   string
	lines  map[string]int
	faults []Fault
}

// Has reports whether the file mentions the key.
func (c *Checker) Has(key string) bool {
	_, ok := c.lines[key]
	return ok
}

// Refuse records that the value at key is wrong. The message says what was
// expected. For a key that the file does not mention, the line is that of the
// nearest section around it.
func (c *Checker) Refuse(key, format string, args ...any) {
	c.fault(c.line(key), key, fmt.Sprintf(format, args...))
}

// Text refuses an empty value; expected says what to write.
func (c *Checker) Text(key, value, expected string) {
	switch {
	case value != "":
	case c.Has(key):
		c.Refuse(key, "the value is empty; expected %s", expected)
	default:
		c.Refuse(key, "this key is missing; expected %s", expected)
	}
}

// File refuses an empty path, and makes a relative one start at the folder of
// the configuration file. What is at the path is not looked at.
func (c *Checker) File(key string, path *string, expected string) {
	c.Text(key, *path, expected)
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(filepath.Dir(c.file), *path)
	}
}

// Address refuses anything but host:port. An empty host is allowed only where
// listening on every address makes sense, so not here.
func (c *Checker) Address(key, value string) {
	const expected = "host:port, such as 127.0.0.1:8443"
	if value == "" {
		c.Text(key, value, expected)
		return
	}
	host, port, err := net.SplitHostPort(value)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || host == "" || (n == 0 && port != "0") {
		c.Refuse(key, "%q is not an address; expected %s", value, expected)
	}
}

// Range refuses a number outside low to high.
func Range[T cmp.Ordered](c *Checker, key string, value, low, high T) {
	if value < low || value > high {
		c.Refuse(key, "%v is out of range; expected %v to %v", value, low, high)
	}
}

// OneOf refuses a value that is not in the list.
func (c *Checker) OneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if a == value {
			return
		}
	}
	c.Refuse(key, "%q is not known; expected one of %s", value, strings.Join(allowed, ", "))
}

func (c *Checker) fault(line int, key, message string) {
	c.faults = append(c.faults, Fault{File: c.file, Line: line, Key: key, Message: message})
}

// line returns the line of the key, or of the section that should have held it.
func (c *Checker) line(key string) int {
	for {
		if l, ok := c.lines[key]; ok {
			return l
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return 0
		}
		key = key[:cut]
	}
}
