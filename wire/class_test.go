package wire

import (
	"testing"

	"sconce"
)

// The order of DESIGN §6: logs go first, then occupancy and illuminance, then energy;
// events and results last.
func TestClassesAreInTheOrderOfTheDesign(t *testing.T) {
	readings := func(metrics ...sconce.Metric) Readings {
		var m Readings
		for _, metric := range metrics {
			m.Readings = append(m.Readings, Reading{Device: 1, Metric: metric})
		}
		return m
	}
	groups := [][]Up{
		{Log{}},
		{readings(sconce.Occupancy), readings(sconce.Illuminance, sconce.LinkQuality)},
		{readings(sconce.Energy), readings(sconce.ActivePower), readings(sconce.Occupancy, sconce.Energy), Occupancy{}},
		{State{}},
		{Events{}, Result{}, Report{}},
		{Hello{}},
	}
	for i, group := range groups {
		for _, m := range group {
			if got, want := ClassOf(m), ClassLogs+Class(i); got != want {
				t.Errorf("%T %v is of class %d, want %d", m, m, got, want)
			}
		}
	}
}
