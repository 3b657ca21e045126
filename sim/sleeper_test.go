package sim

import (
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// testSleepers returns a sensor and a switch.
func testSleepers(t *testing.T) []SleeperConfig {
	t.Helper()
	code, err := zigbee.NewInstallCode([]byte("a label's 16 byt"))
	if err != nil {
		t.Fatal(err)
	}
	s := SleeperConfig{Kind: OccupancySensor, EUI64: 0x5ec0ce04_00000001, InstallCode: code, Model: "SO-1", Serial: "1", Firmware: "1", Position: Position{X: 5, Y: 3}}
	w := s
	w.Kind, w.EUI64, w.Model = WallSwitch, 0x5ec0ce05_00000001, "SW-1"
	return []SleeperConfig{s, w}
}

// ask sends a request to a device, and waits until it is acknowledged.
func (h *hub) ask(t *testing.T, e sconce.EUI64, r stack.DataRequest) {
	t.Helper()
	h.b.Do(func(*Air) {
		h.node.Do(func(now time.Time) {
			r.Dst, _ = h.stack.Lookup(zigbee.EUI64(e))
			r.Ack = true
			if _, err := h.stack.Data(now, r); err != nil {
				t.Error(err)
			}
		})
	})
	h.events = nil
	h.run(t, "acknowledged", time.Minute, func() bool {
		c := events[stack.DataConfirm](h)
		return len(c) > 0 && c[0].Err == nil
	})
}

// A sensor and a switch sleep in a building: they join, poll, tell what they sense,
// switch the lights that they are bound to, and hear nothing in their sleep.
func TestSleepers(t *testing.T) {
	lamps, dozers := lights(t, 2), testSleepers(t)
	b, err := NewBuilding(BuildingConfig{
		Air: AirConfig{Seed: 3, Start: epoch}, Channels: zigbee.Channels(11, 15, 20), Lights: lamps, Sleepers: dozers, Store: MemoryStore{},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, 3)
	all := slices.Clone(lamps)
	for _, d := range dozers {
		all = append(all, LightConfig{EUI64: d.EUI64, InstallCode: d.InstallCode})
	}
	h.admit(t, all)
	b.RunFor(10 * time.Second)
	sensor, button := b.sleepers[dozers[0].EUI64], b.sleepers[dozers[1].EUI64]
	if !sensor.joined || !button.joined {
		t.Fatal("the sleepers are not on the network")
	}
	const group = 7
	home := stack.DataRequest{SrcEndpoint: 1, DstEndpoint: device.Endpoint, Profile: zcl.ProfileHomeAutomation}
	r := home
	r.Cluster, r.Payload = zcl.ClusterGroups, zcl.AppendRequest(nil, 1, zcl.AddGroup{Group: group})
	for _, l := range lamps {
		h.ask(t, l.EUI64, r)
	}
	r.Cluster = zcl.ClusterOccupancy
	r.Payload = zcl.AppendConfigureReporting(nil, 2, zcl.Reporting{Attribute: zcl.AttrOccupancy, Type: zcl.TypeMap8, Max: 3600})
	h.ask(t, sensor.eui64, r)
	h.ask(t, button.eui64, stack.DataRequest{
		Cluster: uint16(zdo.Bind),
		Payload: zdo.BindReq{Seq: 3, Source: zigbee.EUI64(button.eui64), SrcEndpoint: device.Endpoint, Cluster: zcl.ClusterOnOff, ToGroup: true, Group: group}.Append(nil),
	})
	b.RunFor(5 * time.Second)

	h.events = nil
	b.Do(func(*Air) { sensor.sense(func(now time.Time, d *device.Sensor) { d.Motion(now) }) })
	h.run(t, "motion reported", time.Second, func() bool {
		return slices.ContainsFunc(events[stack.DataIndication](h), func(d stack.DataIndication) bool { return d.Cluster == zcl.ClusterOccupancy })
	})
	b.RunFor(10 * time.Second) // asleep again
	before := sensor.fw.Counters().Received
	b.Do(func(*Air) {
		if !button.press(device.ButtonOff) || sensor.press(device.ButtonOff) {
			t.Error("a switch that cannot be pressed, or a sensor that can")
		}
	})
	h.run(t, "lights off", time.Second, func() bool {
		return !slices.ContainsFunc(lamps, func(l LightConfig) bool { s, _ := b.Light(l.EUI64); return s.On })
	})
	if after := sensor.fw.Counters().Received; after != before {
		t.Errorf("the sensor heard %d frames in its sleep", after-before)
	}
}

func TestBuildingRefusesASleeperOfNoKind(t *testing.T) {
	dozers := testSleepers(t)
	dozers[0].Kind = 0
	if _, err := NewBuilding(BuildingConfig{Air: AirConfig{Start: epoch}, Channels: zigbee.Channels(11), Sleepers: dozers, Store: MemoryStore{}}); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("%v", err)
	}
}
