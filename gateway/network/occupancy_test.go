package network

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee/gp"
	"sconce/zigbee/stack"
)

// sensing returns a world with a sensor (0), a light with a sensor (1), a switch (2), all
// of which have joined and are configured, and a switch without a battery. Only whole
// periods are told of: it begins at half past.
func sensing(t *testing.T, period time.Duration) *world {
	t.Helper()
	w := newWorld(t, 3)
	w.now = w.now.Add(30 * time.Minute)
	w.light(0).senses, w.light(1).senses = true, true
	for i := range 3 {
		w.light(i).boot()
	}
	w.net.SetDiscretion(w.now, period)
	d := desired(1, 3)
	d.Devices[0].Kind, d.Devices[2].Kind = sconce.Sensor, sconce.Switch
	d.Devices = append(d.Devices, wire.DesiredDevice{Device: greenSwitch, Kind: sconce.Switch, InstallCode: goodCode, Groups: []sconce.GroupNumber{1}})
	w.net.SetDesired(w.now, d)
	for i := range 3 {
		w.light(i).join()
		w.run(137 * time.Millisecond) // so that no two speak in the same moment, in whichever order
	}
	w.switches = append(w.switches, gp.Switch{ID: gp.ID{Source: greenSwitch}})
	w.net.Event(w.now, stack.GreenPowerEvent{Event: gp.Paired{Switch: w.switches[0]}})
	w.run(30 * time.Second)
	for i := range 3 {
		if s := w.stageOf(i); s.Stage != wire.StageConfigured {
			t.Fatalf("device %d stands at %+v", i, s)
		}
	}
	w.told, w.sent = nil, nil
	return w
}

const greenSwitch = 0x01234567

// toggle lets a sensor see somebody come or go at a time.
func (w *world) toggle(i int, at time.Time, occupied bool) {
	w.events.at(at, func(now time.Time) {
		w.light(i).occupied = occupied
		w.light(i).advance(now)
	})
}

// live puts a life into the world: for the hours that follow the first full one, in which
// minutes somebody is where each of the two sensors is, and presses each of the two switches.
// Nobody ever is there at the seams of two hours.
func (w *world) live(r *rand.Rand, totals [][2]int) {
	begin := w.now.Truncate(time.Hour).Add(time.Hour)
	for hour, total := range totals {
		for i, n := range total {
			for _, minute := range r.Perm(57)[:n] {
				at := begin.Add(time.Duration(hour)*time.Hour + time.Duration(2+minute)*time.Minute + 30*time.Second)
				w.toggle(i, at, true)
				w.toggle(i, at.Add(time.Minute-time.Second), false)
			}
		}
		for range 3 {
			at := begin.Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(3500)+1)*time.Second)
			w.events.at(at, func(now time.Time) {
				w.net.Event(now, stack.GreenPowerEvent{Event: gp.Pressed{ID: gp.ID{Source: greenSwitch}}})
				w.light(2).say(now, 0x0104, 0x0006, 11, []byte{0x01, 7, 0x02})
			})
		}
	}
}

// TestDiscretionTellsNothingOfMoments lets people live through two days in which they are
// somewhere for the same minutes of each hour, but others of them. Whatever goes to the cloud,
// and when, is the same to the last byte: so nothing in it can be told from the other.
func TestDiscretionTellsNothingOfMoments(t *testing.T) {
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 1))
		totals := make([][2]int, 24)
		for i := range totals {
			totals[i] = [2]int{r.IntN(40), r.IntN(40)}
		}
		day := func(seed uint64, period time.Duration) (all []string) {
			w := sensing(t, period)
			sequence := uint64(0)
			w.tap = func(now time.Time, told []wire.Up) {
				for _, m := range told {
					sequence++
					b, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: 1, Sequence: sequence, Sent: wireTime(now)}, m)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, fmt.Sprintf("%s %x", m.UpKind(), b))
				}
			}
			w.live(rand.New(rand.NewPCG(seed, 2)), totals)
			w.run(26 * time.Hour)
			return all
		}
		one, other := day(seed, time.Hour), day(seed+100, time.Hour)
		if !slices.Equal(one, other) {
			for i := range min(len(one), len(other)) {
				if one[i] != other[i] {
					t.Fatalf("message %d of %d and %d differs:\n%s\n%s", i, len(one), len(other), one[i], other[i])
				}
			}
			t.Fatalf("%d and %d messages", len(one), len(other))
		}
		if len(one) < 150 {
			t.Errorf("%d messages in a day", len(one))
		}
		if slices.Equal(day(seed, 0), day(seed+100, 0)) {
			t.Error("the days are the same without discretion: this proves nothing")
		}
	}
}

// TestPeriodsAreThoseOfSingleValues holds what is told of periods to what single values
// say, whenever people come and go, also over the seams, and when a sensor is silent for long.
func TestPeriodsAreThoseOfSingleValues(t *testing.T) {
	for _, period := range []time.Duration{time.Hour, 30 * time.Minute, 15 * time.Minute} {
		r := rand.New(rand.NewPCG(uint64(period), 3))
		w := sensing(t, period)
		type change struct {
			at  time.Time
			now bool
		}
		changes := []change{{w.now.Add(-time.Minute), false}}
		begin := w.now.Truncate(time.Hour).Add(time.Hour)
		for at := w.now; at.Before(begin.Add(24 * time.Hour)); {
			at = at.Add(time.Duration(r.ExpFloat64() * float64(40*time.Minute))).Truncate(time.Millisecond)
			c := change{at, !changes[len(changes)-1].now}
			w.toggle(0, at, c.now)
			c.at = c.at.Add(oneWay)
			changes = append(changes, c)
		}
		w.run(26 * time.Hour)
		told := 0
		for _, m := range w.told {
			o, ok := m.(wire.Occupancy)
			if !ok {
				continue
			}
			from := time.UnixMilli(int64(o.From))
			if time.Duration(o.Minutes)*time.Minute != period || !from.Truncate(period).Equal(from) || len(o.Sensors) != 2 || !from.Before(begin.Add(26*time.Hour)) {
				t.Fatalf("%+v", o)
			}
			var want time.Duration
			for i, c := range changes {
				until := from.Add(period)
				if i+1 < len(changes) && changes[i+1].at.Before(until) {
					until = changes[i+1].at
				}
				if since := later(c.at, from); c.now && until.After(since) {
					want += until.Sub(since)
				}
			}
			if got := o.Sensors[0].Minutes; got != minutes(want, period) {
				t.Errorf("%v from %v on: %d minutes, want %v", period, from, got, want)
			}
			told++
		}
		if want := int(25 * time.Hour / period); told < want {
			t.Errorf("%d periods were told, want %d", told, want)
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func TestMinutesOfAPeriod(t *testing.T) {
	for occupied, want := range map[time.Duration]uint8{
		0: 0, time.Second: 1, 29 * time.Minute: 29, 29*time.Minute + 31*time.Second: 30, time.Hour - time.Second: 59, time.Hour: 60,
	} {
		if got := minutes(occupied, time.Hour); got != want {
			t.Errorf("%v: %d minutes, want %d", occupied, got, want)
		}
	}
}

// values returns what was told of a metric of the i-th device.
func (w *world) values(i int, m sconce.Metric) (list []float64) {
	for _, up := range w.told {
		if r, ok := up.(wire.Readings); ok {
			for _, v := range r.Readings {
				if v.Device == sconce.EUI64(w.light(i).eui) && v.Metric == m {
					list = append(list, v.Value)
				}
			}
		}
	}
	return list
}

// spans returns of which periods the i-th device was told.
func (w *world) spans(i int) (list []time.Time) {
	for _, up := range w.told {
		if o, ok := up.(wire.Occupancy); ok && slices.ContainsFunc(o.Sensors, func(s wire.Occupied) bool { return s.Device == sconce.EUI64(w.light(i).eui) }) {
			list = append(list, time.UnixMilli(int64(o.From)).UTC())
		}
	}
	return list
}

// TestDiscretionBeginsAndEnds: when it is wanted, single values are told no more from that
// moment on, and the first period is the next whole one; when it is wanted no more, what the
// sensors see now is told at once, and of the period that runs nothing.
func TestDiscretionBeginsAndEnds(t *testing.T) {
	w := sensing(t, 0)
	w.toggle(0, w.now.Add(time.Minute), true)
	w.run(5 * time.Minute)
	if got := w.values(0, sconce.Occupancy); !slices.Equal(got, []float64{1}) {
		t.Fatalf("told %v", got)
	}
	w.told = nil
	w.net.SetDiscretion(w.now, time.Hour)
	for _, i := range []int{0, 1} {
		w.run(2 * time.Second)
		if got := w.values(i, sconce.Occupancy); !slices.Equal(got, []float64{notTold}) {
			t.Errorf("device %d: told %v as it begins", i, got)
		}
	}
	w.told = nil
	w.toggle(0, w.now.Add(time.Minute), false)
	w.run(3 * time.Hour)
	hour := epoch.Truncate(time.Hour)
	if got := w.spans(0); !slices.Equal(got, []time.Time{hour.Add(time.Hour), hour.Add(2 * time.Hour)}) || len(w.values(0, sconce.Occupancy)) > 0 {
		t.Errorf("told of %v, and %v", got, w.values(0, sconce.Occupancy))
	}
	if s := w.stateOf(0); !s.Reachable || !moment(s.Heard).Equal(hour.Add(3*time.Hour)) || s.At != s.Heard {
		t.Errorf("the sensor is told as %+v", s)
	}
	w.told = nil
	w.net.SetDiscretion(w.now, 0)
	w.run(2 * time.Second)
	if got := w.values(0, sconce.Occupancy); !slices.Equal(got, []float64{0}) || len(w.spans(0)) > 0 {
		t.Errorf("told %v as it ends, and of %v", got, w.spans(0))
	}
	w.toggle(0, w.now.Add(time.Second), true)
	w.run(5 * time.Second)
	if got := w.values(0, sconce.Occupancy); !slices.Equal(got, []float64{0, 1}) {
		t.Errorf("told %v afterwards", got)
	}
}

// TestDiscretionNeedsAWholePeriod: a gateway that starts, and a sensor that joins, within a
// period do not tell of what is left of it.
func TestDiscretionNeedsAWholePeriod(t *testing.T) {
	w := sensing(t, time.Hour)
	kept := w.net.Snapshot()
	w.run(5 * time.Minute)
	w.net = New(Config{Node: w, Self: self, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, w.now, kept)
	w.net.SetDiscretion(w.now, time.Hour)
	w.told = nil
	w.run(2*time.Hour + 15*time.Minute)
	hour := epoch.Truncate(time.Hour)
	if got := w.spans(0); !slices.Equal(got, []time.Time{hour.Add(time.Hour)}) {
		t.Errorf("told of %v", got)
	}
	// It leaves, and joins again at a quarter to.
	w.net.Event(w.now, stack.DeviceLeft{EUI64: w.light(0).eui})
	w.run(time.Second)
	if s := w.stateOf(0); s.Reachable {
		t.Errorf("it left, and is told as %+v", s)
	}
	w.light(0).boot()
	w.net.Event(w.now, stack.DeviceAuthorised{EUI64: w.light(0).eui, Short: w.light(0).short})
	w.told = nil
	w.run(time.Second)
	if s := w.stateOf(0); !s.Reachable || moment(s.Heard).Before(w.now.Add(-2*time.Second)) {
		t.Errorf("it has joined, and is told as %+v", s)
	}
	w.run(70 * time.Minute)
	if got := w.spans(0); !slices.Equal(got, []time.Time{hour.Add(3 * time.Hour)}) {
		t.Errorf("told of %v", got)
	}
}

// TestDiscretionOfASilentSensor: of one that says nothing for long it is not known what it
// sees, and it is told as away.
func TestDiscretionOfASilentSensor(t *testing.T) {
	w := sensing(t, time.Hour)
	w.toggle(0, w.now.Add(10*time.Minute), true)
	w.run(31 * time.Minute) // nine o'clock is past
	w.light(0).deaf = true
	w.told = nil
	w.run(5 * time.Hour)
	hour := epoch.Truncate(time.Hour)
	if got := w.spans(0); !slices.Equal(got, []time.Time{hour.Add(time.Hour)}) {
		t.Errorf("told of %v", got)
	}
	if s := w.stateOf(0); s.Reachable || !moment(s.Heard).Equal(hour.Add(2*time.Hour)) {
		t.Errorf("it is told as %+v", s)
	}
}

func moment(t wire.Time) time.Time { return time.UnixMilli(int64(t)).UTC() }
