package sim

import (
	"math"
	"testing"
	"time"
)

var greenwich = Greenwich(1)

func degrees(rad float64) float64 { return rad * 180 / math.Pi }

// The heights of the sun that almanacs give: 90° less the latitude, more or less
// the obliquity, at noon of the solstices; on the horizon at six at the equinoxes.
func TestSunElevation(t *testing.T) {
	for _, test := range []struct {
		at   time.Time
		sun  Sun
		want float64
	}{
		{time.Date(2026, 6, 21, 12, 0, 0, 0, time.UTC), greenwich, 90 - 51.48 + 23.44},
		{time.Date(2026, 12, 21, 12, 0, 0, 0, time.UTC), greenwich, 90 - 51.48 - 23.44},
		{time.Date(2026, 3, 21, 6, 0, 0, 0, time.UTC), greenwich, 0},
		{time.Date(2026, 9, 23, 18, 0, 0, 0, time.UTC), greenwich, 0},
		{time.Date(2026, 6, 21, 6, 0, 0, 0, time.UTC), Sun{Latitude: 51.48, Longitude: 90}, 90 - 51.48 + 23.44},
		{time.Date(2026, 3, 21, 12, 0, 0, 0, time.FixedZone("", 3600)), Sun{Longitude: 15}, 90},
	} {
		if got := degrees(test.sun.Elevation(test.at)); math.Abs(got-test.want) > 1 {
			t.Errorf("%v at %+v: %.2f°, want %.2f°", test.at, test.sun, got, test.want)
		}
	}
}

func TestSky(t *testing.T) {
	june, december := time.Date(2026, 6, 21, 12, 0, 0, 0, time.UTC), time.Date(2026, 12, 21, 12, 0, 0, 0, time.UTC)
	if day := greenwich.Sky(june); day < 14_000 || day > 20_000 {
		t.Errorf("%.0f lx at noon in June", day)
	}
	if day := greenwich.Sky(december); day < 4_000 || day > 9_000 {
		t.Errorf("%.0f lx at noon in December", day)
	}
	if night := greenwich.Sky(december.Add(6 * time.Hour)); night != 0 {
		t.Errorf("%.0f lx on a December evening", night)
	}
	clouds := map[float64]bool{}
	for h := range 24 {
		at := june.Add(time.Duration(h) * time.Hour)
		share := greenwich.clouds(at)
		if share < 0 || share > 1 || math.Abs(greenwich.clouds(at.Add(time.Second))-share) > 0.001 {
			t.Errorf("clouds over %v of the sky, and a second later %v", share, greenwich.clouds(at.Add(time.Second)))
		}
		clouds[share] = true
	}
	other := greenwich
	other.Seed++
	if len(clouds) < 24 || other.clouds(june) == greenwich.clouds(june) {
		t.Error("the clouds never change")
	}
}
