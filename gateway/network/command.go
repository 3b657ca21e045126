package network

import (
	"slices"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// The timing and the limits of commands. A light that carries out a command
// reports what changed at once (lightMin); only one that stays silent is asked.
const (
	// reportGrace is how long after the arrival of a command its light's own
	// report is waited for: an acknowledgement, a back-off and the report take
	// 10 to 15 ms on the air.
	reportGrace = 20 * time.Millisecond
	// groupGrace is that for a groupcast, whose lights report at the same time:
	// some 10 ms of air for each of them.
	groupGrace      = 30 * time.Millisecond
	groupGraceLight = 10 * time.Millisecond
	// fadeUnit is the unit of transition times (07-5123-08, 3.10.2.3.1).
	fadeUnit = 100 * time.Millisecond
	// fadeSlack is how late a fade may end, and fadePause the time between two
	// looks at a light that is still fading.
	fadeSlack = 500 * time.Millisecond
	fadePause = 100 * time.Millisecond
	// commandPatience is how long after the end of its fade a command is given
	// up, and patienceLight how much longer for each light of a group.
	commandPatience = 2 * time.Second
	patienceLight   = 20 * time.Millisecond
	// commandTries is how often a command is sent to one light by unicast.
	commandTries = 3
	// maxCommands is how many commands are carried out at a time; what comes
	// beyond is answered as unconfirmed at once.
	maxCommands = 64
	// maxRecent is how many commands are remembered, to be recognised when the
	// cloud repeats them.
	maxRecent = 256
)

// commands is everything that lights have been told to do.
type commands struct {
	active int
	recent []sconce.CommandID
	held   []held // until the network can speak
}

// command is one command under way.
type command struct {
	id       sconce.CommandID
	begun    time.Time
	settles  time.Time // when the fade is over
	goal     goal
	open     int // lights without an outcome
	outcomes []wire.Outcome
	deadline *timer
	tasks    []*task
}

// task is a command at one light.
type task struct {
	*command
	device *device
	tries  int
	over   bool
	timer  *timer
}

// goal is the state that a command asks for.
type goal struct {
	on       bool
	level    uint8 // only with dim, and never 0 then: that is off
	dim      bool
	viaLevel bool // the Level cluster brings it there, with a transition
}

func goalOf(c wire.Command) goal {
	if c.On != nil {
		return goal{on: *c.On}
	}
	z := toZCL(*c.Level)
	return goal{on: z > 0, level: z, dim: z > 0, viaLevel: true}
}

// frame returns the ZCL frame for the goal, with what is left of the fade: a
// light that has to be told again arrives together with the others, or at once.
// No default response is wanted: the light's state is the answer.
func (x *command) frame(now time.Time, seq uint8) []byte {
	var c zcl.Command = zcl.Off{}
	switch {
	case x.goal.viaLevel:
		left := max(0, x.settles.Sub(now))
		c = zcl.MoveToLevel{Level: x.goal.level, Transition: uint16(left.Round(fadeUnit) / fadeUnit), WithOnOff: true}
	case x.goal.on:
		c = zcl.On{}
	}
	return c.Append(zcl.AppendHeader(nil, zcl.Header{Specific: true, NoDefault: true, Seq: seq, Command: c.ID().Command}))
}

func (g goal) cluster() uint16 {
	if g.viaLevel {
		return zcl.ClusterLevel
	}
	return zcl.ClusterOnOff
}

// reached reports whether the light itself has said, since a moment, that it is
// there. That it is on may have been said before: a change would have been
// reported.
func (g goal) reached(l *light, since time.Time) bool {
	if g.dim {
		return l.level.is(g.level, since) && l.on.known() && l.on.value
	}
	return l.on.is(g.on, since)
}

// doubt returns the cluster whose value says whether the goal is reached.
func (g goal) doubt(l *light, since time.Time) uint16 {
	if g.dim && !l.level.is(g.level, since) {
		return zcl.ClusterLevel
	}
	return zcl.ClusterOnOff
}

// Command carries out a command; its result comes out of [Network.Drain]. One
// that was already given is ignored: messages may be repeated.
func (n *Network) Command(now time.Time, c wire.Command) {
	if slices.Contains(n.commands.recent, c.ID) {
		return
	}
	if n.commands.recent = append(n.commands.recent, c.ID); len(n.commands.recent) > maxRecent {
		n.commands.recent = slices.Delete(n.commands.recent, 0, 1)
	}
	if n.silent && len(n.commands.held) < maxCommands {
		n.hold(now, c)
		return
	}
	n.begin(now, c)
}

// begin carries out a command.
func (n *Network) begin(now time.Time, c wire.Command) {
	lights := n.lightsOf(c)
	x := &command{id: c.ID, begun: now, settles: now, goal: goalOf(c), open: 1} // held open while it begins
	if x.goal.viaLevel {
		x.settles = now.Add((time.Duration(c.Fade) * time.Millisecond).Round(fadeUnit))
	}
	n.commands.active++
	if c.Device != 0 && len(lights) == 0 {
		x.outcomes = append(x.outcomes, wire.Outcome{Device: c.Device, Status: wire.NotJoined})
	}
	for _, d := range lights {
		if status := n.admit(now, x, c, d); status != 0 {
			x.outcomes = append(x.outcomes, wire.Outcome{Device: sconce.EUI64(d.eui), Status: status})
		}
	}
	x.deadline = n.timers.at(x.settles.Add(commandPatience+time.Duration(len(x.tasks))*patienceLight), func(now time.Time) {
		n.giveUp(now, x)
	})
	n.launch(now, x, c.Group)
	n.close(now, x)
}

func (n *Network) lightsOf(c wire.Command) []*device {
	if c.Group != 0 {
		return n.members(c.Group)
	}
	if d, ok := n.devices[zigbee.EUI64(c.Device)]; ok {
		return []*device{d}
	}
	return nil
}

// admit makes the task of one light, or says why there is none.
func (n *Network) admit(now time.Time, x *command, c wire.Command, d *device) wire.OutcomeStatus {
	switch {
	case now.UnixMilli() > int64(c.Expires):
		return wire.Expired
	case !d.joined:
		return wire.NotJoined
	case n.commands.active > maxCommands:
		n.cfg.Log.Warn("a command is not carried out: too many at a time", "command", c.ID, "most", maxCommands)
		return wire.Unconfirmed
	case !d.record.Described:
		return wire.Unconfirmed // it cannot be spoken to before its interview
	case !d.record.has(x.goal.cluster()):
		return wire.Refused
	}
	n.abandon(now, d)
	t := &task{command: x, device: d, tries: commandTries}
	d.light.task = t
	x.tasks = append(x.tasks, t)
	x.open++
	return 0
}

// launch sends the command: as one groupcast to the lights that are in the group,
// and to each of the others.
func (n *Network) launch(now time.Time, x *command, g sconce.GroupNumber) {
	var together, single []*task
	for _, t := range x.tasks {
		if g != 0 && t.device.inGroup(g) {
			together = append(together, t)
		} else {
			single = append(single, t)
		}
	}
	if len(together) < 2 {
		single, together = append(together, single...), nil
	}
	if len(together) > 0 {
		n.groupcast(now, x, g, together)
	}
	for _, t := range single {
		n.unicast(now, t)
	}
}

func (n *Network) groupcast(now time.Time, x *command, g sconce.GroupNumber, tasks []*task) {
	e := &n.exchange
	h, err := n.cfg.Node.Data(now, stack.DataRequest{
		Group: uint16(g), DstEndpoint: 0xff, SrcEndpoint: Endpoint,
		Profile: zcl.ProfileHomeAutomation, Cluster: x.goal.cluster(), Payload: x.frame(now, e.freeSeq()),
	})
	sent := func(now time.Time, err error) {
		for _, t := range tasks {
			if err != nil {
				n.unicast(now, t)
			} else {
				n.lookAfter(now, t, groupGrace+time.Duration(len(tasks))*groupGraceLight)
			}
		}
	}
	if err != nil {
		sent(now, err)
		return
	}
	e.handles[h] = sent
}

// unicast sends the command to one light.
func (n *Network) unicast(now time.Time, t *task) {
	if t.over {
		return
	}
	if t.tries == 0 {
		n.finish(now, t, wire.Unconfirmed)
		return
	}
	t.tries--
	n.ask(now, t.device, request{
		what: "a command", endpoint: t.device.record.Endpoint, profile: zcl.ProfileHomeAutomation, cluster: t.goal.cluster(),
		frame:  func(now time.Time, seq uint8, _ zigbee.ShortAddr) []byte { return t.frame(now, seq) },
		expect: expectation{nothing: true}, tries: 1, urgent: true,
		done: func(now time.Time, _ []byte, err error) {
			if err != nil {
				n.tellAgain(now, t)
				return
			}
			n.lookAfter(now, t, reportGrace)
		},
	})
}

// tellAgain sends the command once more, when what stood in the way has passed.
func (n *Network) tellAgain(now time.Time, t *task) {
	if t.over {
		return
	}
	n.timers.stop(t.timer)
	t.timer = n.timers.at(now.Add(retryPause), func(now time.Time) { n.unicast(now, t) })
}

// lookAfter reads the light's state back when it has not reported by then.
func (n *Network) lookAfter(now time.Time, t *task, grace time.Duration) {
	if t.over {
		return
	}
	at := now
	if t.settles.After(now) {
		at = t.settles
	}
	n.timers.stop(t.timer)
	t.timer = n.timers.at(at.Add(grace), func(now time.Time) { n.readBack(now, t) })
}

func (n *Network) readBack(now time.Time, t *task) {
	if t.over {
		return
	}
	d := t.device
	cluster := t.goal.doubt(&d.light, t.begun)
	r := d.read("reading its state back", cluster, attributesOf(cluster)...)
	r.tries, r.urgent = 1, true
	r.done = func(now time.Time, _ []byte, err error) { n.answered(now, t, cluster, err) }
	n.ask(now, d, r)
}

// answered decides what to do when the light has said something else than what
// was asked for, or nothing. What it said has been taken as it came.
func (n *Network) answered(now time.Time, t *task, cluster uint16, err error) {
	switch {
	case t.over:
	case err != nil:
		n.tellAgain(now, t)
	case t.goal.doubt(&t.device.light, t.begun) != cluster:
		n.readBack(now, t) // half of it is confirmed: ask for the other half
	case t.settles.After(t.begun) && now.Before(t.settles.Add(fadeSlack)):
		n.lookAfter(now, t, fadePause)
	case t.tries > 0:
		n.unicast(now, t)
	default:
		n.finish(now, t, wire.Refused)
	}
}

// check ends the task of a light that has said what was asked for.
func (n *Network) check(now time.Time, d *device) {
	if t := d.light.task; t != nil && t.goal.reached(&d.light, t.begun) {
		n.finish(now, t, wire.Confirmed)
	}
}

// abandon ends what a light is doing because something else is wanted of it.
func (n *Network) abandon(now time.Time, d *device) {
	if t := d.light.task; t != nil {
		n.finish(now, t, wire.Unconfirmed)
	}
}

func (n *Network) giveUp(now time.Time, x *command) {
	for _, t := range x.tasks {
		if !t.over {
			n.finish(now, t, wire.Unconfirmed)
		}
	}
}

// finish notes the outcome at one light.
func (n *Network) finish(now time.Time, t *task, status wire.OutcomeStatus) {
	t.over = true
	n.timers.stop(t.timer)
	t.device.light.task = nil
	t.device.light.lastTask = now.Add(afterglow)
	t.outcomes = append(t.outcomes, wire.Outcome{Device: sconce.EUI64(t.device.eui), Status: status})
	n.close(now, t.command)
}

// close counts down what a command waits for, and tells its result at the end.
func (n *Network) close(now time.Time, x *command) {
	if x.open--; x.open > 0 {
		return
	}
	n.timers.stop(x.deadline)
	n.commands.active--
	slices.SortFunc(x.outcomes, func(a, b wire.Outcome) int {
		switch {
		case a.Device < b.Device:
			return -1
		case a.Device > b.Device:
			return 1
		}
		return 0
	})
	n.out.results = append(n.out.results, wire.Result{Command: x.id, At: wireTime(now), Outcomes: x.outcomes})
}
