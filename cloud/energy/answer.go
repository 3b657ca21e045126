package energy

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
)

// Question asks for figures of a time, cut into spans.
type Question struct {
	From, To figures.Date // To is not included; both zero for the current month
	By       figures.Step
	Per      Per
	Filter
	Compare Compare
}

// Compare says what a time is compared with.
type Compare struct {
	Kind CompareKind
	From figures.Date // of CompareFrom
}

// CompareKind is a kind of [Compare].
type CompareKind uint8

// The kinds of comparisons.
const (
	CompareNothing  CompareKind = iota
	ComparePrevious             // the time before, as long
	CompareYear                 // the same days a year before
	CompareFrom                 // as long a time from a day on
)

// UnmarshalText implements [encoding.TextUnmarshaler]: previous, year, or a day.
func (c *Compare) UnmarshalText(b []byte) error {
	switch string(b) {
	case "":
		*c = Compare{}
	case "previous":
		*c = Compare{Kind: ComparePrevious}
	case "year":
		*c = Compare{Kind: CompareYear}
	default:
		d, err := figures.ParseDate(string(b))
		if err != nil {
			return sconce.Errorf(sconce.Invalid, "expected previous, year, or a day as in 2025-03-29")
		}
		*c = Compare{CompareFrom, d}
	}
	return nil
}

// of returns the time that another one is compared with.
func (c Compare) of(from, to figures.Date) (figures.Date, figures.Date) {
	switch c.Kind {
	case ComparePrevious:
		return figures.Earlier(from, to)
	case CompareYear:
		begin := from.Add(-1, 0, 0)
		if begin.Month != from.Month { // before 29 February there is 28 February
			begin = begin.Add(0, 0, -1)
		}
		return begin, to.Add(-1, 0, 0)
	default:
		return figures.FromOn(from, to, c.From)
	}
}

// The limits of a question.
const (
	// MaxCells is how many spans times subjects an answer has at most.
	MaxCells = 30_000
	// maxYears is how long the time of a question is at most.
	maxYears = 10
)

// Answer is figures of a time.
type Answer struct {
	Settings Settings
	Spans    []figures.Span
	Compared []figures.Span // nil when nothing is compared
	Rows     []Row
}

// Row is the figures of a subject.
type Row struct {
	Subject
	Cells         []figures.Cell // one for each span
	Total         figures.Cell
	Compared      []figures.Cell // one for each compared span
	ComparedTotal figures.Cell
	Baseline      float64 // watts, the mean power of the baseline; NaN for none
}

// Energy answers what was taken in.
func (s *Service) Energy(ctx context.Context, scope project.Scope, q Question) (Answer, error) {
	r, err := s.begin(ctx, scope, &q, metered)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Settings: r.settings, Spans: r.spans}
	book, err := r.read(q.By, q.From, q.To, r.spans)
	if err != nil {
		return Answer{}, err
	}
	var compared *figures.Book
	if q.Compare.Kind != CompareNothing {
		from, to := q.Compare.of(q.From, q.To)
		if a.Compared, err = r.cut(from, to, q.By); err == nil {
			compared, err = r.read(q.By, from, to, a.Compared)
		}
		if err != nil {
			return Answer{}, err
		}
	}
	baseline, err := r.baseline()
	if err != nil {
		return Answer{}, err
	}
	for i, subject := range r.lay.subjects {
		row := Row{Subject: subject, Baseline: baseline(i)}
		row.Cells, row.Total = book.Cells(i)
		if compared != nil {
			row.Compared, row.ComparedTotal = compared.Cells(i)
		}
		a.Rows = append(a.Rows, row)
	}
	sortRows(q.Per, a.Rows)
	return a, nil
}

// Occupancy answers for how much of the time sensors saw somebody: of groups and more, never
// of one sensor.
func (s *Service) Occupancy(ctx context.Context, scope project.Scope, q Question) (Answer, error) {
	if q.Per == PerPosition || q.Per == PerDevice || q.Position != "" {
		return Answer{}, sconce.Errorf(sconce.Invalid, "occupancy is told of groups, networks and the project: not of one place or sensor")
	}
	if q.By != figures.Hour && q.By != figures.Day {
		return Answer{}, sconce.Errorf(sconce.Invalid, "occupancy is told by hour or by day")
	}
	r, err := s.begin(ctx, scope, &q, senses)
	if err != nil {
		return Answer{}, err
	}
	book, err := r.read(q.By, q.From, q.To, r.spans)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Settings: r.settings, Spans: r.spans}
	for i, subject := range r.lay.subjects {
		row := Row{Subject: subject, Baseline: math.NaN()}
		row.Cells, row.Total = book.Cells(i)
		a.Rows = append(a.Rows, row)
	}
	return a, nil
}

// Use is how the lights of a subject were used in a time.
type Use struct {
	Subject
	figures.Cell
	Faults   int // incidents of broken lamps and drivers that began
	Offlines int // that a device did not answer
}

// Usage answers how lights were used, in one time as a whole.
func (s *Service) Usage(ctx context.Context, scope project.Scope, q Question) (span figures.Span, settings Settings, uses []Use, err error) {
	q.By = figures.Year
	r, err := s.beginOnly(ctx, scope, &q, metered)
	if err != nil {
		return span, settings, nil, err
	}
	book, err := r.read(q.By, q.From, q.To, r.spans)
	if err != nil {
		return span, settings, nil, err
	}
	span = figures.Span{From: r.spans[0].From, To: r.spans[len(r.spans)-1].To}
	for i, subject := range r.lay.subjects {
		u := Use{Subject: subject}
		_, u.Cell = book.Cells(i)
		uses = append(uses, u)
	}
	incidents, err := s.Store.Incidents(ctx, scope, span.From, span.To)
	if err != nil {
		return span, settings, nil, err
	}
	for _, one := range incidents {
		if r.lay.places[one.Device] == nil {
			continue
		}
		for _, i := range r.lay.at(one.Device, quarterOf(one.At)).subjects {
			if one.Offline {
				uses[i].Offlines++
			} else {
				uses[i].Faults++
			}
		}
	}
	if q.Per == PerPosition || q.Per == PerDevice {
		slices.SortFunc(uses, func(a, b Use) int { return cmp.Compare(a.ID, b.ID) })
	}
	return span, r.settings, uses, nil
}

// sortRows brings positions into the order of their making, and devices into that of their
// addresses; everything else is in the order that people know.
func sortRows(per Per, rows []Row) {
	if per == PerPosition || per == PerDevice {
		slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	}
}

// metered reports whether devices of a kind have a meter.
func metered(k sconce.DeviceKind) bool { return k == sconce.Luminaire }

// senses reports whether devices of a kind see people.
func senses(k sconce.DeviceKind) bool { return k == sconce.Sensor }

// begin checks a question and finds out what it is about.
func (s *Service) begin(ctx context.Context, scope project.Scope, q *Question, counts func(sconce.DeviceKind) bool) (*reader, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return nil, err
	}
	settings, err := s.Store.Settings(ctx, scope)
	if err != nil {
		return nil, err
	}
	r := &reader{Service: s, ctx: ctx, scope: scope, settings: settings, now: s.Now(), counts: counts}
	if r.zone, err = project.Zone(settings.Zone); err != nil {
		return nil, err
	}
	if q.From.IsZero() && q.To.IsZero() {
		today := figures.DateOf(r.now, r.zone)
		q.From = figures.Date{Year: today.Year, Month: today.Month, Day: 1}
		q.To = q.From.Add(0, 1, 0)
	}
	places, err := s.Store.Places(ctx, scope)
	if err != nil {
		return nil, err
	}
	if r.lay, err = lay(scope.Project(), places, q.Per, q.Filter, counts); err != nil {
		return nil, err
	}
	r.spans, err = r.cut(q.From, q.To, q.By)
	return r, err
}

// beginOnly is begin for a question about what devices that count say, and no others: whether
// they can be reached all kinds say.
func (s *Service) beginOnly(ctx context.Context, scope project.Scope, q *Question, counts func(sconce.DeviceKind) bool) (*reader, error) {
	r, err := s.begin(ctx, scope, q, counts)
	if err != nil {
		return nil, err
	}
	r.lay.only(counts)
	return r, nil
}

// cut returns the spans of a time, if they are not too many.
func (r *reader) cut(from, to figures.Date, by figures.Step) ([]figures.Span, error) {
	switch {
	case from.IsZero() || to.IsZero() || !from.Before(to):
		return nil, sconce.Errorf(sconce.Invalid, "expected from, and to after it")
	case from.Add(maxYears, 0, 0).Before(to):
		return nil, sconce.Errorf(sconce.Invalid, "expected at most %d years", maxYears)
	}
	most := MaxCells / max(1, len(r.lay.subjects))
	spans := figures.Spans(from, to, by, r.zone, most)
	if len(spans) > most {
		return nil, sconce.Errorf(sconce.Invalid, "an answer has at most %d figures, and this would have more for %d rows: ask for a shorter time, longer spans or fewer rows",
			MaxCells, len(r.lay.subjects))
	}
	return spans, nil
}

// baseline returns the mean power of the baseline by subject.
func (r *reader) baseline() (func(subject int) float64, error) {
	b := r.settings.Baseline
	if b.Kind != Past {
		watts := b.watts()
		return func(i int) float64 {
			if r.lay.subjects[i].ID == string(r.scope.Project()) {
				return watts
			}
			return math.NaN()
		}, nil
	}
	span := figures.Span{From: b.From.In(r.zone), To: b.To.In(r.zone)}
	book, err := r.read(figures.Day, b.From, b.To, []figures.Span{span})
	if err != nil {
		return nil, err
	}
	return func(i int) float64 {
		_, total := book.Cells(i)
		if total.Metered == 0 {
			return math.NaN()
		}
		return float64(total.Energy) / 1000 / span.To.Sub(span.From).Hours()
	}, nil
}

func quarterOf(t time.Time) int64 { return t.UnixMilli() / quarterMs }
