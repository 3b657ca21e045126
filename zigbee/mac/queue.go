package mac

import (
	"time"

	"sconce/zigbee"
)

// purpose says what a frame of this layer was sent for.
type purpose uint8

const (
	forNothing purpose = iota
	forScan
	forAssociation
	forPoll
	forResponse
	forData
)

// pending is a frame of this layer that waits for the radio.
type pending struct {
	frame []byte
	why   purpose
	to    zigbee.EUI64 // forResponse
	tries uint8
}

// responseTries is how often a fetched association response is given to the
// radio, each with the radio's own retries.
const responseTries = 2

func (m *MAC) push(p pending) bool {
	if len(m.commands) >= maxCommands {
		m.counters.QueueFull++
		return false
	}
	m.commands = append(m.commands, p)
	return true
}

// Next returns the next frame of this layer for the radio. It stays valid until
// [MAC.Done], which must follow before the next call.
func (m *MAC) Next() ([]byte, bool) {
	if len(m.commands) == 0 {
		return nil, false
	}
	m.inFlight = true
	return m.commands[0].frame, true
}

// Done says how the transmission of the last frame from [MAC.Next] ended: whether
// it was sent, and acknowledged where that was asked for, and whether the
// acknowledgement announced a frame.
func (m *MAC) Done(now time.Time, sent, framePending bool) {
	if !m.inFlight {
		return
	}
	m.inFlight = false
	p := m.commands[0]
	if p.why == forResponse && !sent && p.tries+1 < responseTries {
		m.commands[0].tries++
		return
	}
	m.commands = append(m.commands[:0], m.commands[1:]...)
	switch p.why {
	case forScan:
		m.scan.until = now.Add(m.scan.listen)
	case forAssociation:
		m.requestSent(now, sent)
	case forPoll:
		m.pollSent(now, sent, framePending)
	case forData:
		m.dataPollSent(now, sent, framePending)
	case forResponse:
		m.emit(Output{Kind: ResponseDone, EUI64: p.to, OK: sent})
	}
}

// indirect is a frame that waits until its receiver polls (7.5.5).
type indirect struct {
	dst     zigbee.EUI64
	command Command
	expires time.Time
}

// Respond holds an association response until the device polls for it, for
// macTransactionPersistenceTime (7.5.3.1). [ResponseDone] tells the end. It
// reports whether there was room; a response to the same device is replaced.
func (m *MAC) Respond(now time.Time, to zigbee.EUI64, short zigbee.ShortAddr, s AssociationStatus) bool {
	f := indirect{
		dst:     to,
		command: Command{ID: AssociationResponse, Short: short, Status: s},
		expires: now.Add(persistence),
	}
	for i := range m.indirect {
		if m.indirect[i].dst == to {
			m.indirect[i] = f
			return true
		}
	}
	if len(m.indirect) >= MaxIndirect {
		m.counters.QueueFull++
		return false
	}
	m.indirect = append(m.indirect, f)
	m.emit(Output{Kind: AddressChanged})
	return true
}

// fetch sends the frame that waits for the device that polled, and reports
// whether there is one.
func (m *MAC) fetch(src Address) bool {
	for i, f := range m.indirect {
		if src.Mode != ExtendedAddress || f.dst != src.EUI64 {
			continue
		}
		m.indirect = append(m.indirect[:i], m.indirect[i+1:]...)
		m.emit(Output{Kind: AddressChanged})
		b := AppendHeader(nil, Header{
			Type: TypeCommand, Ack: true, Compress: true, Seq: m.nextSeq(),
			Dst: Extended(m.pan, f.dst), Src: Extended(m.pan, m.eui64),
		})
		m.push(pending{frame: AppendCommand(b, f.command), why: forResponse, to: f.dst})
		return true
	}
	return false
}

// expire gives up indirect frames that nobody fetched in time.
func (m *MAC) expire(now time.Time) {
	for i := 0; i < len(m.indirect); {
		f := m.indirect[i]
		if !due(f.expires, now) {
			i++
			continue
		}
		m.indirect = append(m.indirect[:i], m.indirect[i+1:]...)
		m.counters.Expired++
		m.emit(Output{Kind: AddressChanged})
		m.emit(Output{Kind: ResponseDone, EUI64: f.dst})
	}
}

func (m *MAC) sendBeacon() {
	if !m.answers {
		return
	}
	b := AppendHeader(nil, Header{Type: TypeBeacon, Seq: m.nextSeq(), Src: Short(m.pan, m.short)})
	m.push(pending{frame: AppendBeacon(b, m.answer)})
}
