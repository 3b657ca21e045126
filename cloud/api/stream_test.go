package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// endless is a download that has no end but that of its receiver.
type endless struct {
	pause time.Duration
	ended chan error
}

func (endless) FileName() string  { return "endless.bin" }
func (endless) MediaType() string { return "application/octet-stream" }

func (e endless) Write(ctx context.Context, w io.Writer) error {
	block := make([]byte, 32<<10)
	for {
		if _, err := w.Write(block); err != nil {
			e.ended <- err
			return err
		}
		select {
		case <-ctx.Done():
			e.ended <- ctx.Err()
			return ctx.Err()
		case <-time.After(e.pause):
		}
	}
}

// pipes is a listener of connections that are made in memory.
type pipes struct{ conns chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	if c := <-p.conns; c != nil {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// receive serves a download behind the guard of every request, and returns the connection
// of who asked for it, and a reader of the answer.
func receive(t *testing.T, d download) (net.Conn, *http.Response) {
	t.Helper()
	a := &API{Options: Options{Log: slog.New(slog.DiscardHandler), DemoLiveURL: "ws://localhost/mqtt"}}
	server := &http.Server{Handler: a.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.stream(lastingOf(r.Context()), d).Body(humago.NewContext(&huma.Operation{}, r, w))
	}))}
	listener := pipes{make(chan net.Conn)}
	go func() { _ = server.Serve(listener) }() // ends with the listener
	here, there := net.Pipe()
	listener.conns <- there
	t.Cleanup(func() {
		_ = here.Close()
		close(listener.conns)
		_ = server.Close()
	})
	if _, err := io.WriteString(here, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(here), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Header.Get("Content-Disposition"), "endless.bin") {
		t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	return here, answer
}

// TestSlowReceiver takes a block every 20 seconds: an answer may take longer than others as
// long as it goes on.
func TestSlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := endless{20 * time.Second, make(chan error, 1)}
		_, answer := receive(t, d)
		start := time.Now()
		if n, err := io.CopyN(io.Discard, answer.Body, 100*32<<10); err != nil || time.Since(start) < 30*time.Minute {
			t.Errorf("%d bytes, %v, in %s", n, err, time.Since(start))
		}
	})
}

// TestTricklingReceiver takes a block every 20 seconds, which is never too long for one, and is
// disconnected all the same: it would hold its place for a day.
func TestTricklingReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := endless{0, make(chan error, 1)}
		_, answer := receive(t, d)
		start := time.Now()
		for range 10 {
			<-time.After(20 * time.Second)
			if _, err := io.CopyN(io.Discard, answer.Body, 32<<10); err != nil {
				if ended := <-d.ended; !errors.Is(ended, errStalled) || time.Since(start) > 2*stallTime {
					t.Errorf("it ended with %v after %s", ended, time.Since(start))
				}
				return
			}
		}
		t.Errorf("it goes on after %s", time.Since(start))
	})
}

// TestSteadyReceiver takes as much in a second as it has to, for as long as it likes.
func TestSteadyReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := endless{0, make(chan error, 1)}
		_, answer := receive(t, d)
		for range 3600 {
			<-time.After(time.Second)
			if _, err := io.CopyN(io.Discard, answer.Body, leastRate); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestStalledReceiver takes nothing any more, and is disconnected.
func TestStalledReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := endless{0, make(chan error, 1)}
		_, answer := receive(t, d)
		start := time.Now()
		if err := <-d.ended; !errors.Is(err, errStalled) {
			t.Errorf("it ended with %v", err)
		}
		if since := time.Since(start); since < stallTime || since > stallTime+time.Second {
			t.Errorf("after %s", since)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err == nil {
			t.Error("the answer looks whole")
		}
	})
}

// TestReceiverGoesAway ends the making of the answer at once.
func TestReceiverGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := endless{time.Hour, make(chan error, 1)}
		here, answer := receive(t, d)
		if _, err := io.CopyN(io.Discard, answer.Body, 32<<10); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := here.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-d.ended; !errors.Is(err, context.Canceled) || time.Since(start) > time.Second {
			t.Errorf("it ended with %v after %s", err, time.Since(start))
		}
	})
}
