package sim

import (
	"iter"
	"math"
	"slices"
	"time"

	"sconce"
	"sconce/device"
)

// History makes up what the devices of an office told in a time that is long past: the
// same people, sun, daylight and power of luminaires as in a [Building], without the air
// between, so that a year takes seconds. The lights of a room follow its people: on while
// somebody is there and for a while after, and only as bright as the daylight
// leaves it dark. The same history is the same samples, whatever part of it is asked for.
type History struct {
	Office  Office
	People  int // their desks are dealt to the rooms in turn
	Seed    uint64
	Sun     Sun
	Lights  []HistoricLight
	Sensors []HistoricSensor
	From    time.Time // when all counters are 0
}

// HistoricLight is a luminaire of a [History].
type HistoricLight struct {
	EUI64      sconce.EUI64
	Place      Place // a room or a corridor
	RatedPower device.Milliwatts
}

// HistoricSensor is an occupancy and light sensor of a [History], new at its beginning.
type HistoricSensor struct {
	EUI64 sconce.EUI64
	Place Place
}

// HistoricSample is one thing that one device told. Of the metric [sconce.Output] it is a
// confirmed state: off, or on with an output in per mille.
type HistoricSample struct {
	Device sconce.EUI64
	Metric sconce.Metric
	At     time.Time
	Value  float64
}

// How the lights of a history behave, and how often devices tell.
const (
	historicHold = 10 * time.Minute // after the last one has left, until a light goes off
	historicLux  = 500.0            // on the desks, of lamps and daylight together (EN 12464-1, offices)
	leastOutput  = 100              // per mille: less saves nothing
	outputStep   = 20               // per mille: smaller changes are not made
	quarter      = 15 * time.Minute
	batteryYear  = 0.12 // of its charge that a sensor uses in a year
)

// Samples returns everything that was told before a time, in the order of time.
func (h History) Samples(until time.Time) iter.Seq[HistoricSample] {
	return func(yield func(HistoricSample) bool) {
		t := h.teller()
		for day := h.From.UTC().Truncate(24 * time.Hour); day.Before(until); day = day.AddDate(0, 0, 1) {
			t.told = t.told[:0]
			for place := range t.rooms {
				t.room(Place(place), day)
			}
			slices.SortStableFunc(t.told, func(a, b HistoricSample) int { return a.At.Compare(b.At) })
			for _, s := range t.told {
				if s.At.Before(h.From) {
					continue
				}
				if !s.At.Before(until) || !yield(s) {
					return
				}
			}
		}
	}
}

// teller goes through the days of a history, and remembers what adds up.
type teller struct {
	History
	rooms []historicRoom
	told  []HistoricSample // of the day
	day   time.Time        // whose people are known
	stays [][]Stay
}

// historicRoom is a room or a corridor, and what its devices remember.
type historicRoom struct {
	lights  []historicLamp
	sensors []sconce.EUI64
	factor  float64 // of daylight on the desk in its middle
	full    float64 // lux that all lamps give there
}

// historicLamp is a luminaire, and what its meter shows.
type historicLamp struct {
	HistoricLight
	output int           // per mille
	at     time.Time     // up to which it is metered
	energy int64         // mW times ms
	lit    time.Duration // altogether
}

func (h History) teller() *teller {
	t := &teller{History: h, rooms: make([]historicRoom, h.Office.Rooms()+h.Office.Floors)}
	for i := range t.rooms {
		r := &t.rooms[i]
		desk := h.desk(Place(i))
		r.factor = h.Office.DaylightFactor(i, desk)
		for _, l := range h.Lights {
			if l.Place == Place(i) {
				r.lights = append(r.lights, historicLamp{HistoricLight: l, at: h.From})
				r.full += lampLight(l.RatedPower.Watts(), Position{desk.X + 1, desk.Y, desk.Z + CeilingHeight - deskHeight}, desk)
			}
		}
		for _, s := range h.Sensors {
			if s.Place == Place(i) {
				r.sensors = append(r.sensors, s.EUI64)
			}
		}
	}
	return t
}

// desk returns the place in the middle of a room, or of a corridor.
func (h History) desk(p Place) Position {
	if int(p) < h.Office.Rooms() {
		return h.Office.InRoom(int(p), 0.5, 0.5, deskHeight)
	}
	return h.Office.InCorridor(h.Office.Floor(p), 0.5, deskHeight)
}

// interval is a time in which somebody is in a room.
type interval struct{ from, to time.Time }

// occupied returns when somebody is in a place on a day, in order and apart.
func (t *teller) occupied(p Place, day time.Time) (all []interval) {
	if !t.day.Equal(day) || t.stays == nil {
		t.day, t.stays = day, make([][]Stay, t.People)
		for i := range t.stays {
			t.stays[i] = Person{Seed: t.Seed, ID: i, Desk: i % t.Office.Rooms()}.Day(t.Office, day)
		}
	}
	for _, stays := range t.stays {
		for i, s := range stays {
			if s.Place == p && i+1 < len(stays) {
				all = append(all, interval{s.From, stays[i+1].From})
			}
		}
	}
	slices.SortFunc(all, func(a, b interval) int { return a.from.Compare(b.from) })
	apart := all[:0]
	for _, n := range all {
		if k := len(apart) - 1; k >= 0 && !n.from.After(apart[k].to.Add(historicHold)) {
			if n.to.After(apart[k].to) {
				apart[k].to = n.to
			}
			continue
		}
		apart = append(apart, n)
	}
	return apart
}

// room tells the day of a room.
func (t *teller) room(p Place, day time.Time) {
	r := &t.rooms[p]
	if len(r.lights)+len(r.sensors) == 0 {
		return
	}
	there := t.occupied(p, day)
	marks := make([]time.Time, 0, 24*4+2*len(there))
	for m := day; m.Before(day.AddDate(0, 0, 1)); m = m.Add(quarter) {
		marks = append(marks, m)
	}
	for _, n := range there {
		marks = append(marks, n.from, n.to.Add(historicHold))
	}
	slices.SortFunc(marks, time.Time.Compare)
	for _, now := range slices.CompactFunc(marks, time.Time.Equal) {
		in := func(n interval) bool { return !now.Before(n.from) && now.Before(n.to.Add(historicHold)) }
		t.at(r, now, slices.ContainsFunc(there, in))
	}
}

// at tells what the devices of a room do and show at a time.
func (t *teller) at(r *historicRoom, now time.Time, somebody bool) {
	daylight := r.factor * t.Sun.Sky(now)
	mark := now.Equal(now.Truncate(quarter))
	hour := now.Equal(now.Truncate(time.Hour))
	output := wantedOutput(somebody, daylight, r.full)
	for i := range r.lights {
		l := &r.lights[i]
		l.meter(now)
		if on := output > 0; on != (l.output > 0) || max(output-l.output, l.output-output) >= outputStep {
			l.output = output
			t.tell(l.EUI64, sconce.Output, now, float64(output))
			t.tell(l.EUI64, sconce.ActivePower, now, l.watts())
		} else if hour {
			t.tell(l.EUI64, sconce.Output, now, float64(l.output))
			t.tell(l.EUI64, sconce.ActivePower, now, l.watts())
		}
		if hour || mark && l.output > 0 {
			t.tell(l.EUI64, sconce.Energy, now, math.Round(float64(l.energy)/3.6e6)/1000)
		}
		if hour && now.Hour() == 0 {
			t.tell(l.EUI64, sconce.BurnHours, now, math.Round(l.lit.Hours()*10)/10)
		}
	}
	for _, e := range r.sensors {
		if !mark || hour {
			t.tell(e, sconce.Occupancy, now, map[bool]float64{true: 1}[somebody])
		}
		if hour {
			share := 0.0
			if len(r.lights) > 0 {
				share = float64(r.lights[0].output) / float64(sconce.MaxLevel)
			}
			t.tell(e, sconce.Illuminance, now, math.Round(daylight+r.full*share))
		}
		if hour && now.Hour() == 0 {
			years := now.Sub(t.From).Hours() / (24 * 365)
			t.tell(e, sconce.Battery, now, math.Round(200*max(0, 1-batteryYear*years))/2)
		}
	}
}

func (t *teller) tell(device sconce.EUI64, m sconce.Metric, at time.Time, value float64) {
	t.told = append(t.told, HistoricSample{device, m, at, value})
}

// wantedOutput returns the output, in per mille, with which the lamps of a room make up for what
// the daylight lacks. All lamps together give full lux.
func wantedOutput(somebody bool, daylight, full float64) int {
	if !somebody {
		return 0
	}
	goal := min(historicLux, full)
	return max(int(math.Round((goal-daylight)/full*float64(sconce.MaxLevel))), leastOutput)
}

func (l *historicLamp) watts() float64 { return l.input().Watts() }

func (l *historicLamp) input() device.Milliwatts {
	return device.InputPower(l.RatedPower, l.output > 0, sconce.Level(l.output))
}

// meter brings the counters up to a time.
func (l *historicLamp) meter(now time.Time) {
	span := now.Sub(l.at)
	if span <= 0 {
		return
	}
	l.energy += int64(l.input()) * span.Milliseconds()
	if l.output > 0 {
		l.lit += span
	}
	l.at = now
}
