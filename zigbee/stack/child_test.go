package stack

import (
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

const sensorAddress zigbee.EUI64 = 0x00124b0003000000

// sensor adds a sleepy end device with the i-th address, and starts it.
func (m *medium) sensor(i int) *station {
	cfg := m.config(EndDevice, sensorAddress+zigbee.EUI64(i), code(m.t, 500+i))
	cfg.Descriptor.Logical, cfg.Descriptor.Capability = zdo.EndDevice, zigbee.SleepyCapability
	s := m.add("sensor", cfg)
	s.Start(m.now)
	return s
}

// allowSensors lets the first n sensors join.
func allowSensors(m *medium, tc *station, n int) {
	m.t.Helper()
	tc.PermitJoin(m.now, time.Hour)
	for i := range n {
		if err := tc.Allow(sensorAddress+zigbee.EUI64(i), code(m.t, 500+i)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// joinSensor makes a network of a coordinator and one sensor.
func joinSensor(m *medium) (tc, sensor *station) {
	m.t.Helper()
	tc = m.coordinator()
	allowSensors(m, tc, 1)
	sensor = m.sensor(0)
	m.run(5*time.Minute, func() bool { return sensor.isUp() && len(eventsOf[DeviceAuthorised](tc)) > 0 })
	m.run(10*time.Second, nil)
	return tc, sensor
}

func TestSleepyDevice(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		m := newMedium(t, 7)
		m.loss = loss
		tc, sensor := joinSensor(m)
		a := addressOf(t, tc, sensorAddress)
		if sensor.Filter().Listening || !tc.Filter().Listening {
			t.Error("who listens?")
		}
		children := tc.nwk.Children()
		if len(children) != 1 || children[0].Short != a || !children[0].Sleepy || children[0].Timeout != 8 {
			t.Errorf("%+v", children)
		}
		for i := range 20 {
			sensor.events = nil
			asked := m.now
			r := DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{uint8(i)}, Ack: i%2 == 0}
			if err := tc.send(r); err != nil {
				t.Fatal(err)
			}
			m.run(DefaultPollLong+2*time.Second, func() bool { return len(eventsOf[DataIndication](sensor)) > 0 })
			if d := m.now.Sub(asked); loss == 0 && d > DefaultPollLong+100*time.Millisecond {
				t.Errorf("it took %v", d)
			}
			m.run(3*time.Second, nil)
		}
		r := DataRequest{SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true, LinkKey: true}
		asked := m.now
		if err := sensor.send(r); err != nil {
			t.Error(err)
		}
		if d := m.now.Sub(asked); loss == 0 && d > time.Second {
			t.Errorf("the acknowledgement took %v", d)
		}
		m.checkCounters()
	}
}

// A sensor that hears a lamp alone joins through it, asleep, with the key in a tunnel.
func TestSensorJoinsThroughALamp(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		m := newMedium(t, 4)
		tc, lamps := joinAll(m, 1)
		allowSensors(m, tc, 1)
		sensor := m.sensor(0)
		sensor.cfg.Descriptor.Capability = zigbee.SleepyCapability
		m.wall(tc, sensor, true)
		m.loss = loss
		m.run(10*time.Minute, func() bool { return sensor.isUp() && len(eventsOf[DeviceAuthorised](tc)) > 1 })
		if parentOf(m, sensor) != lamps[0] || sensor.nwk.Parent() != lamps[0].nwk.Network().Short {
			t.Error("whose child is it?")
		}
		m.run(10*time.Second, nil)
		r := DataRequest{
			Dst: sensor.nwk.Network().Short, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true, LinkKey: true,
		}
		sensor.events = nil
		if err := tc.send(r); err != nil || len(eventsOf[DataIndication](sensor)) != 1 {
			t.Errorf("data to it: %v", err)
		}
	}
}

// Anybody can forge a poll. It makes no lamp a child, and few strangers at a time.
func TestForgedPolls(t *testing.T) {
	m := newMedium(t, 4)
	tc, lamps := joinAll(m, 2)
	m.run(time.Minute, nil)
	poll := func(seq uint8, a zigbee.ShortAddr) {
		b := mac.AppendHeader(nil, mac.Header{
			Type: mac.TypeCommand, Ack: true, Compress: true, Seq: seq, Dst: mac.Short(tc.mac.PAN(), 0), Src: mac.Short(tc.mac.PAN(), a),
		})
		tc.Receive(m.now, mac.AppendCommand(b, mac.Command{ID: mac.DataRequest}), 200)
	}
	for i, l := range lamps {
		poll(uint8(i), l.nwk.Network().Short)
	}
	poll(9, 0x7777)
	if f := tc.Filter(); len(f.PendingShort) > 0 {
		t.Errorf("a frame waits for a lamp: %v", f.PendingShort)
	}
	for i := range 40 {
		tc.nwk.Learn(sensorAddress+zigbee.EUI64(i), zigbee.ShortAddr(0x2000+i))
		poll(uint8(i), zigbee.ShortAddr(0x2000+i))
	}
	if f := tc.Filter(); len(f.PendingShort) == 0 || len(f.PendingShort) > 4 || len(tc.nwk.Children()) > 0 {
		t.Errorf("%d strangers are sent away at a time", len(f.PendingShort))
	}
	m.run(20*time.Second, nil)
	if f := tc.Filter(); len(f.PendingShort) > 0 {
		t.Error("they are never forgotten")
	}
}

// A parent has room for so many children and no more, and holds so many frames.
func TestParentIsBounded(t *testing.T) {
	m := newMedium(t, 4)
	tc := m.coordinator()
	for i := range nwk.MaxChildren {
		if !tc.adopt(sensorAddress+zigbee.EUI64(i), zigbee.ShortAddr(0x2000+i), zigbee.SleepyCapability) {
			t.Fatalf("no room for child %d", i)
		}
	}
	if tc.adopt(sensorAddress+nwk.MaxChildren, 0x3000, zigbee.SleepyCapability) || tc.nwk.RoomForChild() {
		t.Error("there is no limit")
	}
	if !tc.adopt(sensorAddress, 0x2000, zigbee.SleepyCapability) {
		t.Error("a child may not come again")
	}
	before := tc.Counters().NWK
	for i := range nwk.MaxHeld + 4 {
		tc.nwk.SendLeave(m.now, 0, zigbee.ShortAddr(0x2000+i), nwk.LeaveRequest)
	}
	tc.pump()
	if c := tc.Counters().NWK; c.HeldFull != before.HeldFull+4 || len(tc.Filter().PendingShort) != nwk.MaxHeld {
		t.Errorf("%d refused, %d held", c.HeldFull-before.HeldFull, len(tc.Filter().PendingShort))
	}
	m.run(8*time.Second, nil)
	if c := tc.Counters().NWK; c.Expired != nwk.MaxHeld {
		t.Errorf("%d expired", c.Expired)
	}
}
