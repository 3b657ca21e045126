package gp

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"sconce/zigbee"
)

// window is the time in which devices are commissioned.
type window struct {
	until      time.Time // zero: closed
	unlabelled bool
	group      uint16
}

// candidate is a device whose commissioning frame was heard.
type candidate struct {
	id      ID
	frame   Commissioning
	payload []byte // of the frame, to know it again
	at      time.Time
	heardBy []report
}

// report is that a proxy heard the commissioning frame.
type report struct {
	proxy zigbee.EUI64
	link  Link
}

// Expect says that a device with the key on its label may be commissioned. A label is
// kept until the device is paired, and is not part of the state.
func (s *Sink) Expect(id ID, k Key) error {
	if !id.Valid() || k.IsWellKnown() {
		return ErrLabel
	}
	s.labels = slices.DeleteFunc(s.labels, func(l label) bool { return l.id == id })
	if len(s.labels) == MaxLabels {
		return ErrLabelsFull
	}
	s.labels = append(s.labels, label{id: id, key: k})
	return nil
}

// Open opens the commissioning window, for at most [CommissioningWindow], and tells
// the proxies. Devices that are paired in it act on a group, unless it is 0.
//
// With unlabelled, a device whose label was not given is taken with the key that its
// frame carries: whoever listens at that moment learns the key too.
func (s *Sink) Open(now time.Time, d time.Duration, unlabelled bool, group uint16) {
	d = min(d, CommissioningWindow)
	s.window = window{until: now.Add(d), unlabelled: unlabelled, group: group}
	seconds := uint16((d + time.Second - 1) / time.Second)
	s.tellMode(ProxyCommissioningMode{Enter: true, ExitOnCommand: true, Unicast: true, Window: &seconds})
}

// Close ends the commissioning window and tells the proxies.
func (s *Sink) Close() {
	if !s.window.until.IsZero() {
		s.tellMode(ProxyCommissioningMode{ExitOnCommand: true})
	}
	s.window, s.candidates = window{}, nil
}

func (s *Sink) tellMode(m ProxyCommissioningMode) {
	s.send(Outgoing{Command: CommandProxyCommissioningMode, Payload: m.Append(nil)})
}

// Advance does what is due.
func (s *Sink) Advance(now time.Time) {
	due := func(c candidate) bool { return !c.at.After(now) }
	for i := slices.IndexFunc(s.candidates, due); i >= 0; i = slices.IndexFunc(s.candidates, due) {
		c := s.candidates[i]
		s.candidates = slices.Delete(s.candidates, i, i+1)
		if reason := s.pair(c); reason != "" {
			s.emit(PairingRefused{ID: c.id, Reason: reason})
		}
	}
	if !s.window.until.IsZero() && !s.window.until.After(now) {
		s.Close()
	}
}

// commission takes a frame of a device that is not paired, or that wants to be paired
// again: heard by a proxy, or by this node itself when by is 0.
func (s *Sink) commission(now time.Time, f Frame, by zigbee.EUI64, l Link) {
	if s.window.until.IsZero() {
		if f.Level == LevelNone && f.Command() == CommissioningGPDF {
			s.counters.Closed++
		} else {
			s.counters.Unknown++
		}
		return
	}
	body, ok := s.plain(f)
	if !ok {
		return
	}
	if c := CommandID(body[0]); c != CommissioningGPDF {
		s.counters.NotHandled++
		return
	}
	i := slices.IndexFunc(s.candidates, func(c candidate) bool { return c.id == f.ID })
	if i < 0 {
		p, err := ParseCommissioning(slices.Clone(body[1:]))
		if err != nil || !f.ID.Valid() {
			s.counters.Refused++
			return
		}
		if len(s.candidates) == maxCandidates {
			s.counters.Full++
			return
		}
		i = len(s.candidates)
		s.candidates = append(s.candidates, candidate{id: f.ID, frame: p, payload: slices.Clone(body[1:]), at: now.Add(settle)})
	}
	c := &s.candidates[i]
	if !bytes.Equal(c.payload, body[1:]) {
		s.counters.Refused++
		return
	}
	if by != 0 && !slices.ContainsFunc(c.heardBy, func(r report) bool { return r.proxy == by }) {
		c.heardBy = append(c.heardBy, report{by, l})
		slices.SortStableFunc(c.heardBy, func(a, b report) int { return cmp.Compare(b.link, a.link) })
		c.heardBy = c.heardBy[:min(len(c.heardBy), MaxProxies)]
	}
}

// plain returns the command and payload of a commissioning frame; a secured one must
// be with the key that is known of the device.
func (s *Sink) plain(f Frame) ([]byte, bool) {
	if f.Level == LevelNone {
		return f.Body, true
	}
	if k, ok := s.known(f.ID); ok {
		if body, err := Open(k, f); err == nil {
			return body, true
		}
		s.counters.Forged++
		return nil, false
	}
	s.counters.Unknown++
	return nil, false
}

// known returns the key on the label of a device, else the one it was paired with.
func (s *Sink) known(id ID) (Key, bool) {
	if i := slices.IndexFunc(s.labels, func(l label) bool { return l.id == id }); i >= 0 {
		return s.labels[i].key, true
	}
	if i, ok := s.find(id); ok {
		return s.entries[i].key, true
	}
	return Key{}, false
}

// pair pairs a device, or says why not.
func (s *Sink) pair(c candidate) (refusal string) {
	sec := c.frame.Security
	switch {
	case sec == nil || sec.Level < s.minimum:
		return "it offers less security than is demanded here"
	case sec.KeyType != KeyIndividual || c.frame.Options&KeyRequest != 0 && !sec.HasKey:
		return "it has no key of its own, and shared keys are not given away"
	}
	key, refusal := s.chooseKey(c)
	if refusal != "" {
		return refusal
	}
	i, again := s.find(c.id)
	if last, known := s.reached(c.id); known && sec.Counter != nil && *sec.Counter <= last {
		// Said again, or late from another proxy: perhaps in the window of another switch. Or
		// it is a recording of one that was removed.
		s.counters.Replayed++
		return ""
	}
	if !again && len(s.entries) == MaxSwitches {
		s.counters.Full++
		return "the table of switches is full; remove one first"
	}
	e := sinkEntry{id: c.id, group: s.window.group, last: s.exhume(c.id)}
	if again {
		e = s.entries[i]
		if s.window.group != 0 {
			e.group = s.window.group
		}
	} else {
		s.entries = slices.Insert(s.entries, i, sinkEntry{})
	}
	former := e.proxies
	e.device, e.level, e.key, e.proxies = c.frame.Device, sec.Level, key, nil
	if sec.Counter != nil {
		e.last = *sec.Counter
	}
	for _, r := range c.heardBy {
		e.proxies = append(e.proxies, r.proxy)
	}
	s.entries[i], s.changed = e, true
	s.labels = slices.DeleteFunc(s.labels, func(l label) bool { return l.id == c.id })
	s.unpair(c.id, slices.DeleteFunc(former, func(p zigbee.EUI64) bool { return slices.Contains(e.proxies, p) }))
	s.sendPairing(&e)
	s.emit(Paired{Switch: e.tell()})
	return ""
}

// chooseKey returns the key that a device is paired with, or why there is none.
func (s *Sink) chooseKey(c candidate) (k Key, refusal string) {
	sec := c.frame.Security
	carried, err := sec.Key, error(nil)
	if sec.Encrypted {
		carried, err = UnprotectKey(c.id, sec.Key.b, sec.KeyMIC)
	}
	known, ok := s.known(c.id)
	switch {
	case err != nil:
		return Key{}, "the key in its frame is damaged"
	case ok && sec.HasKey && !known.Equal(carried):
		return Key{}, "its key is not the one on its label, or that it was paired with; remove it first"
	case ok:
		return known, ""
	case s.wasRemoved(c.id):
		return Key{}, "it was removed; give the key on its label to pair it again"
	case !s.window.unlabelled:
		return Key{}, "it is not expected; give the key on its label first"
	case !sec.HasKey:
		return Key{}, "its key is not known; give the key on its label first"
	case carried.IsWellKnown():
		return Key{}, "its key is printed in public documents"
	}
	return carried, ""
}

// sendPairing tells the chosen proxies of a device to pass on its frames.
func (s *Sink) sendPairing(e *sinkEntry) {
	p := Pairing{
		ID: e.id, AddSink: true, Mode: LightweightUnicast, Level: e.level, KeyType: KeyIndividual, Sink: s.self,
		SinkShort: zigbee.Coordinator, Device: e.device, Counter: &e.last, Key: &e.key,
	}
	for _, to := range e.proxies {
		s.send(Outgoing{Peer: to, LinkKey: true, Command: CommandPairing, Payload: p.Append(nil)})
	}
}
