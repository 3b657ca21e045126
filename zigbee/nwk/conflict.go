package nwk

import (
	"time"

	"sconce/zigbee"
)

// conflict is a short address that two nodes were found to have, or were
// reported to have, and when that is told, or was.
type conflict struct {
	short zigbee.ShortAddr
	tell  time.Time // zero: somebody has told
	until time.Time // zero: free
}

// maxConflicts is how many conflicts are dealt with at a time; when full,
// further ones wait until they are noticed again.
const maxConflicts = 8

func (l *Layer) findConflict(a zigbee.ShortAddr, now time.Time) (found, slot *conflict) {
	for i := range l.conflicts {
		c := &l.conflicts[i]
		switch {
		case !c.until.After(now):
			slot = c
		case c.short == a:
			return c, nil
		}
	}
	if slot == nil && len(l.conflicts) < maxConflicts {
		l.conflicts = append(l.conflicts, conflict{})
		slot = &l.conflicts[len(l.conflicts)-1]
	}
	return nil, slot
}

// Conflict says that a device claims the short address of another.
func (l *Layer) Conflict(now time.Time, a zigbee.ShortAddr) { l.conflictSeen(now, a) }

// conflictSeen notes that two nodes have one address (3.6.1.9.2). It is told to
// all after a moment, unless another tells it first. A node that is one of the two moves at once.
func (l *Layer) conflictSeen(now time.Time, a zigbee.ShortAddr) {
	known, slot := l.findConflict(a, now)
	if known != nil || slot == nil {
		return
	}
	l.counters.Conflicts++
	*slot = conflict{short: a, tell: now.Add(l.jitter(broadcastJitter)), until: now.Add(broadcastLife)}
	l.moveFrom(a)
}

// conflictReported takes another's word for a conflict (3.6.1.9.3), at most once
// in nwkNetworkBroadcastDeliveryTime an address.
func (l *Layer) conflictReported(now time.Time, a zigbee.ShortAddr) {
	known, slot := l.findConflict(a, now)
	if known != nil {
		known.tell = time.Time{}
		return
	}
	if slot == nil {
		return
	}
	*slot = conflict{short: a, until: now.Add(broadcastLife)}
	l.dropRoute(a, now)
	l.dropRecord(a)
	l.moveFrom(a)
}

// moveFrom asks for another address when a is this node's. The coordinator's is
// fixed: the other node has to move.
func (l *Layer) moveFrom(a zigbee.ShortAddr) {
	if a == l.net.Short && a != zigbee.Coordinator {
		l.emit(Output{Kind: AddressConflict, Short: a})
	}
}

func (l *Layer) advanceConflicts(now time.Time) {
	for i := range l.conflicts {
		if c := &l.conflicts[i]; due(c.tell, now) {
			c.tell = time.Time{}
			l.report(now, StatusAddressConflict, zigbee.BroadcastRxOn, c.short)
		}
	}
}
