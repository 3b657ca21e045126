package sim

import (
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// hops returns how many hops the farthest node is from the controller at least, over
// links that are heard at all.
func (s *scene) hops() int {
	from := s.controllers[0].node.x
	depth := map[*Transceiver]int{from: 0}
	most := 0
	for queue := []*Transceiver{from}; len(queue) > 0; queue = queue[1:] {
		x := queue[0]
		for i := range x.links {
			l := &x.links[i]
			if _, known := depth[l.to]; known || x.power+float64(l.gain) < sensitivity {
				continue
			}
			depth[l.to] = depth[x] + 1
			most = max(most, depth[l.to])
			queue = append(queue, l.to)
		}
	}
	return most
}

// originators counts the broadcasts that each node begins.
type originators struct {
	begun map[broadcastID]time.Time
	times map[zigbee.ShortAddr][]time.Time
}

func (o *originators) tap(at time.Time, _ uint8, psdu []byte) {
	h, payload, err := mac.Parse(psdu[:len(psdu)-fcsLen])
	if err != nil || h.Type != mac.TypeData {
		return
	}
	n, _, err := nwk.ParseHeader(payload)
	if err != nil || n.Type != nwk.TypeData || !n.Dst.IsBroadcast() || h.Src.Short != n.Src {
		return // relayed, or what has tables of its own
	}
	id := broadcastID{h.Dst.PAN, n.Src, n.Seq}
	if since, known := o.begun[id]; known && at.Sub(since) < broadcastLife {
		return
	}
	o.begun[id] = at
	o.times[n.Src] = append(o.times[n.Src], at)
}

// most returns the largest number of broadcasts that a node began within
// nwkNetworkBroadcastDeliveryTime.
func (o *originators) most() (most int) {
	for _, times := range o.times {
		for i := range times {
			n := 0
			for _, t := range times[i:] {
				if t.Sub(times[i]) < broadcastLife {
					n++
				}
			}
			most = max(most, n)
		}
	}
	return most
}

// switchAll switches the group of all lights once, and returns who acted and how far
// apart.
func (s *scene) switchAll(on bool) (r *round) {
	s.t.Helper()
	c := s.controllers[0]
	r = &round{group: everyLight, on: on, counted: &c.delivery.Groups}
	done := false
	r.ended = func() { c.group, done = nil, true }
	r.say = func(time.Time) {
		q := c.onOff(on)
		q.Dst, q.Group = zigbee.BroadcastRxOn, everyLight
		c.request(q, func(error) {})
	}
	c.group = r
	c.node.Do(func(now time.Time) { c.begin(now, r) })
	s.runUntil(groupRounds*roundTime+time.Second, func() bool { return done })
	return r
}

// A command to 200 lights over three hops: each acts on the first, the last at
// most 200 ms after the first. And however many are asked for, no node begins more
// than 8 broadcasts in 9 s.
func TestGroupOf200(t *testing.T) {
	const lights, commands = 200, 8
	for _, seed := range []uint64{1, 2} {
		o := &originators{begun: map[broadcastID]time.Time{}, times: map[zigbee.ShortAddr][]time.Time{}}
		cfg := large(seed)
		cfg.Lights, cfg.Office, cfg.Power, cfg.Tap = lights, Office{Floors: 1, RoomsOnFloor: 48}, -8, o.tap
		s := begin(t, cfg, 6*time.Minute)
		s.building.RunFor(30 * time.Second)
		if hops := s.hops(); hops < 3 {
			t.Fatalf("seed %d: %d hops", seed, hops)
		}
		var spreads durations
		for i := range commands {
			r := s.switchAll(i%2 == 0)
			if r.n > 0 {
				spreads.note(r.last - r.first)
			}
			if r.n != len(r.asked) || r.round > 1 || i > 0 && r.n != lights {
				t.Errorf("seed %d: command %d: %d of %d lights acted on the first, %d were said", seed, i, r.n, len(r.asked), r.round)
			}
		}
		if most := spreads.quantile(1); most > 200*time.Millisecond {
			t.Errorf("seed %d: the last light acted %v after the first", seed, most)
		}
		c := s.controllers[0]
		c.node.Do(func(time.Time) {
			for i := range 3 * commands / 2 {
				q := c.onOff(i%2 == 0)
				q.Dst, q.Group = zigbee.BroadcastRxOn, everyLight
				c.request(q, func(error) {})
			}
		})
		s.building.RunFor(3 * broadcastLife)
		if most := o.most(); most > 8 || most < 6 {
			t.Errorf("seed %d: a node began %d broadcasts in %v", seed, most, broadcastLife)
		}
		t.Logf("seed %d: %d hops at least, spread p50 %v, p100 %v; at most %d broadcasts of a node in %v; set up after %v", seed, s.hops(), spreads.quantile(.5), spreads.quantile(1), o.most(), broadcastLife, s.passed())
	}
}
