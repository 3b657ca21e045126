package wire

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

//go:embed sconce.cddl
var schemaText string

// schema is a reader of the part of CDDL (RFC 8610) that sconce.cddl uses: maps
// with integer keys, arrays, choices, ranges, literals, .size and rule names.
type schema map[string]node

type node interface {
	// match returns "" or what is wrong with v, a value decoded from CBOR.
	match(s schema, v any) string
}

type (
	ruleRef  string
	literal  struct{ v any }
	interval struct{ lo, hi int64 }
	sized    struct {
		of   node
		size int
	}
	choice []node
	list   struct{ of node }
	tuple  []node
	member struct {
		optional bool
		of       node
	}
	table map[int64]member
)

func parseSchema(text string) schema {
	text = regexp.MustCompile(`(?m);.*$`).ReplaceAllString(text, "")
	p := &cddlParser{tokens: regexp.MustCompile(`"[^"]*"|-?\d+\.\.-?\d+|-?\d+|[a-z][a-z0-9-]*|\.size|[=\[\]{}*?,:/]`).FindAllString(text, -1)}
	s := schema{}
	for !p.done() {
		name := p.next()
		p.expect("=")
		s[name] = p.choice()
	}
	return s
}

type cddlParser struct{ tokens []string }

func (p *cddlParser) done() bool { return len(p.tokens) == 0 }

func (p *cddlParser) next() string {
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *cddlParser) peek(t string) bool { return len(p.tokens) > 0 && p.tokens[0] == t }

func (p *cddlParser) take(t string) bool {
	if p.peek(t) {
		p.next()
		return true
	}
	return false
}

func (p *cddlParser) expect(t string) {
	if got := p.next(); got != t {
		panic(fmt.Sprintf("schema: expected %q before %v, got %q", t, p.tokens[:min(4, len(p.tokens))], got))
	}
}

func (p *cddlParser) choice() node {
	c := choice{p.single()}
	for p.take("/") {
		c = append(c, p.single())
	}
	if len(c) == 1 {
		return c[0]
	}
	return c
}

func (p *cddlParser) single() node {
	switch t := p.next(); {
	case t == "{":
		return p.table()
	case t == "[":
		return p.array()
	case t[0] == '"':
		return literal{t[1 : len(t)-1]}
	case strings.Contains(t, ".."):
		lo, hi, _ := strings.Cut(t, "..")
		return interval{number(lo), number(hi)}
	case t[0] >= '0' && t[0] <= '9':
		return interval{number(t), number(t)}
	default:
		if p.take(".size") {
			return sized{ruleRef(t), int(number(p.next()))}
		}
		return ruleRef(t)
	}
}

func (p *cddlParser) table() node {
	t := table{}
	for !p.take("}") {
		optional := p.take("?")
		key := number(p.next())
		p.expect(":")
		t[key] = member{optional, p.choice()}
		p.take(",")
	}
	return t
}

func (p *cddlParser) array() node {
	if p.take("*") {
		of := p.choice()
		p.expect("]")
		return list{of}
	}
	var t tuple
	for !p.take("]") {
		p.next() // the name of the element
		p.expect(":")
		t = append(t, p.choice())
		p.take(",")
	}
	return t
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (r ruleRef) match(s schema, v any) string {
	ok := true
	switch r {
	case "uint":
		_, ok = v.(uint64)
	case "int":
		_, ok = integer(v)
	case "bool":
		_, ok = v.(bool)
	case "float":
		_, ok = v.(float64)
	case "tstr":
		_, ok = v.(string)
	case "bstr":
		_, ok = v.([]byte)
	default:
		rule, known := s[string(r)]
		if !known {
			panic("schema: no rule " + string(r))
		}
		if wrong := rule.match(s, v); wrong != "" {
			return string(r) + ": " + wrong
		}
	}
	if !ok {
		return fmt.Sprintf("%v (%T) is not %s", v, v, string(r))
	}
	return ""
}

func (l literal) match(_ schema, v any) string {
	if v != l.v {
		return fmt.Sprintf("%v is not %q", v, l.v)
	}
	return ""
}

func (i interval) match(_ schema, v any) string {
	if n, ok := integer(v); !ok || n < i.lo || n > i.hi {
		return fmt.Sprintf("%v is not in %d..%d", v, i.lo, i.hi)
	}
	return ""
}

func (z sized) match(s schema, v any) string {
	if wrong := z.of.match(s, v); wrong != "" {
		return wrong
	}
	n := 0
	switch v := v.(type) {
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	}
	if n != z.size {
		return fmt.Sprintf("size %d, not %d", n, z.size)
	}
	return ""
}

func (c choice) match(s schema, v any) string {
	for _, n := range c {
		if n.match(s, v) == "" {
			return ""
		}
	}
	return fmt.Sprintf("%v is none of %d choices", v, len(c))
}

func (l list) match(s schema, v any) string {
	items, ok := v.([]any)
	if !ok {
		return fmt.Sprintf("%T is not a list", v)
	}
	for _, item := range items {
		if wrong := l.of.match(s, item); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (t tuple) match(s schema, v any) string {
	items, ok := v.([]any)
	if !ok || len(items) != len(t) {
		return fmt.Sprintf("%v is not a list of %d", v, len(t))
	}
	for i, item := range items {
		if wrong := t[i].match(s, item); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (t table) match(s schema, v any) string {
	m, ok := v.(map[any]any)
	if !ok {
		return fmt.Sprintf("%T is not a map", v)
	}
	for k, member := range t {
		item, there := m[uint64(k)]
		if !there && !member.optional {
			return fmt.Sprintf("key %d is missing", k)
		}
		if there {
			if wrong := member.of.match(s, item); wrong != "" {
				return fmt.Sprintf("key %d: %s", k, wrong)
			}
		}
	}
	for k := range m {
		n, ok := integer(k)
		if _, known := t[n]; !ok || !known {
			return fmt.Sprintf("key %v is not in the schema", k)
		}
	}
	return ""
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	}
	return 0, false
}

// TestSchemaRefuses shows that the reader above can say no.
func TestSchemaRefuses(t *testing.T) {
	s := parseSchema(schemaText)
	for rule, wrong := range map[string]any{
		"level":         uint64(1001),
		"id":            "short",
		"up-header":     []any{uint64(1), uint64(0), uint64(1), uint64(1)},
		"reading":       []any{uint64(1), uint64(1), uint64(1)},
		"dropped":       map[any]any{uint64(1): "log"},
		"log":           map[any]any{uint64(1): []any{}, uint64(9): true},
		"group":         true,
		"network":       map[any]any{uint64(1): uint64(1), uint64(2): uint64(2), uint64(3): uint64(27)},
		"adopt":         map[any]any{uint64(1): "x", uint64(2): ""},
		"desired":       map[any]any{uint64(1): uint64(1), uint64(2): "none"},
		"event":         []any{},
		"minutes":       uint64(20),
		"device-report": map[any]any{uint64(1): uint64(1), uint64(2): uint64(5)},
	} {
		if ruleRef(rule).match(s, wrong) == "" {
			t.Errorf("%s accepts %v", rule, wrong)
		}
	}
}

// conforms checks an encoded message of two items against its rules.
func conforms(t *testing.T, s schema, header, body string, payload []byte) {
	t.Helper()
	rest := payload
	for _, rule := range []string{header, body} {
		var v any
		var err error
		if rest, err = cbor.UnmarshalFirst(rest, &v); err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		if wrong := ruleRef(rule).match(s, v); wrong != "" {
			t.Errorf("%s does not conform to sconce.cddl: %s", rule, wrong)
		}
	}
	if len(rest) != 0 {
		t.Errorf("%s: %d bytes after the body", body, len(rest))
	}
}
