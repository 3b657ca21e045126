package energy_test

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

const gateway = sconce.EUI64(0x00124b0000000042)

// world is a project in a true store.
type world struct {
	t       *testing.T
	store   *store.Store
	site    storetest.Site
	service *energy.Service
	group   sconce.GroupID
	now     time.Time
	places  int
	batch   int64
	life    life
}

func newWorld(t *testing.T, now time.Time) *world {
	t.Helper()
	w := &world{t: t, store: storetest.Open(t), now: now, life: life{samples: map[sconce.EUI64][]telemetry.Sample{}, members: map[sconce.PositionID]bool{}}}
	w.site = storetest.MakeSite(t, w.store, gateway)
	w.service = &energy.Service{Store: w.store.Energy(), Rollups: w.store.Telemetry(), Now: func() time.Time { return w.now }}
	g := lighting.Group{ID: sconce.MakeID[sconce.GroupID](now, [10]byte{1}), Network: w.site.Network, Name: "Room", Made: now}
	if _, err := w.store.Lighting().CreateGroup(t.Context(), w.site.Owner, g); err != nil {
		t.Fatal(err)
	}
	w.group = g.ID
	return w
}

// hang puts a new device into a new position, of the group if so said, at a time.
func (w *world) hang(device sconce.EUI64, grouped bool, at time.Time) sconce.PositionID {
	w.t.Helper()
	w.places++
	d := lighting.Device{
		Position: sconce.MakeID[sconce.PositionID](at, [10]byte{byte(w.places)}), Network: w.site.Network, Name: fmt.Sprint("Desk ", w.places),
		Device: device, Kind: sconce.Luminaire, Made: at,
	}
	if grouped {
		d.Groups = []sconce.GroupID{w.group}
		w.life.members[d.Position] = true
	}
	if err := w.store.Lighting().AddDevice(w.t.Context(), w.site.Owner, d, []byte("x")); err != nil {
		w.t.Fatal(err)
	}
	w.life.stays = append(w.life.stays, energy.Stay{Device: device, Position: d.Position, From: at})
	return d.Position
}

// replace puts another device into the position of one.
func (w *world) replace(old, with sconce.EUI64, at time.Time) {
	w.t.Helper()
	d, err := w.store.Lighting().ReplaceDevice(w.t.Context(), w.site.Owner, lighting.Replacement{Old: old, New: with, Kind: sconce.Luminaire, SealedCode: []byte("x")}, at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.life.stays = append(w.life.stays, energy.Stay{Device: with, Position: d.Position, From: at})
}

// say brings readings of energy into the store, in the order given.
func (w *world) say(device sconce.EUI64, samples ...telemetry.Sample) {
	w.t.Helper()
	fold := telemetry.NewFold(w.store.Results(), 0)
	from := fold.From(project.Assignment{Project: w.site.Project, Network: w.site.Network}, w.now.AddDate(1, 0, 0))
	for _, s := range samples {
		if err := from.Reading(w.t.Context(), telemetry.Series{Device: device, Metric: sconce.Energy}, s); err != nil {
			w.t.Fatal(err)
		}
	}
	w.batch++
	if err := w.store.Results().Apply(w.t.Context(), w.batch, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
		w.t.Fatal(err)
	}
	w.life.samples[device] = append(w.life.samples[device], samples...)
}

func (w *world) settings(zone string, rates []figures.Rate) {
	w.t.Helper()
	set := energy.Defaults()
	set.Zone, set.Rates = zone, rates
	if err := w.service.SetSettings(w.t.Context(), w.site.Owner, set); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) settle() {
	w.t.Helper()
	if err := (telemetry.Settler{Store: w.store.Days(), Log: slog.New(slog.DiscardHandler)}).Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ask(q energy.Question) energy.Answer {
	w.t.Helper()
	a, err := w.service.Energy(w.t.Context(), w.site.Owner, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// holds says where the stays of a row's subject are.
func (w *world) holds(per energy.Per, id string) func(energy.Stay) bool {
	return func(s energy.Stay) bool {
		switch per {
		case energy.PerGroup:
			return w.life.members[s.Position]
		case energy.PerPosition:
			return string(s.Position) == id
		case energy.PerDevice:
			return s.Device.String() == id
		default:
			return true
		}
	}
}

// check holds an answer against what the readings say.
func (w *world) check(q energy.Question, price func(time.Time) float64) (days bool) {
	w.t.Helper()
	a := w.ask(q)
	what := fmt.Sprintf("%s from %s to %s by %s per %s", a.Settings.Zone, q.From, q.To, q.By, q.Per)
	for _, row := range a.Rows {
		for i, c := range row.Cells {
			days = days || c.Days
			want := w.life.reckon(w.holds(q.Per, row.ID), a.Spans[i].From, a.Spans[i].To, price)
			if c.Energy != want.mwh || c.Metered != want.metered {
				w.t.Errorf("%s: %s from %s: %d mWh over %d ms, want %d over %d", what, row.Name, a.Spans[i].From, c.Energy, c.Metered, want.mwh, want.metered)
			}
			if c.Energy != 0 && !(math.Abs(c.Cost-want.cost) <= 1e-9) {
				w.t.Errorf("%s: %s from %s: cost %g, want %g", what, row.Name, a.Spans[i].From, c.Cost, want.cost)
			}
			if !c.Days && c.Energy != 0 && c.PeakQuarter != want.peak {
				w.t.Errorf("%s: %s from %s: peak %d, want %d", what, row.Name, a.Spans[i].From, c.PeakQuarter, want.peak)
			}
		}
	}
	return days
}

// TestAnswersAreThoseOfTheReadings: whatever devices measured and wherever they hung, across
// changes of the clocks and of the time zone, an answer is what one gets who goes through all
// readings.
func TestAnswersAreThoseOfTheReadings(t *testing.T) {
	for seed, c := range []struct {
		zone, other string
		night       time.Time // about when clocks are changed
	}{
		{"Europe/Berlin", "UTC", time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", "America/Santiago", time.Date(2025, 10, 25, 20, 0, 0, 0, time.UTC)},
		{"America/Santiago", "Asia/Kathmandu", time.Date(2026, 4, 4, 20, 0, 0, 0, time.UTC)},
		{"Asia/Kathmandu", "Europe/Berlin", time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", "Pacific/Kiritimati", time.Date(2026, 4, 4, 2, 0, 0, 0, time.UTC)},
	} {
		t.Run(strings.ReplaceAll(c.zone, "/", " "), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 11))
			w := newWorld(t, c.night.AddDate(0, 2, 0))
			w.settings(c.other, nil)
			w.settle()
			w.live(r, c.night)
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			first := figures.DateOf(c.night, zone)
			rates, price := nightly(zone, first.Add(0, 0, 2))
			w.settings(c.zone, rates) // the days are in the other zone still
			ask := func(settled bool) {
				for _, per := range []energy.Per{energy.PerProject, energy.PerGroup, energy.PerPosition, energy.PerDevice} {
					w.check(energy.Question{From: first.Add(0, 0, -1), To: first.Add(0, 0, 3), By: figures.Hour, Per: per}, price)
					w.check(energy.Question{From: first.Add(0, 0, -3), To: first.Add(0, 0, 20), By: figures.Week, Per: per}, price)
					days := w.check(energy.Question{From: first.Add(-5, 0, 0), To: first.Add(5, 0, 0), By: figures.Month, Per: per}, price)
					if days != settled {
						t.Errorf("per %s, the days of the rollups were looked at: %v", per, days)
					}
				}
			}
			ask(false)
			w.say(0xd, w.random(r, c.night.Add(80*time.Hour), 40)...) // added to days in the other zone
			ask(false)
			w.settle()
			if zones, hours, err := w.store.Telemetry().OtherCalendars(t.Context(), w.site.Owner, c.zone, figures.Calendar(rates, zone)); err != nil || len(zones)+len(hours) != 0 {
				t.Errorf("days of %v are in another zone, of %v by other hours, %v", zones, hours, err)
			}
			ask(true)
			w.say(0xc, w.random(r, c.night.Add(30*time.Hour), 60)...) // late, to days and months that are settled
			ask(true)
			w.forgetMonths(0xd, 0x10)
			ask(true)
		})
	}
}

// forgetMonths lets devices have no months, as if they were of before there were any.
func (w *world) forgetMonths(devices ...sconce.EUI64) {
	w.t.Helper()
	w.batch++
	err := w.store.Results().Apply(w.t.Context(), w.batch, func(tx ingest.Tx) error {
		for _, d := range devices {
			for year := w.now.Year() - 1; year <= w.now.Year(); year++ {
				if err := tx.SetRollup(project.Assignment{Project: w.site.Project, Network: w.site.Network}, d, rollup.Months, int64(year), nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestCostAfterOtherHours: when other hours have prices of their own, what was used long ago has
// no cost until its days have been made again, and then the right one; that prices are
// others makes no day again.
func TestCostAfterOtherHours(t *testing.T) {
	night := time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC)
	w := newWorld(t, night.AddDate(0, 2, 0))
	w.settings("Europe/Berlin", nil)
	w.live(rand.New(rand.NewPCG(3, 11)), night)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	first := figures.DateOf(night, zone)
	years := energy.Question{From: first.Add(-5, 0, 0), To: first.Add(5, 0, 0), By: figures.Year, Per: energy.PerProject}
	w.settings("Europe/Berlin", []figures.Rate{{From: first.Add(-1, 0, 0), Price: new(0.5)}})
	if !w.check(years, func(time.Time) float64 { return 0.5 }) {
		t.Error("the days of the rollups were not looked at")
	}
	rates, price := nightly(zone, first.Add(0, 0, 1))
	w.settings("Europe/Berlin", rates)
	if cost := w.ask(years).Rows[0].Total.Cost; !math.IsNaN(cost) {
		t.Errorf("before the days are made again, all costs %g", cost)
	}
	w.settle()
	if !w.check(years, price) {
		t.Error("the days of the rollups were not looked at")
	}
	for i := range rates {
		*rates[i].Price *= 2
		rates[i].Times[0].Price *= 2
	}
	w.settings("Europe/Berlin", rates)
	w.check(years, func(at time.Time) float64 { return 2 * price(at) })
}

// live lets devices hang, be replaced and moved, and measure.
func (w *world) live(r *rand.Rand, night time.Time) {
	at := func(h time.Duration) time.Time { return night.Add(h * time.Hour / 4).Truncate(time.Minute) }
	w.hang(0xa, true, at(-400))
	w.hang(0xb, false, at(-400))
	w.hang(0xd, true, at(-400))
	for silent := range sconce.EUI64(4) { // so that ten years are too many to take from quarters
		w.hang(0x10+silent, true, at(-400))
	}
	for _, d := range []sconce.EUI64{0xa, 0xb, 0xd} {
		w.say(d, w.random(r, night.Add(-30*time.Hour), 200)...)
	}
	w.replace(0xa, 0xc, at(33).Add(7*time.Minute))
	w.say(0xc, w.random(r, at(33).Add(11*time.Minute), 150)...)
	if _, err := w.store.Lighting().RemoveDevice(w.t.Context(), w.site.Owner, 0xb); err != nil {
		w.t.Fatal(err)
	}
	w.hang(0xb, true, at(51).Add(5*time.Minute)) // elsewhere
}

// random makes readings of a counter, with silences, restarts and jumps.
func (w *world) random(r *rand.Rand, at time.Time, n int) []telemetry.Sample {
	var all []telemetry.Sample
	counter := r.Float64() * 5000
	for range n {
		switch r.IntN(30) {
		case 0:
			at = at.Add(time.Duration(r.IntN(20)) * time.Hour)
		case 1:
			counter = r.Float64()
		case 2: // another reading of the same moment
		case 3:
			at = at.Add(-time.Duration(r.IntN(7200)) * time.Second) // late
		default:
			at = at.Add(time.Duration(r.IntN(1200)) * time.Second)
		}
		counter += r.Float64() * 10
		all = append(all, telemetry.Sample{At: at.UnixMilli(), Value: math.Round(counter*1000) / 1000})
	}
	return all
}
