package aps

import (
	"cmp"
	"errors"
	"slices"
)

// ErrGroupsFull is returned when there is no room for another group membership.
var ErrGroupsFull = errors.New("aps: group table is full")

// membership of an endpoint in a group (2.2.7.2, table 2-24).
type membership struct {
	endpoint uint8
	group    uint16
}

func compare(a, b membership) int {
	return cmp.Or(cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.group, b.group))
}

// AddGroup makes an endpoint a member of a group (2.2.4.5.1). It is no error when
// it is one already.
func (l *Layer) AddGroup(endpoint uint8, group uint16) error {
	m := membership{endpoint, group}
	i, found := slices.BinarySearchFunc(l.groups, m, compare)
	if found {
		return nil
	}
	if len(l.groups) == MaxGroups {
		return ErrGroupsFull
	}
	l.groups = slices.Insert(l.groups, i, m)
	return nil
}

// RemoveGroup ends a membership (2.2.4.5.2) and reports whether there was one.
func (l *Layer) RemoveGroup(endpoint uint8, group uint16) bool {
	i, found := slices.BinarySearchFunc(l.groups, membership{endpoint, group}, compare)
	if found {
		l.groups = slices.Delete(l.groups, i, i+1)
	}
	return found
}

// Groups returns the groups of an endpoint, in ascending order.
func (l *Layer) Groups(endpoint uint8) []uint16 {
	var list []uint16
	for _, m := range l.groups {
		if m.endpoint == endpoint {
			list = append(list, m.group)
		}
	}
	return list
}

// InGroup reports whether an endpoint is a member of a group.
func (l *Layer) InGroup(endpoint uint8, group uint16) bool {
	_, found := slices.BinarySearchFunc(l.groups, membership{endpoint, group}, compare)
	return found
}
