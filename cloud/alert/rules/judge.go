package rules

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"sconce"
)

// Gateway is how the gateway of a network stands.
type Gateway struct {
	Device sconce.EUI64
	Online bool
	Since  time.Time // of Online
	// Settling says that it is not known yet whether it is there: this program has just
	// started, and gateways need a moment to find it.
	Settling bool
	// Lost is how many of its messages are missing since its start: those that it gave up,
	// and gaps. Run tells its starts apart.
	Lost, Run uint64
}

// Device is how a device stands: its latest confirmed state.
type Device struct {
	Device     sconce.EUI64
	Kind       sconce.DeviceKind
	Known      bool // it has ever said anything
	Reachable  bool
	Heard      time.Time
	Faults     sconce.Faults
	Power      *float64  // watts
	Rated      float64   // watts, 0 for not known
	Battery    *float64  // per cent; nil for a device without one
	Inside     *float64  // degrees Celsius
	OccupiedAt time.Time // when what it sees last changed; zero for no such sensor
}

// Network is all of it.
type Network struct {
	Gateway Gateway
	Devices []Device
	// Kept is how long gateways keep to themselves that they heard a sensor or a switch, at
	// most; 0 where they tell it at once.
	Kept time.Duration
	// Used is how many watt-hours the project has used in this month, and Budget how many its
	// people planned for it; 0 for no plan.
	Used, Budget float64
}

// Key names a condition: a kind, and which device has it.
type Key struct {
	Kind   Kind
	Device sconce.EUI64
}

// Found is a condition that began or ended.
type Found struct {
	Key
	Change Change // never Same
	Since  time.Time
	Value  float64 // what was too much or too little; 0 when there is none
}

// Look holds a network against rules. watches are what earlier looks remembered; what it
// returns takes their place, without those that have nothing to remember. next is when to
// look again though nothing happens, zero for never.
func Look(set Set, n Network, watches map[Key]Watch, now time.Time) (after map[Key]Watch, found []Found, next time.Time) {
	l := look{set: set, net: n, now: now, before: watches, after: map[Key]Watch{}}
	l.gateway()
	for i := range n.Devices {
		l.device(&n.Devices[i])
	}
	l.leave()
	slices.SortFunc(l.found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Device, b.Device))
	})
	return l.after, l.found, l.next
}

// look is one look at a network.
type look struct {
	set    Set
	net    Network
	now    time.Time
	before map[Key]Watch
	after  map[Key]Watch
	found  []Found
	next   time.Time
}

// judgement is how a condition stands.
type judgement struct {
	verdict Verdict
	since   time.Time
	value   float64
	next    time.Time // when it may become another without anything happening
}

func (l *look) gateway() {
	g := l.net.Gateway
	if g.Device == 0 {
		return
	}
	l.judge(Key{GatewayOffline, g.Device}, func(*Watch) judgement {
		switch {
		case g.Online:
			return judgement{verdict: Right}
		case g.Settling:
			return judgement{}
		}
		return judgement{verdict: Wrong, since: g.Since}
	})
	l.judge(Key{DataLost, g.Device}, l.lost)
	l.judge(Key{EnergyHigh, g.Device}, l.energy)
}

func (l *look) device(d *Device) {
	if !d.Known {
		return // one that never joined is not broken
	}
	l.judge(Key{LampFailure, d.Device}, fault(d, sconce.FaultLamp))
	l.judge(Key{DriverFault, d.Device}, fault(d, sconce.FaultDriver))
	l.judge(Key{Overheated, d.Device}, func(*Watch) judgement { return above(d.Inside, l.set[Overheated]) })
	l.judge(Key{BatteryLow, d.Device}, func(*Watch) judgement { return below(d.Battery, l.set[BatteryLow]) })
	l.judge(Key{DeviceOffline, d.Device}, func(w *Watch) judgement { return l.presence(d, w) })
	l.judge(Key{PowerHigh, d.Device}, func(w *Watch) judgement { return l.power(d, w) })
	l.judge(Key{SensorStuck, d.Device}, func(*Watch) judgement { return l.stuck(d) })
}

// judge takes one condition into account. What nobody can say of a device while its gateway
// is away stays as it is: one cause, one alert.
func (l *look) judge(k Key, how func(*Watch) judgement) {
	w := l.before[k]
	rule := l.set[k.Kind]
	var change Change
	var next time.Time
	var j judgement
	switch {
	case !rule.On:
		w, change, next = w.off(l.now)
	case k.Device != l.net.Gateway.Device && !l.net.Gateway.Online:
		// its gateway is away
	default:
		j = how(&w)
		w, change, next = w.step(rule, j.verdict, j.since, l.now)
		l.lookAgain(j.next)
	}
	l.lookAgain(next)
	l.keep(k, w, change, j.value)
}

func (l *look) keep(k Key, w Watch, change Change, value float64) {
	if change != Same {
		l.found = append(l.found, Found{k, change, cmp.Or(w.Since, l.now), value})
	}
	if !w.Raised && l.now.Sub(w.Cleared) > Forgiven {
		w.Cleared, w.Times = time.Time{}, 0
	}
	if w != (Watch{}) {
		l.after[k] = w
	}
}

func (l *look) lookAgain(at time.Time) {
	if !at.IsZero() && (l.next.IsZero() || at.Before(l.next)) {
		l.next = at
	}
}

// leave clears what is raised of devices that are not in the network any more.
func (l *look) leave() {
	there := map[sconce.EUI64]bool{l.net.Gateway.Device: true}
	for i := range l.net.Devices {
		there[l.net.Devices[i].Device] = true
	}
	for k, w := range maps.All(l.before) {
		if !there[k.Device] && w.Raised {
			l.found = append(l.found, Found{k, Clear, l.now, 0})
		}
	}
}

func fault(d *Device, bit sconce.Faults) func(*Watch) judgement {
	return func(*Watch) judgement {
		if d.Faults&bit != 0 {
			return judgement{verdict: Wrong}
		}
		return judgement{verdict: Right}
	}
}

func above(value *float64, r Rule) judgement {
	switch {
	case value == nil:
		return judgement{}
	case *value >= r.Limit:
		return judgement{verdict: Wrong, value: *value}
	case *value > r.Limit-r.Slack:
		return judgement{verdict: Between, value: *value}
	}
	return judgement{verdict: Right, value: *value}
}

func below(value *float64, r Rule) judgement {
	switch {
	case value == nil:
		return judgement{}
	case *value <= r.Limit:
		return judgement{verdict: Wrong, value: *value}
	case *value < r.Limit+r.Slack:
		return judgement{verdict: Between, value: *value}
	}
	return judgement{verdict: Right, value: *value}
}
