package rollup_test

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"sconce"
	"sconce/cloud/rollup"
	"sconce/internal/corpus"
)

// noon is 2026-03-29, 12:00 UTC.
var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC).UnixMilli()

const (
	second = 1000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// TestEnergy: what a counter counted, and in which quarters it counts.
func TestEnergy(t *testing.T) {
	for name, c := range map[string]struct {
		a, b     rollup.Point
		want     []int64 // mWh by quarter, from noon on
		spread   int64
		metered  int64
		beginsAt int64 // quarters after noon
	}{
		"within a quarter":         {a: rollup.Point{At: noon, Value: 10}, b: rollup.Point{At: noon + 5*minute, Value: 10.5}, want: []int64{500}, metered: 5 * minute},
		"over a boundary":          {a: rollup.Point{At: noon + 10*minute, Value: 10}, b: rollup.Point{At: noon + 20*minute, Value: 11}, want: []int64{500, 500}, metered: 10 * minute},
		"does not divide":          {a: rollup.Point{At: noon, Value: 0}, b: rollup.Point{At: noon + 45*minute, Value: 0.01}, want: []int64{3, 3, 4}, metered: 45 * minute},
		"an hour is no hole":       {a: rollup.Point{At: noon, Value: 0}, b: rollup.Point{At: noon + hour, Value: 4}, want: []int64{1000, 1000, 1000, 1000}, metered: hour},
		"a hole":                   {a: rollup.Point{At: noon, Value: 0}, b: rollup.Point{At: noon + 75*minute, Value: 5}, want: []int64{1000, 1000, 1000, 1000, 1000}, spread: 5000, metered: 75 * minute},
		"two months":               {a: rollup.Point{At: noon - 60*day, Value: 5}, b: rollup.Point{At: noon, Value: 7}, want: []int64{2000}, spread: 2000},
		"began again":              {a: rollup.Point{At: noon, Value: 5000}, b: rollup.Point{At: noon + 10*minute, Value: 0.25}, want: []int64{250}, metered: 10 * minute},
		"cannot have begun again":  {a: rollup.Point{At: noon, Value: 50_000}, b: rollup.Point{At: noon + 10*minute, Value: 49_000}, want: nil, metered: 10 * minute},
		"began again after a year": {a: rollup.Point{At: noon - 365*day, Value: 50_000}, b: rollup.Point{At: noon, Value: 40_000}, want: []int64{40_000_000}, spread: 40_000_000},
		"of one moment":            {a: rollup.Point{At: noon, Value: 1}, b: rollup.Point{At: noon, Value: 2}, want: []int64{1000}},
		"large":                    {a: rollup.Point{At: noon - 29*day, Value: 0}, b: rollup.Point{At: noon - 29*day + 30*minute, Value: 1e9}, want: []int64{5e11, 5e11}, metered: 30 * minute, beginsAt: -29 * 96},
	} {
		parts := rollup.Parts{}
		parts.Between(sconce.Energy, c.a, c.b, 1)
		var total rollup.Sums
		for i, want := range c.want {
			q := rollup.QuarterOf(noon) + c.beginsAt + int64(i)
			if s := parts[q]; s == nil || s.Energy != want {
				t.Errorf("%s: quarter %d has %+v, want %d mWh", name, i, s, want)
			}
		}
		for _, s := range parts {
			total.Add(s)
		}
		sum := int64(0)
		for _, w := range c.want {
			sum += w
		}
		if total.Energy != sum || total.Spread != c.spread || total.Metered != c.metered {
			t.Errorf("%s: %d mWh, %d of it spread, over %d ms; want %d, %d, %d", name, total.Energy, total.Spread, total.Metered, sum, c.spread, c.metered)
		}
	}
}

// TestValuesLast: what was measured counts until something else is, and not for ever.
func TestValuesLast(t *testing.T) {
	total := func(m sconce.Metric, value float64, length int64) (s rollup.Sums) {
		parts := rollup.Parts{}
		parts.Alone(m, rollup.Point{At: noon, Value: value})
		parts.Between(m, rollup.Point{At: noon, Value: value}, rollup.Point{At: noon + length}, 1)
		for _, p := range parts {
			s.Add(p)
		}
		return s
	}
	for name, c := range map[string]struct{ got, want rollup.Sums }{
		"power":             {total(sconce.ActivePower, 12.5, hour), rollup.Sums{Power: 12_500 * hour, Powered: hour, Peak: 12_500}},
		"power, then quiet": {total(sconce.ActivePower, 12.5, day), rollup.Sums{Power: 12_500 * 2 * hour, Powered: 2 * hour, Peak: 12_500}},
		"less than nothing": {total(sconce.ActivePower, -1, hour), rollup.Sums{Powered: hour}},
		"somebody":          {total(sconce.Occupancy, 1, minute), rollup.Sums{Occupied: minute, Sensed: minute}},
		"nobody":            {total(sconce.Occupancy, 0, day), rollup.Sums{Sensed: 2 * hour}},
		"dim":               {total(sconce.Output, 200, hour), rollup.Sums{Band: [5]int64{hour}, Reached: hour, Watched: hour}},
		"less dim":          {total(sconce.Output, 201, hour), rollup.Sums{Band: [5]int64{1: hour}, Reached: hour, Watched: hour}},
		"full":              {total(sconce.Output, 1000, day), rollup.Sums{Band: [5]int64{4: 2 * hour}, Reached: 2 * hour, Watched: 2 * hour}},
		"off":               {total(sconce.Output, 0, hour), rollup.Sums{Reached: hour, Watched: hour}},
		"gone":              {total(sconce.Output, -1, 3*day), rollup.Sums{Watched: 3 * day}},
		"not rolled up":     {total(sconce.Illuminance, 400, hour), rollup.Sums{}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", name, c.got, c.want)
		}
	}
	for _, p := range []rollup.Point{{At: noon, Value: math.NaN()}, {At: noon, Value: math.Inf(1)}, {At: noon, Value: 1.1e9}, {At: 1, Value: 1}} {
		if rollup.Usable(p) {
			t.Errorf("%+v is usable", p)
		}
	}
}

// TestDays: the days on which clocks are changed have 92 and 100 quarters, wherever midnight is.
func TestDays(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"Europe/Berlin":       {"2026-03-28": 96, "2026-03-29": 92, "2026-10-25": 100},
		"America/Sao_Paulo":   {"2018-11-04": 92, "2018-02-17": 100}, // at midnight
		"Asia/Kathmandu":      {"2026-03-29": 96},                    // UTC+5:45
		"Australia/Lord_Howe": {"2026-04-05": 98, "2026-10-04": 94},  // by half an hour
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for date, quarters := range want {
			parsed, err := time.Parse(time.DateOnly, date)
			if err != nil {
				t.Fatal(err)
			}
			begin := rollup.Midnight(parsed.Year(), parsed.Month(), parsed.Day(), zone)
			got := 0
			first := rollup.DayPlace(rollup.QuarterOf(begin.UnixMilli()), zone)
			for q := rollup.QuarterOf(begin.UnixMilli()) - 10; q < rollup.QuarterOf(begin.UnixMilli())+120; q++ {
				if rollup.DayPlace(q, zone) == first {
					got++
				}
			}
			if got != quarters {
				t.Errorf("%s in %s has %d quarters, want %d", date, name, got, quarters)
			}
			if back := rollup.DateOf(first.Period, first.Index, zone); !back.Equal(begin) {
				t.Errorf("%s in %s begins at %s", date, name, back)
			}
		}
	}
	if p := rollup.QuarterPlace(-1); p != (rollup.Place{Key: rollup.Key{Level: rollup.Quarters, Period: -1}, Index: 95}) {
		t.Errorf("the quarter before 1970 is at %+v", p)
	}
}

// FuzzBlock: a block that parses is stored as the same bytes.
func FuzzBlock(f *testing.F) {
	var b rollup.Block
	b.Add(95, &rollup.Sums{Energy: 1, Peak: 7, Sensed: 900_000})
	b.Add(3, &rollup.Sums{Energy: -5, Band: [5]int64{4: 900_000}})
	b.AddIn(4, 10, &rollup.Sums{Energy: 5})
	f.Add(b.Append(nil))
	f.Add([]byte{})
	corpus.Fuzz(f, func(t *testing.T, stored []byte) {
		b, err := rollup.Parse(stored)
		if err != nil {
			return
		}
		if again := b.Append(nil); !slices.Equal(again, stored) {
			t.Fatalf("%x is stored as %x", stored, again)
		}
	})
}

// TestBlock: adding and taking away, in any order, leaves nothing behind.
func TestBlock(t *testing.T) {
	var b rollup.Block
	for _, index := range []int{5, 3, 95, 0, 5} {
		b.Add(index, &rollup.Sums{Energy: int64(index) + 1, Sensed: 1})
	}
	if total := b.Total(); total.Energy != 6+4+96+1+6 || total.Sensed != 5 || len(b) != 4 {
		t.Errorf("%+v", b)
	}
	stored := b.Append(nil)
	back, err := rollup.Parse(stored)
	if err != nil || !slices.Equal(back, b) {
		t.Errorf("%+v, %v", back, err)
	}
	for i := range stored {
		if cut, err := rollup.Parse(stored[:i]); err == nil && len(cut) == len(b) {
			t.Errorf("the first %d of %d bytes are whole", i, len(stored))
		}
	}
	b.Add(3, &rollup.Sums{Energy: -4, Sensed: -1})
	if len(b) != 3 || b[1].Index != 5 {
		t.Errorf("%+v", b)
	}
}

// TestEveryFieldIsStored: each sum has a bit of its own, and is added up; a peak is the higher.
func TestEveryFieldIsStored(t *testing.T) {
	var all rollup.Sums
	v := reflect.ValueOf(&all).Elem()
	n := int64(0)
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Array {
			n++
			f.SetInt(n)
			continue
		}
		for k := range f.Len() {
			n++
			f.Index(k).SetInt(n)
		}
	}
	twice := all
	twice.Add(&all)
	v = reflect.ValueOf(twice)
	for i := range v.NumField() {
		f, want := v.Field(i), int64(2)
		if v.Type().Field(i).Name == "Peak" {
			want = 1
		}
		once := reflect.ValueOf(all).Field(i)
		if f.Kind() == reflect.Array {
			for k := range f.Len() {
				if f.Index(k).Int() != 2*once.Index(k).Int() {
					t.Errorf("%s is not added up", v.Type().Field(i).Name)
				}
			}
		} else if f.Int() != want*once.Int() {
			t.Errorf("%s of two is %d", v.Type().Field(i).Name, f.Int())
		}
	}
	back, err := rollup.Parse(rollup.Block{{Index: 4, Sums: all}}.Append(nil))
	if err != nil || len(back) != 1 || back[0].Sums != all {
		t.Errorf("%+v comes back as %+v, %v", all, back, err)
	}
}

// TestRemade: days in another zone are the sums of their quarters; those that are older than
// all quarters stay, and no time is in two days.
func TestRemade(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	utc, there := rollup.Calendar{Zone: time.UTC}, rollup.Calendar{Zone: berlin}
	begin := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)
	quarters, days := map[int64]rollup.Block{}, map[int64]rollup.Block{}
	add := func(to map[int64]rollup.Block, p rollup.Place, mwh int64) {
		b := to[p.Period]
		b.Add(p.Index, &rollup.Sums{Energy: mwh})
		to[p.Period] = b
	}
	first := rollup.QuarterOf(begin.UnixMilli())
	for q := first; q < first+12*96; q++ {
		add(quarters, rollup.QuarterPlace(q), 1)
		add(days, rollup.DayPlace(q, time.UTC), 1)
	}
	total := func(all map[int64]rollup.Block) (n int64) {
		for _, b := range all {
			t := b.Total()
			n += t.Energy
		}
		return n
	}
	made := rollup.Remade(quarters, days, utc, there)
	march := rollup.MonthOf(2026, time.March)
	if total(made) != 12*96 || made[march][0].Index != 19 || made[march][0].Energy != 92 || made[march][9].Index != 28 || made[march][9].Energy != 92 {
		t.Errorf("%d mWh, %+v", total(made), made)
	}
	// A year before there are days and no quarters any more.
	for day := range 20 {
		add(days, rollup.Place{Key: rollup.Key{Level: rollup.Days, Period: march - 12}, Index: day}, 5)
	}
	add(days, rollup.Place{Key: rollup.Key{Level: rollup.Days, Period: march}, Index: 18}, 7) // the day before the quarters
	made = rollup.Remade(quarters, days, utc, there)
	if got := made[march-12].Total(); got.Energy != 100 {
		t.Errorf("what is older is %+v", got)
	}
	// 20 March began in Berlin an hour before the quarters: it stays what it was.
	if b := made[march]; b[0].Energy != 7 || b[1].Index != 19 || b[1].Energy != 96 || b[2].Energy != 96 || total(made) != 100+7+96+10*96+92+8 {
		t.Errorf("%d mWh, %+v", total(made), b)
	}
	if got := rollup.Remade(nil, days, utc, there); total(got) != total(days) {
		t.Errorf("without quarters: %+v", got)
	}
}

// TestOccupied: what is told of a span as a whole is spread over its quarters evenly, in whole
// milliseconds that add up, wherever it begins.
func TestOccupied(t *testing.T) {
	const minute = 60_000
	for _, test := range []struct{ from, length, occupied int64 }{
		{1_000 * rollup.Quarter, 60 * minute, 20 * minute},
		{1_000*rollup.Quarter + 7*minute + 1, 60 * minute, 59 * minute},
		{1_000*rollup.Quarter + 1, 30 * minute, 30 * minute},
		{1_000 * rollup.Quarter, 15 * minute, 0},
	} {
		p := rollup.Parts{}
		p.Occupied(test.from, test.length, test.occupied)
		var sum rollup.Sums
		for q, s := range p {
			sum.Add(s)
			if even := s.Sensed * test.occupied / test.length; s.Occupied < even-1 || s.Occupied > even+1 {
				t.Errorf("%+v: quarter %d has %d of %d ms", test, q, s.Occupied, s.Sensed)
			}
		}
		if sum != (rollup.Sums{Occupied: test.occupied, Sensed: test.length}) {
			t.Errorf("%+v: in all %+v", test, sum)
		}
	}
}

// TestHoursOfDays: a day tells of which hours its energy is, and where it cannot be made again
// it tells that no more, unless they are the same.
func TestHoursOfDays(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := []rollup.Hours{{Days: rollup.EveryDay, From: 22 * 4, To: 6 * 4}}
	was := rollup.Calendar{Zone: berlin, Tables: []rollup.Table{{From: 20250101, Hours: night}}}
	now := rollup.Calendar{Zone: berlin, Tables: []rollup.Table{{From: 20250101, Hours: night}, {From: 20250103, Hours: []rollup.Hours{{Days: 1 << time.Sunday, From: 0, To: 96}}}, {From: 20260401}}}
	add := func(to map[int64]rollup.Block, p rollup.Place, hours int) {
		b := to[p.Period]
		b.AddIn(p.Index, hours, &rollup.Sums{Energy: 1})
		to[p.Period] = b
	}
	quarters, days := map[int64]rollup.Block{}, map[int64]rollup.Block{}
	each := func(from time.Time, quartersToo bool) {
		first := rollup.QuarterOf(from.UnixMilli())
		for q := first; q < first+4*96; q++ {
			p, hours := was.Place(q)
			add(days, p, hours)
			if quartersToo {
				add(quarters, rollup.QuarterPlace(q), rollup.NoHours)
			}
		}
	}
	each(time.Date(2025, 1, 1, 0, 0, 0, 0, berlin), false)
	each(time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), true)
	made := rollup.Remade(quarters, days, was, now)
	for _, c := range []struct {
		month  int64
		day    int
		energy int64
		hours  [3]int64 // none, the first, and others
	}{
		{rollup.MonthOf(2025, 1), 1, 96, [3]int64{64, 32}}, // the same hours
		{rollup.MonthOf(2025, 1), 3, 96, [3]int64{}},       // others, and no quarters
		{rollup.MonthOf(2026, 3), 28, 96, [3]int64{96}},    // a Saturday
		{rollup.MonthOf(2026, 3), 29, 92, [3]int64{0, 92}}, // a Sunday
	} {
		for _, e := range made[c.month] {
			if e.Index == c.day-1 && (e.Energy != c.energy || [3]int64{e.Hours[0], e.Hours[1]} != c.hours || e.InHours() != (c.hours != [3]int64{})) {
				t.Errorf("%d of %d: %+v", c.day, c.month, e)
			}
		}
	}
	if n := len(made[rollup.MonthOf(2025, 1)]) + len(made[rollup.MonthOf(2026, 3)]); n != 8 {
		t.Errorf("%d days", n)
	}
	if _, hours := now.Place(rollup.QuarterOf(time.Date(2026, 4, 5, 12, 0, 0, 0, berlin).UnixMilli())); hours != rollup.NoHours {
		t.Errorf("without hours they are %d", hours)
	}
	if got := made[rollup.MonthOf(2026, 3)].As(2); got.Index != 2 || got.Energy != 4*96-4 || got.Hours[1] != 92 {
		t.Errorf("a month: %+v", got)
	}
}
