package nwk

import (
	"cmp"
	"slices"
	"time"

	"sconce/zigbee"
)

// Neighbour is an entry of the neighbour table (3.6.1.5), for who asks over the
// air: a node that was heard directly of late, a child, or the parent.
type Neighbour struct {
	EUI64  zigbee.EUI64
	Short  zigbee.ShortAddr
	Router bool // sends link status: a router, or the coordinator
	Parent bool
	Child  bool
	Sleepy bool // a child that does not listen when idle
	LQI    uint8
}

// Neighbours returns the neighbour table, by extended address.
func (l *Layer) Neighbours(now time.Time) []Neighbour {
	var list []Neighbour
	children := l.Children()
	for _, n := range l.nodes {
		e := Neighbour{EUI64: n.eui64, Short: n.short, Router: n.isRouter(now), LQI: n.lqi}
		e.Parent = l.parent == n.short && n.short != zigbee.Unassigned && l.isEndDevice()
		if i := slices.IndexFunc(children, func(c Child) bool { return c.EUI64 == n.eui64 }); i >= 0 {
			e.Child, e.Sleepy = true, children[i].Sleepy
		}
		if n.short != zigbee.Unassigned && (e.Parent || e.Child || n.near(now)) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Neighbour) int { return cmp.Compare(a.EUI64, b.EUI64) })
	return list
}

// Route is an active entry of the routing table (3.6.1.8), for who asks over the
// air.
type Route struct {
	Dst, NextHop zigbee.ShortAddr
	ManyToOne    bool // Dst is a concentrator
	Record       bool // it wants a route record before the next frame
}

// Routes returns the routing table, by destination.
func (l *Layer) Routes(now time.Time) []Route {
	var list []Route
	for _, r := range l.routes {
		if r.expires.After(now) {
			list = append(list, Route{Dst: r.dst, NextHop: r.hop, ManyToOne: r.manyToOne, Record: r.record})
		}
	}
	slices.SortFunc(list, func(a, b Route) int { return cmp.Compare(a.Dst, b.Dst) })
	return list
}
