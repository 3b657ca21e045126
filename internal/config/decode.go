package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// structure fills v from a mapping, and notes on which line each key stands.
func (c *Checker) structure(key string, n ast.Node, v reflect.Value) {
	fields := fieldsOf(v)
	m, ok := n.(ast.MapNode)
	if !ok {
		c.fault(lineOf(n), key, "expected the keys "+list(fields))
		return
	}
	for it := m.MapRange(); it.Next(); {
		k, isText := it.Key().(*ast.StringNode)
		if !isText {
			c.fault(lineOf(it.Key()), key, fmt.Sprintf("%q is not a key; expected %s", it.Key().String(), list(fields)))
			continue
		}
		sub := join(key, k.Value)
		c.lines[sub] = lineOf(k)
		field, known := fields[k.Value]
		if !known {
			c.fault(lineOf(k), sub, "this key is not known; expected "+list(fields))
			continue
		}
		c.value(sub, lineOf(k), it.Value(), field)
	}
}

// value fills v from any node. The line of the key stands in for that of an
// empty value.
func (c *Checker) value(key string, line int, n ast.Node, v reflect.Value) {
	switch n.(type) {
	case *ast.NullNode:
		if v.Kind() == reflect.Struct && !isText(v) {
			return // a section without keys
		}
		c.fault(line, key, "the value is missing; expected "+expected(v))
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		c.fault(lineOf(n), key, "anchors, aliases and tags are not read; expected "+expected(v))
		return
	}
	switch {
	case isText(v):
		c.scalar(key, n, v)
	case v.Kind() == reflect.Struct:
		c.structure(key, n, v)
	case v.Kind() == reflect.Slice:
		c.sequence(key, n, v)
	default:
		c.scalar(key, n, v)
	}
}

func (c *Checker) sequence(key string, n ast.Node, v reflect.Value) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		c.fault(lineOf(n), key, "expected "+expected(v))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, item := range s.Values {
		sub := fmt.Sprintf("%s[%d]", key, i)
		c.lines[sub] = lineOf(item)
		c.value(sub, lineOf(item), item, out.Index(i))
	}
	v.Set(out)
}

func (c *Checker) scalar(key string, n ast.Node, v reflect.Value) {
	var fits bool
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		fits = v.Kind() == reflect.String || isText(v) || v.Type() == durationType
	case *ast.IntegerNode:
		fits = v.CanInt() && v.Type() != durationType || v.CanUint() || v.CanFloat()
	case *ast.FloatNode:
		fits = v.CanFloat()
	case *ast.BoolNode:
		fits = v.Kind() == reflect.Bool
	}
	if !fits {
		c.fault(lineOf(n), key, "expected "+expected(v))
		return
	}
	var err error
	if u, ok := textOf(v); ok {
		err = u.UnmarshalText([]byte(n.GetToken().Value))
		if err != nil {
			c.fault(lineOf(n), key, err.Error())
		}
		return
	}
	if err = yaml.NodeToValue(n, v.Addr().Interface()); err != nil {
		c.fault(lineOf(n), key, fmt.Sprintf("%s does not fit; expected %s", n.GetToken().Value, expected(v)))
	}
}

var durationType = reflect.TypeFor[time.Duration]()

func textOf(v reflect.Value) (encoding.TextUnmarshaler, bool) {
	u, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return u, ok
}

func isText(v reflect.Value) bool {
	_, ok := textOf(v)
	return ok
}

// expected says in words what a value of v's type looks like.
func expected(v reflect.Value) string {
	switch {
	case v.Type() == durationType:
		return "a duration such as 30s or 1h30m"
	case isText(v) || v.Kind() == reflect.String:
		return "text"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanUint():
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<v.Type().Bits()-1)
	case v.CanInt():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	case v.Kind() == reflect.Slice:
		return "a list"
	case v.Kind() == reflect.Struct:
		return "the keys " + list(fieldsOf(v))
	}
	return "nothing: " + v.Type().String() + " cannot be configured"
}

// fieldsOf returns the fields that may be set, by their yaml names.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

func list(fields map[string]reflect.Value) string {
	return strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}
