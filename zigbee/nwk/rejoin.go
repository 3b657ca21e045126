package nwk

import (
	"time"

	"sconce/zigbee"
)

// SendRejoin asks a neighbour, secured with the network key, to be this node's
// parent (3.6.1.4.2). [RejoinAnswered] tells what it says.
func (l *Layer) SendRejoin(now time.Time, parent zigbee.ShortAddr, c zigbee.Capability) bool {
	var b [2]byte
	return l.enqueue(now, l.commandTo(parent), 0, AppendRejoinRequest(b[:0], c))
}

// AnswerRejoin answers a node that asked to rejoin through this one, which has
// been made a child before if it is an end device.
func (l *Layer) AnswerRejoin(now time.Time, dst zigbee.ShortAddr, r RejoinAnswer) bool {
	var b [4]byte
	return l.enqueue(now, l.commandTo(dst), 0, AppendRejoinResponse(b[:0], r))
}

// SendTimeout asks the parent to keep this end device for t when it is silent
// (3.6.10.2). [ParentAnswered] tells that it does.
func (l *Layer) SendTimeout(now time.Time, t Timeout) bool {
	var b [3]byte
	return l.enqueue(now, l.commandTo(l.parent), 0, AppendTimeoutRequest(b[:0], t))
}

// SendReport tells the network manager which networks have this network's identifier
// (3.6.1.13.1).
func (l *Layer) SendReport(now time.Time, r Report) bool {
	var b [maxFrame]byte
	h := l.commandTo(zigbee.Coordinator)
	h.Radius = DefaultRadius
	return l.enqueue(now, h, 0, AppendReport(b[:0], r))
}

// SendUpdate tells every node that the network gets another identifier (3.6.1.13.2).
func (l *Layer) SendUpdate(now time.Time, u Update) bool {
	var b [13]byte
	h := l.commandTo(zigbee.Broadcast)
	h.Radius = DefaultRadius
	return l.enqueue(now, h, 0, AppendUpdate(b[:0], u))
}

// commandTo returns the header of a command for a neighbour, with both extended
// addresses as far as they are known.
func (l *Layer) commandTo(dst zigbee.ShortAddr) Header {
	h := Header{Type: TypeCommand, Dst: dst, Radius: 1, Secured: true, SrcEUI64: l.eui64}
	if !dst.IsBroadcast() {
		h.DstEUI64, _ = l.EUI64Of(dst)
	}
	return h
}

// maintain carries out the commands of rejoining and of network maintenance. It
// reports false for a command that is not one of them.
func (l *Layer) maintain(now time.Time, from zigbee.ShortAddr, sender *node, h Header, p []byte) bool {
	var err error
	switch CommandID(p[0]) {
	case RejoinRequest:
		err = l.rejoinAsked(from, sender, h, p)
	case RejoinResponse:
		err = l.rejoinAnswered(sender, h, p)
	case EndDeviceTimeoutRq:
		err = l.timeoutAsked(now, sender, h, p)
	case EndDeviceTimeoutRs:
		if _, err = ParseTimeoutResponse(p); err == nil && l.isEndDevice() && h.Src == l.parent && sender.short == l.parent && h.Dst == l.net.Short {
			l.emit(Output{Kind: ParentAnswered, OK: p[1] == 0})
		}
	case NetworkReport:
		err = l.reported(h, p)
	case NetworkUpdate:
		err = l.updated(h, p)
	default:
		return false
	}
	if err != nil {
		l.counters.Malformed++
	}
	return true
}

func (l *Layer) rejoinAsked(from zigbee.ShortAddr, sender *node, h Header, p []byte) error {
	c, err := ParseRejoinRequest(p)
	if err != nil {
		return err
	}
	if l.isEndDevice() || h.Dst != l.net.Short || h.Src != from || h.SrcEUI64 != sender.eui64 || h.Src >= 0xfff8 || h.Src == zigbee.Coordinator {
		l.counters.Refused++
		return nil
	}
	l.emit(Output{Kind: RejoinAsked, EUI64: sender.eui64, Short: h.Src, Capability: c})
	return nil
}

func (l *Layer) rejoinAnswered(sender *node, h Header, p []byte) error {
	a, err := ParseRejoinResponse(p)
	if err != nil {
		return err
	}
	if h.Dst != l.net.Short || h.DstEUI64 != l.eui64 || sender.short != h.Src {
		l.counters.Refused++
		return nil
	}
	l.emit(Output{Kind: RejoinAnswered, OK: a.Status == 0, Short: a.Short, EUI64: sender.eui64, From: h.Src})
	return nil
}

// timeoutAsked agrees with a child on its timeout (3.6.10.2).
func (l *Layer) timeoutAsked(now time.Time, sender *node, h Header, p []byte) error {
	t, err := ParseTimeoutRequest(p)
	if err != nil {
		return err
	}
	c := l.child(sender.eui64)
	if c == nil || sender.short != h.Src || h.Dst != l.net.Short {
		l.counters.Refused++
		return nil
	}
	a := TimeoutAnswer{Parent: KeepAliveByPoll | KeepAliveByTimeout}
	if t.Valid() {
		c.Timeout = t
	} else {
		a.Status = 1
	}
	c.expires = now.Add(c.Timeout.Duration())
	var b [3]byte
	l.enqueue(now, l.commandTo(h.Src), 0, AppendTimeoutResponse(b[:0], a))
	return nil
}

func (l *Layer) reported(h Header, p []byte) error {
	r, err := ParseReport(p)
	if err != nil {
		return err
	}
	if h.Dst == l.net.Short && r.Extended == l.net.Extended {
		l.emit(Output{Kind: ConflictReported, PANs: r.PANs})
	}
	return nil
}

// updated believes the coordinator, which is the manager of the network.
func (l *Layer) updated(h Header, p []byte) error {
	u, err := ParseUpdate(p)
	if err != nil {
		return err
	}
	if l.net.Leaderless || h.Src != zigbee.Coordinator || u.Extended != l.net.Extended || !Newer(u.UpdateID, l.net.UpdateID) || u.PAN == zigbee.BroadcastPAN {
		l.counters.Refused++
		return nil
	}
	l.emit(Output{Kind: Updated, PANs: []zigbee.PANID{u.PAN}, UpdateID: u.UpdateID})
	return nil
}

// Newer reports whether update identifier a came after b, of which each is one
// more than the one before, modulo 256 (3.6.1.13.2).
func Newer(a, b uint8) bool { return int8(a-b) > 0 }
