package nwk

import (
	"time"

	"sconce/zigbee"
)

// A node that slept through a change of the network key can say one thing without
// network security: that it wants the key (a trust centre rejoin, 4.6.3.3). What
// comes back is of use to nobody who does not have its own link key.

// SendLost asks a neighbour, without security, to introduce this node to the trust
// centre again, and lets the answer of the trust centre pass until the given time.
func (l *Layer) SendLost(now time.Time, parent zigbee.ShortAddr, c zigbee.Capability, until time.Time) bool {
	l.lostUntil = until
	h := l.commandTo(parent)
	h.Secured = false
	var b [2]byte
	return l.enqueue(now, h, 0, AppendRejoinRequest(b[:0], c))
}

// AnswerLost answers the node with the given addresses, without security.
func (l *Layer) AnswerLost(now time.Time, e zigbee.EUI64, r RejoinAnswer) bool {
	h := l.commandTo(r.Short)
	h.Secured, h.DstEUI64 = false, e
	var b [4]byte
	return l.enqueue(now, h, 0, AppendRejoinResponse(b[:0], r))
}

// Found says that the key has come: unsecured frames are refused again.
func (l *Layer) Found() { l.lostUntil = time.Time{} }

// lostAsked takes the request of a node that lost the network key. Nothing in it is
// authentic, and nothing is learnt from it.
func (l *Layer) lostAsked(from zigbee.ShortAddr, h Header, p []byte) bool {
	if h.Secured || h.Type != TypeCommand || len(p) == 0 || CommandID(p[0]) != RejoinRequest || l.isEndDevice() ||
		l.keys[l.active].envelope == nil || h.Dst != l.net.Short || h.Src != from || h.SrcEUI64 == 0 || h.SrcEUI64 == l.eui64 ||
		h.Src >= 0xfff8 || h.Src == zigbee.Coordinator {
		return false
	}
	c, err := ParseRejoinRequest(p)
	if err != nil {
		return false
	}
	l.emit(Output{Kind: LostAsked, EUI64: h.SrcEUI64, Short: h.Src, Capability: c})
	return true
}

// strangeKey tells that a neighbour uses a network key that is newer than this node's.
func (l *Layer) strangeKey(from zigbee.ShortAddr, seq uint8) {
	if k := &l.keys[l.active]; k.envelope != nil && int8(seq-k.seq) > 0 {
		l.emit(Output{Kind: NewerKey, Short: from})
	}
}
