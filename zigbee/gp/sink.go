package gp

import (
	"errors"
	"slices"
	"time"

	"sconce/zigbee"
)

// The limits and times of a sink.
const (
	MaxSwitches   = 64 // devices that are paired; when full, a further one is refused
	MaxLabels     = 64 // labels of devices that are expected; when full, Expect refuses
	MaxProxies    = 3  // that pass on the frames of one device: those that heard it best
	maxCandidates = 8  // devices that are being commissioned; frames of further ones are dropped and counted

	// settle is how long a sink collects the reports of proxies about one
	// commissioning frame before it chooses among them: those that heard it well, over a
	// few hops. Who hears the switch itself needs them too, when a door is closed.
	settle = 2*introduceStep + introduceJitter + 500*time.Millisecond
)

// Errors of a sink.
var (
	ErrLabelsFull = errors.New("gp: too many switches are expected; pair or remove some first")
	ErrLabel      = errors.New("gp: a label needs the name of one device and a key that is not public")
	ErrNoSwitch   = errors.New("gp: no such switch is paired")
	ErrRules      = errors.New("gp: a switch has at most 8 rules, of groups other than 0 and payloads of at most 16 bytes")
)

// Switch is what a sink tells of a paired device.
type Switch struct {
	ID      ID
	Device  uint8
	Level   Level
	Group   uint16 // what its commands act on by themselves; 0: nothing
	Rules   []Rule
	Proxies []zigbee.EUI64 // that pass its frames on
	Counter uint32         // of its latest frame
}

// An Event is something that the owner of a sink must know.
type Event interface{ event() }

// The events.
type (
	// Paired says that a device was commissioned.
	Paired struct{ Switch Switch }

	// PairingRefused says that a device was not commissioned, and why.
	PairingRefused struct {
		ID     ID
		Reason string
	}

	// Pressed says that a device gave a command, and what is to be done.
	Pressed struct {
		ID      ID
		Command CommandID
		Payload []byte
		Actions []Action
	}

	// Unpaired says that a device left, or was removed.
	Unpaired struct{ ID ID }
)

func (Paired) event()         {}
func (PairingRefused) event() {}
func (Pressed) event()        {}
func (Unpaired) event()       {}

// Sink is what obeys switches, on a trust centre. It is made by [NewSink] and not
// safe for concurrent use.
type Sink struct {
	self       zigbee.EUI64
	minimum    Level
	entries    []sinkEntry // in order of ID
	removed    []removed   // the oldest first
	labels     []label
	window     window
	candidates []candidate
	out        []Outgoing
	events     []Event
	changed    bool
	counters   Counters
}

type sinkEntry struct {
	id      ID
	device  uint8
	level   Level
	key     Key
	last    uint32 // the highest counter that was obeyed
	group   uint16
	rules   []Rule
	proxies []zigbee.EUI64
}

type label struct {
	id  ID
	key Key
}

// NewSink returns a sink on the node self, for devices that use at least a level of
// security, which is not [LevelNone].
func NewSink(self zigbee.EUI64, minimum Level) *Sink {
	return &Sink{self: self, minimum: max(minimum, LevelMIC)}
}

// Counters returns what was counted since the sink was made.
func (s *Sink) Counters() Counters { return s.counters }

func (s *Sink) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(s.entries, id, func(e sinkEntry, id ID) int { return e.id.Compare(id) })
}

// Switches returns the paired devices in order.
func (s *Sink) Switches() []Switch {
	list := make([]Switch, len(s.entries))
	for i := range s.entries {
		list[i] = s.entries[i].tell()
	}
	return list
}

func (e *sinkEntry) tell() Switch {
	return Switch{
		ID: e.id, Device: e.device, Level: e.level, Group: e.group, Rules: cloneRules(e.rules), Proxies: slices.Clone(e.proxies), Counter: e.last,
	}
}

// Assign sets which group the commands of a device act on by themselves, 0 for none.
func (s *Sink) Assign(id ID, group uint16) error {
	i, ok := s.find(id)
	if !ok {
		return ErrNoSwitch
	}
	s.entries[i].group, s.changed = group, true
	return nil
}

// SetRules sets what commands of a device do in place of what they do by themselves.
func (s *Sink) SetRules(id ID, rules []Rule) error {
	i, ok := s.find(id)
	if !ok {
		return ErrNoSwitch
	}
	bad := func(r Rule) bool { return r.Action.Group == 0 || len(r.Action.Payload) > maxActionPayload }
	if len(rules) > MaxRules || slices.ContainsFunc(rules, bad) {
		return ErrRules
	}
	s.entries[i].rules, s.changed = cloneRules(rules), true
	return nil
}

// Remove forgets a device and its key, tells its proxies, and reports whether it was
// paired. It comes back only with the key of its label, and a counter above its last.
func (s *Sink) Remove(id ID) bool {
	i, ok := s.find(id)
	if !ok {
		return false
	}
	s.unpair(id, s.entries[i].proxies)
	s.bury(id, s.entries[i].last)
	s.entries = slices.Delete(s.entries, i, i+1)
	s.changed = true
	s.emit(Unpaired{ID: id})
	return true
}

// unpair tells proxies to pass on a device's frames no longer.
func (s *Sink) unpair(id ID, proxies []zigbee.EUI64) {
	p := Pairing{ID: id, RemoveGPD: true, Mode: LightweightUnicast}
	for _, to := range proxies {
		s.send(Outgoing{Peer: to, LinkKey: true, Command: CommandPairing, Payload: p.Append(nil)})
	}
}

// Receive takes a frame that this node heard itself.
func (s *Sink) Receive(now time.Time, f Frame, lqi uint8) {
	if f.ToDevice {
		return
	}
	i, paired := s.find(f.ID)
	if !paired || f.Level == LevelNone && f.Command() == CommissioningGPDF {
		s.commission(now, f, zigbee.EUI64(0), LinkOf(lqi))
		return
	}
	e := &s.entries[i]
	switch {
	case f.Level != e.level:
		s.counters.Unsecured++
	case f.Counter <= e.last:
		s.counters.Replayed++
	default:
		body, err := Open(e.key, f)
		if err != nil {
			s.counters.Forged++
			return
		}
		s.obey(e, f.Counter, CommandID(body[0]), body[1:])
	}
}

// Command takes a command of the cluster from a proxy. It counts only over the
// proxy's link key: the network key is known to every node. A window is opened by the
// owner alone, not by a command.
func (s *Sink) Command(now time.Time, from Sender, command uint8, payload []byte) error {
	if !from.LinkKey {
		s.counters.Refused++
		return nil
	}
	switch command {
	case CommandNotification:
		n, err := ParseNotification(payload)
		if err != nil {
			return err
		}
		s.notified(from, n)
	case CommandCommissioningNotification:
		n, err := ParseCommissioningNotification(payload)
		if err != nil {
			return err
		}
		f := Frame{ID: n.ID, Level: LevelNone, RxAfterTx: n.RxAfterTx, Body: append([]byte{uint8(n.Command)}, n.Payload...)}
		if n.Failed {
			f.Level, f.Counter, f.MIC = n.Level, n.Counter, n.MIC
			f.IndividualKey = n.KeyType == KeyIndividual || n.KeyType == KeyDerivedIndividual
		}
		var l Link
		if n.Info != nil {
			l = n.Info.Link
		}
		s.commission(now, f, from.EUI64, l)
	case CommandSinkCommissioningMode:
		s.counters.Refused++
	default:
		s.counters.NotHandled++
	}
	return nil
}

// notified takes what a proxy passes on of a paired device.
func (s *Sink) notified(from Sender, n Notification) {
	i, paired := s.find(n.ID)
	if !paired {
		s.counters.Unknown++
		s.stray(n.ID, from.EUI64)
		return
	}
	e := &s.entries[i]
	switch {
	case !slices.Contains(e.proxies, from.EUI64):
		s.counters.Refused++
		s.stray(n.ID, from.EUI64)
	case n.Level != e.level:
		s.counters.Unsecured++
	case n.Counter <= e.last:
		s.counters.Replayed++
	default:
		s.obey(e, n.Counter, n.Command, n.Payload)
	}
}

// obey takes an authentic command with a new counter.
func (s *Sink) obey(e *sinkEntry, counter uint32, c CommandID, payload []byte) {
	e.last, s.changed = counter, true
	s.counters.Accepted++
	switch {
	case c == Decommissioning:
		s.Remove(e.id)
	case c == ChannelRequestGPDF:
		s.counters.NotHandled++
	case c >= CommissioningGPDF: // success, and what else is about commissioning
	default:
		s.emit(Pressed{ID: e.id, Command: c, Payload: slices.Clone(payload), Actions: e.actions(c, payload)})
	}
}

func (s *Sink) emit(e Event)    { s.events = append(s.events, e) }
func (s *Sink) send(o Outgoing) { o.FromServer = true; s.out = append(s.out, o) }

// NextEvent returns and removes the oldest event.
func (s *Sink) NextEvent() (Event, bool) {
	if len(s.events) == 0 {
		return nil, false
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e, true
}

// NextOutgoing returns and removes the oldest command to send.
func (s *Sink) NextOutgoing() (Outgoing, bool) {
	if len(s.out) == 0 {
		return Outgoing{}, false
	}
	o := s.out[0]
	s.out = s.out[1:]
	return o, true
}

// Deadline returns when [Sink.Advance] has something to do.
func (s *Sink) Deadline() (time.Time, bool) {
	d := s.window.until
	for i := range s.candidates {
		if d.IsZero() || s.candidates[i].at.Before(d) {
			d = s.candidates[i].at
		}
	}
	return d, !d.IsZero()
}

// TakeChanged reports whether what must survive a restart has changed since it was
// asked last.
func (s *Sink) TakeChanged() bool {
	c := s.changed
	s.changed = false
	return c
}
