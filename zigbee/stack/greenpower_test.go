package stack

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zcl"
)

// harvester is a switch in the air of a test.
type harvester struct {
	id      gp.ID
	key     gp.Key
	counter uint32
}

func newHarvester(i int) *harvester {
	var k [zigbee.KeySize]byte
	copy(k[:], "a switch's key")
	k[15] = byte(i)
	return &harvester{id: gp.ID{Source: gp.SourceID(0x100 + i)}, key: gp.NewKey(k), counter: 100}
}

func (h *harvester) frame(f gp.Frame) []byte {
	b := mac.AppendHeader(nil, mac.Header{Type: mac.TypeData, Seq: uint8(h.counter), Dst: mac.Short(zigbee.BroadcastPAN, zigbee.Broadcast)})
	return f.Append(b)
}

func (h *harvester) commissioning() []byte {
	h.counter++
	k, mic := gp.ProtectKey(h.id, h.key)
	c := gp.Commissioning{Device: gp.DeviceOnOffSwitch, Security: &gp.CommissioningSecurity{
		Level: gp.LevelEncrypted, KeyType: gp.KeyIndividual, HasKey: true, Encrypted: true, Key: gp.NewKey(k), KeyMIC: mic, Counter: &h.counter,
	}}
	return h.frame(gp.Frame{ID: h.id, Body: c.Append([]byte{byte(gp.CommissioningGPDF)})})
}

func (h *harvester) press(c gp.CommandID) []byte {
	h.counter++
	f := gp.Frame{ID: h.id, Level: gp.LevelEncrypted, IndividualKey: true, Counter: h.counter, Body: []byte{byte(c)}}
	return h.frame(gp.Seal(h.key, f))
}

// radiate has some nodes hear a frame of a switch, three times as harvesters send it.
func (m *medium) radiate(frame []byte, who ...*station) {
	for range 3 {
		m.now = m.now.Add(6 * time.Millisecond)
		for i, s := range who {
			s.Receive(m.now, frame, uint8(250-60*i))
			s.drain()
		}
	}
	m.run(3*time.Second, nil)
}

// green returns the events of the sink of one kind.
func green[E gp.Event](s *station) []E {
	var list []E
	for _, e := range eventsOf[GreenPowerEvent](s) {
		if e, ok := e.Event.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

const greenGroup = 7

// greenNetwork is a network whose lamps are members of a group, and a switch that is
// paired through the first two lamps.
func greenNetwork(t *testing.T, lamps int) (*medium, *station, []*station, *harvester) {
	t.Helper()
	m := newMedium(t, 3)
	tc, list := joinAll(m, lamps)
	for _, l := range list {
		if err := l.AddGroup(1, greenGroup); err != nil {
			t.Fatal(err)
		}
	}
	h := newHarvester(0)
	m.pair(tc, h, list[:2]...)
	return m, tc, list, h
}

func (m *medium) pair(tc *station, h *harvester, heardBy ...*station) {
	m.t.Helper()
	if err := tc.ExpectSwitch(h.id, h.key); err != nil {
		m.t.Fatal(err)
	}
	if err := tc.OpenSwitchWindow(m.now, time.Minute, false, greenGroup); err != nil {
		m.t.Fatal(err)
	}
	m.run(time.Second, nil)
	m.radiate(h.commissioning(), heardBy...)
	tc.CloseSwitchWindow(m.now)
	m.run(time.Second, nil)
}

// acted returns the commands of the group that a lamp was given.
func acted(s *station) []uint8 {
	var list []uint8
	for _, d := range eventsOf[DataIndication](s) {
		if h, _, err := zcl.ParseHeader(d.Payload); err == nil && d.Group == greenGroup && d.Cluster == 0x0006 && h.Specific {
			list = append(list, h.Command)
		}
	}
	return list
}

func TestSwitchToGroup(t *testing.T) {
	m, tc, lamps, h := greenNetwork(t, 4)
	paired := green[gp.Paired](tc)
	if len(paired) != 1 || paired[0].Switch.ID != h.id || len(paired[0].Switch.Proxies) != 2 || paired[0].Switch.Proxies[0] != lamps[0].cfg.EUI64 {
		t.Fatalf("%+v", green[gp.Event](tc))
	}
	if lamps[0].gp.proxy.Pairings() != 1 || lamps[1].gp.proxy.Pairings() != 1 || lamps[2].gp.proxy.Pairings() != 0 {
		t.Error("the chosen proxies, and no others, must be paired")
	}
	m.radiate(h.press(gp.On), lamps...)
	m.radiate(h.press(gp.Toggle), lamps[1])
	m.radiate(h.press(gp.Off), append(lamps, tc)...) // the coordinator hears it itself, too
	m.radiate(h.press(gp.On), tc)
	for i, l := range lamps {
		if got := acted(l); !slices.Equal(got, []uint8{1, 2, 0, 1}) {
			t.Errorf("lamp %d did %v", i, got)
		}
	}
	if n := len(green[gp.Pressed](tc)); n != 4 {
		t.Errorf("%d presses", n)
	}
	m.checkSecrets(tc, h)
}

// checkSecrets fails the test when the key of a switch can be read by who has the
// network key, or a frame of a network left without security.
func (m *medium) checkSecrets(tc *station, h *harvester) {
	m.t.Helper()
	_, key, _ := tc.nwk.Key()
	secret := h.key.Bytes()
	envelope := zigbee.NewEnvelope(key)
	opened := 0
	for _, f := range m.sent {
		_, payload, err := mac.Parse(bytes.Clone(f.frame))
		if err != nil {
			m.t.Fatal(err)
		}
		n, rest, err := nwk.ParseHeader(payload)
		if err != nil || !n.Secured {
			continue
		}
		aux, _, err := zigbee.ParseAux(rest)
		if err != nil {
			m.t.Fatal(err)
		}
		plain, err := envelope.Open(payload, len(payload)-len(rest), aux, aux.Source)
		if err != nil {
			continue
		}
		if bytes.Contains(plain, secret[:]) {
			m.t.Fatal("the network key opens the key of a switch")
		}
		if a, _, err := aps.ParseHeader(plain); err == nil && n.Type == nwk.TypeData && a.DstEndpoint == gp.Endpoint {
			opened++
		}
	}
	if opened == 0 {
		m.t.Fatal("no frame of the Green Power cluster was seen")
	}
}

func TestSwitchRefused(t *testing.T) {
	m, tc, lamps, h := greenNetwork(t, 2)
	on := h.press(gp.On)
	m.radiate(on, lamps...)
	everybody := append(slices.Clone(lamps), tc)
	quiet := func(what string) {
		t.Helper()
		for _, l := range lamps {
			if got := acted(l); !slices.Equal(got, []uint8{1}) {
				t.Fatalf("%s: %v", what, got)
			}
		}
	}
	m.run(time.Minute, nil)
	m.radiate(on, everybody...)
	quiet("a replay")
	for _, s := range everybody {
		state := s.State()
		s.restart(&state)
	}
	m.run(10*time.Second, nil)
	if len(tc.Switches()) != 1 || lamps[0].gp.proxy.Pairings() != 1 {
		t.Fatal("a restart lost the pairing")
	}
	m.radiate(on, everybody...)
	quiet("a replay after a restart")

	forger := *h
	forger.key = newHarvester(9).key
	m.radiate(forger.press(gp.Off), everybody...)
	quiet("another key")
	if tc.Counters().GreenPower.Forged == 0 || lamps[0].Counters().GreenPower.Forged == 0 {
		t.Error("forgeries are not counted")
	}
	m.radiate(newHarvester(1).press(gp.Off), everybody...)
	quiet("an unknown source")
	m.radiate(h.frame(gp.Frame{ID: h.id, Body: []byte{byte(gp.Off)}}), everybody...)
	quiet("a frame without security")
	m.radiate([]byte{0x01, 0x08, 1, 0xff, 0xff, 0xff, 0xff, 0x8c}, everybody...)
	if tc.Counters().GreenPowerMalformed == 0 {
		t.Error("malformed frames are not counted")
	}
	h.counter += 10
	m.radiate(h.press(gp.Toggle), lamps[1])
	if got := acted(lamps[0]); !slices.Equal(got, []uint8{1, 2}) {
		t.Errorf("the true switch no longer works: %v", got)
	}
}

// A node with the network key can neither press a switch nor pair one.
func TestSwitchInsider(t *testing.T) {
	m, tc, lamps, h := greenNetwork(t, 3)
	send := func(from, to *station, fromServer, linkKey bool, command uint8, payload []byte) {
		head := zcl.AppendHeader(nil, zcl.Header{Specific: true, FromServer: fromServer, NoDefault: true, Command: command})
		_, err := from.Data(m.now, DataRequest{
			Dst: to.nwk.Network().Short, DstEndpoint: gp.Endpoint, SrcEndpoint: gp.Endpoint, Profile: gp.Profile, Cluster: gp.Cluster,
			Payload: append(head, payload...), LinkKey: linkKey,
		})
		if err != nil {
			t.Fatal(err)
		}
		m.run(2*time.Second, nil)
	}
	n := gp.Notification{ID: h.id, Level: gp.LevelEncrypted, KeyType: gp.KeyIndividual, Counter: h.counter + 5, Command: gp.Off}
	send(lamps[0], tc, false, false, gp.CommandNotification, n.Append(nil)) // a proxy of the switch, but who says so?
	send(lamps[2], tc, false, true, gp.CommandNotification, n.Append(nil))  // not a proxy of the switch
	if len(green[gp.Pressed](tc)) != 0 || tc.Counters().GreenPower.Refused != 2 {
		t.Fatalf("%+v", tc.Counters().GreenPower)
	}
	key := newHarvester(5).key
	p := gp.Pairing{ID: gp.ID{Source: 5}, AddSink: true, Mode: gp.LightweightUnicast, Level: gp.LevelEncrypted, KeyType: gp.KeyIndividual, Key: &key}
	send(lamps[2], lamps[0], true, false, gp.CommandPairing, p.Append(nil))
	send(tc, lamps[0], true, false, gp.CommandPairing, p.Append(nil)) // from the coordinator's address, without its link key
	if lamps[0].gp.proxy.Pairings() != 1 {
		t.Error("an insider paired a switch")
	}
	send(tc, lamps[0], true, true, gp.CommandPairing, p.Append(nil))
	if lamps[0].gp.proxy.Pairings() != 2 {
		t.Error("the trust centre cannot pair a switch")
	}
	send(lamps[0], tc, false, true, gp.CommandNotification, n.Append(nil))
	if len(green[gp.Pressed](tc)) != 1 {
		t.Error("the switch's proxy is not believed")
	}
}

func TestFiftySwitches(t *testing.T) {
	m := newMedium(t, 4)
	tc, lamps := joinAll(m, 3)
	if err := lamps[0].AddGroup(1, greenGroup); err != nil {
		t.Fatal(err)
	}
	var list []*harvester
	for i := range gp.MaxSwitches + 1 {
		list = append(list, newHarvester(i))
		m.pair(tc, list[i], lamps[i%3], lamps[(i+1)%3])
	}
	if n := len(tc.Switches()); n != gp.MaxSwitches || n < 50 {
		t.Fatalf("%d switches", n)
	}
	refused := green[gp.PairingRefused](tc)
	if len(refused) != 1 || refused[0].ID != list[gp.MaxSwitches].id || tc.Counters().GreenPower.Full != 1 {
		t.Fatalf("%+v", refused)
	}
	for i, h := range list {
		m.radiate(h.press(gp.On), lamps[(i+1)%3])
	}
	if n := len(acted(lamps[0])); n != gp.MaxSwitches {
		t.Errorf("%d presses acted", n)
	}
	if !tc.RemoveSwitch(m.now, list[0].id) {
		t.Fatal("not removed")
	}
	m.run(3*time.Second, nil)
	m.pair(tc, list[gp.MaxSwitches], lamps[0])
	if len(tc.Switches()) != gp.MaxSwitches {
		t.Error("no room after one was removed")
	}
	m.radiate(list[0].press(gp.On), append(lamps, tc)...)
	if n := len(acted(lamps[0])); n != gp.MaxSwitches {
		t.Error("a removed switch acts")
	}
	m.checkCounters()
}

func TestSwitchNeedsLabelOrWindow(t *testing.T) {
	m := newMedium(t, 5)
	tc, lamps := joinAll(m, 1)
	h := newHarvester(0)
	m.radiate(h.commissioning(), lamps[0], tc)
	if len(tc.Switches()) != 0 || tc.Counters().GreenPower.Closed == 0 {
		t.Fatal("paired without a window")
	}
	if err := tc.OpenSwitchWindow(m.now, time.Minute, false, 0); err != nil {
		t.Fatal(err)
	}
	m.run(time.Second, nil)
	m.radiate(h.commissioning(), lamps[0])
	if len(tc.Switches()) != 0 || len(green[gp.PairingRefused](tc)) != 1 {
		t.Fatal("paired without a label")
	}
	if err := tc.OpenSwitchWindow(m.now, time.Minute, true, 0); err != nil {
		t.Fatal(err)
	}
	m.run(time.Second, nil)
	m.radiate(h.commissioning(), lamps[0])
	if len(tc.Switches()) != 1 {
		t.Fatal("not paired in a window for unlabelled switches")
	}
	if err := tc.SetSwitch(h.id, greenGroup, nil); err != nil || tc.Switches()[0].Group != greenGroup {
		t.Error(err)
	}
	m.run(3*time.Minute, nil)
	if lamps[0].gp.proxy.Commissioning() {
		t.Error("the window does not end")
	}
	if err := lamps[0].OpenSwitchWindow(m.now, time.Minute, true, 0); err == nil {
		t.Error("a lamp opened a window")
	}
}
