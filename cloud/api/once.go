package api

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce"
	"sconce/cloud/once"
)

const onceHeader = "Idempotency-Key"

// onceParameter describes the header in the OpenAPI document.
func onceParameter() *huma.Param {
	longest := maxOnceKey + 2 // quotation marks
	return &huma.Param{
		Name: onceHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &longest},
		Description: "A new text for each request, in quotation marks. Whoever makes the request again with the same one, within a day, gets the answer " +
			"of the first time, and nothing is done twice.",
		Example: `"8e03978e-40d5-43dd-bc93-6894a57f9324"`,
	}
}

const maxOnceKey = 100

// onceKey reads a key: a text in quotation marks, as the draft has it, or without, as many
// write it.
func onceKey(given string) (string, error) {
	key := given
	if len(key) >= 2 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
		key = key[1 : len(key)-1]
	}
	if key == "" || len(key) > maxOnceKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return "", sconce.Errorf(sconce.Invalid, "%s: expected 1 to %d characters of ASCII without spaces, in quotation marks", onceHeader, maxOnceKey)
	}
	return key, nil
}

// onlyOnce does a request with a key once, however often it is made. It runs last, behind
// what knows who asks and whether they still may.
func (a *API) onlyOnce(ctx huma.Context, next func(huma.Context)) {
	given := ctx.Header(onceHeader)
	if given == "" {
		next(ctx)
		return
	}
	key, err := onceKey(given)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	r, w := humago.Unwrap(ctx)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.refuse(ctx, sconce.Errorf(sconce.Invalid, "the request is too large, or was cut off"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	who, _ := ctx.Context().Value(callerKey).(caller)
	content := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.RequestURI(), body))
	var kept *recorder
	answer, again, err := a.Once.Do(ctx.Context(), who.account.ID, key, content, func() once.Answer {
		kept = record(ctx)
		next(kept)
		return once.Answer{Status: kept.status, Header: kept.header, Body: kept.body.Bytes()}
	}, passing)
	switch {
	case kept != nil:
		if err != nil { // it was done: that is what counts
			a.Log.Error("keeping an answer", slog.String("request", requestID(ctx.Context())), slog.Any("error", err))
		}
		kept.send()
	case err != nil:
		a.refuse(ctx, err)
	case again:
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(answer.Status)
		_, _ = w.Write(answer.Body) // the client went away
	}
}

// passing reports whether an answer says that nothing was done, and that it may be later.
func passing(answer once.Answer) bool {
	switch answer.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return true
	}
	return false
}

// neverOnce refuses a key where no answer is kept, rather than to let its sender think so.
func (a *API) neverOnce(ctx huma.Context, next func(huma.Context)) {
	if ctx.Header(onceHeader) != "" {
		a.refuse(ctx, sconce.Errorf(sconce.Invalid, "the answer to this request is not kept: make it without %s", onceHeader))
		return
	}
	next(ctx)
}
