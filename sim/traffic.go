package sim

import (
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// The rounds of a group command. A broadcast may miss a light whose air is bad:
// who commands looks, and says it again.
const (
	groupRounds = 3
	roundTime   = 3 * time.Second
)

// groupRound is a group command under way.
type groupRound struct {
	group   uint16
	on      bool
	members []*member
	round   int
	first   time.Duration // since the command of the first round
	last    time.Duration
	n       int
}

// acted notes when a member obeyed, in the first round.
func (g *groupRound) acted(took time.Duration) {
	if g.round > 1 {
		return
	}
	if g.n++; g.n == 1 {
		g.first = took
	}
	g.last = max(g.last, took)
}

// unicast commands one light, drawn by luck, to do the opposite.
func (c *controller) unicast(now time.Time) {
	if len(c.members) == 0 {
		return
	}
	m := c.members[c.luck.IntN(len(c.members))]
	if !m.configured() || !m.state.Joined || !m.commanded.IsZero() || c.group != nil && slices.Contains(c.group.members, m) {
		return
	}
	m.want, m.commanded = !m.state.On, now
	c.seq++
	c.trial.unicasts.Sent++
	c.send(m, stack.DataRequest{Cluster: zcl.ClusterOnOff, Ack: true, Payload: onOff(c.seq, m.want)}, func(err error) {
		if err == nil {
			c.trial.unicasts.Delivered++
		}
		m.commanded = time.Time{}
	})
}

func onOff(seq uint8, on bool) []byte {
	if on {
		return zcl.AppendRequest(nil, seq, zcl.On{})
	}
	return zcl.AppendRequest(nil, seq, zcl.Off{})
}

// command switches a group, drawn by luck: in one of four cases all lights.
func (c *controller) command(now time.Time) {
	ready := slices.DeleteFunc(slices.Clone(c.members), func(m *member) bool { return !m.configured() || !m.state.Joined })
	if len(ready) == 0 || c.group != nil {
		return
	}
	g := &groupRound{group: everyLight, on: c.luck.IntN(2) == 0}
	if c.luck.IntN(4) > 0 {
		g.group = ready[c.luck.IntN(len(ready))].groups[1]
	}
	c.begin(now, g)
}

// begin gives a group command to all members that can hear it now.
func (c *controller) begin(now time.Time, g *groupRound) {
	for _, m := range c.members {
		if m.configured() && m.state.Joined && slices.Contains(m.groups, g.group) {
			g.members = append(g.members, m)
		}
	}
	c.group = g
	c.sendGroup(now)
}

func (c *controller) sendGroup(now time.Time) {
	g := c.group
	g.round++
	for _, m := range g.members {
		if m.want = g.on; m.state.On != g.on {
			m.commanded = now
		}
	}
	c.seq++
	c.request(stack.DataRequest{Dst: zigbee.BroadcastRxOn, Group: g.group, Cluster: zcl.ClusterOnOff, Payload: onOff(c.seq, g.on)}, func(error) {})
	c.trial.air.After(roundTime, func() { c.node.Do(c.endRound) })
}

// endRound looks who has obeyed, and says it again to those who have not.
func (c *controller) endRound(now time.Time) {
	g, t := c.group, c.trial
	left := slices.DeleteFunc(slices.Clone(g.members), func(m *member) bool { return m.state.On == g.on || !m.state.Joined })
	if g.round == 1 {
		t.groups.Sent += uint64(len(g.members))
		t.groups.Delivered += uint64(len(g.members) - len(left))
		if g.n > 1 {
			t.spread.note(g.last - g.first)
		}
	}
	if len(left) > 0 && g.round < groupRounds {
		t.repeats++
		c.sendGroup(now)
		return
	}
	for _, m := range left {
		t.unreached.add(now, "%s of group %#04x did not obey %d commands", m.light.EUI64, g.group, groupRounds)
	}
	for _, m := range g.members {
		m.commanded = time.Time{}
	}
	c.group = nil
}
