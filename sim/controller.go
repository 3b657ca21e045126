package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// A controller is the coordinator of a network in a trial: a stack node as a
// gateway has it, and on it the least that lets one judge a network. It admits
// lights by install code, puts them into groups, has them report, and commands
// them. It is a test's, and no part of a gateway: it keeps nothing over a restart,
// and knows the building.
type controller struct {
	trial *trial
	id    int
	eui64 zigbee.EUI64
	stack *stack.Node
	node  *Node
	luck  *rand.Rand // of what it commands
	seq   uint8      // of the last command
	open  bool       // joining is permitted

	members []*member // in the order of configuration
	byEUI   map[sconce.EUI64]*member
	awaited map[stack.Handle]func(error)
	group   *groupRound // under way
}

// member is a light of a controller's network.
type member struct {
	light  LightConfig
	groups []uint16

	authorised bool
	steps      int // of its configuration that are done
	waiting    bool
	reportFrom time.Time // counted from here; zero: not yet, or not now
	reported   bool      // since then
	want       bool      // on, as commanded last
	commanded  time.Time // zero: it has obeyed
	state      LightState
}

// The groups of every network: all its lights, and those of each room.
const (
	everyLight  uint16 = 0x0001
	roomsGroups uint16 = 0x0100 // and the number of the room; those in corridors are in room 0xff
)

const (
	configPause = 5 * time.Second // between two tries to configure a light
	configAhead = 4               // lights that are configured at a time
)

func newController(t *trial, id int, at Position) (*controller, error) {
	c := &controller{
		trial: t, id: id, eui64: zigbee.EUI64(controllerEUI64 + id),
		//nolint:gosec // a simulation is replayed from its seed
		luck:  rand.New(rand.NewPCG(t.cfg.Seed, controllerEUI64+uint64(id))),
		byEUI: map[sconce.EUI64]*member{}, awaited: map[stack.Handle]func(error){},
	}
	var key [32]byte
	for i := range key {
		key[i] = byte(c.luck.Uint32())
	}
	keys := rand.NewChaCha8(key) // as above
	var err error
	c.stack, err = stack.New(stack.Config{
		Role: stack.Coordinator, EUI64: c.eui64, Channels: t.cfg.Channels,
		Endpoints:  []zdo.SimpleDescriptor{{Endpoint: controllerEndpoint, Profile: zcl.ProfileHomeAutomation, Device: onOffController}},
		Descriptor: zdo.NodeDescriptor{Logical: zdo.Coordinator, Bands: zdo.Band2400MHz, MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82},
		Random:     func(p []byte) { _, _ = keys.Read(p) }, // never fails
	})
	if err != nil {
		return nil, fmt.Errorf("controller %d: %w", id, err)
	}
	x := t.air.Attach(TransceiverConfig{EUI64: uint64(c.eui64), Position: at, Power: t.cfg.Power})
	// One network after the other, so that each sees the channels of those before.
	t.air.After(time.Duration(id)*formPause, func() { c.node = PowerOn(x, c.stack, c.drain) })
	return c, nil
}

const (
	controllerEUI64    = 0x5ec0ce0200000001
	controllerEndpoint = 1
	onOffController    = 0x0005 // the device type of a configuration tool
	formPause          = 2 * time.Second
)

func (c *controller) add(light LightConfig, room int) {
	m := &member{light: light, groups: []uint16{everyLight, roomsGroups + uint16(uint8(room))}}
	c.members = append(c.members, m)
	c.byEUI[light.EUI64] = m
}

// drain takes the events of the node.
func (c *controller) drain(now time.Time) (retune bool) {
	for {
		e, ok := c.stack.NextEvent()
		if !ok {
			return retune
		}
		switch e := e.(type) {
		case stack.RadioChanged:
			retune = true
		case stack.SaveState:
			c.stack.Saved(c.stack.State())
		case stack.NetworkUp:
			c.up(now)
		case stack.DeviceAuthorised:
			c.authorised(e)
		case stack.DataIndication:
			c.received(now, e)
		case stack.DataConfirm:
			if done := c.awaited[e.Handle]; done != nil {
				delete(c.awaited, e.Handle)
				done(e.Err)
			}
		}
	}
}

// up expects all lights and lets them in.
func (c *controller) up(now time.Time) {
	for _, m := range c.members {
		if err := c.stack.Allow(zigbee.EUI64(m.light.EUI64), m.light.InstallCode); err != nil {
			c.trial.failed(err)
		}
	}
	c.permit(now)
}

// permit keeps the network open until everybody is in.
func (c *controller) permit(now time.Time) {
	const long = 3 * time.Minute
	if c.open = slices.ContainsFunc(c.members, func(m *member) bool { return !m.authorised }); !c.open {
		c.stack.PermitJoin(now, 0)
		return
	}
	c.stack.PermitJoin(now, long)
	c.trial.air.After(long-10*time.Second, func() { c.node.Do(c.permit) })
}

func (c *controller) authorised(e stack.DeviceAuthorised) {
	m := c.byEUI[sconce.EUI64(e.EUI64)]
	if m == nil {
		return
	}
	m.authorised, m.steps = true, 0
	c.configure()
}

// configure goes on with the lights that are not configured, a few at a time.
func (c *controller) configure() {
	busy := 0
	for _, m := range c.members {
		if m.waiting {
			busy++
		}
	}
	for _, m := range c.members {
		if busy == configAhead {
			return
		}
		if m.authorised && !m.waiting && m.steps <= len(m.groups) {
			m.waiting = true
			busy++
			c.step(m)
		}
	}
}

// step sends the next command of a light's configuration: to report, then to
// enter each of its groups.
func (c *controller) step(m *member) {
	c.seq++
	r := stack.DataRequest{Cluster: zcl.ClusterOnOff, Ack: true}
	if m.steps == 0 {
		r.Payload = zcl.AppendConfigureReporting(nil, c.seq, zcl.Reporting{
			Attribute: zcl.AttrOnOff, Type: zcl.TypeBool, Max: uint16(c.trial.cfg.ReportEvery / time.Second),
		})
	} else {
		r.Cluster = zcl.ClusterGroups
		r.Payload = zcl.AppendRequest(nil, c.seq, zcl.AddGroup{Group: m.groups[m.steps-1]})
	}
	c.send(m, r, func(err error) {
		if err != nil {
			c.trial.air.After(configPause, func() {
				m.waiting = false
				c.node.Do(func(time.Time) { c.configure() })
			})
			return
		}
		m.waiting = false
		m.steps++
		c.configure()
	})
}

// configured reports whether a light has all that it was to get.
func (m *member) configured() bool { return m.authorised && m.steps > len(m.groups) }

// send sends a payload to a light; done is told the end.
func (c *controller) send(m *member, r stack.DataRequest, done func(error)) {
	short, ok := c.stack.Lookup(zigbee.EUI64(m.light.EUI64))
	if !ok {
		c.later(func() { done(stack.ErrNoRoute) })
		return
	}
	r.Dst, r.DstEndpoint = short, device.Endpoint
	c.request(r, done)
}

func (c *controller) request(r stack.DataRequest, done func(error)) {
	r.SrcEndpoint, r.Profile = controllerEndpoint, zcl.ProfileHomeAutomation
	handle, err := c.stack.Data(c.trial.air.Now(), r)
	if err != nil {
		c.later(func() { done(err) })
		return
	}
	c.awaited[handle] = done
}

// later calls f in the node's next turn, never within the caller's.
func (c *controller) later(f func()) {
	c.trial.air.After(time.Millisecond, func() { c.node.Do(func(time.Time) { f() }) })
}

// received takes a report.
func (c *controller) received(now time.Time, e stack.DataIndication) {
	h, _, err := zcl.ParseHeader(e.Payload)
	if err != nil || h.Specific || h.Command != zcl.CmdReportAttributes {
		return
	}
	m := c.byEUI[sconce.EUI64(e.SrcEUI64)]
	if m == nil {
		return
	}
	c.trial.reports.Received++
	m.reported = true
	if m.reportFrom.IsZero() {
		m.reportFrom = now
	}
}

// reportSlack is how late a report may be: tries again, and the clock of a light.
const reportSlack = 3 * time.Second

// auditReports counts, once for each interval, the lights that have reported in
// it and those that should have.
func (c *controller) auditReports(now time.Time) {
	for _, m := range c.members {
		if !m.state.Joined || !m.configured() {
			m.reportFrom, m.reported = time.Time{}, false
			continue
		}
		if m.reportFrom.IsZero() {
			m.reportFrom = now
			continue
		}
		if now.Sub(m.reportFrom) < c.trial.cfg.ReportEvery+reportSlack {
			continue
		}
		m.reportFrom = now
		c.trial.reports.Sent++
		if m.reported {
			c.trial.reports.Delivered++
		}
		m.reported = false
	}
}

// watch is told what a light of this network does.
func (c *controller) watch(now time.Time, m *member, s LightState) {
	m.state = s
	if m.commanded.IsZero() || !s.Powered || s.On != m.want {
		return
	}
	took := now.Sub(m.commanded)
	m.commanded = time.Time{}
	if g := c.group; g != nil && slices.Contains(g.members, m) {
		g.acted(took)
		return
	}
	c.trial.latency.note(took)
}
