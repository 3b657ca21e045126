package nwk

import "sconce/zigbee"

// The key that follows the active one lies beside it until it is switched to. Then
// the former still opens frames that are on their way, until [Layer.DropFormerKey].
// The outgoing frame counter goes on over a switch (4.3.1.1 lets it begin again only
// when it is high): so no key ever meets a counter twice. Incoming counters belong
// to a key.

// PrepareKey takes the network key that will follow the active one (4.4.3.3). One
// prepared before is forgotten. It reports false when there is no active key, or
// the new one is it or has its sequence number.
func (l *Layer) PrepareKey(seq uint8, k zigbee.NetworkKey) bool {
	active := &l.keys[l.active]
	if active.envelope == nil || active.seq == seq || active.key.Equal(k) || k.IsZero() {
		return false
	}
	i := 1 - l.active
	if l.prepared && l.keys[i].seq == seq && l.keys[i].key.Equal(k) {
		return true
	}
	l.keys[i] = key{envelope: zigbee.NewEnvelope(k), key: k, seq: seq}
	for _, n := range l.nodes {
		n.next[i] = 0
	}
	l.prepared = true
	return true
}

// PreparedKey returns the key that waits to become active.
func (l *Layer) PreparedKey() (uint8, zigbee.NetworkKey, bool) {
	if !l.prepared {
		return 0, zigbee.NetworkKey{}, false
	}
	k := &l.keys[1-l.active]
	return k.seq, k.key, true
}

// SwitchKey makes the prepared key the active one (4.4.7.3). It reports false when
// none with that sequence number is prepared. [KeySwitched] follows.
func (l *Layer) SwitchKey(seq uint8) bool {
	if !l.prepared || l.keys[1-l.active].seq != seq {
		return false
	}
	l.active = 1 - l.active
	l.prepared = false
	l.leaveBehind()
	l.forgetStrangers()
	l.emit(Output{Kind: KeySwitched})
	return true
}

// DropFormerKey forgets the key before the active one: no frame under it is opened
// any more.
func (l *Layer) DropFormerKey() {
	if !l.prepared {
		l.keys[1-l.active] = key{}
	}
}

// follow switches to the prepared key when another node has: an authentic frame under it
// came (4.3.1.2). It makes up for a switch that was not heard.
func (l *Layer) follow(slot int) {
	if l.prepared && slot != l.active {
		l.SwitchKey(l.keys[slot].seq)
	}
}
