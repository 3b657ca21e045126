package stack

import (
	"testing"
	"time"

	"sconce/internal/tshark"
	"sconce/zigbee"
	"sconce/zigbee/zdo"
)

// neighbours asks a node for its whole table, as somebody who draws a map does.
func neighbours(t *testing.T, m *medium, tc *station, a zigbee.ShortAddr) map[zigbee.EUI64]zdo.Neighbour {
	t.Helper()
	all := map[zigbee.EUI64]zdo.Neighbour{}
	for start := uint8(0); ; {
		rsp, err := zdo.ParseMgmtLqiRsp(tc.ask(t, a, zdo.MgmtLqi, zdo.MgmtLqiReq{Seq: 40, StartIndex: start}.Append(nil)))
		if err != nil || rsp.Status != zdo.Success || rsp.Seq != 40 || rsp.StartIndex != start {
			t.Fatalf("neighbours of %s: %+v, %v", a, rsp, err)
		}
		for _, e := range rsp.Neighbours {
			all[e.Device] = e
		}
		if start += uint8(len(rsp.Neighbours)); start >= rsp.Total || len(rsp.Neighbours) == 0 {
			break
		}
	}
	return all
}

// The tables of a row of lamps are its map: each has the one before it and the one
// after as siblings; all have a route to the coordinator, over the one before.
func TestTables(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := row(m, 4)
	stations := append([]*station{tc}, lamps...)
	for i, s := range stations[1:] {
		a := addressOf(t, tc, s.cfg.EUI64)
		got := neighbours(t, m, tc, a)
		want := 2
		if i == len(lamps)-1 {
			want = 1
		}
		if len(got) != want {
			t.Errorf("lamp %d has the neighbours %+v, want %d", i, got, want)
		}
		e, ok := got[stations[i].cfg.EUI64]
		kind := zdo.Router
		if i == 0 {
			kind = zdo.Coordinator
		}
		if !ok || e.Type != uint8(kind) || e.RxOnWhenIdle != 1 || e.Relationship != isSibling || e.LQI == 0 || e.ExtendedPANID == 0 {
			t.Errorf("lamp %d says of the one before it: %+v", i, e)
		}
		rsp, err := zdo.ParseMgmtRtgRsp(tc.ask(t, a, zdo.MgmtRtg, zdo.MgmtRtgReq{Seq: 41}.Append(nil)))
		if err != nil || rsp.Status != zdo.Success || int(rsp.Total) != len(rsp.Routes) {
			t.Fatalf("routes of lamp %d: %+v, %v", i, rsp, err)
		}
		before := zigbee.Coordinator
		if i > 0 {
			before = addressOf(t, tc, lamps[i-1].cfg.EUI64)
		}
		found := false
		for _, r := range rsp.Routes {
			found = found || r.Dst == zigbee.Coordinator && r.NextHop == before
		}
		if !found {
			t.Errorf("lamp %d has the routes %+v, and none to the coordinator over %s", i, rsp.Routes, before)
		}
		beyond, err := zdo.ParseMgmtRtgRsp(tc.ask(t, a, zdo.MgmtRtg, zdo.MgmtRtgReq{StartIndex: 200}.Append(nil)))
		if err != nil || len(beyond.Routes) != 0 || beyond.Total != rsp.Total {
			t.Errorf("routes beyond the end: %+v, %v", beyond, err)
		}
	}
	keys := make([]tshark.Key, len(lamps))
	for i := range lamps {
		keys[i] = tshark.Key{Name: "install code", Value: code(t, i).LinkKey().Bytes()}
	}
	tshark.Gate(t, m.capture(), keys...)
}

// A parent has its sleepy child in its table, and the child its parent; the child
// has no routing table.
func TestTablesOfASleepyDevice(t *testing.T) {
	m := newMedium(t, 7)
	tc, sensor := joinSensor(m)
	child, ok := sensorOf(tc)
	if !ok || child.Type != uint8(zdo.EndDevice) || child.RxOnWhenIdle != 0 || child.Relationship != isChild {
		t.Errorf("the coordinator says of its child: %+v, %v", child, ok)
	}
	if got := sensor.powered(); got.Current != zdo.PowerDisposable {
		t.Errorf("a sensor says that it is powered by %d", got.Current)
	}
	a := addressOf(t, tc, sensor.cfg.EUI64)
	for _, c := range []zdo.Cluster{zdo.MgmtLqi, zdo.MgmtRtg} {
		tc.events = nil
		if err := tc.send(DataRequest{Dst: a, Profile: zdo.Profile, Cluster: uint16(c), Payload: []byte{42, 0}}); err != nil {
			t.Fatal(err)
		}
		m.run(20*time.Second, func() bool { return len(eventsOf[DataIndication](tc)) > 0 })
		payload := eventsOf[DataIndication](tc)[0].Payload
		if c == zdo.MgmtRtg {
			if rsp, err := zdo.ParseMgmtRtgRsp(payload); err != nil || rsp.Status != zdo.NotSupported {
				t.Errorf("routes of a sensor: %+v, %v", rsp, err)
			}
			continue
		}
		rsp, err := zdo.ParseMgmtLqiRsp(payload)
		if err != nil || len(rsp.Neighbours) != 1 || rsp.Neighbours[0].Relationship != isParent || rsp.Neighbours[0].Type != uint8(zdo.Coordinator) {
			t.Errorf("neighbours of a sensor: %+v, %v", rsp, err)
		}
	}
}

// sensorOf returns what a node says of the first sensor.
func sensorOf(s *station) (zdo.Neighbour, bool) {
	for _, e := range s.nwk.Neighbours(s.now) {
		if e.EUI64 == sensorAddress {
			return s.neighbour(e), true
		}
	}
	return zdo.Neighbour{}, false
}
