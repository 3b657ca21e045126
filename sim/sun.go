package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Sun is the daylight at a place on Earth, under clouds that a seed draws. It
// follows IES, Recommended Practice for the Calculation of Daylight Availability
// (J. Illum. Eng. Soc. 13, 1984), for clear and for overcast skies, and Cooper (Solar
// Energy 12, 1969) for the declination. The equation of time and refraction are left
// out: the sun may be a quarter of an hour early or late.
type Sun struct {
	Latitude  float64 // degrees, north positive
	Longitude float64 // degrees, east positive
	Seed      uint64  // of the clouds
}

// Greenwich returns the sun of where clocks that show UTC show its time.
func Greenwich(seed uint64) Sun { return Sun{Latitude: 51.48, Seed: seed} }

// Elevation returns the height of the sun above the horizon, in radians.
func (s Sun) Elevation(now time.Time) float64 {
	now = now.UTC()
	const earthAxis = 23.45 * math.Pi / 180
	declination := earthAxis * math.Sin(2*math.Pi*float64(284+now.YearDay())/365)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	solar := now.Sub(midnight).Hours() + s.Longitude/15
	hour := (solar - 12) * math.Pi / 12 // angle
	latitude := s.Latitude * math.Pi / 180
	return math.Asin(math.Sin(latitude)*math.Sin(declination) + math.Cos(latitude)*math.Cos(declination)*math.Cos(hour))
}

// Sky returns the illuminance that the sky, without the sun itself, gives a
// horizontal plane outside, in lux.
func (s Sun) Sky(now time.Time) float64 {
	height := math.Sin(s.Elevation(now))
	if height <= 0 {
		return 0
	}
	clear := 800 + 15_500*math.Sqrt(height)
	overcast := 300 + 21_000*height
	share := s.clouds(now)
	return (1-share)*clear + share*overcast
}

// clouds returns the share of the sky that is overcast, 0 to 1: it goes evenly from
// the share of one hour, which the seed draws, to that of the next.
func (s Sun) clouds(now time.Time) float64 {
	const hour = int64(time.Hour / time.Second)
	h := now.Unix() / hour
	into := now.Sub(time.Unix(h*hour, 0)).Hours()
	return (1-into)*s.cloudsAt(h) + into*s.cloudsAt(h+1)
}

func (s Sun) cloudsAt(hour int64) float64 {
	//nolint:gosec // weather is replayed from its seed
	return rand.New(rand.NewPCG(s.Seed, uint64(hour))).Float64()
}
