package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sconce/cloud/api"
)

// schema is what the OpenAPI document says of a value, as far as the tests here need it.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]*schema
	Items      *schema
	Required   []string
	Enum       []any
	Minimum    *float64
	MinLength  *int `json:"minLength"`
	OneOf      []*schema
	Examples   []any
}

func (s *schema) is(kind string) bool {
	switch t := s.Type.(type) {
	case string:
		return t == kind
	case []any:
		return slices.Contains(t, any(kind))
	}
	return false
}

// form is what a route takes.
type form struct {
	operation
	body  *schema // nil for none
	query []string
}

// forms returns every route with what it takes, from the OpenAPI document.
func (b *bench) forms() []form {
	b.t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody struct {
				Content map[string]struct{ Schema *schema }
			}
			Parameters []struct{ Name, In string }
		}
		Components struct{ Schemas map[string]*schema }
	}
	must(b.t, json.Unmarshal([]byte(b.do(request{method: "GET", path: "/openapi.json"}).text), &document))
	var resolve func(s *schema, depth int) *schema
	resolve = func(s *schema, depth int) *schema {
		if s == nil || depth > 8 {
			return s
		}
		if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
			return resolve(document.Components.Schemas[name], depth+1)
		}
		s.Items = resolve(s.Items, depth+1)
		for name, p := range s.Properties {
			s.Properties[name] = resolve(p, depth+1)
		}
		return s
	}
	var all []form
	for _, o := range b.operations() {
		described := document.Paths[o.path][strings.ToLower(o.method)]
		f := form{operation: o, body: resolve(described.RequestBody.Content["application/json"].Schema, 0)}
		for _, p := range described.Parameters {
			if p.In == "query" {
				f.query = append(f.query, p.Name)
			}
		}
		all = append(all, f)
	}
	return all
}

// sample returns a value of the form that a schema asks for, and of no meaning.
func (s *schema) sample() any {
	switch {
	case s == nil:
		return "x"
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.is("object"):
		o := object{}
		for _, name := range s.Required {
			o[name] = s.Properties[name].sample()
		}
		return o
	case s.is("array"):
		return []any{}
	case s.is("boolean"):
		return true
	case s.is("integer"), s.is("number"):
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case len(s.Examples) > 0:
		return s.Examples[0]
	default:
		return strings.Repeat("x", max(1, deref(s.MinLength)))
	}
}

func deref(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// good returns a body that a route takes: that of the table of TestIsolation, or a sample.
func (b *bench) good(f form, rows map[string]row) object {
	b.t.Helper()
	body := f.body.sample()
	if r := rows[f.id]; r.body != nil {
		body = r.body()
	}
	var copied object
	text, err := json.Marshal(body)
	must(b.t, err)
	must(b.t, json.Unmarshal(text, &copied))
	return copied
}

// target fills the path of a route in: its project, and of every other name what is given.
func (b *bench) target(path, other string) string {
	path = strings.ReplaceAll(path, "{project}", string(b.own.scope.Project()))
	return regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, other)
}

// inner are words of the inside, which no answer has.
var inner = regexp.MustCompile(`(?i)\bsql\b|sqlite|postgres|pgx|\bSELECT\b|\bINSERT\b|constraint|goroutine|\.go:|panic|json:|unmarshal|reflect|strconv|sconce/|runtime|stack`)

// wantRefused checks that an answer refuses what was wrong with a request: as a problem of a
// stable type that a person can act on, and nothing of the inside or of others.
func (b *bench) wantRefused(what string, a answer) (p api.Problem) {
	b.t.Helper()
	if a.status < 400 || a.status >= 500 {
		b.t.Errorf("%s: %d %.300s", what, a.status, a.text)
		return p
	}
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.text), &p) != nil {
		b.t.Errorf("%s: it is no problem document: %d %s %.300s", what, a.status, a.header.Get("Content-Type"), a.text)
		return p
	}
	if !regexp.MustCompile(`^urn:sconce:problem:[a-z-]+$`).MatchString(p.Type) || p.Title == "" || p.Detail == "" || p.Status != a.status {
		b.t.Errorf("%s: %.300s", what, a.text)
	}
	for _, e := range p.Errors {
		if e.Location == "" || e.Message == "" {
			b.t.Errorf("%s: a field without a place or a word: %.300s", what, a.text)
		}
	}
	if found := inner.FindString(strings.ReplaceAll(a.text, p.RequestID, "")); found != "" { // that is random
		b.t.Errorf("%s: the answer speaks of the inside, %q: %.300s", what, found, a.text)
	}
	if strings.Contains(a.text, string(b.other.scope.Project())) || strings.Contains(a.text, "Project of stranger") {
		b.t.Errorf("%s: the answer tells of another project: %.300s", what, a.text)
	}
	return p
}

// TestBadInput sends to every route what is not of its form: bodies that are no JSON, of
// another form, too large or too deep, each field missing, of another type and one too many,
// names that are none, parameters that mean nothing.
func TestBadInput(t *testing.T) {
	b := newBench(t)
	b.account("operator")
	must(t, b.Support.AddOperator(t.Context(), id("operator")))
	rows := b.rows()
	tried := 0
	for _, f := range b.forms() {
		who := "owner"
		if !f.secured {
			who = "nobody"
		}
		send := func(path string, body any, header http.Header) answer {
			tried++
			return b.do(request{who: who, method: f.method, path: path, body: body, header: header})
		}
		b.badNames(f, send)
		for _, name := range append(f.query, "colour") {
			b.wantRefused(f.id+" with the parameter "+name, send(b.target(f.path, absent)+"?"+name+"=%00%ff<x>", nil, nil))
		}
		if f.body == nil {
			continue
		}
		path := b.target(f.path, absent)
		for name, body := range map[string]string{
			"nothing": "", "half": "{", "null": "null", "a list": "[]", "a text": `"x"`, "a number": "1e400", "two": "{}{}", "no UTF-8": "{\"\xff\":1}",
			"deep": strings.Repeat("[", 30_000), "deep objects": strings.Repeat(`{"a":`, 10_000), "too large": `{"a":"` + strings.Repeat("x", 70<<10) + `"}`,
			"a script": "<script>alert(1)</script>",
		} {
			b.wantRefused(f.id+" with a body of "+name, send(path, body, nil))
		}
		for _, media := range []string{"text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/cbor", "nonsense"} {
			b.wantRefused(f.id+" as "+media, send(path, "x=1", http.Header{"Content-Type": {media}}))
		}
		b.badFields(f, rows, send)
	}
	if tried < 1000 {
		t.Errorf("only %d requests were made", tried)
	}
	if n := b.Stats().Faults; n != 0 {
		t.Errorf("%d faults", n)
	}
}

// badNames sends names that are none in the place of each name in the path.
func (b *bench) badNames(f form, send func(string, any, http.Header) answer) {
	b.t.Helper()
	if !strings.Contains(f.path, "{") {
		return
	}
	for _, name := range []string{
		"x", "%00", "%ff%fe", "'%20OR%20'1'='1", "..%2F..%2Fprojects", strings.Repeat("a", 5000), "%F0%9F%92%A1", "0", "-1", string(b.other.scope.Project()),
	} {
		for _, path := range []string{b.target(f.path, name), strings.ReplaceAll(f.path, "{project}", name)} {
			if strings.Contains(path, "{") {
				path = regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, absent)
			}
			if path == b.target(f.path, "") { // it names nothing but the own project
				continue
			}
			var body any
			if f.body != nil {
				body = b.good(f, nil)
			}
			b.wantRefused(f.id+" of "+path[:min(len(path), 100)], send(path, body, nil))
		}
	}
}

// badFields sends a body with each of its fields missing or of another type, and one with a
// field too many. What is wrong is said at the field.
func (b *bench) badFields(f form, rows map[string]row, send func(string, any, http.Header) answer) {
	b.t.Helper()
	path := b.target(f.path, absent)
	at := func(what, field string, body object) {
		b.t.Helper()
		p := b.wantRefused(what, send(path, body, nil))
		if !slices.ContainsFunc(p.Errors, func(e api.FieldError) bool {
			return strings.HasPrefix(e.Location, "body."+field) || e.Location == "body" && strings.Contains(e.Message, field)
		}) {
			b.t.Errorf("%s: it is not said at the field: %+v", what, p)
		}
	}
	body := b.good(f, rows)
	body["colour"] = "red"
	at(f.id+" with a field too many", "colour", body)
	for _, field := range slices.Sorted(maps.Keys(f.body.Properties)) {
		s := f.body.Properties[field]
		for _, wrong := range []any{object{"a": 1}, []any{object{}}, 1.5, true, "x\x00y", nil} {
			if s.takes(wrong) {
				continue
			}
			body := b.good(f, rows)
			body[field] = wrong
			at(fmt.Sprintf("%s with %s as %v", f.id, field, wrong), field, body)
		}
		if slices.Contains(f.body.Required, field) {
			body := b.good(f, rows)
			delete(body, field)
			at(f.id+" without "+field, field, body)
		}
	}
}

// takes reports whether a value is of the type of a schema, or not to be told from one.
func (s *schema) takes(v any) bool {
	if s == nil || s.Type == nil {
		return true
	}
	switch v.(type) {
	case nil:
		return true // as if it were left out
	case string:
		return s.is("string") && len(s.Enum) == 0
	case bool:
		return s.is("boolean")
	case float64:
		return s.is("number")
	case []any:
		return false
	default:
		return s.is("object")
	}
}

// TestNamesDoNotLeaveTheirPlace: what is behind a slash in a name does not become a path.
func TestNamesDoNotLeaveTheirPlace(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"../" + string(b.own.scope.Project()), ".", "..", "%2e%2e"} {
		a := b.do(request{who: "stranger", method: "GET", path: "/projects/" + url.PathEscape(name)})
		if a.status < 300 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
}
