package mac

import (
	"time"

	"sconce/zigbee"
)

// poll is the fetching of a frame from a parent (7.5.6.3).
type poll struct {
	asked bool      // the data request waits for the radio, or the radio has it
	until time.Time // listens for the announced frame until then; zero: does not
	from  zigbee.ShortAddr
}

// SetSleepy says whether the receiver is off when nothing is expected
// (macRxOnWhenIdle).
func (m *MAC) SetSleepy(sleepy bool) { m.sleepy = sleepy }

// Listening reports whether the receiver must be on.
func (m *MAC) Listening() bool {
	return !m.sleepy || m.scan.active || m.assoc.step == listening || !m.poll.until.IsZero() || !m.lingers.IsZero()
}

// Poll asks a parent for a frame that it holds. [PollDone] tells the end: after
// the announced frame was received, or none was announced or came. It does nothing while
// a poll is under way.
func (m *MAC) Poll(parent zigbee.ShortAddr) {
	if m.poll.asked || !m.poll.until.IsZero() || m.scan.active || m.assoc.step != idle {
		return
	}
	src := Short(m.pan, m.short)
	if m.short >= 0xfffe {
		src = Extended(m.pan, m.eui64)
	}
	b := AppendHeader(nil, Header{
		Type: TypeCommand, Ack: true, Compress: true, Seq: m.nextSeq(), Dst: Short(m.pan, parent), Src: src,
	})
	m.poll = poll{asked: true, from: parent}
	if !m.push(pending{frame: AppendCommand(b, Command{ID: DataRequest}), why: forData}) {
		m.endPoll(false, false)
	}
}

// dataPollSent goes on when the parent has been asked.
func (m *MAC) dataPollSent(now time.Time, sent, framePending bool) {
	m.poll.asked = false
	if !sent || !framePending {
		m.endPoll(sent, false)
		return
	}
	m.poll.until = now.Add(frameWait)
}

// linger is how long a sleepy node listens after a frame that it polled for: its
// acknowledgement may be lost, and the radio of the parent tries again within about this time.
const linger = 15 * time.Millisecond

// polled notes a frame that this node has polled for.
func (m *MAC) polled(now time.Time, h Header) {
	if !m.poll.until.IsZero() && h.Dst.Mode == ShortAddress && h.Dst.Short != zigbee.Broadcast &&
		h.Src.Mode == ShortAddress && h.Src.Short == m.poll.from {
		m.lingers = now.Add(linger)
		m.endPoll(true, h.Pending)
	}
}

func (m *MAC) endPoll(ok, more bool) {
	m.poll = poll{}
	m.emit(Output{Kind: PollDone, OK: ok, Pending: more})
}

func (m *MAC) advancePoll(now time.Time) {
	if due(m.poll.until, now) {
		m.endPoll(true, false)
	}
	if due(m.lingers, now) {
		m.lingers = time.Time{}
	}
}

// MarkPending says in a frame of this layer that more frames wait for its receiver
// (7.2.1.1.3).
func MarkPending(frame []byte) { frame[0] |= fcPending }
