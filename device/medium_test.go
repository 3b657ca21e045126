package device

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// member is what a luminaire and a coordinator have in common.
type member interface {
	Receive(now time.Time, frame []byte, lqi uint8)
	NextFrame() (stack.Frame, bool)
	FrameDone(now time.Time, s stack.TxStatus)
	Filter() stack.Filter
	Deadline() (time.Time, bool)
	Advance(now time.Time)
}

// dozer is a sleepy device.
type dozer interface {
	member
	Start(now time.Time)
	NextEvent() (Event, bool)
	State() State
	Saved(s State)
}

// building is a coordinator and its luminaires in an air without loss, in which
// everybody hears everybody.
type building struct {
	t     testing.TB
	now   time.Time
	rng   *rand.Rand
	tc    *stack.Node
	seq   uint8
	white White // of the lamps
	deaf  bool  // the coordinator is away
	hung  bool  // its radio acknowledges, and it hears nothing

	lamps    []*Luminaire
	sleepers []dozer
	stored   map[*Luminaire][]byte // the last durable state of each
	durable  map[dozer][]byte      // the same of the sleepers
	changes  map[*Luminaire]int    // LightChanged events
	received []stack.DataIndication
}

func newBuilding(t testing.TB) *building {
	t.Helper()
	b := &building{
		t: t, now: start, rng: rand.New(rand.NewPCG(1, 2)),
		stored: map[*Luminaire][]byte{}, durable: map[dozer][]byte{}, changes: map[*Luminaire]int{},
	}
	var err error
	b.tc, err = stack.New(stack.Config{
		Role: stack.Coordinator, EUI64: 1 << 60, Random: b.random, Channels: zigbee.Channels(15),
		Endpoints:  []zdo.SimpleDescriptor{{Endpoint: 1, Profile: zcl.ProfileHomeAutomation, Device: 0x0007, Out: lightEndpoint(White{}).In}},
		Descriptor: nodeDescriptor(zdo.Router, zigbee.RouterCapability),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.tc.Start(b.now)
	b.drain()
	b.tc.PermitJoin(b.now, time.Hour)
	return b
}

func (b *building) random(p []byte) {
	for i := range p {
		p[i] = byte(b.rng.Uint32())
	}
}

func (b *building) config(i int) Config {
	b.t.Helper()
	raw := make([]byte, 16)
	binary.BigEndian.PutUint32(raw, uint32(i+1))
	code, err := zigbee.NewInstallCode(raw)
	if err != nil {
		b.t.Fatal(err)
	}
	return Config{
		EUI64: zigbee.EUI64(2<<60 + i), InstallCode: code, Model: "Panel 60", Serial: "S-0001", Firmware: "1.2.3",
		RatedPower: 40_000, White: b.white, Random: b.random, Channels: zigbee.Channels(11, 15),
	}
}

// join adds a luminaire and waits until it is authorised.
func (b *building) join() *Luminaire {
	b.t.Helper()
	cfg := b.config(len(b.lamps))
	if err := b.tc.Allow(cfg.EUI64, cfg.InstallCode); err != nil {
		b.t.Fatal(err)
	}
	l := b.start(cfg)
	b.run(time.Minute, func() bool { return l.up })
	return l
}

func (b *building) start(cfg Config) *Luminaire {
	b.t.Helper()
	l, err := NewLuminaire(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.lamps = append(b.lamps, l)
	l.Start(b.now)
	b.drain()
	return l
}

// powerCycle replaces a luminaire by one that wakes up with its durable state.
func (b *building) powerCycle(l *Luminaire) *Luminaire {
	b.t.Helper()
	state, err := ParseState(b.stored[l])
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := l.cfg
	cfg.Restore = &state
	b.lamps = slices.DeleteFunc(b.lamps, func(o *Luminaire) bool { return o == l })
	return b.start(cfg)
}

func (b *building) members() []member {
	var list []member
	if !b.deaf {
		list = append(list, b.tc)
	}
	for _, l := range b.lamps {
		list = append(list, l)
	}
	for _, s := range b.sleepers {
		list = append(list, s)
	}
	return list
}

// run lets time pass until done reports true; without done, for d.
func (b *building) run(d time.Duration, done func() bool) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		b.drain()
		if done != nil && done() {
			return
		}
		if b.transmit() {
			continue
		}
		next := end
		for _, m := range b.members() {
			if at, ok := m.Deadline(); ok && at.Before(next) {
				next = at
			}
		}
		if next.After(b.now) {
			b.now = next
		}
		for _, m := range b.members() {
			if at, ok := m.Deadline(); ok && !at.After(b.now) {
				m.Advance(b.now)
			}
		}
	}
	if b.drain(); done != nil && !done() {
		b.t.Fatalf("not within %v", d)
	}
}

func (b *building) transmit() bool {
	for _, m := range b.members() {
		f, ok := m.NextFrame()
		if !ok {
			continue
		}
		b.now = b.now.Add(2*time.Millisecond + time.Duration(len(f.Data)+8)*32*time.Microsecond)
		h, _, err := mac.Parse(f.Data)
		if err != nil {
			b.t.Fatal(err)
		}
		status := stack.TxStatus{Sent: !h.Ack}
		for _, o := range b.members() {
			if o == m || o.Filter().Channel != m.Filter().Channel || !hears(o.Filter(), h) {
				continue
			}
			if h.Ack {
				status = stack.TxStatus{Sent: true, FramePending: holds(o.Filter(), h.Src)}
			}
			if b.hung && o == member(b.tc) {
				continue
			}
			o.Receive(b.now, f.Data, 200)
			b.drain()
		}
		m.FrameDone(b.now, status)
		b.drain()
		return true
	}
	return false
}

func holds(f stack.Filter, a mac.Address) bool {
	if a.Mode == mac.ExtendedAddress {
		return slices.Contains(f.Pending, a.EUI64)
	}
	return slices.Contains(f.PendingShort, a.Short)
}

func hears(f stack.Filter, h mac.Header) bool {
	switch {
	case h.Type == mac.TypeBeacon:
		return true
	case h.Dst.PAN != f.PANID && h.Dst.PAN != zigbee.BroadcastPAN:
		return false
	case h.Dst.Mode == mac.ExtendedAddress:
		return h.Dst.EUI64 == f.EUI64
	}
	return h.Dst.Short == f.Short || h.Dst.Short == zigbee.Broadcast
}

// drain takes all events, as the owners do.
func (b *building) drain() {
	for e, ok := b.tc.NextEvent(); ok; e, ok = b.tc.NextEvent() {
		switch e := e.(type) {
		case stack.SaveState:
			b.tc.Saved(b.tc.State())
		case stack.DataIndication:
			b.received = append(b.received, e)
		}
	}
	for _, l := range b.lamps {
		for e, ok := l.NextEvent(); ok; e, ok = l.NextEvent() {
			switch e.(type) {
			case SaveState:
				s := l.State()
				b.stored[l] = s.Append(nil)
				l.Saved(s)
			case LightChanged:
				b.changes[l]++
			}
		}
	}
	for _, d := range b.sleepers {
		for e, ok := d.NextEvent(); ok; e, ok = d.NextEvent() {
			if e == (SaveState{}) {
				s := d.State()
				b.durable[d] = s.Append(nil)
				d.Saved(s)
			}
		}
	}
}

// send sends a ZCL frame from the coordinator to a luminaire.
func (b *building) send(l addressed, cluster uint16, frame []byte) {
	b.t.Helper()
	b.data(stack.DataRequest{Dst: b.short(l), DstEndpoint: Endpoint, Cluster: cluster, Payload: frame})
}

func (b *building) short(l addressed) zigbee.ShortAddr {
	b.t.Helper()
	e := l.identity().cfg.EUI64
	a, ok := b.tc.Lookup(e)
	if !ok {
		b.t.Fatalf("the coordinator does not know %s", e)
	}
	return a
}

// addressed is any device.
type addressed interface{ identity() *body }

func (d *body) identity() *body { return d }

func (b *building) data(r stack.DataRequest) {
	b.t.Helper()
	r.SrcEndpoint = 1
	if r.Profile == 0 && r.DstEndpoint != 0 || r.Group != 0 {
		r.Profile = zcl.ProfileHomeAutomation
	}
	if _, err := b.tc.Data(b.now, r); err != nil {
		b.t.Fatal(err)
	}
}

// command sends a command to a luminaire and returns the payload of the answer.
func (b *building) command(l addressed, c zcl.Command) []byte {
	b.t.Helper()
	b.seq++
	b.send(l, c.ID().Cluster, zcl.AppendRequest(nil, b.seq, c))
	return b.answer()
}

// ask sends a frame made for a sequence number, and returns the payload of the
// answer.
func (b *building) ask(l addressed, cluster uint16, frame func(seq uint8) []byte) []byte {
	b.t.Helper()
	b.seq++
	b.send(l, cluster, frame(b.seq))
	return b.answer()
}

func (b *building) answer() []byte {
	b.t.Helper()
	var payload []byte
	b.run(20*time.Second, func() bool {
		for _, r := range b.received {
			h, p, err := zcl.ParseHeader(r.Payload)
			if err == nil && r.Profile == zcl.ProfileHomeAutomation && h.Seq == b.seq && h.Command != zcl.CmdReportAttributes {
				payload = p
				return true
			}
		}
		return false
	})
	b.received = slices.DeleteFunc(b.received, func(r stack.DataIndication) bool { return !isReport(r) })
	return payload
}

func isReport(r stack.DataIndication) bool {
	h, _, err := zcl.ParseHeader(r.Payload)
	return err == nil && r.Profile == zcl.ProfileHomeAutomation && !h.Specific && h.Command == zcl.CmdReportAttributes
}

// read returns one attribute of a luminaire.
func (b *building) read(l addressed, cluster, attribute uint16) zcl.Value {
	b.t.Helper()
	p := b.ask(l, cluster, func(seq uint8) []byte { return zcl.AppendReadAttributes(nil, seq, attribute) })
	for r, err := range zcl.ParseReadAttributesResponse(p) {
		if err != nil || r.Status != zcl.Success {
			b.t.Fatalf("reading 0x%04x of 0x%04x: %v, %v", attribute, cluster, r.Status, err)
		}
		return r.Value
	}
	b.t.Fatal("no attribute in the answer")
	return zcl.Value{}
}

// sample is a reported value and when it came.
type sample struct {
	at    time.Time
	value zcl.Value
}

// reports takes what was reported of an attribute.
func (b *building) reports(cluster, attribute uint16) []sample {
	b.t.Helper()
	var list []sample
	b.received = slices.DeleteFunc(b.received, func(r stack.DataIndication) bool {
		if !isReport(r) || r.Cluster != cluster {
			return false
		}
		_, p, _ := zcl.ParseHeader(r.Payload)
		found := false
		for a, err := range zcl.ParseReport(p) {
			if err != nil {
				b.t.Fatal(err)
			}
			if a.ID == attribute {
				list, found = append(list, sample{r.At, a.Value}), true
			}
		}
		return found
	})
	return list
}

// bind binds a cluster of a luminaire to the coordinator, and configures the
// reporting of an attribute as the table has it.
func (b *building) report(l addressed, cluster, attribute uint16, bind bool) {
	b.t.Helper()
	if bind {
		b.data(stack.DataRequest{Dst: b.short(l), Cluster: uint16(zdo.Bind), Payload: zdo.BindReq{
			Seq: 1, Source: l.identity().cfg.EUI64, SrcEndpoint: Endpoint, Cluster: cluster, Device: 1 << 60, DstEndpoint: 1,
		}.Append(nil)})
		b.run(20*time.Second, func() bool { return len(l.identity().node.Bindings(Endpoint, cluster)) > 0 })
	}
	config, ok := zcl.DefaultReporting(cluster, attribute)
	if !ok {
		b.t.Fatalf("0x%04x of 0x%04x is not reportable", attribute, cluster)
	}
	p := b.ask(l, cluster, func(seq uint8) []byte { return zcl.AppendConfigureReporting(nil, seq, config) })
	if len(p) != 1 || zcl.Status(p[0]) != zcl.Success {
		b.t.Fatalf("reporting was not configured: %x", p)
	}
}
