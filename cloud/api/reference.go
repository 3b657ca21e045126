package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// The reference for people: the OpenAPI document as one page, without scripts, made when
// the program starts.
//
//go:embed reference/page.html reference/reference.css
var referenceFiles embed.FS

// The paths of the reference.
const (
	referencePath = "/docs"
	stylePath     = "/docs/reference.css"
)

// reference is what is on the page.
type reference struct {
	Intro    []string
	Document string
	Parts    []part
	Objects  []object
}

type part struct {
	Name, Description string
	Operations        []operationText
}

type operationText struct {
	ID, Method, Path, Summary, Who, Status string
	Parameters                             []field
	Body, Answer                           *object
}

type object struct {
	Name, Description string
	Type              []word
	Fields            []field
}

type field struct {
	Name, Where, Meaning string
	Required             bool
	Type                 []word
}

// word is a piece of what says a type: the name of an object, or a text.
type word struct{ Object, Text string }

// serveReference serves the page and its style sheet.
func (a *API) serveReference(mux *http.ServeMux) error {
	page, err := a.referencePage()
	if err != nil {
		return err
	}
	style, err := referenceFiles.ReadFile("reference/reference.css")
	if err != nil {
		return fmt.Errorf("reading the style of the reference: %w", err)
	}
	for path, f := range map[string]file{
		referencePath: {page, "text/html; charset=utf-8", etag(page)},
		stylePath:     {style, "text/css; charset=utf-8", etag(style)},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Type", f.media)
			h.Set("ETag", f.etag)
			h.Set("Cache-Control", "no-cache") // keep it, and ask whether it is still the same
			http.ServeContent(w, r, path, time.Time{}, bytes.NewReader(f.content))
		})
	}
	return nil
}

func (a *API) referencePage() ([]byte, error) {
	t, err := template.ParseFS(referenceFiles, "reference/page.html")
	if err != nil {
		return nil, fmt.Errorf("reading the page of the reference: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, referenceOf(a.huma.OpenAPI())); err != nil {
		return nil, fmt.Errorf("writing the reference: %w", err)
	}
	return page.Bytes(), nil
}

func referenceOf(o *huma.OpenAPI) reference {
	r := reference{Intro: strings.Split(o.Info.Description, "\n\n"), Document: Prefix + "/openapi.json"}
	all := operationsOf(o)
	for _, tag := range o.Tags {
		p := part{Name: tag.Name, Description: tag.Description}
		for _, op := range all {
			if op.Tags[0] == tag.Name {
				p.Operations = append(p.Operations, operationOf(op))
			}
		}
		r.Parts = append(r.Parts, p)
	}
	schemas := o.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := schemas[name]
		if s.Properties != nil {
			r.Objects = append(r.Objects, object{Name: name, Description: s.Description, Fields: fieldsOf(s)})
		}
	}
	return r
}

func operationOf(op *huma.Operation) operationText {
	t := operationText{
		ID: op.OperationID, Method: op.Method, Path: Prefix + op.Path, Summary: op.Summary,
		Who: strings.TrimPrefix(op.Description, op.Summary+". "), Status: fmt.Sprint(op.DefaultStatus),
	}
	for _, p := range op.Parameters {
		t.Parameters = append(t.Parameters, field{p.Name, p.In, meaning(p.Description, p.Schema), p.Required, typeOf(p.Schema)})
	}
	if op.RequestBody != nil {
		t.Body = bodyOf(op.RequestBody.Content)
	}
	if answer := op.Responses[t.Status]; answer != nil {
		t.Answer = bodyOf(answer.Content)
	}
	return t
}

func bodyOf(content map[string]*huma.MediaType) *object {
	m := content["application/json"]
	if m == nil || m.Schema == nil {
		return nil
	}
	return &object{Type: typeOf(m.Schema), Fields: fieldsOf(m.Schema)}
}

// fieldsOf returns the fields of an object that is described in place.
func fieldsOf(s *huma.Schema) []field {
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		fields = append(fields, field{name, "", meaning(p.Description, p), slices.Contains(s.Required, name), typeOf(p)})
	}
	return fields
}

// typeOf says a type in words.
func typeOf(s *huma.Schema) []word {
	switch {
	case s == nil:
		return nil
	case s.Ref != "":
		return []word{{Object: s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]}}
	case len(s.OneOf) > 0:
		var words []word
		for i, one := range s.OneOf {
			if i > 0 {
				words = append(words, word{Text: " or "})
			}
			words = append(words, typeOf(one)...)
		}
		return words
	case s.Type == huma.TypeArray:
		return append([]word{{Text: "list of "}}, typeOf(s.Items)...)
	case s.Format != "":
		return []word{{Text: s.Type + " (" + s.Format + ")"}}
	default:
		return []word{{Text: s.Type}}
	}
}

// meaning says what a value stands for, and which values there are.
func meaning(text string, s *huma.Schema) string {
	sentences := []string{}
	if text != "" {
		sentences = append(sentences, text)
	}
	if s == nil {
		return text
	}
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		sentences = append(sentences, "One of "+strings.Join(values, ", ")+".")
	}
	limit := func(words string, v any) { sentences = append(sentences, fmt.Sprintf("%s %v.", words, v)) }
	if s.Minimum != nil {
		limit("At least", *s.Minimum)
	}
	if s.Maximum != nil {
		limit("At most", *s.Maximum)
	}
	if s.MaxLength != nil {
		sentences = append(sentences, fmt.Sprintf("At most %d characters.", *s.MaxLength))
	}
	if s.MaxItems != nil {
		sentences = append(sentences, fmt.Sprintf("At most %d.", *s.MaxItems))
	}
	if s.Default != nil {
		limit("Without it,", s.Default)
	}
	return strings.Join(sentences, " ")
}
