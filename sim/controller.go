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
// devices by install code, puts lights into groups, has lights and sensors report,
// binds switches, and commands lights. It is a test's, and no part of a gateway: it
// keeps nothing over a restart, and knows the building.
type controller struct {
	trial *trial
	id    int
	eui64 zigbee.EUI64
	stack *stack.Node
	node  *Node
	luck  *rand.Rand // of what it commands
	seq   uint8      // of the last command
	open  bool       // joining is permitted
	pan   zigbee.PANID
	tuned uint8 // the channel

	members  []*member // in the order of configuration
	lights   []*member // of those
	byEUI    map[sconce.EUI64]*member
	harvests []*harvester
	turn     int       // of the switch to pair next
	window   time.Time // open for those until then
	awaited  map[stack.Handle]func(error)
	group    *round // its own that is under way
	delivery Delivered
}

// The groups of every network: all its lights, and those of each room.
const (
	everyLight     uint16 = 0x0001
	corridorGroup  uint16 = 0x0002
	firstRoomGroup uint16 = 0x0100 // of room 0
)

func groupOf(room int) uint16 {
	if room < 0 {
		return corridorGroup
	}
	return firstRoomGroup + uint16(room)
}

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
			c.pan, c.tuned = e.PANID, e.Channel
			c.up(now)
		case stack.NetworkChanged:
			c.pan, c.tuned = e.PANID, e.Channel
		case stack.DeviceAuthorised:
			c.authorised(e)
		case stack.DataIndication:
			c.received(now, e)
		case stack.GreenPowerEvent:
			c.harvested(now, e.Event)
		case stack.DataConfirm:
			if done := c.awaited[e.Handle]; done != nil {
				delete(c.awaited, e.Handle)
				done(e.Err)
			}
		}
	}
}

// up expects all devices and lets them in.
func (c *controller) up(now time.Time) {
	for _, m := range c.members {
		if err := c.stack.Allow(zigbee.EUI64(m.eui64), m.code); err != nil {
			c.trial.failed(err)
		}
	}
	c.permit(now)
	if len(c.harvests) > 0 {
		c.trial.air.After(pairEvery, c.pair)
	}
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
	m.authorised, m.done = true, 0
	c.configure()
}

const (
	configPause = 5 * time.Second // between two tries to configure a device
	configAhead = 4               // devices that are configured at a time
)

// configure goes on with the devices that are not configured, a few at a time.
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
		if m.authorised && !m.waiting && !m.configured() {
			m.waiting = true
			busy++
			c.step(m)
		}
	}
}

// step takes the next step of a device's configuration.
func (c *controller) step(m *member) {
	c.seq++
	s := m.plan[m.done]
	r := stack.DataRequest{
		SrcEndpoint: controllerEndpoint, DstEndpoint: device.Endpoint, Profile: zcl.ProfileHomeAutomation,
		Cluster: s.cluster, Payload: s.payload(c.seq), Ack: true,
	}
	if s.zdo {
		r.SrcEndpoint, r.DstEndpoint, r.Profile = 0, 0, 0
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
		m.done++
		c.configure()
	})
}

// send sends a payload to a device; done is told the end.
func (c *controller) send(m *member, r stack.DataRequest, done func(error)) {
	short, ok := c.stack.Lookup(zigbee.EUI64(m.eui64))
	if !ok {
		c.later(func() { done(stack.ErrNoRoute) })
		return
	}
	r.Dst = short
	c.request(r, done)
}

func (c *controller) request(r stack.DataRequest, done func(error)) {
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
