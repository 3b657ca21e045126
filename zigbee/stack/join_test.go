package stack

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

func TestJoinByInstallCode(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 3)
	devices := tc.Devices()
	if len(devices) != 3 {
		t.Fatalf("%d devices", len(devices))
	}
	seen := map[zigbee.ShortAddr]bool{}
	for i, d := range devices {
		lamp := lamps[i]
		if !d.Authorised || d.EUI64 != lamp.cfg.EUI64 || seen[d.Short] || d.Short == 0 {
			t.Errorf("device %+v", d)
		}
		seen[d.Short] = true
		net := eventsOf[NetworkUp](lamp)
		if len(net) != 1 || net[0].Short != d.Short || net[0].ExtendedPANID != tc.nwk.Network().Extended {
			t.Errorf("network up: %+v", net)
		}
		if a, ok := tc.Lookup(d.EUI64); !ok || a != d.Short {
			t.Errorf("lookup: %v %v", a, ok)
		}
		theirs, ok1 := tc.aps.Key(d.EUI64, aps.Established)
		ours, ok2 := lamp.aps.Key(tcAddress, aps.Established)
		if !ok1 || !ok2 || !theirs.Equal(ours) || theirs.Equal(code(t, i).LinkKey()) {
			t.Error("no link key of its own")
		}
		if _, still := lamp.aps.Key(tcAddress, aps.Joining); still {
			t.Error("the join key is still there")
		}
	}
	if got := eventsOf[DeviceAnnounced](tc); len(got) != 3 {
		t.Errorf("%d announcements", len(got))
	}
	m.checkCounters()
	for _, s := range m.nodes {
		c := s.Counters()
		if c.MAC.Malformed+c.NWK.Malformed+c.APS.Malformed+c.NWK.Forged+c.NWK.Replayed+c.APS.Forged+c.APS.Replayed+c.Policy != 0 {
			t.Errorf("%s: %+v", s.name, c)
		}
	}
}

func TestNetworksAreRandom(t *testing.T) {
	a, b := newMedium(t, 1).coordinator(), newMedium(t, 2).coordinator()
	_, ka, _ := a.nwk.Key()
	_, kb, _ := b.nwk.Key()
	if ka.Equal(kb) || ka.IsZero() || a.nwk.Network() == b.nwk.Network() {
		t.Error("two networks have a key or an identifier in common")
	}
	if f := a.Filter(); f.Channel != 11 && f.Channel != 15 || f.PANID == zigbee.BroadcastPAN || f.Short != zigbee.Coordinator {
		t.Errorf("%+v", f)
	}
}

func TestWrongInstallCode(t *testing.T) {
	m := newMedium(t, 1)
	tc := m.coordinator()
	tc.PermitJoin(m.now, time.Hour)
	if err := tc.Allow(lampAddress, code(t, 99)); err != nil {
		t.Fatal(err)
	}
	lamp := m.lamp(0)
	m.run(time.Minute, func() bool { return len(eventsOf[JoinRefused](tc)) > 0 && len(eventsOf[JoinFailed](lamp)) > 0 })
	if e := eventsOf[JoinRefused](tc)[0]; e.EUI64 != lampAddress || !strings.Contains(e.Reason, "install code") {
		t.Errorf("%+v", e)
	}
	m.run(10*time.Minute, nil)
	if _, _, has := lamp.nwk.Key(); has || lamp.isUp() || lamp.Counters().APS.Forged == 0 {
		t.Error("the lamp got in")
	}
	if len(eventsOf[DeviceAuthorised](tc)) > 0 {
		t.Error("the lamp was authorised")
	}
}

func TestUnlistedDevice(t *testing.T) {
	m := newMedium(t, 1)
	tc := m.coordinator()
	tc.PermitJoin(m.now, time.Hour)
	lamp := m.lamp(0)
	m.run(time.Minute, func() bool { return len(eventsOf[JoinFailed](lamp)) > 0 })
	if e := eventsOf[JoinRefused](tc); len(e) == 0 || e[0].EUI64 != lampAddress {
		t.Errorf("%+v", e)
	}
	if len(tc.Devices()) > 0 {
		t.Error("the lamp is in the table")
	}
	// Once it is listed it comes by itself; once it is not, it may not come again.
	if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
		t.Fatal(err)
	}
	m.run(5*time.Minute, lamp.isUp)
}

func TestClosedNetwork(t *testing.T) {
	m := newMedium(t, 1)
	tc := m.coordinator()
	if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
		t.Fatal(err)
	}
	tc.PermitJoin(m.now, 100*time.Millisecond)
	m.run(time.Second, nil)
	lamp := m.lamp(0)
	m.run(time.Minute, func() bool { return len(eventsOf[JoinFailed](lamp)) > 2 })
	for _, f := range m.sent {
		if h, payload, err := mac.Parse(f.frame); err == nil && h.Type == mac.TypeBeacon {
			if b, err := mac.ParseBeacon(payload); err != nil || b.Permit {
				t.Fatal("a closed network says that it is open")
			}
		}
	}
	// A device that asks all the same is refused.
	b := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeCommand, Ack: true, Seq: 1,
		Dst: mac.Short(tc.Filter().PANID, 0), Src: mac.Extended(zigbee.BroadcastPAN, lampAddress),
	})
	tc.Receive(m.now, mac.AppendCommand(b, mac.Command{ID: mac.AssociationRequest, Capability: zigbee.RouterCapability}), 200)
	tc.drain()
	if e := eventsOf[JoinRefused](tc); len(e) != 1 || !strings.Contains(e[0].Reason, "not permitted") {
		t.Errorf("%+v", e)
	}
}

var defaultKey = zigbee.NewLinkKey([16]byte([]byte("ZigBeeAlliance09")))

// forgeNetworkKey makes the frame with which a trust centre hands over a network key.
func forgeNetworkKey(t *testing.T, lamp *station, protection zigbee.LinkKey, key zigbee.KeyID) []byte {
	t.Helper()
	rogue := aps.New(tcAddress, lamp.m.random)
	rogue.Cover(10)
	if err := rogue.SetKey(lampAddress, aps.Joining, protection); err != nil {
		t.Fatal(err)
	}
	s := aps.Security{Use: aps.Joining, Key: key, Peer: lampAddress}
	if protection.IsZero() {
		s = aps.Security{}
	}
	c := aps.Command{
		ID: aps.TransportKey, KeyType: aps.StandardNetworkKey,
		NetworkKey: zigbee.NewNetworkKey([16]byte{1, 2, 3}), Dst: lampAddress, Src: tcAddress,
	}
	if err := rogue.SendCommand(0, 0, c, s, false, true); err != nil {
		t.Fatal(err)
	}
	o, _ := rogue.Next()
	f := lamp.Filter()
	b := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeData, Compress: true, Ack: true, Seq: 77, Dst: mac.Short(f.PANID, f.Short), Src: mac.Short(f.PANID, 0),
	})
	b = nwk.AppendHeader(b, nwk.Header{Dst: f.Short, Radius: 1, Seq: 9})
	return append(b, o.Data...)
}

func waitsForKey(s *station) bool { return s.join.step == awaitKey }

// A lamp takes a network key only under the key of its own label.
func TestLampRefusesOtherKeys(t *testing.T) {
	for _, c := range []struct {
		name  string
		key   zigbee.LinkKey
		id    zigbee.KeyID
		taken bool
	}{
		{"its install code", code(t, 0).LinkKey(), zigbee.KeyTransport, true},
		{"the well-known default key", defaultKey, zigbee.KeyTransport, false},
		{"the default key, as data", defaultKey, zigbee.KeyData, false},
		{"another install code", code(t, 1).LinkKey(), zigbee.KeyTransport, false},
		{"its install code, as data", code(t, 0).LinkKey(), zigbee.KeyData, false},
		{"its install code, as key load", code(t, 0).LinkKey(), zigbee.KeyLoad, false},
		{"no key", zigbee.LinkKey{}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMedium(t, 1)
			tc := m.coordinator()
			tc.PermitJoin(m.now, time.Hour)
			if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
				t.Fatal(err)
			}
			lamp := m.lamp(0)
			m.run(time.Minute, func() bool { return waitsForKey(lamp) })
			lamp.Receive(m.now, forgeNetworkKey(t, lamp, c.key, c.id), 200)
			if _, _, has := lamp.nwk.Key(); has != c.taken {
				t.Errorf("taken: %v", has)
			}
		})
	}
}

// Nobody who knows the published keys can read the network key off the air.
func TestDefaultKeyOpensNothing(t *testing.T) {
	m := newMedium(t, 1)
	_, _ = joinAll(m, 2)
	_, key, _ := m.nodes[0].nwk.Key()
	raw := key.Bytes()
	handed := 0
	for _, f := range m.sent {
		h, npdu, err := mac.Parse(f.frame)
		if err != nil || h.Type != mac.TypeData {
			continue
		}
		n, apdu, err := nwk.ParseHeader(npdu)
		if err != nil || n.Secured {
			continue
		}
		handed++
		_, secured, err := aps.ParseHeader(apdu)
		if err != nil {
			t.Fatal(err)
		}
		aux, _, err := zigbee.ParseAux(secured)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []zigbee.LinkKey{defaultKey, defaultKey.KeyTransport(), defaultKey.KeyLoad(), {}} {
			if _, err := zigbee.NewEnvelope(k).Open(slices.Clone(apdu), len(apdu)-len(secured), aux, aux.Source); err == nil {
				t.Error("a published key opens the network key")
			}
		}
		if strings.Contains(string(f.frame), string(raw[:])) {
			t.Error("the network key is in the clear")
		}
	}
	if handed != 2 {
		t.Errorf("%d network keys handed over", handed)
	}
}

func TestJoinThroughLoss(t *testing.T) {
	for seed := range uint64(5) {
		m := newMedium(t, seed)
		m.loss = 0.25
		_, _ = joinAll(m, 8)
		m.checkCounters()
	}
}

// Whatever frame of a join is lost for good, the next attempt succeeds.
func TestJoinRecovers(t *testing.T) {
	for lost := range 14 {
		m := newMedium(t, 3)
		tc := m.coordinator()
		tc.PermitJoin(m.now, time.Hour)
		if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
			t.Fatal(err)
		}
		lamp := m.lamp(0)
		count, last := 0, ""
		m.drop = func(_ *station, frame []byte) bool {
			if string(frame) != last {
				count, last = count+1, string(frame)
			}
			return count == lost
		}
		m.run(10*time.Minute, func() bool { return lamp.isUp() && len(eventsOf[DeviceAuthorised](tc)) > 0 })
		m.checkCounters()
	}
}

func TestLateDeviceIsTurnedAway(t *testing.T) {
	m := newMedium(t, 1)
	tc := m.coordinator()
	tc.PermitJoin(m.now, time.Hour)
	if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
		t.Fatal(err)
	}
	lamp := m.lamp(0)
	m.run(time.Minute, func() bool { return lamp.phase == joined })
	lamp.dead = true
	m.run(time.Minute, func() bool { return len(eventsOf[JoinRefused](tc)) > 0 })
	if len(tc.Devices()) > 0 || tc.Counters().JoinsFailed != 1 {
		t.Errorf("%+v", tc.Devices())
	}
}

func TestRemove(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	if err := tc.Remove(m.now, lampAddress); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, func() bool { return len(eventsOf[Left](lamps[0])) == 1 })
	m.run(5*time.Minute, nil)
	if lamps[0].isUp() || !lamps[1].isUp() || len(tc.Devices()) != 1 || len(eventsOf[DeviceLeft](tc)) != 1 {
		t.Errorf("devices %+v", tc.Devices())
	}
	if err := tc.Remove(m.now, lampAddress); err == nil {
		t.Error("removed twice")
	}
	if _, ok := tc.aps.Key(lampAddress, aps.Established); ok {
		t.Error("its key is still there")
	}
	m.checkCounters()
}

// A lamp obeys nobody but the trust centre.
func TestLeaveFromALamp(t *testing.T) {
	m := newMedium(t, 1)
	_, lamps := joinAll(m, 2)
	m.run(5*time.Second, nil)
	victim, ok := lamps[1].Lookup(lampAddress)
	if !ok {
		t.Fatal("the lamps do not know each other")
	}
	lamps[1].nwk.SendLeave(m.now, 0, victim, nwk.LeaveRequest)
	m.run(10*time.Second, nil)
	if !lamps[0].isUp() || lamps[0].Counters().NWK.Refused == 0 {
		t.Error("a lamp made another leave")
	}
}

func TestLampLeavesByItself(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	lamps[0].Leave(m.now)
	m.run(time.Minute, func() bool { return len(eventsOf[DeviceLeft](tc)) == 1 })
	m.run(5*time.Minute, lamps[0].isUp) // it is still allowed, and comes back
	m.checkCounters()
}

func TestAllowRefuses(t *testing.T) {
	m := newMedium(t, 1)
	tc := m.coordinator()
	for name, err := range map[string]error{
		"no code":      tc.Allow(lampAddress, zigbee.InstallCode{}),
		"no device":    tc.Allow(0, code(t, 0)),
		"itself":       tc.Allow(tcAddress, code(t, 0)),
		"not a centre": m.lamp(0).Allow(lampAddress+1, code(t, 0)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for i := range MaxDevices {
		if err := tc.Allow(lampAddress+zigbee.EUI64(i), code(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	if tc.Allow(lampAddress+MaxDevices, code(t, 0)) == nil {
		t.Error("the table has no limit")
	}
	tc.Disallow(lampAddress)
	if err := tc.Allow(lampAddress+MaxDevices, code(t, 0)); err != nil {
		t.Error(err)
	}
}

// Who joins through the coordinator has it as a neighbour with the network key, before
// it can have heard a secured frame of it: its first link status must not leave it out.
func TestCoordinatorIsANeighbourAtOnce(t *testing.T) {
	m := newMedium(t, 5)
	tc := m.coordinator()
	tc.PermitJoin(m.now, time.Hour)
	if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
		t.Fatal(err)
	}
	lamp := m.lamp(0)
	m.run(time.Minute, func() bool { return lamp.phase == joined })
	if list := lamp.nwk.Neighbours(m.now); len(list) != 1 || list[0].Short != zigbee.Coordinator || lamp.Counters().NWK.Opened > 0 {
		t.Errorf("with the key, its neighbours are %+v", list)
	}
}
