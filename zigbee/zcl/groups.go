package zcl

// AttrGroupNames is the attribute of the Groups cluster: NameSupport.
const AttrGroupNames uint16 = 0x0000

var groupsCluster = ClusterInfo{
	ID: ClusterGroups, Name: "Groups", Clause: "3.6", Revision: 3,
	Attributes: []AttributeInfo{
		{ID: AttrGroupNames, Name: "NameSupport", Type: TypeMap8, Clause: "3.6.2.2.1"},
	},
	Commands: []CommandInfo{
		{Command: 0x00, Name: "AddGroup", Clause: "3.6.2.3.2", parse: func(r *reader) Command { return r.addGroup() }},
		{Command: 0x01, Name: "ViewGroup", Clause: "3.6.2.3.3", parse: func(r *reader) Command { return ViewGroup{r.u16()} }},
		{Command: 0x02, Name: "GetGroupMembership", Clause: "3.6.2.3.4", parse: func(r *reader) Command { return GetGroupMembership{r.groups()} }},
		{Command: 0x03, Name: "RemoveGroup", Clause: "3.6.2.3.5", parse: func(r *reader) Command { return RemoveGroup{r.u16()} }},
		{Command: 0x04, Name: "RemoveAllGroups", Clause: "3.6.2.3.6", parse: empty(RemoveAllGroups{})},
		{Command: 0x05, Name: "AddGroupIfIdentifying", Clause: "3.6.2.3.7", parse: func(r *reader) Command { return AddGroupIfIdentifying(r.addGroup()) }},
		{Command: 0x00, FromServer: true, Name: "AddGroupResponse", Clause: "3.6.2.4.1", parse: func(r *reader) Command { return AddGroupResponse{Status(r.u8()), r.u16()} }},
		{Command: 0x01, FromServer: true, Name: "ViewGroupResponse", Clause: "3.6.2.4.2", parse: func(r *reader) Command { return ViewGroupResponse{Status(r.u8()), r.u16(), r.groupName()} }},
		{Command: 0x02, FromServer: true, Name: "GetGroupMembershipResponse", Clause: "3.6.2.4.3", parse: func(r *reader) Command { return GroupMembership{r.u8(), r.groups()} }},
		{Command: 0x03, FromServer: true, Name: "RemoveGroupResponse", Clause: "3.6.2.4.4", parse: func(r *reader) Command { return RemoveGroupResponse{Status(r.u8()), r.u16()} }},
	},
}

// CapacityUnknown in a [GroupMembership] says that at least one more group may
// be added, and not how many.
const CapacityUnknown uint8 = 0xfe

// The commands of the Groups cluster from a client (07-5123-08, 3.6.2.3).
type (
	// AddGroup puts the endpoint into a group.
	AddGroup struct {
		Group uint16
		Name  string // at most 16 bytes
	}

	// ViewGroup asks whether the endpoint is in a group, and for its name there.
	ViewGroup struct{ Group uint16 }

	// GetGroupMembership asks which of these groups the endpoint is in; without
	// a list, for all that it is in.
	GetGroupMembership struct{ Groups []uint16 } // at most 255

	// RemoveGroup takes the endpoint out of a group.
	RemoveGroup struct{ Group uint16 }

	// RemoveAllGroups takes the endpoint out of all groups.
	RemoveAllGroups struct{}

	// AddGroupIfIdentifying is [AddGroup] for those that are identifying. It has
	// no response of its own.
	AddGroupIfIdentifying struct {
		Group uint16
		Name  string
	}
)

// The commands of the Groups cluster from the server (07-5123-08, 3.6.2.4).
type (
	// AddGroupResponse answers [AddGroup].
	AddGroupResponse struct {
		Status Status
		Group  uint16
	}

	// ViewGroupResponse answers [ViewGroup].
	ViewGroupResponse struct {
		Status Status
		Group  uint16
		Name   string // empty without [Success], and without support for names
	}

	// GroupMembership answers [GetGroupMembership].
	GroupMembership struct {
		Capacity uint8    // how many more groups fit, or [CapacityUnknown]
		Groups   []uint16 // at most 255
	}

	// RemoveGroupResponse answers [RemoveGroup].
	RemoveGroupResponse struct {
		Status Status
		Group  uint16
	}
)

// ID implements [Command].
func (AddGroup) ID() CommandID { return toServer(ClusterGroups, 0x00) }

// ID implements [Command].
func (ViewGroup) ID() CommandID { return toServer(ClusterGroups, 0x01) }

// ID implements [Command].
func (GetGroupMembership) ID() CommandID { return toServer(ClusterGroups, 0x02) }

// ID implements [Command].
func (RemoveGroup) ID() CommandID { return toServer(ClusterGroups, 0x03) }

// ID implements [Command].
func (RemoveAllGroups) ID() CommandID { return toServer(ClusterGroups, 0x04) }

// ID implements [Command].
func (AddGroupIfIdentifying) ID() CommandID { return toServer(ClusterGroups, 0x05) }

// ID implements [Command].
func (AddGroupResponse) ID() CommandID { return toClient(ClusterGroups, 0x00) }

// ID implements [Command].
func (ViewGroupResponse) ID() CommandID { return toClient(ClusterGroups, 0x01) }

// ID implements [Command].
func (GroupMembership) ID() CommandID { return toClient(ClusterGroups, 0x02) }

// ID implements [Command].
func (RemoveGroupResponse) ID() CommandID { return toClient(ClusterGroups, 0x03) }

// Append implements [Command].
func (c AddGroup) Append(b []byte) []byte {
	return AppendValue(appendU16(b, c.Group), Text(c.Name))
}

// Append implements [Command].
func (c ViewGroup) Append(b []byte) []byte { return appendU16(b, c.Group) }

// Append implements [Command].
func (c GetGroupMembership) Append(b []byte) []byte { return appendGroups(b, c.Groups) }

// Append implements [Command].
func (c RemoveGroup) Append(b []byte) []byte { return appendU16(b, c.Group) }

// Append implements [Command].
func (RemoveAllGroups) Append(b []byte) []byte { return b }

// Append implements [Command].
func (c AddGroupIfIdentifying) Append(b []byte) []byte { return AddGroup(c).Append(b) }

// Append implements [Command].
func (c AddGroupResponse) Append(b []byte) []byte {
	return appendU16(append(b, uint8(c.Status)), c.Group)
}

// Append implements [Command].
func (c ViewGroupResponse) Append(b []byte) []byte {
	return AppendValue(appendU16(append(b, uint8(c.Status)), c.Group), Text(c.Name))
}

// Append implements [Command].
func (c GroupMembership) Append(b []byte) []byte {
	return appendGroups(append(b, c.Capacity), c.Groups)
}

// Append implements [Command].
func (c RemoveGroupResponse) Append(b []byte) []byte {
	return appendU16(append(b, uint8(c.Status)), c.Group)
}

func appendGroups(b []byte, groups []uint16) []byte {
	groups = groups[:min(len(groups), 255)]
	b = append(b, uint8(len(groups)))
	for _, g := range groups {
		b = appendU16(b, g)
	}
	return b
}

func (r *reader) groups() []uint16 {
	var groups []uint16
	for range r.u8() {
		groups = append(groups, r.u16())
	}
	return groups
}

// groupName reads a name; the non-value is read as no name.
func (r *reader) groupName() string { return r.value(TypeText).Text() }

func (r *reader) addGroup() AddGroup { return AddGroup{Group: r.u16(), Name: r.groupName()} }
