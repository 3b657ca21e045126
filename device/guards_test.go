package device

import (
	"testing"
	"time"

	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

func TestScenesOfGroups(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	if got := b.command(l, zcl.StoreScene{Scene: sceneID(7, 1)}); zcl.Status(got[0]) != zcl.InvalidField {
		t.Errorf("a scene of a group that it is not in: %x", got)
	}
	b.command(l, zcl.AddGroup{Group: 7})
	b.command(l, zcl.StoreScene{Scene: sceneID(7, 1)})
	b.command(l, zcl.StoreScene{Scene: sceneID(0, 1)})
	b.received = nil
	b.data(stack.DataRequest{Group: 7, Cluster: zcl.ClusterScenes, Payload: zcl.AppendRequest(nil, 1, zcl.ViewScene{Scene: sceneID(7, 1)})})
	b.run(time.Second, nil)
	if len(b.received) > 0 {
		t.Errorf("a groupcast was answered: %+v", b.received)
	}
	b.command(l, zcl.RemoveAllGroups{})
	if got := len(l.scenes.list); got != 1 {
		t.Errorf("%d scenes without a group, want that of none", got)
	}
}

func TestMemoryWithTooManyScenes(t *testing.T) {
	l := lone(t, nil)
	for n := range uint8(MaxScenes + 1) {
		l.scenes.list = append(l.scenes.list, scene{id: sceneID(0, n)})
	}
	var other Luminaire
	if err := other.recall(l.remember(nil)); err == nil {
		t.Errorf("recalled %d scenes", len(other.scenes.list))
	}
}

func TestTheMeterDoesNotRunBackwards(t *testing.T) {
	l := lone(t, nil)
	l.Start(start)
	l.advance(start.Add(time.Hour))
	before := l.meter
	l.advance(start)
	if l.meter != before {
		t.Errorf("%+v, want %+v", l.meter, before)
	}
}

// While a luminaire is dead nothing flows, and what it wanted to send stays unsent.
func TestDead(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	l.light.switchOff(b.now)
	l.Advance(b.now)
	if _, err := l.node.Data(b.now, stack.DataRequest{DstEndpoint: 1, SrcEndpoint: Endpoint, Profile: zcl.ProfileHomeAutomation, Cluster: zcl.ClusterOnOff, Payload: []byte{0, 1, 2}}); err != nil {
		t.Fatal(err)
	}
	before := l.Energy(b.now)
	l.SetFaults(b.now, Faults{Dead: true})
	if f, ok := l.NextFrame(); ok {
		t.Errorf("sends %x", f.Data)
	}
	later := b.now.Add(100 * time.Hour)
	l.SetFaults(later, Faults{})
	if got := l.Energy(later); got != before {
		t.Errorf("%d Ws after being dead, want %d", got, before)
	}
}

// A battery ends by itself.
func TestBatteryEnds(t *testing.T) {
	b := newBuilding(t)
	s := b.sensor(0, nil)
	s.SetCharge(b.now, 1e-6)
	b.run(time.Hour, func() bool { return s.dead })
	if _, ok := s.Deadline(); ok {
		t.Error("goes on without a charge")
	}
}
