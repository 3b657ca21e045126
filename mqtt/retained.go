package mqtt

import (
	"strings"
	"time"
)

// maxRetainedLevels bounds the depth of a retained topic.
const maxRetainedLevels = 32

// Retained keeps the last retained message of each topic (3.3.1.3).
type Retained struct {
	root        retainedNode
	count, size int
	maxCount    int
	maxBytes    int
}

type retainedNode struct {
	children map[string]*retainedNode
	msg      *Message
}

// NewRetained returns an empty store for at most maxCount messages of at most
// maxBytes in all.
func NewRetained(maxCount, maxBytes int) *Retained {
	return &Retained{maxCount: maxCount, maxBytes: maxBytes}
}

// Len returns the number of messages, and the bytes that they count for.
func (r *Retained) Len() (count, bytes int) { return r.count, r.size }

// Put keeps m as the message of its topic, or forgets the one there is if m has
// no payload [MQTT-3.3.1-6]. It returns false, and changes nothing, when the
// store is full or the topic has more than 32 levels.
func (r *Retained) Put(m *Message) bool {
	if len(m.Payload) == 0 {
		r.remove(&r.root, m.Topic, true)
		return true
	}
	if Levels(m.Topic) > maxRetainedLevels {
		return false
	}
	old := r.find(m.Topic)
	count, size := r.count+1, r.size+m.size()
	if old != nil && old.msg != nil {
		count, size = count-1, size-old.msg.size()
	}
	if count > r.maxCount || size > r.maxBytes {
		return false
	}
	if old == nil {
		old = r.insert(m.Topic)
	}
	old.msg, r.count, r.size = m, count, size
	return true
}

func (r *Retained) find(topic string) *retainedNode {
	n := &r.root
	for level := range strings.SplitSeq(topic, "/") {
		if n = n.children[level]; n == nil {
			return nil
		}
	}
	return n
}

func (r *Retained) insert(topic string) *retainedNode {
	n := &r.root
	for level := range strings.SplitSeq(topic, "/") {
		child := n.children[level]
		if child == nil {
			child = new(retainedNode)
			if n.children == nil {
				n.children = make(map[string]*retainedNode)
			}
			n.children[level] = child
		}
		n = child
	}
	return n
}

// remove returns whether the node is empty afterwards.
func (r *Retained) remove(n *retainedNode, topic string, more bool) bool {
	if !more {
		if n.msg != nil {
			r.count--
			r.size -= n.msg.size()
			n.msg = nil
		}
	} else {
		level, rest, more := strings.Cut(topic, "/")
		if child := n.children[level]; child != nil && r.remove(child, rest, more) {
			delete(n.children, level)
		}
	}
	return n.msg == nil && len(n.children) == 0
}

// Match calls found for every message whose topic the filter matches and that
// has not expired, and forgets those that have.
func (r *Retained) Match(now time.Time, filter string, found func(*Message)) {
	var expired []*Message
	r.root.match(filter, true, true, func(m *Message) {
		if m.Expired(now) {
			expired = append(expired, m)
		} else {
			found(m)
		}
	})
	for _, m := range expired {
		r.remove(&r.root, m.Topic, true)
	}
}

func (n *retainedNode) match(filter string, more, top bool, found func(*Message)) {
	if !more {
		if n.msg != nil {
			found(n.msg)
		}
		return
	}
	level, rest, more := strings.Cut(filter, "/")
	switch level {
	case "#":
		n.below(top, found)
	case "+":
		for name, child := range n.children {
			if !top || !strings.HasPrefix(name, "$") {
				child.match(rest, more, false, found)
			}
		}
	default:
		if child := n.children[level]; child != nil {
			child.match(rest, more, false, found)
		}
	}
}

// below finds the node's own message and all under it.
func (n *retainedNode) below(top bool, found func(*Message)) {
	if n.msg != nil {
		found(n.msg)
	}
	for name, child := range n.children {
		if !top || !strings.HasPrefix(name, "$") {
			child.below(false, found)
		}
	}
}
