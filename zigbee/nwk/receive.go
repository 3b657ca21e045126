package nwk

import (
	"slices"
	"time"

	"sconce/zigbee"
)

// Indication is a received data frame for this node (3.2.1.3).
type Indication struct {
	Src, Dst zigbee.ShortAddr
	SrcEUI64 zigbee.EUI64 // of the originator; 0 when not known
	Payload  []byte       // lies in the received frame
	Secured  bool         // was protected with the network key
	LQI      uint8        // of the last hop
}

// Receive takes a frame from the node with short address from. A secured frame is
// decrypted in place. A frame without security is passed up only while this node has no
// network key and the frame is for it alone: so a network key can reach it.
func (l *Layer) Receive(now time.Time, from zigbee.ShortAddr, frame []byte, lqi uint8) (Indication, bool) {
	l.now = now
	l.quiet, l.learnt = false, false
	h, rest, err := ParseHeader(frame)
	if err != nil {
		l.counters.Malformed++
		return Indication{}, false
	}
	own := h.Src == l.net.Short && l.keys[l.active].envelope != nil
	if own && from != h.Src && (h.SrcEUI64 == 0 || h.SrcEUI64 == l.eui64) {
		l.ownEcho(from, h)
		return Indication{}, false
	}
	ind := Indication{Src: h.Src, Dst: h.Dst, LQI: lqi}
	var sender *node
	if h.Secured {
		if rest, sender = l.open(frame, h, rest, from, lqi); sender == nil {
			return Indication{}, false
		}
		sender.hear(now, lqi)
		if l.outdated(from, sender, h, rest) {
			l.counters.Outdated++
			return Indication{}, false
		}
		if h.Src == zigbee.Coordinator {
			l.coordinatorAt = now
		}
		ind.Secured = true
	} else if l.lostAsked(from, h, rest) {
		return Indication{}, false
	} else if !l.acceptsUnsecured(h) {
		l.counters.Unsecured++
		return Indication{}, false
	}
	if sender != nil && h.SrcEUI64 != 0 && (sender.eui64 != h.SrcEUI64 || sender.short != h.Src) {
		l.Learn(h.SrcEUI64, h.Src)
	}
	if own {
		return Indication{}, false // a node with this one's address, which has been noted
	}
	ind.SrcEUI64, _ = l.EUI64Of(h.Src)
	ind.Payload = rest
	if sender != nil && from != h.Src && !h.Dst.IsBroadcast() {
		l.movedAway(h.Src)
	}
	if h.Type == TypeCommand {
		l.receiveCommand(now, from, sender, h, rest)
		return Indication{}, false
	}
	if h.Dst.IsBroadcast() {
		return ind, l.receiveBroadcast(now, from, h, rest)
	}
	if h.Dst != l.net.Short {
		l.relay(now, from, h, rest)
		return Indication{}, false
	}
	return ind, true
}

// Quiet reports whether the frame that was received last left nothing to do: nothing
// to send, no output, no other deadline. It may be false of such a frame, but never true of another.
// In a dense building most frames are like that: what others have said of a broadcast
// already, and how well they hear one another.
func (l *Layer) Quiet() bool { return l.quiet && !l.learnt && len(l.outputs) == 0 && !l.called }

// acceptsUnsecured holds the one exception to network security (4.6.3.2).
func (l *Layer) acceptsUnsecured(h Header) bool {
	return (l.keys[l.active].envelope == nil || l.lostUntil.After(l.now)) && h.Type == TypeData && h.Dst == l.net.Short && !h.Dst.IsBroadcast()
}

// open checks and decrypts a secured frame (4.3.1.2) and returns its payload and
// the entry of the device that secured it: the last hop. The entry is nil when
// the frame is refused.
func (l *Layer) open(frame []byte, h Header, secured []byte, from zigbee.ShortAddr, lqi uint8) ([]byte, *node) {
	aux, _, err := zigbee.ParseAux(secured)
	if err != nil || aux.Key != zigbee.KeyNetwork || !aux.HasSource || aux.Source == l.eui64 || aux.Source == 0 || aux.Source == 1<<64-1 {
		l.counters.Malformed++
		return nil, nil
	}
	slot := l.active
	if l.keys[slot].seq != aux.KeySequence {
		slot = 1 - slot
	}
	k := &l.keys[slot]
	if k.envelope == nil || k.seq != aux.KeySequence {
		if l.keys[l.active].envelope == nil {
			l.counters.TooEarly++ // it is joining, and hears the others
			return nil, nil
		}
		l.counters.UnknownKey++
		l.strangeKey(from, aux.KeySequence)
		return nil, nil
	}
	if l.overlooks(h, aux, len(secured), lqi) && !l.isNeighbour(aux.Source) {
		l.counters.Overlooked++
		l.quiet = true
		return nil, nil
	}
	n := l.byEUI64(aux.Source)
	if n != nil && aux.Counter < n.next[slot] || aux.Counter == 1<<32-1 {
		l.counters.Replayed++
		return nil, nil
	}
	payload, err := k.envelope.Open(frame, len(frame)-len(secured), aux, aux.Source)
	if err != nil {
		l.counters.Forged++
		return nil, nil
	}
	// Only now is the sender's word worth an entry.
	if n == nil {
		n = l.add(aux.Source)
	}
	if n == nil {
		l.counters.TableFull++
		return nil, nil
	}
	n.next[slot] = aux.Counter + 1
	l.follow(slot)
	if l.behind && slot == l.active {
		l.caughtUp(aux.Source)
	}
	l.counters.Opened++
	n.relays = n.relays || from == n.short && h.Src != from
	if h.Src == from && n.short != from {
		// The network header is authentic, the MAC header is not.
		l.Learn(aux.Source, from)
	}
	return payload, n
}

func (l *Layer) receiveCommand(now time.Time, from zigbee.ShortAddr, sender *node, h Header, payload []byte) {
	if len(payload) == 0 {
		l.counters.Malformed++
		return
	}
	id := CommandID(payload[0])
	if h.Dst.IsBroadcast() {
		// A route request has a table of its own.
		if id != RouteRequest && !l.receiveBroadcast(now, from, h, payload) {
			return
		}
	} else if h.Dst != l.net.Short {
		l.relay(now, from, h, payload)
		return
	}
	switch id {
	case RouteRequest:
		l.receiveRouteRequest(now, sender, h, payload)
	case RouteReply:
		l.receiveRouteReply(now, sender, h, payload)
	case RouteRecord:
		l.receiveRecord(now, from, h, payload)
	case NetworkStatus:
		s, err := ParseStatus(payload)
		if err != nil {
			l.counters.Malformed++
			return
		}
		l.receiveStatus(now, h, s)
	case LinkStatus:
		c, err := ParseLinkStatus(payload)
		if err != nil {
			l.counters.Malformed++
			return
		}
		l.receiveLinkStatus(now, sender, c)
		l.quiet = true
	case Leave:
		o, err := ParseLeave(payload)
		if err != nil {
			l.counters.Malformed++
			return
		}
		l.receiveLeave(sender, h, o)
	default:
		l.maintain(now, from, sender, h, payload)
	}
}

// receiveLeave obeys the trust centre alone (3.6.1.10.3 leaves the policy to the
// node), and believes a device only about itself. A parent may send its child away
// to come back, which takes nothing from the child.
func (l *Layer) receiveLeave(sender *node, h Header, o LeaveOptions) {
	switch {
	case o&LeaveRequest == 0:
		if sender.short != h.Src {
			l.counters.Refused++
			return
		}
		e, a := sender.eui64, sender.short
		l.setShort(sender, zigbee.Unassigned)
		sender.forget() // the counters stay: an old frame stays old
		l.routers = slices.DeleteFunc(l.routers, func(r neighbour) bool { return r.node == sender })
		l.bar = lapsed
		l.emit(Output{Kind: NodeLeft, EUI64: e, Short: a})
	case l.net.Leaderless && (!l.isEndDevice() || h.Src != l.parent || o&LeaveRejoin == 0):
		l.counters.Refused++
	case h.Dst == l.net.Short && o&LeaveRejoin != 0 && sender.short == h.Src && (l.isEndDevice() && h.Src == l.parent || h.Src == zigbee.Coordinator && l.net.Short != zigbee.Coordinator):
		l.emit(Output{Kind: ToldToRejoin})
	case h.Dst == l.net.Short && h.Src == zigbee.Coordinator && sender.short == zigbee.Coordinator && l.net.Short != zigbee.Coordinator:
		l.emit(Output{Kind: ToldToLeave})
	default:
		l.counters.Refused++
	}
}
