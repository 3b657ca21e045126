package device

import (
	"slices"
	"time"

	"sconce/zigbee/zcl"
)

// maxGroupID is the largest identifier of a group (07-5123-08, 3.6.2.1); the
// first is 1.
const maxGroupID = 0xfff7

// groups carries out the commands of the Groups cluster. The memberships are in
// the node, which needs them to receive. Only who asked this luminaire alone is
// answered (07-5123-08, 3.6.2.3).
func (l *Luminaire) groups(now time.Time, m zcl.Message, c zcl.Command) (zcl.Command, zcl.Status) {
	var answer zcl.Command
	status := zcl.Success
	switch c := c.(type) {
	case zcl.AddGroup:
		status = l.addGroup(c.Group)
		answer = zcl.AddGroupResponse{Status: status, Group: c.Group}
	case zcl.AddGroupIfIdentifying:
		if l.identify.activeAt(now) {
			status = l.addGroup(c.Group)
		}
	case zcl.RemoveGroup:
		if !l.node.RemoveGroup(Endpoint, c.Group) {
			status = zcl.NotFound
		}
		l.scenes.remove(&l.revision, func(id zcl.SceneID) bool { return id.Group == c.Group })
		answer = zcl.RemoveGroupResponse{Status: status, Group: c.Group}
	case zcl.RemoveAllGroups:
		for _, g := range l.node.Groups(Endpoint) {
			l.node.RemoveGroup(Endpoint, g)
		}
		l.scenes.remove(&l.revision, func(id zcl.SceneID) bool { return id.Group != 0 })
	case zcl.ViewGroup:
		if !slices.Contains(l.node.Groups(Endpoint), c.Group) {
			status = zcl.NotFound
		}
		answer = zcl.ViewGroupResponse{Status: status, Group: c.Group}
	case zcl.GetGroupMembership:
		answer = l.membership(c.Groups)
	default:
		status = zcl.UnsupCommand
	}
	if !m.Unicast {
		answer = nil
	}
	return answer, status
}

func (l *Luminaire) addGroup(group uint16) zcl.Status {
	switch {
	case group == 0 || group > maxGroupID:
		return zcl.InvalidValue
	case l.node.AddGroup(Endpoint, group) != nil:
		return zcl.InsufficientSpace
	}
	return zcl.Success
}

// membership returns which of the groups asked for the light is in; asked for
// none, all.
func (l *Luminaire) membership(asked []uint16) zcl.GroupMembership {
	in := l.node.Groups(Endpoint)
	if len(asked) > 0 {
		in = slices.DeleteFunc(slices.Clone(in), func(g uint16) bool { return !slices.Contains(asked, g) })
	}
	return zcl.GroupMembership{Capacity: zcl.CapacityUnknown, Groups: in[:min(len(in), maxListed)]}
}

// maxListed is how many groups fit a response.
const maxListed = (maxFrame - 5) / 2
