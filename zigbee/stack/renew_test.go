package stack

import (
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/nwk"
)

// checkLinkKey holds that a lamp and its trust centre share one key, and understand
// each other with it.
func checkLinkKey(t *testing.T, tc, lamp *station, former zigbee.LinkKey, changed bool) {
	t.Helper()
	r := DataRequest{Dst: addressOf(t, tc, lampAddress), SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Ack: true, LinkKey: true, Payload: []byte{1}}
	if err := tc.send(r); err != nil {
		t.Error(err)
	}
	theirs, _ := tc.aps.Key(lampAddress, aps.Established)
	ours, _ := lamp.aps.Key(tcAddress, aps.Established)
	if !theirs.Equal(ours) || theirs.Equal(former) == changed {
		t.Errorf("shared %v, changed %v", theirs.Equal(ours), !theirs.Equal(former))
	}
}

func TestRenewLinkKey(t *testing.T) {
	for seed := range uint64(6) {
		m := newMedium(t, seed)
		tc, lamps := joinAll(m, 2)
		m.run(5*time.Second, nil)
		m.loss = 0.05 * float64(seed)
		former, _ := tc.aps.Key(lampAddress, aps.Established)
		if err := tc.RenewLinkKey(m.now, lampAddress); err != nil {
			t.Fatal(err)
		}
		m.run(time.Minute, func() bool { return len(eventsOf[LinkKeyRenewed](tc)) == 1 })
		m.run(exchangeTries*exchangeTimeout, nil)
		m.loss = 0
		checkLinkKey(t, tc, lamps[0], former, true)
		if len(tc.aps.Keys()) != 2 || len(lamps[0].aps.Keys()) != 1 || len(eventsOf[DeviceAuthorised](tc)) != 2 {
			t.Errorf("seed %d: %d keys at the trust centre, %d at the lamp", seed, len(tc.aps.Keys()), len(lamps[0].aps.Keys()))
		}
		m.checkCounters()
	}
}

// Whoever falls over, and whenever, both sides go on with one key.
func TestRenewalSurvivesPowerCuts(t *testing.T) {
	for frames := range 8 {
		for _, who := range []int{0, 1} {
			m := newMedium(t, uint64(frames))
			tc, lamps := joinAll(m, 1)
			m.run(5*time.Second, nil)
			if err := tc.RenewLinkKey(m.now, lampAddress); err != nil {
				t.Fatal(err)
			}
			from := len(m.sent)
			m.run(time.Minute, func() bool { return len(m.sent)-from >= frames })
			state := m.nodes[who].kept
			m.nodes[who].restart(&state)
			m.run(time.Minute, nil)
			r := DataRequest{Dst: addressOf(t, tc, lampAddress), SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Ack: true, LinkKey: true, Payload: []byte{1}}
			if err := tc.send(r); err != nil {
				t.Errorf("after %d frames, node %d: %v", frames, who, err)
			}
			theirs, _ := tc.aps.Key(lampAddress, aps.Established)
			if ours, _ := lamps[0].aps.Key(tcAddress, aps.Established); !ours.Equal(theirs) {
				t.Errorf("after %d frames, node %d: two keys", frames, who)
			}
			m.checkCounters()
		}
	}
}

// A lamp that is not there keeps the key that it has.
func TestRenewalOfTheDead(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	m.run(5*time.Second, nil)
	former, _ := tc.aps.Key(lampAddress, aps.Established)
	lamps[0].dead = true
	if err := tc.RenewLinkKey(m.now, lampAddress); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, nil)
	lamps[0].dead = false
	checkLinkKey(t, tc, lamps[0], former, false)
	if len(tc.aps.Keys()) != 1 {
		t.Error("the key that nobody proved is kept")
	}
	if tc.RenewLinkKey(m.now, lampAddress+1) == nil || lamps[0].RenewLinkKey(m.now, tcAddress) == nil {
		t.Error("a stranger's key is renewed")
	}
}

func TestNextLinkKeyPolicy(t *testing.T) {
	fresh := func() *station { _, lamps := joinAll(newMedium(t, 1), 1); return lamps[0] }
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{
			Use: aps.Established, Key: zigbee.KeyLoad, Source: tcAddress,
			Command: aps.Command{
				ID: aps.TransportKey, KeyType: aps.TrustCentreLinkKey, LinkKey: zigbee.NewLinkKey([16]byte{1}), Dst: lampAddress, Src: tcAddress,
			},
		}}
	}
	taken := func(s *station) bool { _, ok := s.aps.Key(tcAddress, aps.Provisional); return ok }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under the key of the label", func(r *received) { r.a.Use = aps.Joining }},
		{"as data", func(r *received) { r.a.Key = zigbee.KeyData }},
		{"from another", func(r *received) { r.a.Source++ }},
		{"for another", func(r *received) { r.a.Command.Dst++ }},
		{"a published key", func(r *received) { r.a.Command.LinkKey = defaultKey }},
	})
	s, r := fresh(), truth()
	r.a.Command.LinkKey, _ = s.aps.Key(tcAddress, aps.Established)
	if s.command(r.in, r.a); taken(s) || s.counters.Policy != 1 {
		t.Error("the same key counts as another")
	}
}
