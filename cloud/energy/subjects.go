package energy

import (
	"cmp"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
)

// Per is what an answer has one row for.
type Per string

// The subjects of answers.
const (
	PerProject  Per = "project"
	PerNetwork  Per = "network"
	PerGroup    Per = "group"
	PerPosition Per = "position"
	PerDevice   Per = "device"
)

// Subject is what a row of an answer is about.
type Subject struct {
	ID      string // of the project, network, group or position, or the address of the device
	Name    string
	Network sconce.NetworkID // "" for the project
	Devices int              // that are there now
	Removed bool             // the position, or the device, is there no more
}

// place is where a device hung from a moment on, and which subjects it belongs to there.
type place struct {
	stay     Stay
	from     int64 // the first quarter that counts for it
	subjects []int // nil when it is not asked for
}

// layout says for each device which subjects its sums are for.
type layout struct {
	subjects []Subject
	devices  []sconce.EUI64 // that have any, in order
	places   map[sconce.EUI64][]place
}

// Filter says of what is asked. What is "" does not matter.
type Filter struct {
	Network  sconce.NetworkID
	Group    sconce.GroupID
	Position sconce.PositionID
}

// lay finds the subjects of a question. counts says which kinds of devices are counted.
func lay(id sconce.ProjectID, p Places, per Per, f Filter, counts func(sconce.DeviceKind) bool) (*layout, error) {
	l := &layout{places: map[sconce.EUI64][]place{}}
	groups, err := p.groupsOf(f)
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	subject := func(s Subject) int {
		i, ok := index[s.ID]
		if !ok {
			i = len(l.subjects)
			index[s.ID] = i
			l.subjects = append(l.subjects, s)
		}
		return i
	}
	switch per { // those without devices are rows too
	case PerProject:
		subject(Subject{ID: string(id), Name: p.Project})
	case PerNetwork:
		for _, n := range p.Networks {
			if f.Network == "" || f.Network == n.ID {
				subject(Subject{ID: string(n.ID), Name: n.Name, Network: n.ID})
			}
		}
	case PerGroup:
		for _, g := range p.Groups {
			if (f.Network == "" || f.Network == g.Network) && (f.Group == "" || f.Group == g.ID) {
				subject(Subject{ID: string(g.ID), Name: g.Name, Network: g.Network})
			}
		}
	case PerPosition, PerDevice:
	default:
		return nil, sconce.Errorf(sconce.Invalid, "expected per project, network, group, position or device")
	}
	for _, stay := range p.Stays {
		one := place{stay: stay, from: rollup.QuarterOf(stay.From.UnixMilli() + rollup.Quarter - 1)}
		for _, s := range p.subjectsOf(id, stay, per, f, groups) {
			i := subject(s)
			one.subjects = append(one.subjects, i)
			l.subjects[i].Removed = l.subjects[i].Removed && s.Removed
			if stay.Until.IsZero() {
				l.subjects[i].Name = s.Name
				if counts(stay.Kind) {
					l.subjects[i].Devices++
				}
			}
		}
		l.places[stay.Device] = append(l.places[stay.Device], one)
	}
	for device, places := range l.places {
		if slices.ContainsFunc(places, func(p place) bool { return p.subjects != nil }) {
			l.devices = append(l.devices, device)
		} else {
			delete(l.places, device)
		}
	}
	slices.Sort(l.devices)
	return l, nil
}

// only lets nothing count that devices of other kinds say. Their subjects stay.
func (l *layout) only(counts func(sconce.DeviceKind) bool) {
	l.devices = slices.DeleteFunc(l.devices, func(d sconce.EUI64) bool {
		places := l.places[d]
		for i := range places {
			if !counts(places[i].stay.Kind) {
				places[i].subjects = nil
			}
		}
		return !slices.ContainsFunc(places, func(p place) bool { return p.subjects != nil })
	})
}

// groupsOf returns the groups of each position. The error says that a group or network that
// was asked for is not there.
func (p Places) groupsOf(f Filter) (map[sconce.PositionID][]Group, error) {
	of := map[sconce.PositionID][]Group{}
	there := f.Group == ""
	for _, g := range p.Groups {
		there = there || g.ID == f.Group
		for _, m := range g.Members {
			of[m] = append(of[m], g)
		}
	}
	if !there {
		return nil, sconce.Errorf(sconce.NotFound, "there is no such group in this project")
	}
	if f.Network != "" && !slices.ContainsFunc(p.Networks, func(n project.Network) bool { return n.ID == f.Network }) {
		return nil, sconce.Errorf(sconce.NotFound, "there is no such network in this project")
	}
	if f.Position != "" && !slices.ContainsFunc(p.Stays, func(s Stay) bool { return s.Position == f.Position }) {
		return nil, sconce.Errorf(sconce.NotFound, "there is and was no such position in this project")
	}
	return of, nil
}

// subjectsOf returns what a device belongs to while it hangs somewhere.
func (p Places) subjectsOf(id sconce.ProjectID, s Stay, per Per, f Filter, groups map[sconce.PositionID][]Group) []Subject {
	in := groups[s.Position]
	if f.Network != "" && s.Network != f.Network || f.Position != "" && s.Position != f.Position ||
		f.Group != "" && !slices.ContainsFunc(in, func(g Group) bool { return g.ID == f.Group }) {
		return nil
	}
	switch per {
	case PerProject:
		return []Subject{{ID: string(id), Name: p.Project}}
	case PerNetwork:
		i := slices.IndexFunc(p.Networks, func(n project.Network) bool { return n.ID == s.Network })
		if i < 0 {
			return nil
		}
		return []Subject{{ID: string(s.Network), Name: p.Networks[i].Name, Network: s.Network}}
	case PerGroup:
		var all []Subject
		for _, g := range in {
			if f.Group == "" || f.Group == g.ID {
				all = append(all, Subject{ID: string(g.ID), Name: g.Name, Network: g.Network})
			}
		}
		return all
	case PerPosition:
		return []Subject{{ID: string(s.Position), Name: s.Name, Network: s.Network, Removed: !s.Until.IsZero()}}
	default:
		return []Subject{{ID: s.Device.String(), Name: s.Name, Network: s.Network, Removed: !s.Until.IsZero()}}
	}
}

// at returns the place that the sums of a quarter count for: where the device was when the
// quarter began, or, before it was anywhere, where it came first. So everything counts, and once.
func (l *layout) at(device sconce.EUI64, quarter int64) *place {
	places := l.places[device]
	later, _ := slices.BinarySearchFunc(places, quarter+1, func(p place, q int64) int { return cmp.Compare(p.from, q) })
	return &places[max(later-1, 0)]
}

// moved reports whether a device came to another place in a time: then a day of it may be of
// more than one.
func (l *layout) moved(device sconce.EUI64, from, to int64) bool {
	return slices.ContainsFunc(l.places[device][1:], func(p place) bool { return from < p.from && p.from < to })
}

// expects calls expect for each stay of a device that is counted, until now.
func (l *layout) expects(counts func(sconce.DeviceKind) bool, now time.Time, expect func(subject int, from, to time.Time)) {
	for _, device := range l.devices {
		for _, p := range l.places[device] {
			if !counts(p.stay.Kind) {
				continue
			}
			until := now
			if !p.stay.Until.IsZero() && p.stay.Until.Before(now) {
				until = p.stay.Until
			}
			for _, s := range p.subjects {
				expect(s, p.stay.From, until)
			}
		}
	}
}
