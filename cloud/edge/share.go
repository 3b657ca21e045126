package edge

import (
	"slices"

	"sconce/mqtt"
)

// shares are the shared subscriptions: of those who share one, each message goes to one
// (MQTT 5.0, 4.8.2). Only sessions of one principal share: nobody takes messages away from
// somebody else. They are bounded as all subscriptions are. Guarded by hub.mu.
type shares struct {
	all  map[shareKey]*share
	tree mqtt.Tree[*share]
}

// shareKey names a shared subscription: whose it is, and its filter with the name of those
// who share.
type shareKey struct {
	owner  string
	filter string
}

func (e *entry) shareKey(filter string) shareKey {
	if e.owner == "" {
		return shareKey{e.key, filter} // of a gateway
	}
	return shareKey{"p" + e.owner, filter}
}

// share is one shared subscription.
type share struct {
	members []member
	turn    int // of the member that comes next
}

type member struct {
	entry *entry
	grant mqtt.Grant
}

// add puts a client among those who share a subscription, or changes what it was granted.
func (s *shares) add(filter string, e *entry, g mqtt.Grant) {
	key := e.shareKey(filter)
	of := s.all[key]
	if of == nil {
		of = &share{}
		if s.all == nil {
			s.all = make(map[shareKey]*share)
		}
		s.all[key] = of
		_, topics, _ := mqtt.Shared(filter)
		s.tree.Add(topics, of, mqtt.Grant{})
	}
	if i := of.index(e); i >= 0 {
		of.members[i].grant = g
		return
	}
	of.members = append(of.members, member{e, g})
}

// remove takes a client from those who share a subscription.
func (s *shares) remove(filter string, e *entry) {
	key := e.shareKey(filter)
	of := s.all[key]
	if of == nil {
		return
	}
	if i := of.index(e); i >= 0 {
		of.members = slices.Delete(of.members, i, i+1)
	}
	if len(of.members) == 0 {
		_, topics, _ := mqtt.Shared(filter)
		s.tree.Remove(topics, of)
		delete(s.all, key)
	}
}

// match calls to for each shared subscription that a topic matches, with the member whose
// turn it is.
func (s *shares) match(topic string, to func(found)) {
	s.tree.Match(topic, func(of *share, _ mqtt.Grant) {
		m := of.next()
		f := found{entry: m.entry, grant: m.grant}
		if m.grant.ID != 0 {
			f.ids = []uint32{m.grant.ID}
		}
		to(f)
	})
}

func (s *shares) followed(topic string) (found bool) {
	s.tree.Match(topic, func(*share, mqtt.Grant) { found = true })
	return found
}

func (s *share) index(e *entry) int {
	return slices.IndexFunc(s.members, func(m member) bool { return m.entry == e })
}

// next returns the member whose turn it is: one who is connected, when anybody is. There are
// members.
func (s *share) next() member {
	for range s.members {
		m := s.take()
		if m.entry.conn != nil {
			return m
		}
	}
	return s.take()
}

func (s *share) take() member {
	s.turn = (s.turn + 1) % len(s.members)
	return s.members[s.turn]
}
