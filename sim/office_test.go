package sim

import (
	"math"
	"testing"
)

func TestOfficeLoss(t *testing.T) {
	o := Office{Floors: 4, RoomsOnFloor: 8}
	for _, c := range []struct {
		name string
		p, q Position
		want float64
	}{
		{"one room", o.InRoom(0, .1, .1, 1), o.InRoom(0, .9, .9, 1), 0},
		{"next room", o.InRoom(0, .5, .5, 1), o.InRoom(2, .5, .5, 1), wallLoss},
		{"three rooms on", o.InRoom(0, .5, .5, 1), o.InRoom(6, .5, .5, 1), 3 * wallLoss},
		{"the corridor before the door", o.InRoom(0, .5, .5, 1), Position{X: 3, Y: 6, Z: 1}, wallLoss},
		{"across the corridor", o.InRoom(0, .5, .5, 1), o.InRoom(1, .5, .5, 1), 2 * wallLoss},
		{"along the corridor", o.InCorridor(0, 0, 1), o.InCorridor(0, 1, 1), 0},
		{"outside", o.InRoom(0, .5, .5, 1), Position{X: 3, Y: -10, Z: 1}, wallLoss},
		{"the end wall", o.InRoom(0, .5, .5, 1), Position{X: -10, Y: 2, Z: 1}, wallLoss},
		{"one floor up", o.InRoom(0, .5, .5, 1), o.InRoom(8, .5, .5, 1), floorLoss},
		{"two floors up", o.InRoom(0, .5, .5, 1), o.InRoom(16, .5, .5, 1), floorLoss * math.Pow(2, 4./3-.46)},
	} {
		there, back := o.Loss(c.p, c.q), o.Loss(c.q, c.p)
		if math.Abs(there-c.want) > 1e-9 || math.Abs(back-c.want) > 1e-9 {
			t.Errorf("%s: %.1f dB there, %.1f dB back, want %.1f", c.name, there, back, c.want)
		}
	}
}

func TestOfficeLights(t *testing.T) {
	o := Office{Floors: 2, RoomsOnFloor: 5}
	places, rooms := o.Lights(63)
	seen := map[Position]bool{}
	count := map[int]int{}
	for i, p := range places {
		if seen[p] {
			t.Errorf("two lights at %v", p)
		}
		seen[p] = true
		count[rooms[i]]++
		if rooms[i] < 0 {
			continue
		}
		corner := o.Room(rooms[i])
		if p.X <= corner.X || p.X >= corner.X+RoomWidth || p.Y <= corner.Y || p.Y >= corner.Y+RoomDepth || p.Z != corner.Z+CeilingHeight {
			t.Errorf("light %d at %v is not in room %d at %v", i, p, rooms[i], corner)
		}
	}
	for room := range o.Rooms() {
		if count[room] < 5 || count[room] > 6 {
			t.Errorf("%d lights in room %d", count[room], room)
		}
	}
	if len(places) != 63 || count[-1] != 10 {
		t.Errorf("%d lights, %d in corridors", len(places), count[-1])
	}
}
