package stack

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// keyOf returns the sequence number of the active network key.
func keyOf(s *station) (uint8, zigbee.NetworkKey) {
	seq, k, _ := s.nwk.Key()
	return seq, k
}

func haveKey(seq uint8, nodes ...*station) func() bool {
	return func() bool {
		return !slices.ContainsFunc(nodes, func(s *station) bool { got, _ := keyOf(s); return got != seq })
	}
}

// opens returns how many of the frames a network key opens, and how many are secured.
func opens(t *testing.T, key zigbee.NetworkKey, frames []sniffed) (opened, secured int) {
	t.Helper()
	for _, f := range frames {
		h, npdu, err := mac.Parse(f.frame)
		if err != nil || h.Type != mac.TypeData {
			continue
		}
		n, rest, err := nwk.ParseHeader(npdu)
		if err != nil || !n.Secured {
			continue
		}
		secured++
		aux, _, err := zigbee.ParseAux(rest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := zigbee.NewEnvelope(key).Open(bytes.Clone(npdu), len(npdu)-len(rest), aux, aux.Source); err == nil {
			opened++
		}
	}
	return opened, secured
}

func TestRotation(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 4)
	m.run(5*time.Second, nil)
	_, old := keyOf(tc)
	from := len(m.sent)
	if err := tc.RotateNetworkKey(m.now); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, func() bool { return len(eventsOf[NetworkKeyChanged](tc)) == 1 })
	if e := eventsOf[NetworkKeyChanged](tc)[0]; e.Sequence != 1 || len(e.Without) != 0 {
		t.Errorf("%v", e)
	}
	m.run(formerKeyLife+time.Second, nil)
	_, key := keyOf(tc)
	for _, s := range m.nodes {
		if seq, k := keyOf(s); seq != 1 || !k.Equal(key) || k.Equal(old) {
			t.Errorf("%s has key %d", s.name, seq)
		}
		if c := s.Counters(); c.Policy+c.NWK.Forged+c.NWK.Replayed+c.APS.Forged != 0 {
			t.Errorf("%s: %+v", s.name, c)
		}
	}
	// The keys went out one by one, none of them readable with the former network key.
	raw := key.Bytes()
	for _, f := range m.sent[from:] {
		if bytes.Contains(f.frame, raw[:]) {
			t.Error("the key is in the clear")
		}
	}
	after := len(m.sent)
	for i := range lamps {
		r := DataRequest{Dst: addressOf(t, tc, lampAddress+zigbee.EUI64(i)), SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Ack: true, Payload: []byte{1}}
		if err := tc.send(r); err != nil {
			t.Error(err)
		}
	}
	m.run(time.Minute, nil)
	if opened, secured := opens(t, old, m.sent[after:]); opened != 0 || secured < 8 {
		t.Errorf("the former key opens %d of %d frames", opened, secured)
	}
	m.checkCounters()
}

// A lamp was stolen and obeys nobody.
func TestEvict(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 3)
	m.run(5*time.Second, nil)
	stolen, loyal := lamps[0], lamps[1:]
	replayed := slices.Clone(m.sent)
	m.drop = func(from *station, frame []byte) bool { return from == tc && stolen.isAddressed(frame) } // it does not listen
	from := len(m.sent)
	if err := tc.Evict(m.now, lampAddress); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, haveKey(1, append(loyal, tc)...))
	m.run(formerKeyLife+time.Second, nil)
	own, _ := stolen.aps.Key(tcAddress, aps.Established)
	if _, known := tc.aps.Key(lampAddress, aps.Established); known || len(tc.Devices()) != 2 {
		t.Error("the trust centre still knows it")
	}
	// What it has opens no key that was sent, and no frame from now on.
	_, theirs := keyOf(stolen)
	opened := 0
	for _, f := range m.sent[from:] {
		_, npdu, _ := mac.Parse(f.frame)
		n, rest, err := nwk.ParseHeader(npdu)
		if err != nil || !n.Secured {
			continue
		}
		aux, _, _ := zigbee.ParseAux(rest)
		apdu, err := zigbee.NewEnvelope(theirs).Open(bytes.Clone(npdu), len(npdu)-len(rest), aux, aux.Source)
		if err != nil {
			continue
		}
		a, secured, err := aps.ParseHeader(apdu)
		if err != nil || !a.Secured || a.Type != aps.TypeCommand {
			continue
		}
		inner, _, _ := zigbee.ParseAux(secured)
		for _, k := range []zigbee.LinkKey{own, own.KeyTransport(), code(t, 0).LinkKey().KeyTransport(), defaultKey.KeyTransport()} {
			if _, err := zigbee.NewEnvelope(k).Open(bytes.Clone(apdu), len(apdu)-len(secured), inner, inner.Source); err == nil && inner.Key == zigbee.KeyTransport {
				opened++
			}
		}
	}
	if opened != 0 {
		t.Errorf("it opens %d network keys", opened)
	}
	m.drop = nil
	after := len(m.sent)
	stolen.events = nil
	if err := tc.send(DataRequest{Dst: zigbee.BroadcastRxOn, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Payload: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, nil)
	if n, _ := opens(t, theirs, m.sent[after:]); len(eventsOf[DataIndication](stolen)) != 0 || n != sentBy(m.sent[after:], lampAddress) {
		t.Error("it hears the network")
	}
	for _, s := range append(loyal, tc) {
		before := s.Counters().NWK.UnknownKey
		s.events = nil
		for _, f := range replayed {
			s.Receive(m.now, f.frame, 200)
			s.drain()
		}
		if len(eventsOf[DataIndication](s))+len(eventsOf[DeviceAnnounced](s)) != 0 || s.Counters().NWK.UnknownKey == before {
			t.Errorf("%s hears what was said under the former key", s.name)
		}
	}
	if err := tc.Evict(m.now, lampAddress); err == nil {
		t.Error("evicted twice")
	}
	m.checkCounters()
}

// isAddressed reports whether a frame is for this station alone.
func (s *station) isAddressed(frame []byte) bool {
	h, _, err := mac.Parse(frame)
	return err == nil && h.Dst.Mode == mac.ShortAddress && h.Dst.Short == s.Filter().Short
}

// sentBy counts the secured frames of one node.
func sentBy(frames []sniffed, e zigbee.EUI64) (count int) {
	for _, f := range frames {
		_, npdu, _ := mac.Parse(f.frame)
		if n, rest, err := nwk.ParseHeader(npdu); err == nil && n.Secured {
			if aux, _, err := zigbee.ParseAux(rest); err == nil && aux.Source == e {
				count++
			}
		}
	}
	return count
}

// A lamp without power does not hold up the others, and is named.
func TestRotationWithoutOne(t *testing.T) {
	m := newMedium(t, 1)
	m.loss = 0.1
	tc, lamps := joinAll(m, 3)
	m.run(5*time.Second, nil)
	lamps[2].dead = true
	if err := tc.RotateNetworkKey(m.now); err != nil {
		t.Fatal(err)
	}
	m.run(2*switchLimit, haveKey(1, tc, lamps[0], lamps[1]))
	if e := eventsOf[NetworkKeyChanged](tc); len(e) != 1 || !slices.Equal(e[0].Without, []zigbee.EUI64{lampAddress + 2}) {
		t.Errorf("%v", e)
	}
	m.checkCounters()
}

// A lamp hears no word of the switch, and follows the others.
func TestSwitchIsFollowed(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	m.run(5*time.Second, nil)
	if err := tc.RotateNetworkKey(m.now); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, func() bool { return tc.rotation.step == switching })
	m.drop = func(_ *station, frame []byte) bool { return true }
	m.run(time.Minute, haveKey(1, tc))
	if seq, _ := keyOf(lamps[0]); seq != 0 {
		t.Fatal("it heard")
	}
	m.drop = nil
	m.run(time.Minute, haveKey(1, lamps...))
}

// A second rotation in the middle of the first leaves everybody with one key.
func TestRotationBeginsAnew(t *testing.T) {
	for frames := range 20 {
		m := newMedium(t, uint64(frames))
		tc, lamps := joinAll(m, 3)
		m.run(5*time.Second, nil)
		if err := tc.RotateNetworkKey(m.now); err != nil {
			t.Fatal(err)
		}
		from := len(m.sent)
		m.run(time.Minute, func() bool { return len(m.sent)-from >= frames })
		if err := tc.RotateNetworkKey(m.now); err != nil {
			t.Fatal(err)
		}
		m.run(time.Minute, haveKey(2, append(lamps, tc)...))
		m.checkCounters()
	}
}

// Whoever falls over, and whenever, the network ends up with one new key.
func TestRotationSurvivesPowerCuts(t *testing.T) {
	for frames := range 40 {
		for _, who := range []int{0, 1} {
			m := newMedium(t, uint64(frames))
			tc, lamps := joinAll(m, 3)
			m.run(5*time.Second, nil)
			if err := tc.RotateNetworkKey(m.now); err != nil {
				t.Fatal(err)
			}
			from := len(m.sent)
			m.run(10*time.Minute, func() bool { return len(m.sent)-from >= frames })
			victim := m.nodes[who]
			state := victim.kept
			victim.restart(&state)
			all := append(slices.Clone(lamps), tc)
			m.run(time.Minute, nil)
			for _, s := range all {
				if seq, _ := keyOf(s); seq != 1 {
					t.Fatalf("after %d frames %d: %s: phase %d rot %+v", frames, who, s.name, s.phase, s.rotation)
				}
			}
			m.run(formerKeyLife+time.Second, nil)
			_, key := keyOf(tc)
			for _, s := range all {
				if _, k := keyOf(s); !k.Equal(key) {
					t.Fatalf("after %d frames: %s has another key", frames, s.name)
				}
			}
			for i := range lamps {
				r := DataRequest{Dst: addressOf(t, tc, lampAddress+zigbee.EUI64(i)), SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Ack: true, LinkKey: true, Payload: []byte{1}}
				if err := tc.send(r); err != nil {
					t.Errorf("after %d frames: %v", frames, err)
				}
			}
			m.checkCounters()
		}
	}
}

// A lamp that lost its state counts from 0, which looks like a replay. Under another
// key it does not.
func TestLostStateComesBackAfterRotation(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	m.run(5*time.Second, nil)
	lamps[0].nwk.Resume(1 << 20)
	lamps[0].nwk.Cover(1<<20 + 100)
	m.run(time.Minute, nil)
	lamps[0].restart(nil)
	m.run(5*time.Minute, nil)
	if lamps[0].isUp() || tc.Counters().NWK.Replayed == 0 {
		t.Fatal("a node that counts from 0 is believed")
	}
	if err := tc.RotateNetworkKey(m.now); err != nil {
		t.Fatal(err)
	}
	m.run(2*switchLimit, haveKey(1, tc, lamps[1]))
	m.run(5*time.Minute, lamps[0].isUp)
	if seq, _ := keyOf(lamps[0]); seq != 1 {
		t.Errorf("key %d", seq)
	}
}

func TestRotationRefuses(t *testing.T) {
	m := newMedium(t, 1)
	_, lamps := joinAll(m, 1)
	if lamps[0].RotateNetworkKey(m.now) == nil || lamps[0].Evict(m.now, tcAddress) == nil {
		t.Error("a lamp changes the network key")
	}
	tc := m.add("another", m.config(Coordinator, tcAddress+1, zigbee.InstallCode{}))
	if tc.RotateNetworkKey(m.now) == nil {
		t.Error("a network that is not there gets a key")
	}
}

func TestNextNetworkKeyPolicy(t *testing.T) {
	fresh := func() *station { _, lamps := joinAll(newMedium(t, 1), 1); return lamps[0] }
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{
			Use: aps.Established, Key: zigbee.KeyTransport, Source: tcAddress,
			Command: aps.Command{
				ID: aps.TransportKey, KeyType: aps.StandardNetworkKey, NetworkKey: zigbee.NewNetworkKey([16]byte{1}),
				KeySequence: 1, Dst: lampAddress, Src: tcAddress,
			},
		}}
	}
	taken := func(s *station) bool { _, _, ok := s.nwk.PreparedKey(); return ok }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under the key of the label", func(r *received) { r.a.Use = aps.Joining }},
		{"under a key that is not proved", func(r *received) { r.a.Use = aps.Provisional }},
		{"as data", func(r *received) { r.a.Key = zigbee.KeyData }},
		{"from another", func(r *received) { r.a.Source++; r.a.Command.Src++ }},
		{"in the name of another", func(r *received) { r.a.Command.Src++ }},
		{"for another", func(r *received) { r.a.Command.Dst++ }},
		{"no key", func(r *received) { r.a.Command.NetworkKey = zigbee.NetworkKey{} }},
		{"of the active sequence number", func(r *received) { r.a.Command.KeySequence = 0 }},
	})
}

func TestSwitchKeyPolicy(t *testing.T) {
	fresh := func() *station {
		_, lamps := joinAll(newMedium(t, 1), 1)
		lamps[0].nwk.PrepareKey(1, zigbee.NewNetworkKey([16]byte{1}))
		return lamps[0]
	}
	truth := func() received {
		return received{nwk.Indication{Secured: true}, aps.Indication{Command: aps.Command{ID: aps.SwitchKey, KeySequence: 1}}}
	}
	taken := func(s *station) bool { seq, _ := keyOf(s); return seq == 1 }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"without the network key", func(r *received) { r.in.Secured = false }},
		{"from another", func(r *received) { r.in.Src = 5 }},
		{"to a key that is not there", func(r *received) { r.a.Command.KeySequence = 2 }},
	})
}
