package corpus

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// An input is the arguments of a target, after its first.
type input []any

// kinds are the types of the arguments.
type kinds []reflect.Type

func (k kinds) String() string {
	names := make([]string, len(k))
	for i, t := range k {
		names[i] = nameOf(t)
	}
	return strings.Join(names, " ")
}

// nameOf returns the name of a type as go test writes it.
func nameOf(t reflect.Type) string { return strings.ReplaceAll(t.String(), "uint8", "byte") }

func kindsOf(target any) (kinds, error) {
	t := reflect.TypeOf(target)
	if t.Kind() != reflect.Func || t.NumIn() < 2 || t.In(0) != reflect.TypeFor[*testing.T]() || t.NumOut() != 0 {
		return nil, fmt.Errorf("a target is a func(*testing.T, ...), not %v", t)
	}
	var k kinds
	for i := 1; i < t.NumIn(); i++ {
		k = append(k, t.In(i))
	}
	return k, nil
}

// format returns the line of an input.
func (k kinds) format(in input) string {
	fields := make([]string, len(k))
	for i, v := range in {
		switch v := v.(type) {
		case []byte:
			fields[i] = "0x" + hex.EncodeToString(v)
		case string:
			fields[i] = strconv.QuoteToASCII(v)
		default:
			fields[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(fields, " ")
}

// parse reads a line back.
func (k kinds) parse(line string) (input, error) {
	in := make(input, len(k))
	rest := line
	for i, t := range k {
		field, err := strconv.QuotedPrefix(rest)
		if err != nil {
			field, _, _ = strings.Cut(rest, " ")
		}
		rest = rest[len(field):]
		if i < len(k)-1 {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, " "); !ok {
				return nil, fmt.Errorf("%q has not the arguments %q", line, k)
			}
		}
		v, err := value(t, field)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		in[i] = v
	}
	if rest != "" {
		return nil, fmt.Errorf("%q has more than the arguments %q", line, k)
	}
	return in, nil
}

// value reads a field of a line.
func value(t reflect.Type, field string) (any, error) {
	v := reflect.New(t).Elem()
	var err error
	switch {
	case t == reflect.TypeFor[[]byte]():
		digits, ok := strings.CutPrefix(field, "0x")
		if !ok {
			return nil, errors.New("bytes begin with 0x")
		}
		var b []byte
		b, err = hex.DecodeString(digits)
		v.SetBytes(b)
	case t.Kind() == reflect.String:
		var s string
		s, err = strconv.Unquote(field)
		v.SetString(s)
	case t.Kind() == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(field)
		v.SetBool(b)
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(field, 10, t.Bits())
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(field, 10, t.Bits())
		v.SetUint(n)
	default:
		err = fmt.Errorf("no corpus keeps a %v", t)
	}
	return v.Interface(), err
}

// parseFind reads a file as go test keeps its finds: a line that names the format,
// then a Go literal for each argument.
func (k kinds) parseFind(text string) (input, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(k)+1 || lines[0] != "go test fuzz v1" {
		return nil, errors.New("not a find for these arguments")
	}
	in := make(input, len(k))
	for i, t := range k {
		name, literal, ok := strings.Cut(strings.TrimSuffix(lines[i+1], ")"), "(")
		if !ok || name != nameOf(t) {
			return nil, fmt.Errorf("%s is no %s", lines[i+1], nameOf(t))
		}
		var err error
		if in[i], err = literalOf(t, literal); err != nil {
			return nil, fmt.Errorf("%s: %w", lines[i+1], err)
		}
	}
	return in, nil
}

func literalOf(t reflect.Type, literal string) (any, error) {
	switch {
	case t == reflect.TypeFor[[]byte]():
		s, err := strconv.Unquote(literal)
		return []byte(s), err
	case t.Kind() == reflect.Uint8:
		r, _, rest, err := strconv.UnquoteChar(strings.TrimPrefix(literal, "'"), '\'')
		if err != nil || rest != "'" || r > 0xff {
			return nil, fmt.Errorf("%s is no byte", literal)
		}
		return uint8(r), nil
	default:
		return value(t, literal)
	}
}
