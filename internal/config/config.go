// Package config reads the YAML configuration of a program strictly: a key that
// nothing reads is refused, and every complaint names the file, the line, the
// key, and what was expected there. It knows no program's keys: those are the
// fields of the structure that it fills, and the ranges are that structure's
// Validate method.
//
// It reads one document of plain mappings, lists and scalars (YAML 1.2). Anchors,
// aliases, merge keys and tags are refused: a configuration says what it means in
// one place.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is the largest configuration file in bytes that is read.
const MaxSize = 1 << 20

// A Validator is a structure that [Load] fills. Its fields carry yaml tags, and
// may be structures, slices, text, numbers, truth values, time.Duration and
// implementations of encoding.TextUnmarshaler. Fields keep the value they had
// when the file does not mention them.
type Validator interface {
	// Validate checks what the types cannot say, and tells c. It runs only
	// when every key was known and had a value of its type.
	Validate(c *Checker)
}

// Fault is one thing wrong with a configuration.
type Fault struct {
	File    string
	Line    int    // from 1; 0 when it concerns the file as a whole
	Key     string // as in "cloud.address" or "radio.channels[1]"; may be empty
	Message string
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Error holds everything wrong with a configuration, in the order of its lines.
type Error struct{ Faults []Fault }

func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads the file at path into the structure that into points to. What is
// wrong with the contents comes back as an [*Error], all of it at once.
func Load(path string, into Validator) error {
	text, err := readFile(path)
	if err != nil {
		return &Error{Faults: []Fault{{File: path, Message: err.Error()}}}
	}
	return Parse(path, text, into)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	if len(text) > MaxSize {
		return nil, fmt.Errorf("the configuration is larger than %d bytes", MaxSize)
	}
	return text, nil
}

// Parse is [Load] for text that is already there. File is its name in errors,
// and relative paths in it are taken from the folder of that name.
func Parse(file string, text []byte, into Validator) error {
	c := &Checker{file: file, lines: map[string]int{}}
	into0 := reflect.ValueOf(into)
	if into0.Kind() != reflect.Pointer || into0.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("reading configuration into %T: expected a pointer to a structure", into)
	}
	if root, ok := c.parse(text); ok && root != nil {
		c.structure("", root, into0.Elem())
	}
	if len(c.faults) == 0 {
		into.Validate(c)
	}
	if len(c.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(c.faults, func(a, b Fault) int { return a.Line - b.Line })
	return &Error{Faults: c.faults}
}

// parse returns the root of the document, nil when the file says nothing.
func (c *Checker) parse(text []byte) (root ast.Node, ok bool) {
	f, err := parser.ParseBytes(bytes.TrimPrefix(text, []byte("\ufeff")), 0)
	if err != nil {
		line, message := 0, err.Error()
		var ye yaml.Error
		if errors.As(err, &ye) {
			message = ye.GetMessage()
			if t := ye.GetToken(); t != nil {
				line = t.Position.Line
			}
		}
		c.fault(line, "", "this is not YAML: "+firstLine(message))
		return nil, false
	}
	for _, doc := range f.Docs {
		switch doc.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode:
			continue
		}
		if root != nil {
			c.fault(lineOf(doc.Body), "", "a second document begins here; expected one")
			return nil, false
		}
		root = doc.Body
	}
	return root, true
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
