package sim

import "math"

// Every room of an office has a band of windows along its outer wall. What daylight
// comes in is reckoned from the part of the sky that a place sees through them: the
// configuration factor of a rectangle that stands upright on a plane (Howell, A Catalog
// of Radiation Heat Transfer Configuration Factors), for a sky that is equally bright
// everywhere. What walls reflect is left out.
const (
	sillHeight   = 0.8 // metres: desks are as high, so that all of the window counts
	windowHeight = CeilingHeight - sillHeight
	glazing      = 0.6 // of the light passes: glass, frames, dirt
)

// DaylightFactor returns which share of the illuminance outside, of the sky alone, falls on
// a desk at a place: 0 in a corridor, which has no windows.
func (o Office) DaylightFactor(room int, at Position) float64 {
	if room < 0 || room >= o.Rooms() {
		return 0
	}
	corner := o.Room(room)
	depth := at.Y - corner.Y // south of the corridor, the window is at the room's least y
	if corner.Y > 0 {
		depth = corner.Y + RoomDepth - at.Y
	}
	left := min(max(at.X-corner.X, 0), RoomWidth)
	return glazing * (uprightShare(depth, left) + uprightShare(depth, RoomWidth-left))
}

// uprightShare returns the configuration factor of a window whose lower corner is
// straight before a place, depth metres away, width metres wide.
func uprightShare(depth, width float64) float64 {
	depth = max(depth, 0.1)
	slant := math.Hypot(depth, windowHeight)
	return (math.Atan(width/depth) - depth/slant*math.Atan(width/slant)) / (2 * math.Pi)
}

// The light of a lamp: LEDs give 120 lm for a watt, and a diffuse cover spreads
// them as the cosine of the angle (Lambert).
const (
	lumenPerWatt = 120.0
	deskHeight   = 0.8
)

// lampLight returns the illuminance on a desk at a place below a lamp of some
// watts, by the inverse square of the distance, in lux.
func lampLight(watts float64, lamp, desk Position) float64 {
	height := lamp.Z - desk.Z
	if height <= 0 {
		return 0
	}
	square := (lamp.X-desk.X)*(lamp.X-desk.X) + (lamp.Y-desk.Y)*(lamp.Y-desk.Y) + height*height
	return watts * lumenPerWatt / math.Pi * height * height / (square * square)
}
