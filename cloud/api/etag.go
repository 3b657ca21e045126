package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"sconce"
)

// inner is the context of a request, under a name that does not hide its method.
type inner huma.Context

// recorder keeps an answer until it is known what becomes of it.
type recorder struct {
	inner
	status int
	header http.Header
	body   bytes.Buffer
}

func record(ctx huma.Context) *recorder { return &recorder{inner: ctx, header: http.Header{}} }

// Unwrap returns the context that the answer goes to.
func (r *recorder) Unwrap() huma.Context { return r.inner }

// SetStatus, Status, SetHeader, AppendHeader and BodyWriter are those of [huma.Context].
func (r *recorder) SetStatus(code int) { r.status = code }

// Status returns the status that was set.
func (r *recorder) Status() int { return r.status }

// SetHeader sets a header of the answer.
func (r *recorder) SetHeader(name, value string) { r.header.Set(name, value) }

// AppendHeader adds a header to the answer.
func (r *recorder) AppendHeader(name, value string) { r.header.Add(name, value) }

// BodyWriter returns where the answer is kept.
func (r *recorder) BodyWriter() io.Writer { return &r.body }

// send gives the answer away.
func (r *recorder) send() {
	for name, values := range r.header {
		for _, v := range values {
			r.inner.AppendHeader(name, v)
		}
	}
	r.inner.SetStatus(r.status)
	_, _ = r.inner.BodyWriter().Write(r.body.Bytes()) // the client went away
}

// tagged gives every answer to a GET an entity tag (RFC 9110, 8.8.3), and answers with
// nothing but 304 whoever has the same already.
func tagged(ctx huma.Context, next func(huma.Context)) {
	if ctx.Method() != http.MethodGet {
		next(ctx)
		return
	}
	answer := record(ctx)
	next(answer)
	if answer.status == http.StatusOK {
		tag := answer.header.Get("ETag")
		if tag == "" {
			tag = etag(answer.body.Bytes())
			answer.header.Set("ETag", tag)
		}
		if given := ctx.Header("If-None-Match"); given != "" && matches(given, tag) {
			answer.status = http.StatusNotModified
			answer.header.Del("Content-Type")
			answer.body.Reset()
		}
	}
	answer.send()
}

// etag returns the entity tag of an answer.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
}

// etagOf returns the entity tag of a thing that can be changed.
func etagOf(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		return "" // the answers of this package have a form
	}
	return etag(body)
}

// matches reports whether a list of entity tags names one, or is *. Tags that are weak
// match as if they were not: what they stand for is the same byte for byte.
func matches(list, tag string) bool {
	for given := range strings.SplitSeq(list, ",") {
		if given = strings.TrimSpace(given); given == "*" || strings.TrimPrefix(given, "W/") == tag {
			return true
		}
	}
	return false
}

// Unchanged is a condition of a change.
type Unchanged struct {
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"The ETag of what you saw: when it is another by now, nothing is changed, and the answer is 412."`
}

// check returns the error of a condition that does not hold for what there is.
func (u Unchanged) check(ctx context.Context, current any) error {
	if u.IfMatch == "" || matches(u.IfMatch, etagOf(current)) {
		return nil
	}
	return &Problem{
		Type: problemType("changed-meanwhile"), Title: "Changed meanwhile", Status: http.StatusPreconditionFailed, RequestID: requestID(ctx),
		Detail: "this is not what it was when you read it: nothing was changed; read it again",
	}
}

// edits keeps those who change things of one project apart, from looking at a thing to
// having changed it. That is enough: a store has one process at a time.
type edits [64]sync.Mutex

// hold waits until nobody else changes things of a project, and returns what ends it.
func (e *edits) hold(id sconce.ProjectID) (end func()) {
	h := fnv.New32a()
	_, _ = io.WriteString(h, string(id)) // never fails
	m := &e[h.Sum32()%uint32(len(e))]
	m.Lock()
	return m.Unlock
}
