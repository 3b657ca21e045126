package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sconce"
)

// Problem is the answer to a request that did not succeed (RFC 9457). Its type is
// one of a closed set, and stays the same for the same reason.
type Problem struct {
	Type      string       `json:"type" doc:"Which reason it is; the same for the same reason for ever." example:"urn:sconce:problem:not-found"`
	Title     string       `json:"title" doc:"The reason in words."`
	Status    int          `json:"status" doc:"The HTTP status."`
	Detail    string       `json:"detail" doc:"What was expected, or what to do."`
	Errors    []FieldError `json:"errors,omitempty" doc:"Fields that are wrong."`
	RequestID string       `json:"request_id,omitempty" doc:"Names this request in the log of the operator."`

	after time.Duration // which Retry-After says; 0 when time alone changes nothing
}

// FieldError is one field of a request that is wrong. It never repeats the value.
type FieldError struct {
	Location string `json:"location" doc:"Where the field is." example:"body.name"`
	Message  string `json:"message" doc:"What was expected."`
}

const problemMedia = "application/problem+json"

func problemType(name string) string { return "urn:sconce:problem:" + name }

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements [huma.HeadersError].
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.after > 0 { // RFC 9110, 10.2.3
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.after.Seconds()))))
	}
	return h
}

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return problemMedia }

// reason is how a kind of error shows in HTTP.
type reason struct {
	status int
	name   string
	title  string
}

func reasonOf(kind sconce.ErrorKind) reason {
	switch kind {
	case sconce.Invalid:
		return reason{http.StatusUnprocessableEntity, "invalid", "The request is wrong"}
	case sconce.Unauthenticated:
		return reason{http.StatusUnauthorized, "unauthenticated", "Not signed in"}
	case sconce.Forbidden:
		return reason{http.StatusForbidden, "forbidden", "Not allowed"}
	case sconce.NotFound:
		return reason{http.StatusNotFound, "not-found", "Not found"}
	case sconce.Conflict:
		return reason{http.StatusConflict, "conflict", "Contradicts what is there"}
	case sconce.TooMany:
		return reason{http.StatusTooManyRequests, "too-many", "A limit is reached"}
	case sconce.Unavailable:
		return reason{http.StatusServiceUnavailable, "unavailable", "Not available now"}
	default:
		return reason{http.StatusInternalServerError, "internal", "A fault of the server"}
	}
}

// problem translates an error of a capability. The text of one without a kind
// goes to the log, and the asker learns only under which name to find it there.
func (a *API) problem(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	kind := sconce.KindOf(err)
	if kind == sconce.Internal && ctx.Err() != nil {
		kind, err = sconce.Unavailable, sconce.LaterErrorf(sconce.Unavailable, 5*time.Second, "the answer took too long: try again")
	}
	r := reasonOf(kind)
	p = &Problem{Type: problemType(r.name), Title: r.title, Status: r.status, RequestID: requestID(ctx)}
	if kind == sconce.Internal {
		a.faults.Add(1)
		a.Log.Error("answering a request", slog.String("request", p.RequestID), slog.Any("error", err))
		p.Detail = "the server could not do this; its operator finds the reason in the log under the request's name"
		return p
	}
	var e *sconce.Error
	errors.As(err, &e) // has a kind, so it is one
	p.Detail, p.after = e.Message, e.After
	if e.Field != "" {
		p.Errors = []FieldError{{Location: "body." + e.Field, Message: e.Message}}
	}
	return p
}

// transformProblem replaces the library's own errors, which repeat the values
// that were sent, by ours, which do not.
func (a *API) transformProblem(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	r := reasonOf(sconce.Invalid)
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		r = reason{m.Status, "too-large", "The request is too large"}
	case http.StatusUnsupportedMediaType:
		r = reason{m.Status, "media-type", "The form of the request is not known"}
	case http.StatusNotAcceptable:
		r = reason{m.Status, "not-acceptable", "The form asked for is not known"}
	case http.StatusRequestTimeout:
		r = reason{m.Status, "timeout", "The request took too long"}
	}
	if m.Status >= http.StatusInternalServerError {
		return a.problem(ctx.Context(), m), nil
	}
	p := &Problem{
		Type: problemType(r.name), Title: r.title, Status: m.Status, RequestID: requestID(ctx.Context()),
		Detail: "the request is not of the form that this route expects",
	}
	for _, e := range m.Errors {
		if e != nil {
			p.Errors = append(p.Errors, FieldError{Location: e.Location, Message: message(e)})
		}
	}
	return p, nil
}

// message returns what an error of the library says. Those of its validator and
// those about the address are kept; what its JSON reader says of a body could
// repeat the body, and speaks of Go.
func message(e *huma.ErrorDetail) string {
	for _, own := range []string{"expected ", "unexpected ", "required ", "unknown "} {
		if strings.HasPrefix(e.Message, own) {
			return e.Message
		}
	}
	if strings.HasPrefix(e.Location, "query.") || strings.HasPrefix(e.Location, "path.") {
		return parameterMessage(e.Message)
	}
	return "expected JSON of the form that the API's description gives"
}

// parameterMessage returns what was expected of a parameter, of what the library says.
func parameterMessage(said string) string {
	if at := strings.Index(said, "expected "); at >= 0 { // before it is what was sent
		return said[at:]
	}
	switch what, _ := strings.CutPrefix(said, "invalid "); {
	case strings.HasPrefix(what, "date/time"):
		return "expected a time as in 2026-01-02T15:04:05Z (RFC 3339)"
	case slices.Contains([]string{"integer", "number", "boolean", "floating value"}, what):
		return "expected a valid " + what
	}
	return "expected what the API's description gives"
}

// writeProblem answers with a problem from outside the routes.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemMedia)
	w.Header().Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized { // RFC 9110, 15.5.2
		w.Header().Set("WWW-Authenticate", `Bearer realm="sconce"`)
	}
	maps.Copy(w.Header(), p.GetHeaders())
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client went away
}
