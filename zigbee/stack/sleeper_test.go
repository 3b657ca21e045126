package stack

import (
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
)

// rested returns a network with a lamp and a sensor that polls rarely, and has said and
// heard all that there was.
func rested(t *testing.T, poll time.Duration) (m *medium, tc, lamp, sensor *station) {
	t.Helper()
	m = newMedium(t, 6)
	tc, lamps := joinAll(m, 1)
	allowSensors(m, tc, 1)
	sensor = m.sensor(0)
	m.run(5*time.Minute, func() bool { return sensor.isUp() && len(eventsOf[DeviceAuthorised](tc)) > 1 })
	tc.PermitJoin(m.now, 0)
	if err := sensor.SetPolling(m.now, poll, DefaultPollShort); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, nil)
	return m, tc, lamps[0], sensor
}

// report is what a sensor says with an acknowledgement.
func report(sensor *station) error {
	return sensor.send(DataRequest{SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true})
}

// A sensor that has the next network key, and sleeps while the others switch to it,
// finds out when it polls: what it says next is heard, even if it polls once an hour.
func TestSleeperFollowsTheSwitch(t *testing.T) {
	for _, poll := range []time.Duration{DefaultPollLong, time.Hour} {
		m, tc, lamp, sensor := rested(t, poll)
		if err := tc.RotateNetworkKey(m.now); err != nil {
			t.Fatal(err)
		}
		if poll > time.Minute { // it asks once, gets the key, and sleeps again
			m.run(time.Second, nil)
			sensor.Poll(m.now)
		}
		m.run(2*switchLimit, haveKey(1, tc, lamp))
		m.run(formerKeyLife, nil)
		if poll == DefaultPollLong {
			m.run(3*DefaultPollLong, haveKey(1, sensor))
		}
		sensor.Poll(m.now)
		m.run(DefaultPollShort/2, haveKey(1, sensor))
		m.run(2*time.Second, nil)
		if parent := parentOf(m, sensor); parent == nil || len(parent.Filter().PendingShort) > 0 {
			t.Errorf("polling every %v: it is called without end", poll)
		}
		if err := report(sensor); err != nil {
			t.Errorf("polling every %v: %v", poll, err)
		}
		if len(eventsOf[ParentLost](sensor)) > 0 {
			t.Errorf("polling every %v: it had to look for its network", poll)
		}
		m.checkCounters()
	}
}

// A sensor that sleeps through a whole change of the network key comes back by itself,
// while the network is closed: under its own link key, and under no other.
func TestSleeperMissesRotation(t *testing.T) {
	for _, own := range []bool{true, false} {
		m, tc, lamp, sensor := rested(t, DefaultPollLong)
		sensor.dead = true // its radio hears nothing, and says nothing
		if err := tc.RotateNetworkKey(m.now); err != nil {
			t.Fatal(err)
		}
		m.run(3*switchLimit, func() bool { return len(eventsOf[NetworkKeyChanged](tc)) > 0 })
		if without := eventsOf[NetworkKeyChanged](tc)[0].Without; len(without) != 1 || without[0] != sensorAddress {
			t.Fatalf("without the key: %v", without)
		}
		m.run(10*time.Minute, nil)
		if !own { // the trust centre knows another link key of it
			tc.aps.DropKey(sensorAddress, aps.Established)
			other := aps.KeyInfo{Device: sensorAddress, Use: aps.Established, Key: zigbee.NewLinkKey([16]byte{99})}
			if err := tc.aps.RestoreKey(other); err != nil {
				t.Fatal(err)
			}
		}
		sensor.dead = false
		if own {
			m.run(5*time.Minute, haveKey(1, sensor))
			m.run(time.Minute, sensor.isUp)
			if err := report(sensor); err != nil {
				t.Error(err)
			}
		} else {
			m.run(time.Hour, nil)
			if seq, _ := keyOf(sensor); seq != 0 || sensor.Counters().APS.Forged == 0 {
				t.Errorf("key %d under another link key; %d frames refused", seq, sensor.Counters().APS.Forged)
			}
		}
		if c := tc.Counters().JoinsRefused + lamp.Counters().JoinsRefused; c != 0 {
			t.Errorf("%d refused", c)
		}
		m.checkCounters()
	}
}
