package edge_test

import (
	"runtime"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/edge"
	"sconce/mqtt"
	"sconce/wire"
)

// A thousand subscribers take nothing, behind a network without a buffer, while each is sent
// far more than may wait in all. What waits stays within its limit, each of them is ended and
// counted with its reason, and one who takes what it gets has everything, in order and at once.
func TestThousandStalledSubscribers(t *testing.T) {
	const (
		stalled = 1000
		limit   = 8 << 20
		rounds  = 60
		size    = 1 << 10 // of a message: 60 MiB are sent in all
	)
	change := func(l *edge.Limits) {
		l.QueuedBytes = limit
		l.AddressRate, l.AddressBurst = 1e6, 1e6
	}
	withLimits(t, change, func(t *testing.T, f *fixture, p *pipes) {
		good := f.pipe(p, f.gateway(gw2))
		good.subscribe(mqtt.Subscription{Filter: wire.DownTopic(gw2, "+"), QoS: 1})
		for i := range sconce.EUI64(stalled) {
			g := gw1 + 0x1000 + i
			c := f.pipe(p, f.gateway(g), func(c *mqtt.Connect) { c.KeepAlive = 0 })
			c.subscribe(mqtt.Subscription{Filter: wire.DownTopic(g, "+")})
		}
		before := liveMemory()
		held, used := int64(0), int64(0)
		for n := range rounds {
			for i := range sconce.EUI64(stalled) {
				if _, err := f.Publish(wire.DownTopic(gw1+0x1000+i, "command"), make([]byte, size), edge.PublishOptions{}); err != nil {
					t.Fatal(err)
				}
				held = max(held, f.Stats().QueuedBytes)
			}
			begun := time.Now()
			if _, err := f.Publish(wire.DownTopic(gw2, "command"), []byte{byte(n)}, edge.PublishOptions{QoS: 1}); err != nil {
				t.Fatal(err)
			}
			if m := good.message(); m.Payload[0] != byte(n) || time.Since(begun) > 0 {
				t.Fatalf("message %d: got %v after %v", n, m.Payload, time.Since(begun))
			}
			if n == rounds/2 {
				used = liveMemory() - before
			}
		}
		if held > limit || held < limit/2 || used > 4*limit {
			t.Errorf("up to %d KiB waited, of %d that may; memory grew by %d KiB", held>>10, limit>>10, used>>10)
		}
		<-time.After(13 * time.Second) // the keep-alive of the good one is longer
		s := f.Stats()
		if s.Gateways != 1 || s.Slow+s.Stalled != stalled || s.Slow == 0 || s.Dropped < s.Slow || s.QueuedBytes != 0 || s.Connections != 1 {
			t.Errorf("%+v", s)
		}
		good.ping()
	})
}

// liveMemory is what is reachable, with the stacks.
func liveMemory() int64 {
	for range 2 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
