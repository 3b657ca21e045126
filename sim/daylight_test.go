package sim

import (
	"math"
	"testing"
)

func TestDaylightFactor(t *testing.T) {
	o := Office{Floors: 2, RoomsOnFloor: 4}
	south := func(depth float64) float64 { return o.DaylightFactor(0, Position{X: 3, Y: depth}) }
	if near, far := south(1), south(4); near < 0.08 || near > 0.16 || far < 0.005 || far > 0.03 || near < 5*far {
		t.Errorf("%.3f of the daylight at 1 m from the window, %.3f at 4 m", near, far)
	}
	north := o.Room(5)
	if got := o.DaylightFactor(5, Position{X: north.X + 3, Y: 2*RoomDepth + CorridorWidth - 1, Z: north.Z}); math.Abs(got-south(1)) > 1e-9 {
		t.Errorf("%v in a northern room, %v in a southern one", got, south(1))
	}
	if o.DaylightFactor(-1, Position{}) != 0 || o.DaylightFactor(8, Position{}) != 0 {
		t.Error("daylight in a corridor")
	}
	// An endless window that reaches from the desk to the zenith shows half of the sky.
	if got := uprightShare(0.001, 1e9) + uprightShare(0.001, 1e9); math.Abs(got-0.5) > 0.03 {
		t.Errorf("an endless window shows %v of the sky, want about half", got)
	}
}

// The luminous intensity below a Lambert lamp is its flux by pi.
func TestLampLight(t *testing.T) {
	if got, want := lampLight(24, Position{Z: 2}, Position{}), 24*120/math.Pi/4; math.Abs(got-want) > 1e-9 {
		t.Errorf("%v lx straight below, want %v", got, want)
	}
	if lampLight(24, Position{Z: 2}, Position{X: 2}) >= lampLight(24, Position{Z: 2}, Position{})/3 || lampLight(24, Position{}, Position{Z: 1}) != 0 {
		t.Error("it is as bright aside as below, or above a lamp")
	}
}
