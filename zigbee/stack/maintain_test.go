package stack

import (
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// together reports whether all nodes are up on one channel of one network.
func together(m *medium, channel uint8, pan zigbee.PANID) func() bool {
	return func() bool {
		return !slices.ContainsFunc(m.nodes, func(s *station) bool {
			f := s.Filter()
			return !s.isUp() || f.Channel != channel || f.PANID != pan
		})
	}
}

// otherChannel returns the channel of the tests that a network is not on.
func otherChannel(s *station) uint8 {
	if s.Filter().Channel == 11 {
		return 15
	}
	return 11
}

// The network moves to another channel, and all follow: those who heard it, a sensor
// that slept, and a lamp that had no power.
func TestChannelChange(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		m := newMedium(t, 5)
		tc, sensor, lamps := joinSensorAndLamps(m)
		m.loss = loss
		lamps[1].dead = true
		state := lamps[1].State()
		to := otherChannel(tc)
		if err := tc.ChangeChannel(m.now, to); err != nil {
			t.Fatal(err)
		}
		if tc.ChangeChannel(m.now, to) == nil || tc.ChangePAN(m.now) == nil {
			t.Error("two changes at a time")
		}
		asked := m.now
		m.run(time.Minute, func() bool { return len(eventsOf[NetworkChanged](tc)) > 0 })
		if d := m.now.Sub(asked); d < changeDelay+2*announcePause {
			t.Errorf("it did not wait for the others: %v", d)
		}
		m.run(time.Minute, nil)
		lamps[1].restart(&state)
		m.run(10*time.Minute, together(m, to, tc.mac.PAN()))
		m.run(20*time.Second, nil)
		for _, s := range m.nodes[1:] {
			from := tc
			if s == sensor {
				from = parentOf(m, sensor)
			}
			s.events = nil
			r := DataRequest{Dst: s.nwk.Network().Short, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}}
			if err := from.send(r); err != nil || len(eventsOf[DataIndication](s)) != 1 {
				t.Errorf("%s: %v", s.name, err)
			}
		}
		m.checkCounters()
	}
}

func TestChannelChangeIsTheCoordinators(t *testing.T) {
	m := newMedium(t, 5)
	tc, lamps := joinAll(m, 2)
	if lamps[0].ChangeChannel(m.now, otherChannel(tc)) == nil || lamps[0].ChangePAN(m.now) == nil {
		t.Error("a lamp changes the network")
	}
	if tc.ChangeChannel(m.now, tc.Filter().Channel) == nil || tc.ChangeChannel(m.now, 27) == nil {
		t.Error("a change to nowhere")
	}
	// A lamp that says what only the coordinator may say.
	id := lamps[0].nwk.Network().UpdateID + 1
	lamps[0].nwk.SendUpdate(m.now, nwk.Update{Extended: tc.nwk.Network().Extended, UpdateID: id, PAN: 0x4444})
	before := tc.mac.PAN()
	m.run(30*time.Second, nil)
	if tc.mac.PAN() != before || lamps[1].mac.PAN() != before || lamps[1].Counters().NWK.Refused == 0 {
		t.Error("a lamp changed the network")
	}
}

// A stranger appears with the network's identifier: a lamp reports it, and all
// take another.
func TestIdentifierConflict(t *testing.T) {
	m := newMedium(t, 5)
	tc, _, lamps := joinSensorAndLamps(m)
	pan := tc.mac.PAN()
	beacon := func(s *station) {
		b := mac.AppendHeader(nil, mac.Header{Type: mac.TypeBeacon, Seq: 9, Src: mac.Short(pan, 0x1111)})
		p := nwk.AppendBeacon(nil, nwk.Beacon{RouterCapacity: true, Extended: 0x0102030405060708})
		s.Receive(m.now, mac.AppendBeacon(b, mac.Beacon{Payload: p}), 100)
	}
	beacon(lamps[0])
	m.run(2*time.Minute, func() bool { return tc.mac.PAN() != pan && together(m, tc.mac.Channel(), tc.mac.PAN())() })
	m.run(10*time.Second, nil)
	// A forger cannot make the network change again and again.
	again := tc.mac.PAN()
	pan = again
	beacon(tc)
	beacon(lamps[0])
	m.run(30*time.Second, nil)
	if tc.mac.PAN() != again {
		t.Error("the identifier changed twice")
	}
	m.checkCounters()
}

// A silent child is forgotten after its timeout. When it comes back it is told that
// it is none, and becomes one again.
func TestChildAges(t *testing.T) {
	m := newMedium(t, 5)
	tc := m.coordinator()
	allowSensors(m, tc, 1)
	cfg := m.config(EndDevice, sensorAddress, code(t, 500))
	cfg.Timeout = 90 * time.Second
	sensor := m.add("sensor", cfg)
	sensor.Start(m.now)
	m.run(5*time.Minute, sensor.isUp)
	m.run(10*time.Minute, nil)
	if c := tc.nwk.Children(); len(c) != 1 || c[0].Timeout != 1 || len(eventsOf[ChildLost](tc)) > 0 {
		t.Fatalf("%+v", c)
	}
	sensor.dead = true
	silent := m.now
	m.run(5*time.Minute, func() bool { return len(eventsOf[ChildLost](tc)) > 0 })
	if d := m.now.Sub(silent); d > 2*time.Minute || d < 2*time.Minute-DefaultPollLong-time.Second || parentOf(m, sensor) != nil {
		t.Errorf("forgotten after %v", d)
	}
	sensor.dead = false
	m.run(time.Minute, func() bool { return parentOf(m, sensor) == tc && sensor.isUp() })
	if len(tc.Devices()) != 1 || !tc.Devices()[0].Authorised {
		t.Error("the trust centre forgot it")
	}
}

// A broadcast to all devices reaches those that sleep; one to those that listen does not.
func TestBroadcastToSleepers(t *testing.T) {
	m := newMedium(t, 5)
	tc, sensor := joinSensor(m)
	for dst, want := range map[zigbee.ShortAddr]int{zigbee.Broadcast: 1, zigbee.BroadcastRxOn: 0} {
		sensor.events = nil
		r := DataRequest{Dst: dst, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}}
		if err := tc.send(r); err != nil {
			t.Fatal(err)
		}
		m.run(20*time.Second, nil)
		if n := len(eventsOf[DataIndication](sensor)); n != want {
			t.Errorf("%s: %d", dst, n)
		}
	}
}

// A coordinator forms its network where it is quiet, and not with an identifier
// that it hears.
func TestFormsWhereItIsQuiet(t *testing.T) {
	for _, c := range []struct {
		name string
		dBm  [2]int8 // on channels 11 and 15
		want uint8
	}{
		{"noise on 11", [2]int8{-40, -90}, 15},
		{"noise on 15", [2]int8{-90, -40}, 11},
	} {
		m := newMedium(t, 9)
		cfg := m.config(Coordinator, tcAddress, zigbee.InstallCode{})
		cfg.MeasuresEnergy = true
		tc := m.add("tc", cfg)
		tc.Start(m.now)
		tc.drain()
		if e := eventsOf[EnergyWanted](tc); len(e) != 1 || e[0].Channels != cfg.Channels {
			t.Fatalf("%+v", e)
		}
		tc.EnergyMeasured(m.now, []Energy{{11, c.dBm[0]}, {15, c.dBm[1]}, {20, -99}})
		m.run(10*time.Second, tc.isUp)
		if got := tc.Filter().Channel; got != c.want {
			t.Errorf("%s: channel %d", c.name, got)
		}
		// The next goes where no network is, although it cannot measure.
		other := m.add("other", m.config(Coordinator, tcAddress+1, zigbee.InstallCode{}))
		other.Start(m.now)
		m.run(10*time.Second, other.isUp)
		if other.Filter().Channel == c.want {
			t.Errorf("%s: two networks on one channel", c.name)
		}
	}
	// An owner that does not answer keeps nobody from forming.
	m := newMedium(t, 9)
	cfg := m.config(Coordinator, tcAddress, zigbee.InstallCode{})
	cfg.MeasuresEnergy = true
	tc := m.add("tc", cfg)
	tc.Start(m.now)
	m.run(energyTimeout+time.Second, tc.isUp)
}

// Lamps of one circuit that had no power while the network moved hear one another
// where it was. They find out that it moved, and follow.
func TestIslandFollows(t *testing.T) {
	m := newMedium(t, 5)
	tc, lamps := joinAll(m, 4)
	m.run(time.Minute, nil)
	var states [2]State
	for i := range states {
		states[i] = lamps[i].State()
		lamps[i].dead = true
	}
	to := otherChannel(tc)
	if err := tc.ChangeChannel(m.now, to); err != nil {
		t.Fatal(err)
	}
	m.run(10*time.Minute, nil)
	for i := range states {
		lamps[i].restart(&states[i])
	}
	m.run(10*time.Minute, together(m, to, tc.mac.PAN()))
	m.checkCounters()
}

// Without their coordinator, lamps stay where they are and go on.
func TestLampsWithoutCoordinator(t *testing.T) {
	m := newMedium(t, 5)
	tc, lamps := joinAll(m, 2)
	before := lamps[0].Filter()
	tc.dead = true
	m.run(3*time.Hour, nil)
	m.run(time.Minute, lamps[0].isUp)
	if lamps[0].Filter().Channel != before.Channel || lamps[0].Filter().PANID != before.PANID || len(eventsOf[ParentLost](lamps[0])) > 0 {
		t.Error("they lost their network")
	}
	r := DataRequest{Dst: lamps[1].nwk.Network().Short, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true}
	if err := lamps[0].send(r); err != nil {
		t.Error(err)
	}
}
