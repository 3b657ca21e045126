package e2e

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"sconce/internal/postgres"
)

// kills is how often the cloud is killed on each engine while gateways send.
var kills = flag.Int("kills", 24, "how often TestKill9 kills the cloud, on each engine")

// TestKill9 kills the cloud at random moments, of which some are in its start, while
// gateways publish. Then it holds a ledger of what was acknowledged against what the
// cloud has: nothing acknowledged may be lost, nothing may be counted twice.
func TestKill9(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testKill9(t, install(t, 1)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		server, err := postgres.Get()
		if err != nil {
			t.Fatal(err)
		}
		s := install(t, 1)
		s.moveToPostgres(server, "kill")
		testKill9(t, s)
	})
}

func testKill9(t *testing.T, s *system) {
	gateways := s.moreGateways(4)
	s.startCloud()
	s.setUp()
	senders := s.claim(gateways)

	ctx, finish := context.WithCancel(t.Context())
	defer finish()
	var sending sync.WaitGroup
	for _, g := range senders {
		sending.Go(func() { g.send(ctx) })
	}
	luck := rand.New(rand.NewPCG(1, 2))
	var starts []time.Duration
	begun := time.Now()
	for n := range *kills {
		if n%8 == 7 { // killed again before it is ready, or nearly
			again, err := s.LaunchCloud(s.programs, s.log("cloud"))
			if err != nil {
				t.Fatal(err)
			}
			await := time.NewTimer(time.Duration(luck.Int64N(int64(300 * time.Millisecond))))
			<-await.C
			again.Kill()
		} else {
			time.AfterFunc(time.Duration(luck.Int64N(int64(300*time.Millisecond))), func() { s.cloud.Kill() })
			<-s.cloud.Done()
		}
		if n%8 != 6 {
			started := time.Now()
			s.startCloud()
			starts = append(starts, time.Since(started))
		}
	}
	finish()
	sending.Wait()
	elapsed := time.Since(begun)
	total := s.compare(senders)
	slices.Sort(starts)
	t.Logf("%d kills and %d messages acknowledged in %s; a start took %s, and at most %s",
		*kills, total, elapsed.Round(time.Second), starts[len(starts)/2].Round(time.Millisecond), starts[len(starts)-1].Round(time.Millisecond))
	if total < uint64(100**kills) {
		t.Errorf("only %d messages were acknowledged: the test proves nothing", total)
	}
}
