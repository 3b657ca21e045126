package stack

import (
	"testing"
	"time"

	"sconce/zigbee"
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
			r := DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{uint8(i)}}
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
		m.run(10*time.Minute, func() bool { _, _, has := sensor.nwk.Key(); return has })
		if parentOf(m, sensor) != lamps[0] || sensor.nwk.Parent() != lamps[0].nwk.Network().Short {
			t.Error("whose child is it?")
		}
	}
}
