package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Who receives a long answer holds one of a few places, and is disconnected when they keep it
// waiting for longer than stallTime with one part of it, of some 32 KiB, or for longer than
// that in all beyond what they would need at leastRate.
const (
	stallTime = 30 * time.Second
	leastRate = 32 << 10 // bytes a second
)

// lasting is the context of a request without the time limit of answers: it ends when the
// client goes away.
type lasting struct {
	context.Context //nolint:containedctx // it is one

	values context.Context //nolint:containedctx // of the request
}

// Value returns what the request's own context has.
func (l lasting) Value(key any) any { return l.values.Value(key) }

// lastingOf returns the context for the making of a long answer.
func lastingOf(ctx context.Context) context.Context {
	connection, ok := ctx.Value(connectionKey).(context.Context)
	if !ok {
		return ctx
	}
	return lasting{connection, ctx}
}

// download is a long answer.
type download interface {
	FileName() string
	MediaType() string
	// Write writes the file; when it fails the file is cut off.
	Write(ctx context.Context, w io.Writer) error
}

// stream answers with a file, while its receiver takes it.
func (a *API) stream(ctx context.Context, f download) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		_, w := humago.Unwrap(answer)
		w.Header().Set("Content-Type", f.MediaType())
		w.Header().Set("Content-Disposition", `attachment; filename="`+f.FileName()+`"`)
		w.WriteHeader(http.StatusOK)
		moving := movingWriter{to: w, control: http.NewResponseController(w)}
		if err := f.Write(ctx, &moving); err != nil {
			if ctx.Err() == nil && !errors.Is(err, errStalled) {
				a.Log.Error("a long answer was cut off", slog.String("request", requestID(ctx)), slog.Any("error", err))
			}
			panic(http.ErrAbortHandler) // the receiver has to see that it is cut off
		}
		_ = moving.control.SetWriteDeadline(time.Time{}) // the connection may be used again
	}}
}

var errStalled = errors.New("the receiver does not take any more")

// movingWriter gives each write a time of its own, as long as they are fast enough together.
type movingWriter struct {
	to      io.Writer
	control *http.ResponseController
	taken   int64         // bytes
	waited  time.Duration // for the receiver
}

// Write implements [io.Writer].
func (m *movingWriter) Write(p []byte) (int, error) {
	begun := time.Now()
	left := stallTime + time.Duration(m.taken)*(time.Second/leastRate) - m.waited
	_ = m.control.SetWriteDeadline(begun.Add(min(left, stallTime))) // every connection of a server has one
	n, err := m.to.Write(p)
	m.taken += int64(n)
	m.waited += time.Since(begun)
	if err != nil {
		err = errors.Join(errStalled, err)
	}
	return n, err
}

// streamed describes a long answer.
func streamed(media []string) *huma.Response {
	r := &huma.Response{
		Description: "The file, as long as it is.", Content: map[string]*huma.MediaType{},
		Headers: map[string]*huma.Param{"Content-Disposition": {Description: "What the file is to be called.", Schema: &huma.Schema{Type: huma.TypeString}}},
	}
	for _, m := range media {
		r.Content[m] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return r
}
