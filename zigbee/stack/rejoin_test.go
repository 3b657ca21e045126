package stack

import (
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// joinSensorAndLamps makes a network of a coordinator, two lamps and a sensor.
func joinSensorAndLamps(m *medium) (tc, sensor *station, lamps []*station) {
	m.t.Helper()
	tc, lamps = joinAll(m, 2)
	allowSensors(m, tc, 1)
	sensor = m.sensor(0)
	for _, l := range lamps {
		m.wall(l, sensor, true)
	}
	m.run(10*time.Minute, sensor.isUp)
	for _, l := range lamps {
		m.wall(l, sensor, false)
	}
	m.run(30*time.Second, nil)
	if c := tc.nwk.Children(); len(c) != 1 || len(lamps[0].nwk.Children())+len(lamps[1].nwk.Children()) != 0 {
		m.t.Fatalf("children %+v", c)
	}
	return tc, sensor, lamps
}

// parentOf returns the station whose child a sensor is.
func parentOf(m *medium, sensor *station) *station {
	m.t.Helper()
	var parent *station
	for _, s := range m.nodes {
		for _, c := range s.nwk.Children() {
			if c.EUI64 != sensor.cfg.EUI64 {
				continue
			}
			if parent != nil {
				m.t.Errorf("%s and %s are its parents", parent.name, s.name)
			}
			parent = s
		}
	}
	return parent
}

// A sensor whose parent dies comes back through another, with its address, and
// hears of what is said to it.
func TestParentDies(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		m := newMedium(t, 3)
		tc, sensor, lamps := joinSensorAndLamps(m)
		m.loss = loss
		before := sensor.nwk.Network()
		m.wall(tc, sensor, true)
		sensor.events = nil
		died := m.now
		m.run(5*time.Minute, func() bool { return len(eventsOf[NetworkUp](sensor)) > 0 })
		if d := m.now.Sub(died); d > DefaultPollLong+10*time.Second {
			t.Errorf("it took %v to find another parent", d)
		}
		if len(eventsOf[ParentLost](sensor)) != 1 || sensor.nwk.Network().Short != before.Short {
			t.Errorf("%+v became %+v", before, sensor.nwk.Network())
		}
		m.run(20*time.Second, nil)
		parent := parentOf(m, sensor)
		if parent != lamps[0] && parent != lamps[1] {
			t.Fatalf("its parent is %v", parent)
		}
		sensor.events = nil
		r := DataRequest{Dst: before.Short, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}}
		if err := parent.send(r); err != nil || len(eventsOf[DataIndication](sensor)) != 1 {
			t.Errorf("data through the new parent: %v", err)
		}
		r = DataRequest{SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{2}, Ack: true, LinkKey: true}
		if err := sensor.send(r); err != nil {
			t.Errorf("to the coordinator through the new parent: %v", err)
		}
		sensor.events = nil
		r.Dst, r.LinkKey = before.Short, false
		if err := tc.send(r); err != nil || len(eventsOf[DataIndication](sensor)) != 1 {
			t.Errorf("from the coordinator through the new parent: %v", err)
		}
		m.checkCounters()
	}
}

// A parent that starts again does not know its child any more, and takes it back.
func TestParentRestarts(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor := joinSensor(m)
	state := tc.State()
	tc.restart(&state)
	m.run(time.Minute, func() bool { return parentOf(m, sensor) == tc && sensor.isUp() })
	m.run(20*time.Second, nil)
	if err := tc.send(DataRequest{Dst: sensor.nwk.Network().Short, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}}); err != nil {
		t.Error(err)
	}
}

func TestSensorRestarts(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor := joinSensor(m)
	short := sensor.nwk.Network().Short
	state := sensor.State()
	m.run(time.Minute, nil)
	sensor.events = nil
	sensor.restart(&state)
	m.run(5*time.Second, func() bool { return len(eventsOf[NetworkUp](sensor)) > 0 })
	if parentOf(m, sensor) != tc || sensor.nwk.Network().Short != short {
		t.Error("it did not come back as it was")
	}
	m.checkCounters()
}

func TestLeaveAndRejoin(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor := joinSensor(m)
	sensor.events = nil
	if err := tc.Rejoin(m.now, sensorAddress); err != nil {
		t.Fatal(err)
	}
	m.run(20*time.Second, func() bool { return len(eventsOf[NetworkUp](sensor)) > 0 })
	if parentOf(m, sensor) != tc || len(eventsOf[Left](sensor)) > 0 || len(tc.Devices()) != 1 {
		t.Error("it did not come back")
	}
	if err := tc.Rejoin(m.now, sensorAddress+1); err == nil {
		t.Error("a stranger is told to rejoin")
	}
	if err := tc.Remove(m.now, sensorAddress); err != nil {
		t.Fatal(err)
	}
	m.run(20*time.Second, func() bool { return len(eventsOf[Left](sensor)) > 0 })
}

// rejoinFrames returns the rejoin requests that were on the air.
func rejoinFrames(m *medium, sensor *station) [][]byte {
	var list [][]byte
	for _, f := range m.sent {
		h, payload, err := mac.Parse(f.frame)
		if err != nil || h.Type != mac.TypeData {
			continue
		}
		n, _, err := nwk.ParseHeader(payload)
		if err == nil && n.Type == nwk.TypeCommand && n.SrcEUI64 == sensor.cfg.EUI64 && n.Radius == 1 && len(payload) == 16+8+14+2+4 {
			list = append(list, slices.Clone(f.frame))
		}
	}
	return list
}

// What was recorded of a rejoin moves nobody, and neither does a rejoin without security.
func TestRejoinIsSecured(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor := joinSensor(m)
	m.sent = nil
	if err := tc.Rejoin(m.now, sensorAddress); err != nil {
		t.Fatal(err)
	}
	m.run(30*time.Second, nil)
	frames := rejoinFrames(m, sensor)
	if len(frames) == 0 || !sensor.isUp() {
		t.Fatal("no rejoin was seen")
	}
	tc.nwk.RemoveChild(sensorAddress)
	sensor.dead = true
	before := tc.Counters().NWK
	for i := range frames {
		f := slices.Clone(frames[i])
		f[2] += 100 // another MAC sequence number
		tc.Receive(m.now, f, 200)
	}
	if c := tc.Counters().NWK; c.Replayed-before.Replayed != uint64(len(frames)) || len(tc.nwk.Children()) > 0 {
		t.Errorf("replayed rejoin: %+v", c)
	}
	short := sensor.nwk.Network().Short
	b := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeData, Compress: true, Seq: 77, Dst: mac.Short(tc.mac.PAN(), 0), Src: mac.Short(tc.mac.PAN(), short),
	})
	b = nwk.AppendHeader(b, nwk.Header{Type: nwk.TypeCommand, Src: short, Radius: 1, SrcEUI64: sensorAddress, DstEUI64: tcAddress})
	m.sent = nil
	tc.Receive(m.now, nwk.AppendRejoinRequest(b, zigbee.SleepyCapability), 200)
	m.run(5*time.Second, nil)
	if len(tc.nwk.Children()) > 0 {
		t.Error("an unsecured rejoin makes a child")
	}
	m.checkCounters() // nor is anything said but the network key, under the sensor's own link key
}

// A rejoin answer that nobody asked for moves nobody.
func TestUnaskedRejoinAnswer(t *testing.T) {
	m := newMedium(t, 3)
	tc, lamps := joinAll(m, 1)
	short := lamps[0].nwk.Network().Short
	before := lamps[0].Counters().Policy
	tc.nwk.AnswerRejoin(m.now, short, nwk.RejoinAnswer{Short: 0x7777})
	m.run(time.Second, nil)
	if lamps[0].nwk.Network().Short != short || lamps[0].Counters().Policy != before+1 {
		t.Error("the address was taken")
	}
}

// orphans returns how many orphan notifications and realignments were on the air.
func orphans(m *medium) (asked, answered int) {
	for _, f := range m.sent {
		if h, payload, err := mac.Parse(f.frame); err == nil && h.Type == mac.TypeCommand {
			switch c, _ := mac.ParseCommand(payload); c.ID {
			case mac.OrphanNotification:
				asked++
			case mac.Realignment:
				answered++
			}
		}
	}
	return asked, answered
}

// The network takes another identifier while a sensor hears nothing of it: the
// sensor finds its parent by an orphan scan, and comes back secured.
func TestOrphan(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor := joinSensor(m)
	pan := tc.mac.PAN()
	m.wall(tc, sensor, true)
	if err := tc.ChangePAN(m.now); err != nil {
		t.Fatal(err)
	}
	m.run(20*time.Minute, func() bool { return tc.mac.PAN() != pan })
	m.wall(tc, sensor, false)
	sensor.lookAgain(0)
	m.sent = nil
	m.run(3*time.Second, func() bool { return sensor.isUp() && sensor.mac.PAN() == tc.mac.PAN() })
	if asked, answered := orphans(m); asked != 1 || answered == 0 {
		t.Errorf("%d asked, %d answered", asked, answered)
	}
	if len(rejoinFrames(m, sensor)) == 0 {
		t.Error("it took the answer for granted")
	}
	m.checkCounters()
}

// Anybody can answer an orphan. Who believes it finds nobody there, and goes on.
func TestForgedRealignment(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor := joinSensor(m)
	net := sensor.nwk.Network()
	forged := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeCommand, Ack: true, Seq: 8, Dst: mac.Extended(zigbee.BroadcastPAN, sensorAddress), Src: mac.Extended(0x6666, 0x666),
	})
	forged = mac.AppendCommand(forged, mac.Command{ID: mac.Realignment, PAN: 0x6666, Parent: 0x1111, Channel: 11, Short: net.Short})
	sensor.Receive(m.now, forged, 255)
	if sensor.nwk.Network() != net || sensor.mac.PAN() != net.PAN || sensor.Counters().MAC.Unsolicited != 1 {
		t.Error("it obeyed an answer that it did not ask for")
	}
	sensor.lookAgain(0)
	m.run(50*time.Millisecond, func() bool { return sensor.rejoin.step == calling })
	sensor.Receive(m.now, forged, 255)
	m.run(10*time.Second, func() bool { return sensor.isUp() })
	if parentOf(m, sensor) != tc || sensor.mac.PAN() != net.PAN {
		t.Error("it is lost")
	}
}

// A parent that was away says who its children are. One that found another parent
// meanwhile is claimed by that one, one that did not is kept.
func TestParentAnnounce(t *testing.T) {
	m := newMedium(t, 6)
	tc, sensor, lamps := joinSensorAndLamps(m)
	state := tc.State()
	again, err := ParseState(state.Append(nil))
	if err != nil || len(again.children) != 1 || again.children[0].EUI64 != sensorAddress {
		t.Fatalf("%+v, %v", again.children, err)
	}
	tc.dead = true
	m.run(2*time.Minute, nil)
	if len(lamps[0].nwk.Children())+len(lamps[1].nwk.Children()) != 1 {
		t.Fatal("it found no other parent")
	}
	tc.restart(&state)
	if len(tc.nwk.Children()) != 1 {
		t.Fatal("the children are forgotten")
	}
	m.run(time.Minute, func() bool { return len(tc.nwk.Children()) == 0 })
	if len(lamps[0].nwk.Children())+len(lamps[1].nwk.Children()) != 1 || !sensor.isUp() {
		t.Error("the wrong parent gave it up")
	}
	// The claim counts only as an answer.
	lamp := lamps[0]
	if len(lamp.nwk.Children()) == 0 {
		lamp = lamps[1]
	}
	rsp := zdo.ParentAnnounceRsp{Children: []zigbee.EUI64{sensorAddress}}
	if err := tc.send(DataRequest{Dst: lamp.nwk.Network().Short, Cluster: uint16(zdo.ParentAnnce | zdo.Response), Payload: rsp.Append(nil)}); err != nil {
		t.Fatal(err)
	}
	if len(lamp.nwk.Children()) != 1 {
		t.Error("a claim that nobody asked for took a child away")
	}
}
