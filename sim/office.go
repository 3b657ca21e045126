package sim

import "math"

// Office is the structure of a building: floors of equal rooms on both sides of
// a corridor. What stands between two places costs them signal as in the
// multi-wall model of COST 231 (final report, 4.7.2).
type Office struct {
	Floors       int // at least 1
	RoomsOnFloor int // at least 1; even ones lie south of the corridor, odd ones north
}

// The measures of an office, in metres.
const (
	RoomWidth     = 6.0 // along the corridor
	RoomDepth     = 5.0
	CorridorWidth = 2.0
	FloorHeight   = 3.5
	CeilingHeight = 2.8 // where lights hang, above their floor
)

// The losses of COST 231 at 1.8 GHz, which it gives for want of others, in dB.
const (
	wallLoss  = 6.9  // of a heavy wall
	floorLoss = 18.3 // of the first floor slab; each further one costs less
	floorB    = 0.46 // the empirical exponent of slabs
)

// Rooms returns how many rooms the office has.
func (o Office) Rooms() int { return o.Floors * o.RoomsOnFloor }

// Columns returns how many rooms lie beside one another along the corridor.
func (o Office) Columns() int { return (o.RoomsOnFloor + 1) / 2 }

// Length returns the length of the corridor in metres.
func (o Office) Length() float64 { return RoomWidth * float64(o.Columns()) }

// Room returns the corner of a room, 0 to [Office.Rooms] - 1, at its least
// coordinates, on its floor.
func (o Office) Room(i int) Position {
	floor, on := i/o.RoomsOnFloor, i%o.RoomsOnFloor
	p := Position{X: RoomWidth * float64(on/2), Z: FloorHeight * float64(floor)}
	if on%2 == 1 {
		p.Y = RoomDepth + CorridorWidth
	}
	return p
}

// InRoom returns the place at the share x, y (0 to 1) of a room's width and
// depth, height metres above its floor.
func (o Office) InRoom(i int, x, y, height float64) Position {
	p := o.Room(i)
	return Position{p.X + x*RoomWidth, p.Y + y*RoomDepth, p.Z + height}
}

// InCorridor returns the place at the share x (0 to 1) of a corridor's length.
func (o Office) InCorridor(floor int, x, height float64) Position {
	return Position{x * o.Length(), RoomDepth + CorridorWidth/2, FloorHeight*float64(floor) + height}
}

// Loss implements [Structure].
func (o Office) Loss(p, q Position) float64 {
	walls := 0
	for _, y := range [...]float64{0, RoomDepth, RoomDepth + CorridorWidth, 2*RoomDepth + CorridorWidth} {
		if (p.Y < y) != (q.Y < y) {
			walls++
		}
	}
	// The walls between rooms end at the corridor.
	first, last := math.Ceil(min(p.X, q.X)/RoomWidth), math.Ceil(max(p.X, q.X)/RoomWidth)
	for k := max(first, 0); k < min(last, float64(o.Columns()+1)); k++ {
		share := (k*RoomWidth - p.X) / (q.X - p.X)
		if y := p.Y + share*(q.Y-p.Y); y < RoomDepth || y > RoomDepth+CorridorWidth {
			walls++
		}
	}
	return wallLoss*float64(walls) + slabLoss(math.Abs(math.Floor(p.Z/FloorHeight)-math.Floor(q.Z/FloorHeight)))
}

func slabLoss(n float64) float64 {
	if n == 0 {
		return 0
	}
	return floorLoss * math.Pow(n, (n+2)/(n+1)-floorB)
}

// Lights returns places for n lights, and the room of each, -1 for a corridor:
// one light of six hangs in a corridor, the others in the rooms in turn, under
// the ceiling, in two rows.
func (o Office) Lights(n int) (places []Position, rooms []int) {
	corridor := n / 6
	inRooms := n - corridor
	for i := range inRooms {
		room := i % o.Rooms()
		nth, of := i/o.Rooms(), (inRooms-room+o.Rooms()-1)/o.Rooms()
		across := (of + 1) / 2
		places = append(places, o.InRoom(room, (float64(nth/2)+0.5)/float64(across), 0.25+0.5*float64(nth%2), CeilingHeight))
		rooms = append(rooms, room)
	}
	for i := range corridor {
		floor := i % o.Floors
		nth, of := i/o.Floors, (corridor-floor+o.Floors-1)/o.Floors
		places = append(places, o.InCorridor(floor, (float64(nth)+0.5)/float64(of), CeilingHeight))
		rooms = append(rooms, -1)
	}
	return places, rooms
}

// PlaceOf returns the room or corridor that a position is in; one outside belongs
// to the nearest.
func (o Office) PlaceOf(at Position) Place {
	floor := min(max(int(at.Z/FloorHeight), 0), o.Floors-1)
	if at.Y >= RoomDepth && at.Y < RoomDepth+CorridorWidth {
		return o.Corridor(floor)
	}
	on := 2 * min(max(int(at.X/RoomWidth), 0), o.Columns()-1)
	if at.Y >= RoomDepth {
		on++
	}
	return Place(floor*o.RoomsOnFloor + min(on, o.RoomsOnFloor-1))
}

// nearestRoom returns the room that a position is in, or that lies beside its place
// in a corridor.
func (o Office) nearestRoom(at Position) Place {
	if at.Y >= RoomDepth && at.Y < RoomDepth+CorridorWidth {
		at.Y = 0
	}
	return o.PlaceOf(at)
}

// BesideDoor returns the place of the nth switch of a room: on the wall to the
// corridor, at the height of a hand, each a little farther from the door.
func (o Office) BesideDoor(room, nth int) Position {
	const hand, apart = 1.1, 0.1 // metres
	p := o.InRoom(room, 0.2, 0, hand)
	p.X += apart * float64(nth%20)
	if room%o.RoomsOnFloor%2 == 0 {
		p.Y += RoomDepth - 0.01
	}
	return p
}
