package mqtt

import "strings"

// Tree finds the subscribers of a topic. T names a subscriber. The zero value
// is an empty tree. Its size is bounded by its owner: the number of sessions
// times [Limits.MaxFilters] times [Limits.MaxLevels].
type Tree[T comparable] struct{ root treeNode[T] }

type treeNode[T comparable] struct {
	children map[string]*treeNode[T] // by level; "+" and "#" are levels like any other
	grants   map[T]Grant
}

// Add puts a subscription in the tree, in place of an earlier one of the same
// subscriber and filter, and reports whether there was none.
func (t *Tree[T]) Add(filter string, who T, g Grant) (isNew bool) {
	n := &t.root
	for level := range strings.SplitSeq(filter, "/") {
		child := n.children[level]
		if child == nil {
			child = new(treeNode[T])
			if n.children == nil {
				n.children = make(map[string]*treeNode[T])
			}
			n.children[level] = child
		}
		n = child
	}
	if n.grants == nil {
		n.grants = make(map[T]Grant)
	}
	_, had := n.grants[who]
	n.grants[who] = g
	return !had
}

// Remove takes a subscription out of the tree.
func (t *Tree[T]) Remove(filter string, who T) { t.root.remove(filter, true, who) }

// remove returns whether the node is empty afterwards.
func (n *treeNode[T]) remove(filter string, more bool, who T) bool {
	if !more {
		delete(n.grants, who)
	} else {
		level, rest, more := strings.Cut(filter, "/")
		if child := n.children[level]; child != nil && child.remove(rest, more, who) {
			delete(n.children, level)
		}
	}
	return len(n.grants) == 0 && len(n.children) == 0
}

// Match calls found for every subscription whose filter matches a topic name
// (4.7); a subscriber with several that match is found several times. A wildcard
// at the start does not match a topic that begins with "$" [MQTT-4.7.2-1].
func (t *Tree[T]) Match(topic string, found func(T, Grant)) {
	level, rest, more := strings.Cut(topic, "/")
	t.root.match(level, rest, more, topic[0] != '$', found)
}

func (n *treeNode[T]) match(level, rest string, more, wildcards bool, found func(T, Grant)) {
	if wildcards {
		n.children["#"].each(found)
		n.children["+"].descend(rest, more, found)
	}
	n.children[level].descend(rest, more, found)
}

// descend goes on with the rest of a topic of which one level matched this node.
func (n *treeNode[T]) descend(rest string, more bool, found func(T, Grant)) {
	switch {
	case n == nil:
	case !more:
		n.each(found)
		n.children["#"].each(found) // "#" includes the parent level (4.7.1.2)
	default:
		level, rest, more := strings.Cut(rest, "/")
		n.match(level, rest, more, true, found)
	}
}

func (n *treeNode[T]) each(found func(T, Grant)) {
	if n == nil {
		return
	}
	for who, g := range n.grants {
		found(who, g)
	}
}
