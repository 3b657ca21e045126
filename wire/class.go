package wire

import "sconce"

// Class orders messages by how much their loss would hurt: what a gateway drops
// first when its buffer is full (DESIGN §6). Values are never renumbered.
type Class uint8

// The classes, from the first to be dropped to the last.
const (
	ClassLogs         Class = 1 // for people who look for faults
	ClassSurroundings Class = 2 // readings of occupancy, illuminance and radio links: the next one comes soon
	ClassMetering     Class = 3 // all other readings, those of energy among them
	ClassStates       Class = 4 // the cloud learns them again when a device reports
	ClassVital        Class = 5 // events, results, reports: nothing repeats them
	ClassGreeting     Class = 6 // hello: opens a connection, so it is sent before all else
)

// ClassOf returns the class of a message: of readings that of the most important one.
func ClassOf(body Up) Class {
	switch m := body.(type) {
	case Hello:
		return ClassGreeting
	case Log:
		return ClassLogs
	case State:
		return ClassStates
	case Occupancy:
		return ClassMetering // the next one tells of another time
	case Readings:
		c := ClassSurroundings
		for _, r := range m.Readings {
			c = max(c, ClassOfMetric(r.Metric))
		}
		return c
	default:
		return ClassVital
	}
}

// ClassOfMetric returns the class of readings of a metric.
func ClassOfMetric(m sconce.Metric) Class {
	switch m {
	case sconce.Occupancy, sconce.Illuminance, sconce.LinkQuality, sconce.Signal:
		return ClassSurroundings
	default:
		return ClassMetering
	}
}
