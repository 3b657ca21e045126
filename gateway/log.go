package gateway

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sconce/wire"
)

// The limits of the log lines that go to the cloud: so many at once, and one
// more after each pause. Those beyond are counted, and the next line says so.
const (
	logBurst   = 20
	logPause   = 5 * time.Second
	logLineMax = 1000 // bytes
)

// teeHandler writes log records to the gateway's own log, and hands those of
// warnings and errors to the cloud as well.
type teeHandler struct {
	slog.Handler
	forward *forwarder
}

// Handle implements [slog.Handler].
func (h teeHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		h.forward.line(r)
	}
	return h.Handler.Handle(ctx, r)
}

// Enabled implements [slog.Handler]: what goes to the cloud does not depend on
// the level of the gateway's own log.
func (h teeHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || h.Handler.Enabled(ctx, l)
}

// WithAttrs implements [slog.Handler].
func (h teeHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return teeHandler{h.Handler.WithAttrs(a), h.forward}
}

// WithGroup implements [slog.Handler].
func (h teeHandler) WithGroup(name string) slog.Handler {
	return teeHandler{h.Handler.WithGroup(name), h.forward}
}

// forwarder sends log lines to the cloud, within limits.
type forwarder struct {
	send func(wire.Up)
	now  func() time.Time

	mu   sync.Mutex
	used int       // of the burst
	at   time.Time // when used was last lowered
	left int       // lines left out since the last that was sent
}

func (f *forwarder) line(r slog.Record) {
	now := f.now()
	left, ok := f.admit(now)
	if !ok {
		return
	}
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(" " + a.Key + "=" + a.Value.Resolve().String())
		return true
	})
	lines := []wire.LogLine{{At: wire.Time(now.UnixMilli()), Level: int8(r.Level), Message: cut(b.String())}}
	if left > 0 {
		lines = append(lines, wire.LogLine{
			At: lines[0].At, Level: int8(slog.LevelWarn),
			Message: "lines were left out before this one: count=" + slog.IntValue(left).String(),
		})
	}
	f.send(wire.Log{Lines: lines})
}

// admit reports whether a line may be sent, and how many were not before it.
func (f *forwarder) admit(now time.Time) (left int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if regained := int(now.Sub(f.at) / logPause); regained > 0 {
		f.used = max(0, f.used-regained)
		f.at = now
	}
	if f.used >= logBurst {
		f.left++
		return 0, false
	}
	f.used++
	left, f.left = f.left, 0
	return left, true
}

// cut shortens a line to its limit, at the end of a character, and makes it valid
// text for the wire.
func cut(s string) string {
	if len(s) > logLineMax {
		s = s[:logLineMax]
	}
	return strings.ToValidUTF8(s, "")
}
