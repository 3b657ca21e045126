package stack

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sconce/internal/tshark"
	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// place moves nodes to where only some hear each other, by the order in which
// they were added.
func (m *medium) place(hears func(from, to int) bool) {
	m.walls = map[[2]*station]bool{}
	for i, from := range m.nodes {
		for j, to := range m.nodes {
			m.walls[[2]*station{from, to}] = !hears(i, j)
		}
	}
}

// inARow has each node hear the one before it and the one after.
func (m *medium) inARow() {
	m.place(func(from, to int) bool { return from-to == 1 || to-from == 1 })
}

// row makes a network of a coordinator and n lamps that have joined, and moves
// them into a row. Some time passes, so that nobody thinks that nothing has changed.
func row(m *medium, n int) (*station, []*station) {
	m.t.Helper()
	tc, lamps := joinAll(m, n)
	tc.PermitJoin(m.now, 0)
	m.run(time.Second, nil)
	m.inARow()
	m.run(3*time.Minute, nil)
	return tc, lamps
}

// capture writes what was on the air for tshark.
func (m *medium) capture() string {
	m.t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 0), 0), 65535), 230) // 802.15.4 without FCS
	for _, f := range m.sent {
		us := f.at.UnixMicro()
		b = le.AppendUint32(le.AppendUint32(b, uint32(us/1e6)), uint32(us%1e6))
		b = le.AppendUint32(le.AppendUint32(b, uint32(len(f.frame))), uint32(len(f.frame)))
		b = append(b, f.frame...)
	}
	path := filepath.Join(m.t.TempDir(), "air.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// A row of six lamps: the last one, six hops away, is commanded, answers, is asked for its
// descriptor, and hears group casts; Wireshark verifies and understands every frame.
func TestRow(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := row(m, 6)
	last := lamps[len(lamps)-1]
	a := addressOf(t, tc, last.cfg.EUI64)
	for _, s := range m.nodes {
		s.events = nil
	}
	// Acknowledgements with a link key are left out: Wireshark does not verify a frame
	// that has no payload.
	toggle := []byte{0x01, 1, 0x02} // of the On/Off cluster
	r := DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: toggle, Ack: true}
	for range 4 {
		if err := tc.send(r); err != nil {
			t.Fatal(err)
		}
	}
	// A frame as long as can be (to read 39 attributes) has no room for a source route,
	// and goes by the routing table.
	long := r
	long.Payload = make([]byte, 3+2*39)
	if err := tc.send(long); err != nil {
		t.Fatal(err)
	}
	r.Ack, r.LinkKey = false, true
	if err := tc.send(r); err != nil {
		t.Fatal(err)
	}
	r.Dst = zigbee.Coordinator
	if err := last.send(r); err != nil {
		t.Fatal(err)
	}
	m.run(time.Second, nil)
	if n := len(eventsOf[DataIndication](last)); n != 6 {
		t.Errorf("the last lamp got %d of 6", n)
	}
	if got := eventsOf[DataIndication](tc); len(got) != 1 || got[0].Src != a || !got[0].LinkKey {
		t.Errorf("%+v", got)
	}
	tc.events = nil
	ask := DataRequest{Dst: a, Cluster: uint16(zdo.NodeDesc), Profile: zdo.Profile, Payload: zdo.DescReq{Seq: 9, Addr: a}.Append(nil), Ack: true}
	if err := tc.send(ask); err != nil {
		t.Fatal(err)
	}
	m.run(2*time.Second, func() bool { return len(eventsOf[DataIndication](tc)) == 1 })
	if rsp, err := zdo.ParseNodeDescRsp(eventsOf[DataIndication](tc)[0].Payload); err != nil || rsp.Addr != a || rsp.Descriptor.Manufacturer != 0x1234 {
		t.Errorf("%+v, %v", rsp, err)
	}
	for _, lamp := range lamps {
		lamp.events = nil
		if err := lamp.AddGroup(1, 7); err != nil {
			t.Fatal(err)
		}
	}
	from := m.now
	if err := tc.send(DataRequest{Group: 7, SrcEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: toggle}); err != nil {
		t.Fatal(err)
	}
	m.run(5*time.Second, nil)
	for i, lamp := range lamps {
		got := eventsOf[DataIndication](lamp)
		if len(got) != 1 || got[0].Group != 7 {
			t.Errorf("lamp %d: %+v", i, got)
		} else if d := got[0].At.Sub(from); d > time.Second {
			t.Errorf("lamp %d heard the group after %v", i, d)
		}
	}
	if c := lamps[2].Counters().NWK; c.Relayed < 15 || c.Loops != 0 || c.Replayed != 0 || c.Forged != 0 {
		t.Errorf("%+v", c)
	}
	m.checkCounters()
	keys := make([]tshark.Key, len(lamps))
	for i := range lamps {
		keys[i] = tshark.Key{Name: "install code", Value: code(t, i).LinkKey().Bytes()}
	}
	report := tshark.Gate(t, m.capture(), keys...)
	t.Logf("%d frames, %d of %d integrity codes verified", report.Frames, report.Verified, report.Secured)
}

// With one frame in five lost, everything arrives in the end, both ways.
func TestRowWithLoss(t *testing.T) {
	m := newMedium(t, 2)
	tc, lamps := row(m, 5)
	m.loss = 0.2
	last := lamps[4]
	a := addressOf(t, tc, last.cfg.EUI64)
	for i := range 20 {
		r := DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{uint8(i)}, Ack: true, LinkKey: true}
		from := tc
		if i%2 == 1 {
			from, r.Dst = last, zigbee.Coordinator
		}
		if err := from.send(r); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	m.checkCounters()
}

// The power goes and comes back for all of a row: the routes are found again.
func TestRowRestarts(t *testing.T) {
	m := newMedium(t, 3)
	tc, lamps := row(m, 5)
	last := lamps[4]
	for _, s := range m.nodes {
		state := s.State()
		s.restart(&state)
	}
	m.run(time.Second, nil)
	a := addressOf(t, tc, last.cfg.EUI64)
	if err := tc.send(DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true, LinkKey: true}); err != nil {
		t.Error(err)
	}
	m.checkCounters()
}

// A ring of lamps: one on the way dies, and the way around is taken.
func TestRelayDies(t *testing.T) {
	m := newMedium(t, 4)
	tc, lamps := joinAll(m, 7)
	m.place(func(from, to int) bool { return (from-to+8)%8 == 1 || (to-from+8)%8 == 1 })
	m.run(3*time.Minute, nil)
	far := lamps[3] // opposite of the coordinator
	a := addressOf(t, tc, far.cfg.EUI64)
	r := DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true}
	if err := tc.send(r); err != nil {
		t.Fatal(err)
	}
	victim := lamps[1]
	if before := victim.Counters().NWK.Relayed; tc.send(r) == nil && victim.Counters().NWK.Relayed == before {
		victim = lamps[5]
	}
	victim.dead = true
	from := m.now
	if err := tc.send(r); err != nil {
		t.Errorf("there: %v", err)
	}
	t.Logf("another way was found in %v", m.now.Sub(from))
	r.Dst = zigbee.Coordinator
	if err := far.send(r); err != nil {
		t.Errorf("back: %v", err)
	}
}

// A sleeping device whose parent is several hops away from the coordinator.
func TestSensorAtTheEndOfARow(t *testing.T) {
	m := newMedium(t, 5)
	tc, lamps := joinAll(m, 4)
	allowSensors(m, tc, 1)
	sensor := m.sensor(0)
	m.run(5*time.Minute, func() bool { return sensor.isUp() && len(eventsOf[DeviceAuthorised](tc)) > 4 })
	m.run(10*time.Second, nil)
	m.inARow() // and the sensor, which has lost its parent, finds the last lamp
	m.run(20*time.Minute, func() bool { return sensor.nwk.Parent() == lamps[3].nwk.Network().Short })
	m.run(2*time.Minute, nil)
	tc.events, sensor.events = nil, nil
	r := DataRequest{Dst: zigbee.Coordinator, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true, LinkKey: true}
	if err := sensor.send(r); err != nil {
		t.Errorf("to the coordinator: %v", err)
	}
	searches := tc.Counters().NWK.Searches
	r.Dst = addressOf(t, tc, sensor.cfg.EUI64)
	if err := tc.send(r); err != nil {
		t.Errorf("to the sensor: %v", err)
	}
	if tc.Counters().NWK.Searches != searches {
		t.Error("the parent recorded no route for its child")
	}
	if len(eventsOf[DataIndication](tc)) != 1 || len(eventsOf[DataIndication](sensor)) != 1 {
		t.Errorf("%d and %d payloads", len(eventsOf[DataIndication](tc)), len(eventsOf[DataIndication](sensor)))
	}
	m.checkCounters()
}

// A router passes a frame on, from the radio to the radio, without allocating.
func TestRelayAllocatesNothing(t *testing.T) {
	m := newMedium(t, 9)
	tc, lamps := row(m, 2)
	a := addressOf(t, tc, lamps[1].cfg.EUI64)
	r := DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: make([]byte, 40)}
	if err := tc.send(r); err != nil {
		t.Fatal(err)
	}
	m.run(time.Second, nil)
	const rounds = 100
	var frames [][]byte
	for range rounds + 1 { // one more: to warm up
		if _, err := tc.Data(m.now, r); err != nil {
			t.Fatal(err)
		}
		f, ok := tc.NextFrame()
		if !ok {
			t.Fatal("no frame")
		}
		frames = append(frames, bytes.Clone(f.Data))
		tc.FrameDone(m.now, TxStatus{Sent: true})
		tc.drain()
	}
	before, i := lamps[0].Counters().NWK.Relayed, 0
	if n := testing.AllocsPerRun(rounds, func() {
		m.now = m.now.Add(10 * time.Millisecond)
		lamps[0].Receive(m.now, frames[i], 200)
		if _, ok := lamps[0].NextFrame(); !ok {
			t.Fatal("not passed on")
		}
		lamps[0].FrameDone(m.now, TxStatus{Sent: true})
		i++
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	if n := lamps[0].Counters().NWK.Relayed - before; n != rounds+1 {
		t.Errorf("%d of %d passed on", n, rounds+1)
	}
}

// Two lamps have one address: both take another, announce it, and are reached.
func TestAddressConflict(t *testing.T) {
	m := newMedium(t, 6)
	tc, lamps := row(m, 4)
	net := lamps[3].nwk.Network()
	old := lamps[0].nwk.Network().Short
	net.Short = old
	lamps[3].nwk.SetNetwork(net)
	lamps[3].mac.Configure(lamps[3].mac.Channel(), net.PAN, net.Short)
	lamps[3].announce()
	m.run(30*time.Second, nil)
	one, other := lamps[0].nwk.Network().Short, lamps[3].nwk.Network().Short
	if one == old || other == old || one == other {
		t.Fatalf("%s and %s, of %s", one, other, old)
	}
	for _, lamp := range []*station{lamps[0], lamps[3]} {
		a := addressOf(t, tc, lamp.cfg.EUI64)
		if a != lamp.nwk.Network().Short || lamp.Filter().Short != a {
			t.Errorf("known as %s, is %s, listens as %s", a, lamp.nwk.Network().Short, lamp.Filter().Short)
		}
		if err := tc.send(DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true, LinkKey: true}); err != nil {
			t.Error(err)
		}
	}
}

// What is for a device that is not there ends with an error, soon.
func TestNoRoute(t *testing.T) {
	m := newMedium(t, 7)
	tc, lamps := row(m, 4)
	a := addressOf(t, tc, lamps[3].cfg.EUI64)
	lamps[3].dead = true
	from := m.now
	err := tc.send(DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true})
	if d := m.now.Sub(from); err == nil || d > 20*time.Second {
		t.Errorf("%v after %v", err, d)
	}
}

// The frames that a row sends to keep itself together are few.
func TestQuietRow(t *testing.T) {
	m := newMedium(t, 8)
	_, _ = row(m, 4)
	before := len(m.sent)
	m.run(10*time.Minute, nil)
	kinds := map[nwk.FrameType]int{}
	for _, f := range m.sent[before:] {
		if h, p, err := mac.Parse(f.frame); err == nil && h.Type == mac.TypeData {
			if n, _, err := nwk.ParseHeader(p); err == nil {
				kinds[n.Type]++
			}
		}
	}
	// Link status four times a minute, and a request of the concentrator once, which
	// those at the ends may repeat.
	if limit := 10 * 5 * (4 + 4); kinds[nwk.TypeCommand] > limit || kinds[nwk.TypeData] != 0 {
		t.Errorf("%v in 10 minutes; at most %d commands", kinds, limit)
	}
}
