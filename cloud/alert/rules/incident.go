package rules

import (
	"slices"
	"time"

	"sconce"
)

// Member is a device that an [Incident] is about.
type Member struct {
	Device  sconce.EUI64
	Since   time.Time
	Cleared time.Time // zero while it is wrong
	Value   float64
}

// Incident is what people are told of: one condition of one or more devices of a network
// that probably have one cause. It is open until all of its members are cleared.
type Incident struct {
	ID       sconce.AlertID
	Kind     Kind
	Severity Severity
	Raised   time.Time
	Cleared  time.Time // zero while it is open
	Joined   time.Time // when its last member came
	Times    int       // how often it was raised: again each time that it was cleared too early
	Members  []Member  // in the order in which they came
}

// Open reports whether any member is wrong still.
func (i *Incident) Open() bool { return i.Cleared.IsZero() }

// Wrong returns how many members are wrong still.
func (i *Incident) Wrong() int {
	n := 0
	for _, m := range i.Members {
		if m.Cleared.IsZero() {
			n++
		}
	}
	return n
}

// Together is how long after the last member another device with the same condition counts
// as of the same cause: lights that lose their power together are missed within minutes.
const Together = 10 * time.Minute

// News is what is new of an incident.
type News uint8

// The news.
const (
	Changed News = iota // of its members
	Began               // or began again
	Ended
)

// Gather makes incidents of what was found. recent is the incidents that are open, and those
// that were cleared within [Forgiven]. crowded says that there are as many open ones as there
// may be: then a new member joins what is open for the same condition, however old. It
// returns those that are new or changed, with their news, in the order of recent.
func Gather(set Set, recent []Incident, found []Found, now time.Time, crowded bool, newID func() sconce.AlertID) ([]Incident, []News) {
	g := gathering{all: slices.Clone(recent), now: now, touched: map[int]News{}}
	for _, f := range found {
		switch f.Change {
		case Raise:
			i := g.place(f.Key, crowded)
			if i < 0 {
				i = len(g.all)
				g.all = append(g.all, Incident{ID: newID(), Kind: f.Kind, Severity: set[f.Kind].Severity, Raised: now, Times: 1})
				g.touched[i] = Began
			}
			g.join(i, f)
		case Clear:
			g.clear(f)
		case Same:
		}
	}
	return g.changed()
}

type gathering struct {
	all     []Incident
	now     time.Time
	touched map[int]News
}

// place finds the incident that a condition belongs to, -1 for none: the one that it was in
// before, or one that has just begun.
func (g *gathering) place(k Key, crowded bool) int {
	best := -1
	for i := range g.all {
		one := &g.all[i]
		if one.Kind != k.Kind {
			continue
		}
		if slices.ContainsFunc(one.Members, func(m Member) bool { return m.Device == k.Device }) {
			return i
		}
		if one.Open() && (crowded || g.now.Sub(one.Joined) <= Together) {
			best = i
		}
	}
	return best
}

func (g *gathering) join(i int, f Found) {
	one := &g.all[i]
	if !one.Open() {
		one.Cleared, one.Times = time.Time{}, one.Times+1
		g.touched[i] = Began
	}
	one.Members = slices.Clone(one.Members)
	m := slices.IndexFunc(one.Members, func(m Member) bool { return m.Device == f.Device })
	if m < 0 {
		m = len(one.Members)
		one.Members = append(one.Members, Member{Device: f.Device})
	}
	one.Members[m].Since, one.Members[m].Cleared, one.Members[m].Value = f.Since, time.Time{}, f.Value
	one.Joined = g.now
	if g.touched[i] != Began {
		g.touched[i] = Changed
	}
}

func (g *gathering) clear(f Found) {
	for i := range g.all {
		one := &g.all[i]
		m := slices.IndexFunc(one.Members, func(m Member) bool { return m.Device == f.Device && m.Cleared.IsZero() })
		if one.Kind != f.Kind || m < 0 {
			continue
		}
		one.Members = slices.Clone(one.Members)
		one.Members[m].Cleared = g.now
		if _, ok := g.touched[i]; !ok {
			g.touched[i] = Changed
		}
		if one.Wrong() == 0 {
			one.Cleared = g.now
			g.touched[i] = Ended
		}
		return
	}
}

func (g *gathering) changed() (incidents []Incident, news []News) {
	for i := range g.all {
		if n, ok := g.touched[i]; ok {
			incidents, news = append(incidents, g.all[i]), append(news, n)
		}
	}
	return incidents, news
}
