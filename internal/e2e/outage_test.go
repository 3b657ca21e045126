package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sconce/internal/postgres"
)

// outages is how often TestPostgresFails lets its server fail in each way.
var outages = flag.Int("outages", 1, "how often TestPostgresFails lets PostgreSQL fail in each way")

// recovery is how long the cloud may take until it acknowledges again after what it needs is
// back.
const recovery = time.Minute

// TestPostgresFails kills, stops and halts PostgreSQL while gateways publish. As long as it is
// away nothing is acknowledged, and the cloud tells operators; when it is back the cloud goes
// on by itself, and nothing that was acknowledged is lost or double.
func TestPostgresFails(t *testing.T) {
	t.Parallel()
	server, err := postgres.StartDurable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	s := install(t, 1)
	s.moveToPostgres(server, "fails")
	in := s.prepareIngest(2)
	in.start()
	for range *outages {
		for _, fault := range []struct {
			name        string
			begin, stop func() error
		}{
			{"killed", server.Kill, server.Start},
			{"stopped", server.Stop, server.Start},
			{"halted", server.Pause, server.Resume},
		} {
			in.during("PostgreSQL "+fault.name, fault.begin, fault.stop)
		}
	}
	in.end()
}

// load is gateways that publish to the cloud, all the time.
type load struct {
	*system
	senders []*sender
	finish  context.CancelFunc
	sending sync.WaitGroup
	begun   time.Time
}

// prepareIngest starts the cloud and makes gateways of a project, which do not publish yet.
func (s *system) prepareIngest(gateways int) *load {
	s.t.Helper()
	ids := s.moreGateways(gateways)
	s.startCloud()
	s.setUp()
	return &load{system: s, senders: s.claim(ids)}
}

// start lets the gateways publish.
func (in *load) start() {
	in.t.Helper()
	ctx, finish := context.WithCancel(in.t.Context())
	in.finish, in.begun = finish, time.Now()
	in.t.Cleanup(func() { finish(); in.sending.Wait() })
	for _, g := range in.senders {
		in.sending.Go(func() { g.send(ctx) })
	}
	in.awaitMore(100)
}

// awaitMore waits until some more messages were acknowledged.
func (in *load) awaitMore(n uint64) {
	in.t.Helper()
	before := in.acknowledged()
	in.await(recovery, "messages to be acknowledged", func() bool { return in.acknowledged() >= before+n })
}

func (in *load) acknowledged() (n uint64) {
	for _, g := range in.senders {
		n += g.count.Load()
	}
	return n
}

// during lets something fail, waits until the cloud tells of it, and wants that nothing is
// acknowledged from then until it is mended, and everything soon after.
func (in *load) during(what string, fail, mend func() error) {
	in.t.Helper()
	if err := fail(); err != nil {
		in.t.Fatal(err)
	}
	failed := time.Now()
	var said string
	in.await(recovery, what+" to be told", func() bool {
		code, text := in.ready()
		said = text
		return code == http.StatusServiceUnavailable
	})
	told := time.Since(failed)
	before := in.acknowledged()
	window := time.NewTimer(time.Second)
	<-window.C
	if now := in.acknowledged(); now != before {
		in.t.Errorf("%s: %d messages were acknowledged meanwhile", what, now-before)
	}
	if err := mend(); err != nil {
		in.t.Fatal(err)
	}
	mended := time.Now()
	in.awaitMore(100)
	acknowledging := time.Since(mended)
	in.await(recovery, "the cloud to be ready", func() bool { code, _ := in.ready(); return code == http.StatusOK })
	in.t.Logf("%s: told after %s (%s); acknowledging %s after it was mended", what,
		told.Round(time.Millisecond), strings.TrimSpace(said), acknowledging.Round(time.Millisecond))
}

// ready asks the cloud, as operators do, whether it can do its work.
func (s *system) ready() (code int, text string) {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", s.OpsPort), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(b)
}

// end lets the gateways end, and holds their ledgers against the cloud.
func (in *load) end() {
	in.t.Helper()
	in.finish()
	in.sending.Wait()
	elapsed := time.Since(in.begun)
	in.t.Logf("%d messages acknowledged in %s", in.compare(in.senders), elapsed.Round(time.Second))
}
