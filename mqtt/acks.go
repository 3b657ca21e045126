package mqtt

// acks keeps the identifiers of received QoS 1 and 2 messages in order until each is
// settled. It grows with what is under way and is bounded by
// [Limits.ReceiveMaximum].
type acks struct {
	ring []pendingAck // of the message with token t at t % len(ring); a power of two
	head uint64       // token of the oldest, minus one
	n    int
}

type pendingAck struct {
	id      uint16
	qos     QoS
	settled bool
	reason  Reason
}

// add returns the token of a new message.
func (a *acks) add(id uint16, q QoS) uint64 {
	if a.n == len(a.ring) {
		bigger := make([]pendingAck, max(8, 2*len(a.ring)))
		for i := range a.n {
			t := a.head + 1 + uint64(i)
			bigger[t%uint64(len(bigger))] = *a.at(t)
		}
		a.ring = bigger
	}
	a.n++
	token := a.head + uint64(a.n)
	*a.at(token) = pendingAck{id: id, qos: q}
	return token
}

// waits reports whether a QoS 2 message with an identifier is not settled yet.
func (a *acks) waits(id uint16) bool {
	for i := range a.n {
		if p := a.at(a.head + 1 + uint64(i)); p.id == id && p.qos == 2 {
			return true
		}
	}
	return false
}

func (a *acks) at(token uint64) *pendingAck { return &a.ring[token%uint64(len(a.ring))] }

// settle reports whether the token was waiting.
func (a *acks) settle(token uint64, r Reason) bool {
	if token <= a.head || token > a.head+uint64(a.n) {
		return false
	}
	p := a.at(token)
	if p.settled {
		return false
	}
	p.settled, p.reason = true, r
	return true
}

// next takes the oldest if it is settled.
func (a *acks) next() (pendingAck, bool) {
	if a.n == 0 {
		return pendingAck{}, false
	}
	p := a.at(a.head + 1)
	if !p.settled {
		return pendingAck{}, false
	}
	a.head++
	a.n--
	return *p, true
}
