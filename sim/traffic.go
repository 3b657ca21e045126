package sim

import (
	"slices"
	"time"

	"sconce/device"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// The rounds of a command to a group. A broadcast may miss a light whose air is bad:
// who commands looks, be it a program or a person, and says it again.
const (
	groupRounds = 3
	roundTime   = 3 * time.Second
)

// round is a command to a group under way: from the controller, or from a switch. Of
// two for one light, the later holds.
type round struct {
	group   uint16
	on      bool
	say     func(now time.Time)
	counted *Delivery
	pressed bool   // by a person
	ended   func() // optional

	members []*member
	asked   []*member // that had to change, in the first round
	round   int
	first   time.Duration // since the command of the first round
	last    time.Duration
	n       int
}

// acted notes when a member obeyed, in the first round.
func (r *round) acted(t *trial, took time.Duration) {
	if r.round > 1 {
		return
	}
	if r.pressed {
		t.pressLatency.note(took)
	}
	if r.n++; r.n == 1 {
		r.first = took
	}
	r.last = max(r.last, took)
}

// unicast commands one light, drawn by luck, to do the opposite.
func (c *controller) unicast(now time.Time) {
	if len(c.lights) == 0 {
		return
	}
	m := c.lights[c.luck.IntN(len(c.lights))]
	if !m.ready() || !m.commanded.IsZero() || m.round != nil {
		return
	}
	m.want, m.commanded = !m.state.On, now
	q := c.onOff(m.want)
	q.DstEndpoint, q.Ack = device.Endpoint, true
	c.send(m, q, func(err error) {
		c.delivery.Unicasts.Sent++ // only now: at its end, a trial cuts off what is under way
		if err == nil {
			c.delivery.Unicasts.Delivered++
		}
		if m.round == nil {
			m.commanded = time.Time{}
		}
	})
}

// onOff returns a request to switch whatever its destination is.
func (c *controller) onOff(on bool) stack.DataRequest {
	c.seq++
	r := stack.DataRequest{SrcEndpoint: controllerEndpoint, Profile: zcl.ProfileHomeAutomation, Cluster: zcl.ClusterOnOff}
	if on {
		r.Payload = zcl.AppendRequest(nil, c.seq, zcl.On{})
	} else {
		r.Payload = zcl.AppendRequest(nil, c.seq, zcl.Off{})
	}
	return r
}

// command switches a group, drawn by luck: in one of four cases all lights.
func (c *controller) command(now time.Time) {
	ready := slices.DeleteFunc(slices.Clone(c.lights), func(m *member) bool { return !m.ready() })
	if len(ready) == 0 || c.group != nil {
		return
	}
	r := &round{group: everyLight, on: c.luck.IntN(2) == 0, counted: &c.delivery.Groups, ended: func() { c.group = nil }}
	if c.luck.IntN(4) > 0 {
		r.group = ready[c.luck.IntN(len(ready))].groups[1]
	}
	r.say = func(time.Time) {
		q := c.onOff(r.on)
		q.Dst, q.Group = zigbee.BroadcastRxOn, r.group
		c.request(q, func(error) {})
	}
	c.group = r
	c.begin(now, r)
}

// begin gives a command to all members of a group that can hear it now.
func (c *controller) begin(now time.Time, r *round) {
	for _, m := range c.lights {
		if m.ready() && slices.Contains(m.groups, r.group) {
			r.members = append(r.members, m)
		}
	}
	c.say(now, r)
}

func (c *controller) say(now time.Time, r *round) {
	r.round++
	for _, m := range r.members {
		m.round, m.want, m.commanded = r, r.on, time.Time{}
		if m.state.Joined && m.state.On != r.on {
			m.commanded = now
			if r.round == 1 {
				r.asked = append(r.asked, m)
			}
		}
	}
	r.say(now)
	c.trial.air.After(roundTime, func() { c.node.Do(func(now time.Time) { c.look(now, r) }) })
}

// look is the end of a round: who has not obeyed is told again.
func (c *controller) look(now time.Time, r *round) {
	t := c.trial
	left := slices.DeleteFunc(slices.Clone(r.members), func(m *member) bool {
		return m.round != r || m.state.On == r.on || !m.state.Joined
	})
	if r.round == 1 {
		c.count(r)
	}
	if len(left) > 0 && r.round < groupRounds {
		t.repeats++
		c.say(now, r)
		return
	}
	for _, m := range left {
		t.unreached.add(now, "%s of group %#04x in network %d did not obey %d commands", m.eui64, r.group, c.id, groupRounds)
	}
	for _, m := range r.members {
		if m.round == r {
			m.round, m.commanded = nil, time.Time{}
		}
	}
	if r.ended != nil {
		r.ended()
	}
}

// count counts the lights that the first round was for, but those that another
// command took over, or that have no power any more.
func (c *controller) count(r *round) {
	for _, m := range r.asked {
		if m.round != r || !m.state.Joined {
			continue
		}
		r.counted.Sent++
		if m.state.On == r.on {
			r.counted.Delivered++
		}
	}
	if r.n > 1 && !r.pressed {
		c.trial.spread.note(r.last - r.first)
	}
}

// watch is told what a light of this network does.
func (c *controller) watch(now time.Time, m *member, s LightState) {
	m.state, m.joined, m.short = s, s.Joined, s.Short
	if m.commanded.IsZero() || !s.Powered || s.On != m.want {
		return
	}
	took := now.Sub(m.commanded)
	m.commanded = time.Time{}
	if m.round != nil {
		m.round.acted(c.trial, took)
		return
	}
	c.trial.latency.note(took)
}
