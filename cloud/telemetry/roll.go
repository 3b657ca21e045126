package telemetry

import (
	"context"
	"maps"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
)

// Rolled is how far the samples of a series are in the rollups. Samples that are in
// order wait in the open chunk until one comes that is in a later quarter, so that a device
// has its rollups written once a quarter and not with every message. Whether samples wait
// depends on nothing but the samples before them: the tables are the same however the journal
// is cut.
type Rolled struct {
	Began   int64  // time of the first sample in the rollups, in milliseconds
	Head    Sample // the last sample in the rollups, in the order of times; At is 0 for none
	Waiting int    // how many samples at the end of Open.Samples come after Head, in order
}

// Rollups is where the rollups are kept.
type Rollups interface {
	// Kept returns what the days of a device are made by, and all of its blocks that quarters
	// belong to, from one to another, both included; there may be more.
	Kept(a project.Assignment, device sconce.EUI64, from, to int64) (rollup.Calendar, map[rollup.Key]rollup.Block, error)
	// SetRollup stores a block.
	SetRollup(a project.Assignment, device sconce.EUI64, level rollup.Level, period int64, b rollup.Block) error
}

// Rollup is a block of the rollups of a device.
type Rollup struct {
	Device sconce.EUI64
	Period int64
	rollup.Block
}

// RollupQuery asks for the blocks of devices from one period to another, both included.
type RollupQuery struct {
	Devices     []sconce.EUI64
	Level       rollup.Level
	From, Until int64
}

// Times returns between which moments, in milliseconds, what is asked for may lie, in whichever
// time zone.
func (q RollupQuery) Times() (from, until int64) {
	begin := func(period int64) time.Time {
		switch q.Level {
		case rollup.Quarters:
			return time.Unix(min(max(period, 0), 1e6)*24*60*60, 0)
		case rollup.Days:
			return time.Date(0, time.Month(min(max(period, 0), 1e5)+1), 1, 0, 0, 0, 0, time.UTC)
		default:
			return time.Date(int(min(max(period, 0), 1e4)), time.January, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	return begin(q.From).Add(-day).UnixMilli(), begin(q.Until + 1).Add(day).UnixMilli()
}

// Waiting adds to parts what the samples say that are not in the rollups yet.
func (o *Open) Waiting(m sconce.Metric, parts rollup.Parts) {
	head := rollup.Point(o.Rolled.Head)
	for _, s := range o.Samples[len(o.Samples)-o.Rolled.Waiting:] {
		next := rollup.Point(s)
		parts.Between(m, head, next, 1)
		parts.Alone(m, next)
		head = next
	}
}

// partWeight is what a part of the rollups takes in memory until it is stored, in bytes, about.
const partWeight = 192

// gap is the place of the last sample that came late: it and the one after it. What was
// measured during an outage comes late but in order, so that the next sample is mostly between
// them too, and neither need be looked for.
type gap struct {
	before, after Sample // At of before is 0 for none
}

// roll brings the next sample of a series into the rollups, before it is in the open chunk. It
// returns false when the sample has no place any more: it belongs between two samples that were
// deleted long since, and would not stay either.
func (f *Source) roll(ctx context.Context, d *device, s *series, of Series, sample Sample) (placed bool, err error) {
	if !rollup.Usable(rollup.Point(sample)) {
		d.settleSeries(s)
		return true, nil
	}
	r := &s.open.Rolled
	if r.Head.At == 0 {
		*r = Rolled{Began: sample.At, Head: sample}
		d.rolls().Alone(s.metric, rollup.Point(sample))
		f.fold.weight += partWeight
		return true, nil
	}
	last := r.Head
	if r.Waiting > 0 {
		last = s.open.Samples[len(s.open.Samples)-1]
	}
	late := precedes(sample, last)
	if !late && len(s.open.Samples)+1 < ChunkSize && rollup.QuarterOf(sample.At) == rollup.QuarterOf(r.Head.At) {
		r.Waiting++
		return true, nil
	}
	f.fold.weight += partWeight
	d.settleSeries(s)
	if !precedes(sample, r.Head) {
		d.follow(s, sample)
		return true, nil
	}
	return f.insert(ctx, d, s, of, sample)
}

func precedes(a, b Sample) bool { return rollup.Point(a).Before(rollup.Point(b)) }

// rolls returns what is to be added to the rollups of the device.
func (d *device) rolls() rollup.Parts {
	if d.parts == nil {
		d.parts = rollup.Parts{}
	}
	return d.parts
}

// settleSeries brings what waits into the rollups.
func (d *device) settleSeries(s *series) {
	all := s.open.Samples
	for _, next := range all[len(all)-s.open.Rolled.Waiting:] {
		d.follow(s, next)
	}
	s.open.Rolled.Waiting = 0
}

// follow brings a sample into the rollups that comes after all others.
func (d *device) follow(s *series, next Sample) {
	parts := d.rolls()
	parts.Between(s.metric, rollup.Point(s.open.Rolled.Head), rollup.Point(next), 1)
	parts.Alone(s.metric, rollup.Point(next))
	s.open.Rolled.Head = next
}

// insert brings a sample into the rollups that came late.
func (f *Source) insert(ctx context.Context, d *device, s *series, of Series, sample Sample) (placed bool, err error) {
	r := &s.open.Rolled
	if s.gap.before.At == 0 || precedes(sample, s.gap.before) || precedes(s.gap.after, sample) {
		if s.gap, err = f.neighbours(ctx, s, of, sample); err != nil {
			return false, err
		}
	}
	before, after := s.gap.before, s.gap.after
	if after.At == 0 || before.At == 0 && sample.At > r.Began {
		s.gap = gap{}
		return false, nil
	}
	parts, x := d.rolls(), rollup.Point(sample)
	if before.At != 0 {
		parts.Between(s.metric, rollup.Point(before), rollup.Point(after), -1)
		parts.Between(s.metric, rollup.Point(before), x, 1)
	}
	parts.Between(s.metric, x, rollup.Point(after), 1)
	parts.Alone(s.metric, x)
	s.gap.before = sample
	r.Began = min(r.Began, sample.At)
	return true, nil
}

// neighbours returns the samples of a series between which one belongs, in its rollups; the
// time of one that is not there is 0. Nothing waits.
func (f *Source) neighbours(ctx context.Context, s *series, of Series, sample Sample) (gap, error) {
	chunks, err := f.fold.before.ChunksAround(ctx, f.assignment.Project, of, sample.At)
	if err != nil {
		return gap{}, err
	}
	var g gap
	for _, c := range slices.Concat(chunks, s.full, []Chunk{{Samples: s.open.Samples}}) {
		for _, other := range c.Samples {
			switch {
			case !rollup.Usable(rollup.Point(other)):
			case precedes(sample, other):
				if g.after.At == 0 || precedes(other, g.after) {
					g.after = other
				}
			case g.before.At == 0 || precedes(g.before, other):
				g.before = other
			}
		}
	}
	if g.before == sample { // it is there already: nothing is between it and itself
		g.after = sample
	}
	return g, nil
}

// output adds to the light output of a device what a state says of it.
func (f *Source) output(ctx context.Context, d *device, s DeviceState) error {
	sample := Sample{At: s.At.UnixMilli(), Value: outputOf(d.state, s)}
	if rollup.Usable(rollup.Point(sample)) && sample.At >= f.oldest {
		return f.sample(ctx, d, Series{Device: s.Device, Metric: sconce.Output}, sample)
	}
	return nil
}

// outputOf returns the output, in the unit of [sconce.Output], that a state says, after what was known before.
func outputOf(before, s DeviceState) float64 {
	on, level := s.On, s.Level
	if on == nil {
		on = before.On
	}
	if level == nil {
		level = before.Level
	}
	switch {
	case !s.Reachable:
		return -1
	case on == nil || !*on:
		return 0
	case level == nil:
		return float64(sconce.MaxLevel)
	default:
		return float64(max(*level, 1))
	}
}

// farApart is how many quarters are between two that are not read together: what comes late
// may be of months ago.
const farApart = 7 * rollup.QuartersPerDay

// addParts adds to the stored rollups of a device.
func addParts(tx Rollups, a project.Assignment, device sconce.EUI64, parts rollup.Parts) error {
	all := blocks{tx: tx, assignment: a, device: device, known: map[rollup.Key]rollup.Block{}, changed: map[rollup.Key]bool{}}
	quarters := slices.Sorted(maps.Keys(parts))
	for from := 0; from < len(quarters); {
		to := from + 1
		for to < len(quarters) && quarters[to]-quarters[to-1] < farApart {
			to++
		}
		if err := all.add(quarters[from:to], parts); err != nil {
			return err
		}
		from = to
	}
	for k := range all.changed {
		if err := tx.SetRollup(a, device, k.Level, k.Period, all.known[k]); err != nil {
			return err
		}
	}
	return nil
}

// blocks is the rollups of a device while they are added to.
type blocks struct {
	tx         Rollups
	assignment project.Assignment
	device     sconce.EUI64
	known      map[rollup.Key]rollup.Block
	changed    map[rollup.Key]bool
}

// add adds to the blocks of some quarters.
func (b *blocks) add(quarters []int64, parts rollup.Parts) error {
	calendar, kept, err := b.tx.Kept(b.assignment, b.device, quarters[0], quarters[len(quarters)-1])
	if err != nil {
		return err
	}
	for k, block := range kept {
		if !b.changed[k] {
			b.known[k] = block
		}
	}
	months := map[int64]bool{}
	for _, quarter := range quarters {
		day, hours := calendar.Place(quarter)
		sums := parts[quarter]
		b.change(rollup.QuarterPlace(quarter), func(block *rollup.Block, index int) { block.Add(index, sums) })
		b.change(day, func(block *rollup.Block, index int) { block.AddIn(index, hours, sums) })
		months[day.Period] = true
	}
	for month := range months { // what its days are together
		days := b.known[rollup.Key{Level: rollup.Days, Period: month}]
		b.change(rollup.MonthPlace(month), func(block *rollup.Block, index int) { block.Put(days.As(index)) })
	}
	return nil
}

func (b *blocks) change(p rollup.Place, change func(block *rollup.Block, index int)) {
	block := b.known[p.Key]
	change(&block, p.Index)
	b.known[p.Key], b.changed[p.Key] = block, true
}
