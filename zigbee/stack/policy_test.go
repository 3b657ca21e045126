package stack

import (
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// received is a command as the layers hand it up.
type received struct {
	in nwk.Indication
	a  aps.Indication
}

// forgery changes one thing about a command that would be taken otherwise.
type forgery struct {
	name   string
	change func(*received)
}

// joining returns a trust centre and a lamp of its that has come to a step.
func joining(t *testing.T, s step) (tc, lamp *station) {
	t.Helper()
	m := newMedium(t, 1)
	tc = m.coordinator()
	tc.PermitJoin(m.now, time.Hour)
	if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
		t.Fatal(err)
	}
	lamp = m.lamp(0)
	m.run(time.Minute, func() bool { return lamp.join.step == s })
	return tc, lamp
}

// checkForgeries holds that the true command is taken, and none of the forged ones.
func checkForgeries(t *testing.T, fresh func() *station, truth func() received, taken func(*station) bool, forged []forgery) {
	t.Helper()
	for _, f := range append([]forgery{{"the truth", func(*received) {}}}, forged...) {
		s, r := fresh(), truth()
		f.change(&r)
		s.command(r.in, r.a)
		if want := f.name == "the truth"; taken(s) != want || (s.counters.Policy == 0) != want {
			t.Errorf("%s: taken %v, counted %d", f.name, taken(s), s.counters.Policy)
		}
	}
}

func TestNetworkKeyPolicy(t *testing.T) {
	fresh := func() *station { _, lamp := joining(t, awaitKey); return lamp }
	truth := func() received {
		return received{nwk.Indication{}, aps.Indication{
			Use: aps.Joining, Key: zigbee.KeyTransport, Source: tcAddress,
			Command: aps.Command{
				ID: aps.TransportKey, KeyType: aps.StandardNetworkKey, NetworkKey: zigbee.NewNetworkKey([16]byte{1}),
				Dst: lampAddress, Src: tcAddress,
			},
		}}
	}
	taken := func(s *station) bool { return s.phase == joined }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"under the network key", func(r *received) { r.in.Secured = true }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under an established key", func(r *received) { r.a.Use = aps.Established }},
		{"as data", func(r *received) { r.a.Key = zigbee.KeyData }},
		{"for another", func(r *received) { r.a.Command.Dst++ }},
		{"in the name of another", func(r *received) { r.a.Command.Src++ }},
		{"no key at all", func(r *received) { r.a.Command.NetworkKey = zigbee.NetworkKey{} }},
	})
	// One that comes when none is waited for.
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	for _, s := range []*station{tc, lamps[0]} {
		_, before, _ := s.nwk.Key()
		r := truth()
		s.command(r.in, r.a)
		if _, after, _ := s.nwk.Key(); !after.Equal(before) || s.counters.Policy != 1 {
			t.Error("a node in a network takes another network key")
		}
	}
}

func TestLinkKeyPolicy(t *testing.T) {
	fresh := func() *station { _, lamp := joining(t, requesting); return lamp }
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{
			Use: aps.Joining, Key: zigbee.KeyLoad, Source: tcAddress,
			Command: aps.Command{
				ID: aps.TransportKey, KeyType: aps.TrustCentreLinkKey, LinkKey: zigbee.NewLinkKey([16]byte{1}),
				Dst: lampAddress, Src: tcAddress,
			},
		}}
	}
	taken := func(s *station) bool { _, ok := s.aps.Key(tcAddress, aps.Provisional); return ok }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"as data", func(r *received) { r.a.Key = zigbee.KeyData }},
		{"from another", func(r *received) { r.a.Source++ }},
		{"for another", func(r *received) { r.a.Command.Dst++ }},
		{"a published key", func(r *received) { r.a.Command.LinkKey = defaultKey }},
	})
	_, lamp := joining(t, awaitKey)
	r := truth()
	if lamp.command(r.in, r.a); taken(lamp) || lamp.counters.Policy != 1 {
		t.Error("taken before it was asked for")
	}
}

func TestConfirmKeyPolicy(t *testing.T) {
	fresh := func() *station { _, lamp := joining(t, verifying); return lamp }
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{
			Use: aps.Provisional, Key: zigbee.KeyData, Source: tcAddress,
			Command: aps.Command{ID: aps.ConfirmKey, KeyType: aps.TrustCentreLinkKey, Dst: lampAddress},
		}}
	}
	checkForgeries(t, fresh, truth, (*station).isUp, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under the key before", func(r *received) { r.a.Use = aps.Joining }},
		{"as a key", func(r *received) { r.a.Key = zigbee.KeyLoad }},
		{"from another", func(r *received) { r.a.Source++ }},
		{"for another", func(r *received) { r.a.Command.Dst++ }},
		{"of another key", func(r *received) { r.a.Command.KeyType = aps.StandardNetworkKey }},
		{"a refusal", func(r *received) { r.a.Command.Status = 0xad }},
	})
	_, lamp := joining(t, requesting)
	r := truth()
	if lamp.command(r.in, r.a); lamp.isUp() || lamp.counters.Policy != 1 {
		t.Error("taken before anything was proved")
	}
}

// A trust centre may let a lamp keep the key of its install code: it hands over
// that very key, and confirms it under itself. zigbee-on-host does.
func TestTrustCentreKeepsTheKey(t *testing.T) {
	_, lamp := joining(t, requesting)
	tc := aps.New(tcAddress, lamp.m.random)
	tc.Resume(100)
	tc.Cover(200)
	if err := tc.SetKey(lampAddress, aps.Joining, code(t, 0).LinkKey()); err != nil {
		t.Fatal(err)
	}
	say := func(c aps.Command, id zigbee.KeyID) {
		t.Helper()
		if err := tc.SendCommand(0, 0, c, aps.Security{Use: aps.Joining, Key: id, Peer: lampAddress}, false, false); err != nil {
			t.Fatal(err)
		}
		o, _ := tc.Next()
		tc.Sent(lamp.m.now, o.ID, true)
		if a, ok := lamp.aps.Receive(lamp.m.now, aps.Incoming{SrcEUI64: tcAddress, Secured: true, Data: o.Data}); ok {
			lamp.command(nwk.Indication{Secured: true, SrcEUI64: tcAddress}, a)
		}
		lamp.checkSave()
		lamp.drain()
	}
	say(aps.Command{
		ID: aps.TransportKey, KeyType: aps.TrustCentreLinkKey, LinkKey: code(t, 0).LinkKey(), Dst: lampAddress, Src: tcAddress,
	}, zigbee.KeyLoad)
	if lamp.join.step != verifying {
		t.Fatalf("step %d", lamp.join.step)
	}
	say(aps.Command{ID: aps.ConfirmKey, KeyType: aps.TrustCentreLinkKey, Dst: lampAddress}, zigbee.KeyData)
	key, ok := lamp.aps.Key(tcAddress, aps.Established)
	if !lamp.isUp() || lamp.counters.Policy != 0 || lamp.counters.LabelKeys != 1 || !ok || !key.Equal(code(t, 0).LinkKey()) || len(lamp.aps.Keys()) != 1 {
		t.Errorf("up %v, %d refusals, %d keys", lamp.isUp(), lamp.counters.Policy, len(lamp.aps.Keys()))
	}
}

func TestRequestKeyPolicy(t *testing.T) {
	fresh := func() *station { tc, _ := joining(t, requesting); return tc }
	truth := func() received {
		return received{nwk.Indication{Secured: true, Src: 5}, aps.Indication{
			Use: aps.Joining, Key: zigbee.KeyData, Source: lampAddress,
			Command: aps.Command{ID: aps.RequestKey, KeyType: aps.TrustCentreLinkKey},
		}}
	}
	taken := func(s *station) bool { _, ok := s.aps.Key(lampAddress, aps.Provisional); return ok }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under a key that is not proved", func(r *received) { r.a.Use = aps.Provisional }},
		{"as a key", func(r *received) { r.a.Key = zigbee.KeyTransport }},
		{"from a stranger", func(r *received) { r.a.Source++ }},
	})
}

func TestVerifyKeyPolicy(t *testing.T) {
	var tc *station
	fresh := func() *station {
		tc, _ = joining(t, verifying)
		return tc
	}
	fresh()
	truth := func() received {
		key, _ := tc.aps.Key(lampAddress, aps.Provisional)
		return received{nwk.Indication{Secured: true, Src: 5, SrcEUI64: lampAddress}, aps.Indication{
			Command: aps.Command{ID: aps.VerifyKey, KeyType: aps.TrustCentreLinkKey, Src: lampAddress, Hash: key.VerifyHash()},
		}}
	}
	taken := func(s *station) bool { return s.devices[lampAddress].authorised }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"from another", func(r *received) { r.in.SrcEUI64++ }},
		{"of another", func(r *received) { r.a.Command.Src++ }},
		{"of no key", func(r *received) { r.a.Command.Hash = zigbee.LinkKey{}.VerifyHash() }},
		{"of the install code", func(r *received) { r.a.Command.Hash = code(t, 0).LinkKey().VerifyHash() }},
	})
	// Where no key was handed over, the hash of the zero key proves nothing.
	early, _ := joining(t, requesting)
	r := truth()
	r.a.Command.Hash = zigbee.LinkKey{}.VerifyHash()
	if early.command(r.in, r.a); taken(early) || early.counters.Policy != 1 {
		t.Error("a key that was never handed over is proved")
	}
}

func TestAnnouncementIsOfOneself(t *testing.T) {
	m := newMedium(t, 1)
	tc, _ := joinAll(m, 1)
	a := addressOf(t, tc, lampAddress)
	announce := func(addr zigbee.ShortAddr, from zigbee.EUI64) {
		p := zdo.Announce{Addr: addr, Device: lampAddress, Capability: zigbee.RouterCapability}.Append(nil)
		tc.receiveZDO(DataIndication{Src: a, SrcEUI64: from, Dst: zigbee.BroadcastRxOn, Cluster: uint16(zdo.DeviceAnnce)}, p)
		tc.drain()
	}
	tc.events = nil
	announce(a+1, lampAddress)
	announce(a, lampAddress+1)
	if got := addressOf(t, tc, lampAddress); got != a || len(tc.events) != 0 {
		t.Errorf("address %s, events %+v", got, tc.events)
	}
	announce(a, lampAddress)
	if len(eventsOf[DeviceAnnounced](tc)) != 1 {
		t.Error("the truth is not believed")
	}
}

// A device whose invitation was taken back may stay, and may not come again.
func TestDisallow(t *testing.T) {
	m := newMedium(t, 1)
	tc, _ := joinAll(m, 1)
	tc.Disallow(lampAddress)
	if len(tc.Devices()) != 1 {
		t.Error("the lamp is gone")
	}
	b := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeCommand, Ack: true, Seq: 99,
		Dst: mac.Short(tc.Filter().PANID, 0), Src: mac.Extended(zigbee.BroadcastPAN, lampAddress),
	})
	tc.Receive(m.now, mac.AppendCommand(b, mac.Command{ID: mac.AssociationRequest, Capability: zigbee.RouterCapability}), 200)
	tc.drain()
	if len(eventsOf[JoinRefused](tc)) != 1 {
		t.Error("the lamp may join again")
	}
}

// A state that was taken before a key came does not count as having saved it.
func TestOldStateSavesNoKey(t *testing.T) {
	m := newMedium(t, 1)
	tc := m.coordinator()
	tc.PermitJoin(m.now, time.Hour)
	if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
		t.Fatal(err)
	}
	lamp := m.lamp(0)
	m.run(time.Minute, func() bool { return lamp.join.step == requesting })
	lamp.manual = true
	old := lamp.State()
	m.run(time.Minute, func() bool { return lamp.join.step == storing })
	lamp.Saved(old)
	if lamp.join.step != storing {
		t.Fatal("the lamp proves a key that is not saved")
	}
	old = tc.State()
	tc.drain()
	tc.manual = true
	lamp.manual = false
	lamp.Saved(lamp.State())
	m.run(time.Minute, func() bool { return tc.devices[lampAddress].authorised })
	tc.Saved(old)
	m.run(2*time.Second, nil)
	if lamp.isUp() || len(eventsOf[DeviceAuthorised](tc)) != 0 {
		t.Fatal("the trust centre confirms a key that is not saved")
	}
	tc.Saved(tc.State())
	m.run(time.Minute, lamp.isUp)
}

// What a node has heard is saved at least every so often, though it says little: a reset
// without a last moment makes that much old again, and no more.
func TestStateIsSavedEverySoOften(t *testing.T) {
	m := newMedium(t, 1)
	lamp := formed(m)
	before := lamp.Counters().Saves
	const hours = 3
	m.run(hours*time.Hour, nil)
	if saves := lamp.Counters().Saves - before; saves < hours*uint64(time.Hour/saveEvery)-1 || saves > 2*hours*uint64(time.Hour/saveEvery) {
		t.Errorf("saved %d times in %d hours", saves, hours)
	}
	s := m.lamp(7) // on no network: there is nothing to lose
	before = s.Counters().Saves
	m.run(hours*time.Hour, nil)
	if saves := s.Counters().Saves - before; saves != 0 {
		t.Errorf("a node without a network saved %d times", saves)
	}
}
