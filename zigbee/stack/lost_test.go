package stack

import (
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// sleepThrough returns a network with a new key, and a lamp that was without power
// meanwhile.
func sleepThrough(t *testing.T) (m *medium, tc, awake, lamp *station) {
	t.Helper()
	m = newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	tc.PermitJoin(m.now, 0)
	m.run(5*time.Second, nil)
	lamps[1].dead = true
	state := lamps[1].kept
	if err := tc.RotateNetworkKey(m.now); err != nil {
		t.Fatal(err)
	}
	m.run(2*switchLimit, haveKey(1, tc, lamps[0]))
	m.run(time.Minute, nil)
	lamps[1].restart(&state)
	return m, tc, lamps[0], lamps[1]
}

// A lamp without power misses the new key, and gets it under its own link key while
// the network is closed.
func TestLostKey(t *testing.T) {
	for _, through := range []string{"the trust centre", "a lamp"} {
		t.Run(through, func(t *testing.T) {
			m, tc, awake, lamp := sleepThrough(t)
			m.drop = func(from *station, frame []byte) bool { // only link status of the one is heard by chance
				h, _, err := mac.Parse(frame)
				return err == nil && h.Dst.Short == zigbee.Broadcast && (from == tc) == (through == "a lamp")
			}
			m.run(5*time.Minute, haveKey(1, lamp))
			m.drop = nil
			_, key := keyOf(tc)
			if _, k := keyOf(lamp); !k.Equal(key) || !lamp.isUp() {
				t.Error("another key")
			}
			m.run(5*time.Second, nil)
			r := DataRequest{Dst: addressOf(t, tc, lampAddress+1), SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Ack: true, LinkKey: true, Payload: []byte{1}}
			if err := tc.send(r); err != nil {
				t.Error(err)
			}
			if tc.Counters().JoinsRefused+awake.Counters().JoinsRefused != 0 {
				t.Error("refused")
			}
			m.checkCounters()
		})
	}
}

// One that was evicted asks in vain.
func TestEvictedAsksInVain(t *testing.T) {
	m, tc, _, lamp := sleepThrough(t)
	if err := tc.Evict(m.now, lampAddress+1); err != nil {
		t.Fatal(err)
	}
	m.run(10*time.Minute, nil)
	if seq, _ := keyOf(lamp); seq != 0 || tc.Counters().JoinsRefused == 0 {
		t.Errorf("key %d, %d refused", seq, tc.Counters().JoinsRefused)
	}
	m.checkCounters()
}

func TestLostKeyPolicy(t *testing.T) {
	fresh := func() *station {
		m := newMedium(t, 1)
		_, lamps := joinAll(m, 1)
		lamps[0].askForKey(zigbee.Coordinator)
		if !lamps[0].lost.until.After(m.now) {
			t.Fatal("did not ask")
		}
		return lamps[0]
	}
	truth := func() received {
		return received{nwk.Indication{}, aps.Indication{
			Use: aps.Established, Key: zigbee.KeyTransport, Source: tcAddress,
			Command: aps.Command{
				ID: aps.TransportKey, KeyType: aps.StandardNetworkKey, NetworkKey: zigbee.NewNetworkKey([16]byte{1}),
				KeySequence: 1, Dst: lampAddress, Src: tcAddress,
			},
		}}
	}
	taken := func(s *station) bool { seq, _ := keyOf(s); return seq == 1 }
	checkForgeries(t, fresh, truth, taken, []forgery{
		{"under no key", func(r *received) { r.a.Use = 0 }},
		{"under the key of the label", func(r *received) { r.a.Use = aps.Joining }},
		{"under a key that is not proved", func(r *received) { r.a.Use = aps.Provisional }},
		{"as data", func(r *received) { r.a.Key = zigbee.KeyData }},
		{"from another", func(r *received) { r.a.Source++; r.a.Command.Src++ }},
		{"in the name of another", func(r *received) { r.a.Command.Src++ }},
		{"for another", func(r *received) { r.a.Command.Dst++ }},
		{"no key", func(r *received) { r.a.Command.NetworkKey = zigbee.NetworkKey{} }},
	})
	// One that nobody asked for, or that comes too late.
	_, lamps := joinAll(newMedium(t, 1), 1)
	r := truth()
	if lamps[0].command(r.in, r.a); taken(lamps[0]) || lamps[0].counters.Policy != 1 {
		t.Error("taken without being asked for")
	}
	late := fresh()
	late.now = late.now.Add(lostAnswer)
	if late.command(r.in, r.a); taken(late) {
		t.Error("taken too late")
	}
}

// Frames under a key that nobody has make a lamp ask now and then, and nothing else.
func TestStrangeKeysDoNotDisturb(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	m.run(5*time.Second, nil)
	key := zigbee.NewNetworkKey([16]byte{7})
	asked := map[uint8]bool{}
	for i := range 600 {
		f := insiderFrame(lamps[0].Node, key, []byte{1, 2, 3}, 0)
		nh, _, _ := nwk.ParseHeader(f[9:])
		b := append([]byte(nil), f[:9]...)
		b[2] = byte(i)
		b = nwk.AppendHeader(b, nh)
		aux := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: uint32(i), HasSource: true, Source: 0x99, KeySequence: 3}
		lamps[0].Receive(m.now, append(zigbee.AppendAux(b, aux), make([]byte, 12)...), 200)
		m.run(time.Second, nil)
	}
	for _, s := range m.sent {
		h, npdu, err := mac.Parse(s.frame)
		if err != nil || h.Type != mac.TypeData {
			continue
		}
		if n, _, err := nwk.ParseHeader(npdu); err == nil && !n.Secured && n.Type == nwk.TypeCommand {
			asked[n.Seq] = true
		}
	}
	if seq, _ := keyOf(lamps[0]); seq != 0 || !lamps[0].isUp() || lamps[0].Counters().NWK.UnknownKey < 500 {
		t.Errorf("key %d", seq)
	}
	if len(asked) == 0 || len(asked) > 8 {
		t.Errorf("asked %d times in ten minutes", len(asked))
	}
	if err := tc.send(DataRequest{Dst: addressOf(t, tc, lampAddress), SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Ack: true, Payload: []byte{1}}); err != nil {
		t.Error(err)
	}
}
