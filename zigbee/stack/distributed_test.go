package stack

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// formed returns a lamp that has formed a network of its own.
func formed(m *medium) *station {
	m.t.Helper()
	lamp := m.lamp(0)
	if err := lamp.FormDistributed(m.now); err != nil {
		m.t.Fatal(err)
	}
	m.run(10*time.Second, lamp.isUp)
	return lamp
}

// letIn makes a router expect a device, and opens the network.
func (s *station) letIn(e zigbee.EUI64, code zigbee.InstallCode) {
	s.m.t.Helper()
	if err := s.Allow(e, code); err != nil {
		s.m.t.Fatal(err)
	}
	s.PermitJoin(s.m.now, time.Hour)
}

// standalone returns a row of lamps that hear only the one before and after, the
// first of which formed the network, and a sensor at the last.
func standalone(m *medium, n int) (lamps []*station, sensor *station) {
	m.t.Helper()
	lamps = []*station{formed(m)}
	for i := 1; i < n; i++ {
		last := lamps[i-1]
		last.letIn(lampAddress+zigbee.EUI64(i), code(m.t, i))
		s := m.add("lamp", m.config(Router, lampAddress+zigbee.EUI64(i), code(m.t, i)))
		for _, far := range lamps[:i-1] {
			m.wall(far, s, true)
		}
		s.Start(m.now)
		m.run(time.Minute, s.isUp)
		lamps = append(lamps, s)
	}
	last := lamps[n-1]
	last.letIn(sensorAddress, code(m.t, 500))
	sensor = m.sensor(0)
	for _, far := range lamps[:n-1] {
		m.wall(far, sensor, true)
	}
	m.run(time.Minute, sensor.isUp)
	m.run(10*time.Second, nil)
	return lamps, sensor
}

// press sends a groupcast, and returns how many of the lamps got it.
func press(m *medium, from *station, group uint16, lamps []*station) (reached int) {
	m.t.Helper()
	for _, s := range lamps {
		s.events = nil
	}
	if err := from.send(DataRequest{Group: group, SrcEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}}); err != nil {
		m.t.Error(err)
	}
	m.run(3*time.Second, nil)
	for _, s := range lamps {
		if got := eventsOf[DataIndication](s); len(got) == 1 && got[0].Group == group {
			reached++
		}
	}
	return reached
}

// Lamps and a sensor make a network that nobody leads: each joins through whoever was
// given its install code, a group obeys the sensor over all hops, and a power cut of
// the building changes nothing.
func TestDistributedNetwork(t *testing.T) {
	for seed, loss := range []float64{0, 0.1, 0.1, 0.1, 0.1} {
		m := newMedium(t, uint64(10+seed))
		m.loss = loss
		lamps, sensor := standalone(m, 4)
		for _, s := range lamps {
			if err := s.AddGroup(1, 7); err != nil {
				t.Fatal(err)
			}
		}
		if n := press(m, sensor, 7, lamps); n != len(lamps) {
			t.Errorf("%d lamps obeyed", n)
		}
		net := lamps[0].nwk.Network()
		for i, s := range append(slices.Clone(lamps), sensor) {
			own := s.nwk.Network()
			if own.Extended != net.Extended || own.Short == zigbee.Coordinator || own.Short >= 0xfff8 || s.tc != distributed || !own.Leaderless {
				t.Errorf("node %d: %+v, trust centre %s", i, own, s.tc)
			}
			if keys := s.aps.Keys(); len(keys) != 0 {
				t.Errorf("node %d keeps %d link keys", i, len(keys))
			}
			if c := s.Counters(); loss == 0 && c.Policy+c.APS.Forged+c.APS.NoKey+c.NWK.Forged+c.NWK.Replayed+c.NWK.UnknownKey != 0 {
				t.Errorf("node %d: %+v", i, c)
			}
			s.restart(&s.kept)
		}
		m.run(time.Minute, sensor.isUp)
		if n := press(m, sensor, 7, lamps); n != len(lamps) {
			t.Errorf("%d lamps obeyed after a power cut", n)
		}
		// Whom a lamp lets in outlives the power cut too.
		lamps[1].PermitJoin(m.now, time.Hour)
		sensor.restart(nil)
		for _, s := range lamps[:3] {
			m.wall(s, sensor, true)
		}
		m.run(5*time.Minute, sensor.isUp)
		m.checkCounters()
	}
}

// A network is a network even when its founder is alone for long.
func TestDistributedFounderAlone(t *testing.T) {
	m := newMedium(t, 1)
	lamp := formed(m)
	m.run(3*time.Hour, nil)
	if !lamp.isUp() || len(eventsOf[ParentLost](lamp)) > 0 {
		t.Error("it looked for a network that is nowhere else")
	}
	if lamp.FormDistributed(m.now) == nil {
		t.Error("it formed another one beside it")
	}
	lamp.Leave(m.now)
	m.run(5*time.Second, func() bool { return len(eventsOf[Left](lamp)) == 1 })
	if lamp.leaderless() || lamp.FormDistributed(m.now) != nil {
		t.Error("it cannot form one after it has left its own")
	}
	m.run(10*time.Second, lamp.isUp)
}

// Without a trust centre, too, nobody gets the network key but under the key of a label
// that a lamp was given.
func TestDistributedTurnsStrangersAway(t *testing.T) {
	for name, c := range map[string]struct {
		expected, own int // codes
		open          bool
		associates    bool
	}{
		"known":             {1, 1, true, true},
		"wrong code":        {1, 2, true, true},
		"not expected":      {-1, 1, true, false},
		"closed":            {1, 1, false, false},
		"expected no more":  {-2, 1, true, false},
		"of another's lamp": {-3, 1, true, false},
	} {
		m := newMedium(t, 3)
		founder := formed(m)
		if c.expected >= 0 || c.expected == -2 {
			if err := founder.Allow(lampAddress+1, code(t, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if c.expected == -2 {
			founder.Disallow(lampAddress + 1)
		}
		if c.expected == -3 {
			founder.letIn(lampAddress+2, code(t, 1))
		}
		if c.open {
			founder.PermitJoin(m.now, time.Hour)
		}
		from := len(m.sent)
		lamp := m.add("stranger", m.config(Router, lampAddress+1, code(t, c.own)))
		lamp.Start(m.now)
		m.run(30*time.Second, nil)
		if lamp.isUp() != (name == "known") {
			t.Errorf("%s: up %v", name, lamp.isUp())
		}
		keys := unsecuredKeys(t, m.sent[from:])
		if (len(keys) > 0) != c.associates {
			t.Errorf("%s: %d network keys were sent", name, len(keys))
		}
		for _, k := range keys {
			if opensKey(t, k, defaultKey) || opensKey(t, k, distributedKey) || !opensKey(t, k, code(t, 1).LinkKey()) {
				t.Errorf("%s: the network key is not under the key of the label, or not alone", name)
			}
		}
	}
}

// distributedKey is the global link key of certified products without a trust centre
// (05-3474-22, 4.4.1; it is printed in every vendor's manual).
var distributedKey = zigbee.NewLinkKey([16]byte{
	0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
})

// unsecuredKeys returns the APS frames that went without network security.
func unsecuredKeys(t *testing.T, sent []sniffed) (list [][]byte) {
	t.Helper()
	for _, f := range sent {
		h, npdu, err := mac.Parse(f.frame)
		if err != nil || h.Type != mac.TypeData {
			continue
		}
		if n, apdu, err := nwk.ParseHeader(npdu); err == nil && !n.Secured {
			list = append(list, apdu)
		}
	}
	return list
}

// opensKey reports whether a link key opens a transport-key command.
func opensKey(t *testing.T, apdu []byte, k zigbee.LinkKey) bool {
	t.Helper()
	_, secured, err := aps.ParseHeader(apdu)
	if err != nil {
		t.Fatal(err)
	}
	aux, _, err := zigbee.ParseAux(secured)
	if err != nil {
		t.Fatal(err)
	}
	_, err = zigbee.NewEnvelope(k.KeyTransport()).Open(bytes.Clone(apdu), len(apdu)-len(secured), aux, aux.Source)
	return err == nil
}

// The key of a network without trust centre counts only as that of another does: while
// it is waited for, for this node, under the key of its label.
func TestDistributedKeyPolicy(t *testing.T) {
	fresh := func() *station { _, lamp := joining(t, awaitKey); return lamp }
	truth := func() received {
		return received{nwk.Indication{}, aps.Indication{
			Use: aps.Joining, Key: zigbee.KeyTransport, Source: lampAddress + 9,
			Command: aps.Command{
				ID: aps.TransportKey, KeyType: aps.StandardNetworkKey, NetworkKey: zigbee.NewNetworkKey([16]byte{1}),
				Dst: lampAddress, Src: distributed,
			},
		}}
	}
	checkForgeries(t, fresh, truth, func(s *station) bool { return s.phase == up && s.leaderless() }, []forgery{
		{"with network security", func(r *received) { r.in.Secured = true }},
		{"under another key", func(r *received) { r.a.Use = aps.Established }},
		{"under the key itself", func(r *received) { r.a.Key = zigbee.KeyData }},
		{"for somebody else", func(r *received) { r.a.Command.Dst++ }},
		{"no key", func(r *received) { r.a.Command.NetworkKey = zigbee.NetworkKey{} }},
		{"of somebody else", func(r *received) { r.a.Command.Src-- }},
	})
}

// Nobody leads: a member that takes the coordinator's address, and says what a
// coordinator may say, moves nobody.
func TestDistributedObeysNobody(t *testing.T) {
	m := newMedium(t, 4)
	lamps, sensor := standalone(m, 3)
	insider := lamps[1]
	net := insider.nwk.Network()
	net.Short = zigbee.Coordinator
	insider.nwk.SetNetwork(net)
	insider.mac.Configure(insider.mac.Channel(), net.PAN, net.Short)
	insider.announce()
	m.run(10*time.Second, nil)
	victims := []*station{lamps[0], lamps[2], sensor}
	for _, s := range victims {
		a := s.nwk.Network().Short
		for _, rejoins := range []bool{false, true} {
			o := nwk.LeaveRequest
			if rejoins {
				o |= nwk.LeaveRejoin
			}
			insider.nwk.SendLeave(m.now, 0, a, o)
			for _, source := range []zigbee.EUI64{0, s.cfg.EUI64} {
				insider.sendZDO(a, zdo.MgmtLeave, zdo.MgmtLeaveReq{Seq: 9, Device: source, Rejoin: rejoins}.Append(nil))
			}
			insider.pump()
			m.run(10*time.Second, nil)
		}
	}
	for _, s := range victims[:2] { // nor is there one whose address is all ones
		for i, source := range []zigbee.EUI64{distributed, insider.cfg.EUI64} {
			s.Receive(m.now, leaveIn(s, insider, source, uint32(1<<30+i)), 200)
		}
	}
	insider.sendZDO(zigbee.Broadcast, zdo.MgmtNWKUpdate,
		zdo.MgmtNWKUpdateReq{Channels: zigbee.Channels(otherChannel(insider)), Duration: zdo.ChangeChannel, UpdateID: 1}.Append(nil))
	insider.nwk.SendUpdate(m.now, nwk.Update{Extended: net.Extended, UpdateID: 1, PAN: net.PAN + 1})
	insider.pump()
	m.run(30*time.Second, nil)
	for i, s := range victims {
		if !s.isUp() || len(eventsOf[Left](s))+len(eventsOf[ParentLost](s))+len(eventsOf[NetworkChanged](s)) > 0 || s.Filter().PANID != net.PAN {
			t.Errorf("victim %d obeyed: %v", i, s.events)
		}
		if s != sensor && s.Counters().NWK.Refused == 0 {
			t.Errorf("victim %d refused nothing", i)
		}
	}
}

// leaveIn is a request to leave in the name of nobody's address, secured by an insider
// as source.
func leaveIn(s, insider *station, source zigbee.EUI64, counter uint32) []byte {
	f, from := s.Filter(), insider.nwk.Network().Short
	b := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeData, Compress: true, Ack: true, Seq: uint8(counter), Dst: mac.Short(f.PANID, f.Short), Src: mac.Short(f.PANID, from),
	})
	start := len(b)
	b = nwk.AppendHeader(b, nwk.Header{Secured: true, Dst: f.Short, Src: from, SrcEUI64: distributed, Radius: 1, Seq: uint8(counter)})
	apdu := aps.AppendHeader(nil, aps.Header{Cluster: uint16(zdo.MgmtLeave), Profile: zdo.Profile, Counter: uint8(counter)})
	apdu = append(apdu, zdo.MgmtLeaveReq{Seq: 9, Device: s.cfg.EUI64}.Append(nil)...)
	_, key, _ := s.nwk.Key()
	aux := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: counter, HasSource: true, Source: source}
	return zigbee.NewEnvelope(key).Secure(b, start, aux, source, apdu)
}

// Credentials that are handed over make members, without a word on the air; a key that
// follows is handed over likewise, and who was not given it is shut out.
func TestOutOfBand(t *testing.T) {
	m := newMedium(t, 8)
	founder := formed(m)
	c, err := founder.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	lamps := []*station{founder}
	for i := range 3 {
		lamps = append(lamps, m.lamp(1+i))
	}
	sensor := m.sensor(0)
	m.wall(sensor, lamps[3], true) // who will be stolen is not its parent
	from := len(m.sent)
	for _, s := range append(slices.Clone(lamps[1:]), sensor) {
		if err := s.Commission(m.now, c); err != nil {
			t.Fatal(err)
		}
	}
	if sensor.isUp() { // asleep and without a parent it is a member too
		t.Error("a sensor is up without a parent")
	}
	orphan := sensor.State()
	if again, err := ParseState(orphan.Append(nil)); err != nil || !again.isOrphan() {
		t.Errorf("the state of a sensor without a parent: %v", err)
	}
	m.run(time.Minute, sensor.isUp)
	if len(unsecuredKeys(t, m.sent[from:])) != 0 {
		t.Error("a network key was on the air")
	}
	m.run(40*time.Second, nil) // they get to know one another by their link states
	for _, s := range lamps {
		if err := s.AddGroup(1, 7); err != nil {
			t.Fatal(err)
		}
	}
	if n := press(m, sensor, 7, lamps); n != 4 {
		t.Errorf("%d lamps obeyed", n)
	}

	stolen := lamps[3]
	next := c
	next.KeySequence, next.Key = c.KeySequence+1, zigbee.NewNetworkKey([16]byte{42})
	for _, s := range append(slices.Clone(lamps[:3]), sensor) {
		if err := s.Commission(m.now, next); err != nil {
			t.Fatal(err)
		}
	}
	m.run(time.Second, nil)
	lamps[1].restart(&lamps[1].kept)
	m.run(5*time.Second, nil)
	if !founder.UseNextKey(m.now) || founder.UseNextKey(m.now) {
		t.Error("the next key is not used, or twice")
	}
	m.run(time.Minute, haveKey(next.KeySequence, lamps[0], lamps[1], lamps[2], sensor))
	m.run(11*time.Second, nil)
	if n := press(m, sensor, 7, lamps); n != 3 || len(eventsOf[DataIndication](stolen)) > 0 {
		t.Errorf("%d lamps obeyed; the stolen one got %v", n, eventsOf[DataIndication](stolen))
	}
	if n := press(m, stolen, 7, lamps); n != 0 {
		t.Errorf("%d lamps obeyed who was shut out", n)
	}
	m.checkCounters()
}

func TestCommissionRefuses(t *testing.T) {
	m := newMedium(t, 2)
	tc, lamps := joinAll(m, 1)
	founder := m.lamp(5)
	if _, err := founder.Credentials(); !errors.Is(err, ErrNotUp) {
		t.Error(err)
	}
	if tc.FormDistributed(m.now) == nil {
		t.Error("a coordinator formed a network without one")
	}
	if err := founder.FormDistributed(m.now); err != nil {
		t.Fatal(err)
	}
	m.run(10*time.Second, founder.isUp)
	good, err := founder.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lamps[0].Credentials(); !errors.Is(err, errHasTC) {
		t.Errorf("the key of a trust centre was given away: %v", err)
	}
	if tc.Commission(m.now, good) == nil || lamps[0].Commission(m.now, good) == nil || lamps[0].Allow(lampAddress+7, code(t, 7)) == nil {
		t.Error("a member of a network with a trust centre was made another's")
	}
	fresh := m.lamp(6)
	for name, change := range map[string]func(*Credentials){
		"channel":         func(c *Credentials) { c.Channel = 10 },
		"identifier":      func(c *Credentials) { c.PANID = zigbee.BroadcastPAN },
		"none":            func(c *Credentials) { c.ExtendedPANID = 0 },
		"all ones":        func(c *Credentials) { c.ExtendedPANID = 1<<64 - 1 },
		"no key":          func(c *Credentials) { c.Key = zigbee.NetworkKey{} },
		"another network": func(c *Credentials) { c.ExtendedPANID++ },
		"same sequence":   func(c *Credentials) { c.Key = zigbee.NewNetworkKey([16]byte{1}) },
		"same key":        func(c *Credentials) { c.KeySequence++ },
	} {
		c := good
		change(&c)
		s := fresh
		if name == "another network" || name == "same sequence" || name == "same key" {
			s = founder
		}
		if s.Commission(m.now, c) == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if founder.Commission(m.now, good) != nil || founder.UseNextKey(m.now) {
		t.Error("its own credentials are news to it")
	}
	for i := range MaxExpected {
		if err := founder.Allow(lampAddress+zigbee.EUI64(100+i), code(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	if founder.Allow(lampAddress+99, code(t, 99)) == nil || founder.Allow(lampAddress+100, code(t, 3)) != nil {
		t.Error("the list of the expected is unbounded, or cannot be mended when it is full")
	}
}
