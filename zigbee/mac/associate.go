package mac

import (
	"time"

	"sconce/zigbee"
)

// scan is an active scan (7.5.2.1.2) or an orphan scan (7.5.2.1.4).
type scan struct {
	active bool
	orphan bool
	left   zigbee.ChannelMask
	listen time.Duration
	until  time.Time // on this channel; zero until the request is sent
}

// Scan asks for beacons on each channel of the mask and listens for the given time on
// each. Beacons come as indications; [ScanDone] tells the end. The node must not
// be in a network. A scan under way is given up.
func (m *MAC) Scan(now time.Time, channels zigbee.ChannelMask, listen time.Duration) {
	m.forget()
	m.scan = scan{active: true, left: channels, listen: listen}
	m.nextChannel()
}

func (m *MAC) nextChannel() {
	c := m.scan.left.Nth(0)
	if c == 0 {
		o := Output{Kind: ScanDone}
		if m.scan.orphan {
			o.Kind = OrphanDone
		}
		m.scan = scan{}
		m.emit(o)
		return
	}
	m.scan.left &^= zigbee.Channels(c)
	m.scan.until = time.Time{}
	m.Configure(c, zigbee.BroadcastPAN, zigbee.Broadcast)
	h := Header{Type: TypeCommand, Seq: m.nextSeq(), Dst: Short(zigbee.BroadcastPAN, zigbee.Broadcast)}
	ask := Command{ID: BeaconRequest}
	if m.scan.orphan {
		h.Src, h.Compress, ask.ID = Extended(zigbee.BroadcastPAN, m.eui64), true, OrphanNotification
	}
	m.push(pending{frame: AppendCommand(AppendHeader(nil, h), ask), why: forScan})
}

func (m *MAC) advanceScan(now time.Time) {
	if m.scan.active && due(m.scan.until, now) {
		m.nextChannel()
	}
}

// association is an association with a coordinator under way (7.5.3.1).
type association struct {
	parent Address
	step   step
	at     time.Time // when the step is over; zero while a frame is being sent
	polls  uint8
}

type step uint8

const (
	idle step = iota
	requesting
	waiting // for the coordinator to decide
	polling
	listening // for the answer that was announced
)

// Associate asks the node at the given short address of a network to let this
// node in. [AssociateDone] tells the end.
func (m *MAC) Associate(now time.Time, channel uint8, parent Address, c zigbee.Capability) {
	m.forget()
	m.assoc = association{parent: parent, step: requesting}
	m.Configure(channel, parent.PAN, zigbee.Broadcast)
	b := AppendHeader(nil, Header{
		Type: TypeCommand, Ack: true, Seq: m.nextSeq(),
		Dst: parent, Src: Extended(zigbee.BroadcastPAN, m.eui64),
	})
	m.push(pending{frame: AppendCommand(b, Command{ID: AssociationRequest, Capability: c}), why: forAssociation})
}

// GiveUp ends what the node does to get into a network: a scan, an association, a poll.
func (m *MAC) GiveUp() { m.forget() }

// forget gives up a scan or association under way. A frame that the radio has is
// let be.
func (m *MAC) forget() {
	keep := m.commands[:0]
	for i, p := range m.commands {
		if i == 0 && m.inFlight {
			p.why = forNothing
			keep = append(keep, p)
		} else if p.why != forScan && p.why != forAssociation && p.why != forPoll && p.why != forData {
			keep = append(keep, p)
		}
	}
	m.commands = keep
	m.scan, m.assoc, m.poll = scan{}, association{}, poll{}
}

func (m *MAC) requestSent(now time.Time, sent bool) {
	if m.assoc.step != requesting {
		return
	}
	if !sent {
		m.endAssociation(Output{})
		return
	}
	m.assoc.step, m.assoc.at = waiting, now.Add(responseWait)
}

func (m *MAC) pollSent(now time.Time, sent, framePending bool) {
	if m.assoc.step != polling {
		return
	}
	if sent && framePending {
		m.assoc.step, m.assoc.at = listening, now.Add(frameWait)
		return
	}
	m.assoc.step, m.assoc.at = waiting, now.Add(associationPollPause)
}

func (m *MAC) advanceAssociation(now time.Time) {
	if !due(m.assoc.at, now) {
		return
	}
	m.assoc.at = time.Time{}
	if m.assoc.polls == associationPolls {
		m.endAssociation(Output{})
		return
	}
	m.assoc.polls++
	m.assoc.step = polling
	b := AppendHeader(nil, Header{
		Type: TypeCommand, Ack: true, Compress: true, Seq: m.nextSeq(),
		Dst: m.assoc.parent, Src: Extended(m.assoc.parent.PAN, m.eui64),
	})
	m.push(pending{frame: AppendCommand(b, Command{ID: DataRequest}), why: forPoll})
}

func (m *MAC) associationAnswer(h Header, c Command) {
	if m.assoc.step == idle || h.Src.Mode != ExtendedAddress || h.Dst.EUI64 != m.eui64 {
		m.counters.Unsolicited++
		return
	}
	m.endAssociation(Output{OK: c.Status == AssociationSuccessful, Status: c.Status, Short: c.Short})
}

func (m *MAC) endAssociation(o Output) {
	channel := m.channel
	m.forget()
	if o.OK {
		m.Configure(channel, m.pan, o.Short)
	}
	o.Kind = AssociateDone
	m.emit(o)
}
