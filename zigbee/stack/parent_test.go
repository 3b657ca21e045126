package stack

import (
	"bytes"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// hideBeacons makes a station invisible to nodes that look for a network.
func hideBeacons(m *medium, hidden ...*station) {
	m.drop = func(from *station, frame []byte) bool {
		h, _, err := mac.Parse(frame)
		if err != nil || h.Type != mac.TypeBeacon {
			return false
		}
		for _, s := range hidden {
			if s == from {
				return true
			}
		}
		return false
	}
}

// throughRouter returns a network with one lamp, and a second lamp that can join
// through the first only. It is not started.
func throughRouter(t *testing.T, seed uint64) (m *medium, tc, router, lamp *station) {
	t.Helper()
	m = newMedium(t, seed)
	tc, lamps := joinAll(m, 1)
	m.run(time.Minute, lamps[0].open)
	hideBeacons(m, tc)
	return m, tc, lamps[0], m.add("lamp", m.config(Router, lampAddress+1, code(t, 1)))
}

func TestJoinThroughRouter(t *testing.T) {
	m, tc, router, lamp := throughRouter(t, 1)
	if err := tc.Allow(lampAddress+1, code(t, 1)); err != nil {
		t.Fatal(err)
	}
	from := len(m.sent)
	lamp.Start(m.now)
	m.run(time.Minute, func() bool { return lamp.isUp() && len(eventsOf[DeviceAuthorised](tc)) == 2 })
	if d := tc.Devices()[1]; d.EUI64 != lampAddress+1 || d.Short != lamp.nwk.Network().Short || d.Capability != zigbee.RouterCapability {
		t.Errorf("%+v", d)
	}
	if lamp.nwk.Network().Depth != 2 {
		t.Errorf("depth %d", lamp.nwk.Network().Depth)
	}
	theirs, _ := tc.aps.Key(lampAddress+1, aps.Established)
	if ours, ok := lamp.aps.Key(tcAddress, aps.Established); !ok || !ours.Equal(theirs) || ours.Equal(code(t, 1).LinkKey()) {
		t.Error("no link key of its own")
	}
	for _, s := range m.nodes {
		if c := s.Counters(); c.Policy+c.JoinsRefused+c.APS.Forged+c.APS.NoKey+c.NWK.Forged+c.NWK.Replayed != 0 {
			t.Errorf("%s: %+v", s.name, c)
		}
	}
	// The one frame without network security is the network key, from the router, and
	// neither a published key nor that of the router opens it.
	handed := 0
	for _, f := range m.sent[from:] {
		h, npdu, err := mac.Parse(f.frame)
		if err != nil || h.Type != mac.TypeData {
			continue
		}
		n, apdu, err := nwk.ParseHeader(npdu)
		if err != nil || n.Secured {
			continue
		}
		handed++
		if n.Src != router.nwk.Network().Short {
			t.Errorf("from %s", n.Src)
		}
		opens := func(k zigbee.LinkKey) bool {
			_, secured, _ := aps.ParseHeader(apdu)
			aux, _, err := zigbee.ParseAux(secured)
			if err != nil {
				t.Fatal(err)
			}
			_, err = zigbee.NewEnvelope(k).Open(bytes.Clone(apdu), len(apdu)-len(secured), aux, aux.Source)
			return err == nil
		}
		own, _ := router.aps.Key(tcAddress, aps.Established)
		if opens(defaultKey.KeyTransport()) || opens(own.KeyTransport()) || !opens(code(t, 1).LinkKey().KeyTransport()) {
			t.Error("the network key is not under the key of the label, or not alone")
		}
	}
	if handed != 1 {
		t.Errorf("%d frames without network security", handed)
	}
	m.checkCounters()
}

// A chain: each lamp hears only the one before it when it looks for a network.
func TestJoinThroughChain(t *testing.T) {
	m, tc, router, lamp := throughRouter(t, 2)
	if err := tc.Allow(lampAddress+1, code(t, 1)); err != nil {
		t.Fatal(err)
	}
	lamp.Start(m.now)
	m.run(time.Minute, lamp.isUp)
	hideBeacons(m, tc, router)
	if err := tc.Allow(lampAddress+2, code(t, 2)); err != nil {
		t.Fatal(err)
	}
	last := m.lamp(2)
	m.run(time.Minute, last.isUp)
	if last.nwk.Network().Depth != 3 {
		t.Errorf("depth %d", last.nwk.Network().Depth)
	}
}

func TestRouterThroughLoss(t *testing.T) {
	for seed := range uint64(4) {
		m, tc, _, lamp := throughRouter(t, seed)
		m.loss = 0.2
		if err := tc.Allow(lampAddress+1, code(t, 1)); err != nil {
			t.Fatal(err)
		}
		lamp.Start(m.now)
		m.run(10*time.Minute, func() bool { return lamp.isUp() && len(eventsOf[DeviceAuthorised](tc)) == 2 })
		m.checkCounters()
	}
}

// The introduction is lost twice.
func TestIntroductionIsRepeated(t *testing.T) {
	m, tc, router, lamp := throughRouter(t, 1)
	if err := tc.Allow(lampAddress+1, code(t, 1)); err != nil {
		t.Fatal(err)
	}
	lamp.Start(m.now)
	m.run(time.Minute, func() bool { return len(router.newcomers) == 1 && router.newcomers[0].fetched })
	hidden, until := m.drop, m.now.Add(2*time.Second)
	m.drop = func(from *station, frame []byte) bool {
		return from == router && m.now.Before(until) || hidden(from, frame)
	}
	m.run(15*time.Second, func() bool { return len(eventsOf[DeviceAuthorised](tc)) == 2 })
}

// What the trust centre does not expect gets no key through a router either, and
// the router forgets it.
func TestRouterTurnsStrangersAway(t *testing.T) {
	m, tc, router, lamp := throughRouter(t, 1)
	lamp.Start(m.now)
	m.run(time.Minute, func() bool { return len(eventsOf[JoinRefused](tc)) > 0 && len(router.newcomers) == 0 })
	m.run(time.Minute, func() bool { return len(eventsOf[JoinFailed](lamp)) > 0 })
	if _, _, has := lamp.nwk.Key(); has || tc.Counters().JoinsRefused == 0 || len(tc.Devices()) != 1 {
		t.Error("a stranger got in")
	}
	if e := eventsOf[JoinRefused](tc)[0]; e.EUI64 != lampAddress+1 {
		t.Errorf("%+v", e)
	}
	// Expected, but with the code of another.
	if err := tc.Allow(lampAddress+1, code(t, 7)); err != nil {
		t.Fatal(err)
	}
	m.run(5*time.Minute, nil)
	if _, _, has := lamp.nwk.Key(); has || lamp.Counters().APS.Forged == 0 {
		t.Error("another install code opens the network key")
	}
}

// Routers open and close with the coordinator, and by themselves when its word does
// not come again.
func TestPermitIsForTheWholeNetwork(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	m.run(10*time.Minute, nil)
	if !lamps[0].open() || !lamps[1].open() {
		t.Error("an opening of an hour is not renewed")
	}
	tc.PermitJoin(m.now, 0)
	m.run(2*time.Second, nil)
	if lamps[0].open() || lamps[1].open() {
		t.Error("the lamps stay open")
	}
	tc.PermitJoin(m.now, time.Hour)
	m.run(2*time.Second, nil)
	tc.dead = true
	m.run(5*time.Minute, nil)
	if lamps[0].open() || lamps[1].open() || lamps[0].mac.Counters().Malformed != 0 {
		t.Error("the lamps stay open without their trust centre")
	}
}

// Nobody but the trust centre opens a lamp, and nobody at all the trust centre.
func TestPermitPolicy(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	tc.PermitJoin(m.now, 0)
	m.run(5*time.Second, nil)
	ask := zdo.MgmtPermitJoiningReq{Seq: 1, Duration: 60, TCSignificance: 1}.Append(nil)
	a := addressOf(t, tc, lampAddress)
	for _, c := range []struct {
		name string
		node *station
		src  zigbee.ShortAddr
		want zdo.Status
	}{
		{"a lamp asks the trust centre", tc, a, zdo.NotAuthorised},
		{"a lamp asks a lamp", lamps[0], a + 1, zdo.NotAuthorised},
		{"the trust centre asks a lamp", lamps[0], zigbee.Coordinator, zdo.Success},
	} {
		answer := c.node.answerZDO(DataIndication{Src: c.src, Dst: c.node.nwk.Network().Short}, zdo.MgmtPermitJoining, ask)
		if want := (zdo.StatusRsp{Seq: 1, Status: c.want}).Append(nil); !bytes.Equal(answer, want) || c.node.open() != (c.want == zdo.Success) {
			t.Errorf("%s: %x, open %v", c.name, answer, c.node.open())
		}
	}
}

func TestUpdateDevicePolicy(t *testing.T) {
	var m *medium
	fresh := func() *station {
		var tc *station
		m, tc, _, _ = throughRouter(t, 1)
		if err := tc.Allow(lampAddress+1, code(t, 1)); err != nil {
			t.Fatal(err)
		}
		return tc
	}
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{
			Use: aps.Established, Key: zigbee.KeyData, Source: lampAddress,
			Command: aps.Command{ID: aps.UpdateDevice, Src: lampAddress + 1, Short: 0x7777, Status: updateJoin},
		}}
	}
	taken := func(s *station) bool { return s.devices[lampAddress+1].joining == keySent }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under the key of the label", func(r *received) { r.a.Use = aps.Joining }},
		{"as a key", func(r *received) { r.a.Key = zigbee.KeyLoad }},
		{"from a stranger", func(r *received) { r.a.Source += 5 }},
		{"from one that has not joined", func(r *received) { r.a.Source++ }},
		{"of itself", func(r *received) { r.a.Command.Src = lampAddress }},
		{"of the trust centre", func(r *received) { r.a.Command.Src = tcAddress }},
	})
	for name, change := range map[string]func(*station, *received){
		"closed":            func(tc *station, _ *received) { tc.PermitJoin(m.now, 0) },
		"not allowed":       func(tc *station, _ *received) { tc.Disallow(lampAddress + 1) },
		"a taken address":   func(tc *station, r *received) { r.a.Command.Short = tc.Devices()[0].Short },
		"the coordinator's": func(_ *station, r *received) { r.a.Command.Short = zigbee.Coordinator },
		"a broadcast":       func(_ *station, r *received) { r.a.Command.Short = zigbee.BroadcastRouters },
	} {
		tc, r := fresh(), truth()
		change(tc, &r)
		tc.command(r.in, r.a)
		if d := tc.devices[lampAddress+1]; d != nil && d.joining != settled || tc.counters.JoinsRefused != 1 {
			t.Errorf("%s: let in", name)
		}
	}
}

func TestTunnelPolicy(t *testing.T) {
	fresh := func() *station {
		m, _, router, lamp := throughRouter(t, 1)
		lamp.Start(m.now)
		m.run(time.Minute, func() bool { return waitsForKey(lamp) && router.newcomers[0].fetched })
		return router
	}
	inner := func(id zigbee.KeyID, h aps.Header) []byte {
		b := aps.AppendHeader(nil, h)
		return append(zigbee.AppendAux(b, zigbee.Aux{Key: id, HasSource: true, Source: tcAddress}), make([]byte, 39)...)
	}
	command := aps.Header{Type: aps.TypeCommand, Secured: true}
	handed := map[*station]bool{} // the router has sent a frame without network security
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{
			Command: aps.Command{ID: aps.Tunnel, Dst: lampAddress + 1, Inner: inner(zigbee.KeyTransport, command)},
		}}
	}
	taken := func(s *station) bool {
		for f, ok := s.NextFrame(); ok; f, ok = s.NextFrame() {
			_, npdu, err := mac.Parse(f.Data)
			h, _, err2 := nwk.ParseHeader(npdu)
			s.FrameDone(s.now, TxStatus{Sent: true})
			if err == nil && err2 == nil && !h.Secured {
				handed[s] = true
			}
		}
		return handed[s]
	}
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"from another", func(r *received) { r.in.Src = 5 }},
		{"for a stranger", func(r *received) { r.a.Command.Dst++ }},
		{"data", func(r *received) { r.a.Command.Inner = inner(zigbee.KeyTransport, aps.Header{Secured: true}) }},
		{"under the link key itself", func(r *received) { r.a.Command.Inner = inner(zigbee.KeyData, command) }},
		{"in the clear", func(r *received) { r.a.Command.Inner = inner(zigbee.KeyTransport, aps.Header{Type: aps.TypeCommand}) }},
		{"nothing", func(r *received) { r.a.Command.Inner = []byte{0} }},
	})
}

func TestRemoveDevicePolicy(t *testing.T) {
	fresh := func() *station { m := newMedium(t, 1); _, lamps := joinAll(m, 1); return lamps[0] }
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{
			Use: aps.Established, Key: zigbee.KeyData, Source: tcAddress,
			Command: aps.Command{ID: aps.RemoveDevice, Dst: lampAddress},
		}}
	}
	taken := func(s *station) bool { return s.join.step == leaving }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under another key", func(r *received) { r.a.Use = aps.Provisional }},
		{"as a key", func(r *received) { r.a.Key = zigbee.KeyLoad }},
		{"from another", func(r *received) { r.a.Source++ }},
	})
}

// More devices at once than a router holds are turned away, and it forgets those
// that do not come.
func TestNewcomersAreBounded(t *testing.T) {
	m, _, router, _ := throughRouter(t, 1)
	associate := func(i int) {
		b := mac.AppendHeader(nil, mac.Header{
			Type: mac.TypeCommand, Ack: true, Seq: uint8(i),
			Dst: mac.Short(router.Filter().PANID, router.Filter().Short), Src: mac.Extended(zigbee.BroadcastPAN, 0x5000+zigbee.EUI64(i)),
		})
		router.Receive(m.now, mac.AppendCommand(b, mac.Command{ID: mac.AssociationRequest, Capability: zigbee.RouterCapability}), 200)
	}
	for i := range maxNewcomers + 3 {
		associate(i)
	}
	if len(router.newcomers) != maxNewcomers || router.Counters().JoinsRefused != 3 {
		t.Errorf("%d newcomers", len(router.newcomers))
	}
	m.run(introduction+time.Second, nil)
	if len(router.newcomers) != 0 {
		t.Error("the router does not forget")
	}
}

// A parent that does not bring a node into the network is not tried for ever.
func TestAnotherParentIsTried(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	if err := tc.Allow(lampAddress+2, code(t, 2)); err != nil {
		t.Fatal(err)
	}
	hideBeacons(m, tc)
	beacons := m.drop
	m.drop = func(from *station, frame []byte) bool {
		h, npdu, err := mac.Parse(frame)
		if err != nil || beacons(from, frame) {
			return true
		}
		n, _, err := nwk.ParseHeader(npdu)
		return from == lamps[0] && h.Type == mac.TypeData && err == nil && !n.Secured
	}
	last := m.lamp(2)
	m.run(3*time.Minute, last.isUp)
}
