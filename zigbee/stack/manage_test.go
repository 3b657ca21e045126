package stack

import (
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/zdo"
)

// sensorAtALamp returns a network with two lamps and a sensor that does not hear the
// trust centre.
func sensorAtALamp(m *medium) (tc, sensor, parent, other *station) {
	m.t.Helper()
	tc, lamps := joinAll(m, 2)
	allowSensors(m, tc, 1)
	sensor = m.sensor(0)
	m.wall(tc, sensor, true)
	m.run(10*time.Minute, func() bool { return sensor.isUp() && len(eventsOf[DeviceAuthorised](tc)) > 2 })
	m.run(30*time.Second, nil)
	if parent, other = lamps[0], lamps[1]; parentOf(m, sensor) != parent {
		parent, other = other, parent
	}
	return tc, sensor, parent, other
}

// A lamp that is told to leave has its sleeping child find another parent first: the
// sensor is not left behind, and what it says is heard.
func TestParentLeavesKindly(t *testing.T) {
	for name, tell := range map[string]func(m *medium, tc, parent *station){
		"removed": func(m *medium, tc, parent *station) {
			if err := tc.Remove(m.now, parent.cfg.EUI64); err != nil {
				t.Fatal(err)
			}
		},
		"with its children": func(m *medium, tc, parent *station) {
			tc.sendZDO(parent.nwk.Network().Short, zdo.MgmtLeave, zdo.MgmtLeaveReq{Seq: 1, RemoveChildren: true}.Append(nil))
			tc.pump()
		},
	} {
		m := newMedium(t, 3)
		tc, sensor, parent, _ := sensorAtALamp(m)
		sensor.events, parent.events = nil, nil
		told := m.now
		tell(m, tc, parent)
		m.run(20*time.Second, func() bool { return len(eventsOf[Left](parent)) > 0 })
		if next := parentOf(m, sensor); next == nil || next == parent || !sensor.isUp() || len(eventsOf[Left](sensor)) > 0 {
			t.Errorf("%s: the sensor is left behind after %v", name, m.now.Sub(told))
		}
		if took := m.now.Sub(told); took > handOffTime+2*time.Second {
			t.Errorf("%s: leaving took %v", name, took)
		}
		if err := report(sensor); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		m.checkCounters()
	}
}

// A lamp that leaves takes nobody back meanwhile, even who hears no other.
func TestLeavingParentTakesNobody(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor, parent, other := sensorAtALamp(m)
	m.wall(sensor, other, true)
	sensor.events = nil
	if err := tc.Remove(m.now, parent.cfg.EUI64); err != nil {
		t.Fatal(err)
	}
	m.run(handOffTime, func() bool { return len(eventsOf[ParentLost](sensor)) > 0 })
	m.run(handOffTime/4, nil)
	if sensor.isUp() || len(eventsOf[Left](parent)) > 0 {
		t.Error("it came back to the parent that leaves, or too late")
	}
	m.wall(sensor, other, false)
	m.run(time.Minute, sensor.isUp)
}

// The trust centre makes a child of a lamp look for another parent, through the lamp;
// nobody else does, and who is no child is not found.
func TestChildIsSentOn(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor, parent, other := sensorAtALamp(m)
	ask := func(from *station, device zigbee.EUI64, rejoin bool) zdo.Status {
		rsp, err := zdo.ParseStatusRsp(from.ask(t, parent.nwk.Network().Short, zdo.MgmtLeave, zdo.MgmtLeaveReq{Seq: 1, Device: device, Rejoin: rejoin}.Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		return rsp.Status
	}
	if s := ask(other, sensorAddress, true); s != zdo.NotPermitted {
		t.Errorf("a lamp sends another's child on: %v", s)
	}
	if s := ask(tc, sensorAddress+7, true); s != zdo.DeviceNotFound {
		t.Errorf("no child: %v", s)
	}
	if s := ask(tc, sensorAddress, false); s != zdo.NotPermitted {
		t.Errorf("for good: %v", s)
	}
	sensor.events = nil
	if s := ask(tc, sensorAddress, true); s != zdo.Success {
		t.Errorf("%v", s)
	}
	m.run(20*time.Second, func() bool { return len(eventsOf[NetworkUp](sensor)) > 0 })
}

// The binding table can be read, in parts.
func TestBindingTable(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	want := []Binding{
		{Endpoint: 1, Cluster: 6, Device: tcAddress, DstEndpoint: 1},
		{Endpoint: 1, Cluster: 6, Group: 4},
		{Endpoint: 1, Cluster: 8, Group: 0x1234},
		{Endpoint: 1, Cluster: 0x0300, Device: lampAddress + 3, DstEndpoint: 11},
	}
	for _, b := range want {
		if err := lamps[0].AddBinding(b); err != nil {
			t.Fatal(err)
		}
	}
	var got []Binding
	for start := uint8(0); ; {
		rsp, err := zdo.ParseMgmtBindRsp(tc.ask(t, addressOf(t, tc, lampAddress), zdo.MgmtBind, zdo.MgmtBindReq{Seq: 7, StartIndex: start}.Append(nil)))
		if err != nil || rsp.Status != zdo.Success || rsp.Seq != 7 || rsp.StartIndex != start || int(rsp.Total) != len(want) {
			t.Fatalf("%+v, %v", rsp, err)
		}
		for _, e := range rsp.Entries {
			if e.Source != lampAddress || e.ToGroup != (e.Device == 0) {
				t.Errorf("%+v", e)
			}
			got = append(got, Binding{Endpoint: e.SrcEndpoint, Cluster: e.Cluster, Group: e.Group, Device: e.Device, DstEndpoint: e.DstEndpoint})
		}
		if start += uint8(len(rsp.Entries)); int(start) >= len(want) || len(rsp.Entries) == 0 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if lamps[0].AddBinding(Binding{Endpoint: 9}) == nil || !lamps[0].RemoveBinding(want[1]) || lamps[0].RemoveBinding(want[1]) {
		t.Error("bindings of an endpoint that is not there, or removed twice")
	}
}

// A lamp measures the energy of channels for the trust centre: for nobody else, for no
// broadcast, and not again and again, for it hears nothing meanwhile.
func TestMeasuresForTheTrustCentre(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	lamp, other := lamps[0], lamps[1]
	a := addressOf(t, tc, lampAddress)
	m.run(5*time.Second, nil)
	req := zdo.MgmtNWKUpdateReq{Seq: 3, Channels: zigbee.Channels(11, 15, 20), Duration: 4, Count: 1}
	ask := func(from *station, r zdo.MgmtNWKUpdateReq) zdo.MgmtNWKUpdateNotify {
		rsp, err := zdo.ParseMgmtNWKUpdateNotify(from.ask(t, a, zdo.MgmtNWKUpdate, r.Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		return rsp
	}
	if rsp := ask(tc, req); rsp.Status != zdo.NotSupported {
		t.Errorf("%+v of one that cannot measure", rsp)
	}
	lamp.cfg.MeasuresEnergy = true
	if rsp := ask(other, req); rsp.Status != zdo.NotAuthorised || len(eventsOf[EnergyWanted](lamp)) > 0 {
		t.Errorf("%+v for another lamp", rsp)
	}
	twice := req
	twice.Count = 2
	if rsp := ask(tc, twice); rsp.Status != zdo.InvalidRequestType {
		t.Errorf("%+v for two measurements", rsp)
	}
	tc.sendZDO(zigbee.BroadcastRxOn, zdo.MgmtNWKUpdate, req.Append(nil))
	tc.pump()
	m.run(5*time.Second, nil)
	if len(eventsOf[EnergyWanted](lamp)) > 0 {
		t.Error("measures for a broadcast: all would be deaf at a time")
	}
	tc.events = nil
	tc.sendZDO(a, zdo.MgmtNWKUpdate, req.Append(nil))
	tc.pump()
	m.run(5*time.Second, func() bool { return len(eventsOf[EnergyWanted](lamp)) > 0 })
	if e := eventsOf[EnergyWanted](lamp)[0]; e.Channels != req.Channels || e.Duration < 100*time.Millisecond || e.Duration > time.Second {
		t.Errorf("%+v", e)
	}
	lamp.EnergyMeasured(m.now, []Energy{{Channel: 20, DBm: -20}, {Channel: 11, DBm: -90}, {Channel: 12, DBm: -50}})
	m.run(5*time.Second, func() bool { return len(eventsOf[DataIndication](tc)) > 0 })
	rsp, err := zdo.ParseMgmtNWKUpdateNotify(eventsOf[DataIndication](tc)[0].Payload)
	if err != nil || rsp.Seq != 3 || rsp.Status != zdo.Success || rsp.Channels != zigbee.Channels(11, 20) || !slices.Equal(rsp.Energy, []uint8{40, 255}) || rsp.Transmissions == 0 {
		t.Errorf("%+v, %v", rsp, err)
	}
	if rsp := ask(tc, req); rsp.Status != zdo.NotPermitted {
		t.Errorf("%+v at once again", rsp)
	}
	m.run(measurePause, nil)
	lamp.events = nil
	tc.sendZDO(a, zdo.MgmtNWKUpdate, req.Append(nil))
	tc.pump()
	m.run(5*time.Second, func() bool { return len(eventsOf[EnergyWanted](lamp)) > 0 })
}

// A parent names its children, and answers for one that is asleep.
func TestParentAnswersForItsChild(t *testing.T) {
	m := newMedium(t, 7)
	tc, sensor := joinSensor(m)
	tc.PermitJoin(m.now, time.Hour)
	if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
		t.Fatal(err)
	}
	lamp := m.lamp(0)
	m.run(time.Minute, lamp.isUp)
	m.run(10*time.Second, nil)
	short := sensor.nwk.Network().Short
	lamp.events = nil
	sensor.dead = true // it sleeps soundly
	lamp.sendZDO(zigbee.BroadcastRxOn, zdo.NWKAddr, zdo.NWKAddrReq{Seq: 1, Device: sensorAddress}.Append(nil))
	lamp.pump()
	m.run(5*time.Second, func() bool { return len(eventsOf[DataIndication](lamp)) > 0 })
	rsp, err := zdo.ParseAddrRsp(eventsOf[DataIndication](lamp)[0].Payload)
	if err != nil || rsp.Device != sensorAddress || rsp.Addr != short || rsp.Status != zdo.Success {
		t.Errorf("%+v, %v", rsp, err)
	}
	for start, want := range [][]zigbee.ShortAddr{{short}, nil} {
		rsp, err := zdo.ParseAddrRsp(lamp.ask(t, zigbee.Coordinator, zdo.IEEEAddr, zdo.IEEEAddrReq{Seq: 2, RequestType: zdo.ExtendedResponse, StartIndex: uint8(start)}.Append(nil)))
		if err != nil || rsp.Device != tcAddress || !rsp.Extended || !slices.Equal(rsp.Associated, want) {
			t.Errorf("from %d: %+v, %v", start, rsp, err)
		}
	}
}
