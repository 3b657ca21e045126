package store

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

// Lighting returns where positions, groups and commands are kept.
func (s *Store) Lighting() lighting.Store { return lights{s.site} }

type lights struct{ site }

func (l lights) Devices(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]lighting.Device, error) {
	var all []lighting.Device
	err := l.in(s).view(ctx, func(q *sitedb.Queries) error {
		groups, _, err := groupsOfDevices(ctx, q, s, network)
		if err != nil {
			return err
		}
		rows, err := q.Devices(ctx, sitedb.DevicesParams{ProjectID: string(s.Project()), NetworkID: string(network)})
		for _, r := range rows {
			all = append(all, deviceOf(sitedb.DeviceRow(r), groups[r.ID]))
		}
		return err
	})
	return all, doing("reading devices", err)
}

func deviceOf(r sitedb.DeviceRow, groups []sconce.GroupID) lighting.Device {
	return lighting.Device{
		Position: sconce.PositionID(r.ID), Network: sconce.NetworkID(r.NetworkID), Name: r.Name,
		Device: sconce.EUI64(r.Device), Kind: sconce.DeviceKind(r.Kind), Groups: groups, Made: momentOf(r.MadeMs),
	}
}

// groupsOfDevices returns the groups of every position of a network, and their
// numbers, both in the order of the numbers.
func groupsOfDevices(ctx context.Context, q *sitedb.Queries, s project.Scope, network sconce.NetworkID) (map[string][]sconce.GroupID, map[string][]sconce.GroupNumber, error) {
	rows, err := q.DeviceGroups(ctx, sitedb.DeviceGroupsParams{ProjectID: string(s.Project()), NetworkID: string(network)})
	groups, numbers := map[string][]sconce.GroupID{}, map[string][]sconce.GroupNumber{}
	for _, r := range rows {
		groups[r.PositionID] = append(groups[r.PositionID], sconce.GroupID(r.GroupID))
		numbers[r.PositionID] = append(numbers[r.PositionID], sconce.GroupNumber(r.Number))
	}
	return groups, numbers, err
}

func (l lights) Device(ctx context.Context, s project.Scope, device sconce.EUI64) (lighting.Device, error) {
	var d lighting.Device
	err := l.in(s).view(ctx, func(q *sitedb.Queries) error {
		row, err := q.Device(ctx, sitedb.DeviceParams{ProjectID: string(s.Project()), Device: int64(device)})
		if err != nil {
			return found(err, "device in this project")
		}
		groups, err := q.GroupsOfPosition(ctx, sitedb.GroupsOfPositionParams{ProjectID: string(s.Project()), PositionID: row.ID})
		d = deviceOf(row, mapped(groups, func(id string) sconce.GroupID { return sconce.GroupID(id) }))
		return err
	})
	return d, doing("reading a device", err)
}

func (l lights) AddDevice(ctx context.Context, s project.Scope, d lighting.Device, sealedCode []byte) error {
	err := l.in(s).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.CountDevices(ctx, sitedb.CountDevicesParams{ProjectID: string(s.Project()), NetworkID: string(d.Network)})
		if err != nil {
			return err
		}
		if n >= sconce.MaxNodesPerNetwork {
			return sconce.Errorf(sconce.TooMany, "a network can have %d devices; make another network", sconce.MaxNodesPerNetwork)
		}
		err = q.AddPosition(ctx, sitedb.AddPositionParams{
			ProjectID: string(s.Project()), ID: string(d.Position), NetworkID: string(d.Network), Name: d.Name,
			Device: int64(d.Device), Kind: int64(d.Kind), InstallCode: sealedCode, MadeMs: d.Made.UnixMilli(),
		})
		switch {
		case violatesUnique(err):
			return sconce.Errorf(sconce.Conflict, "device %s has been added already; remove it there first", d.Device)
		case violatesReference(err):
			return sconce.Errorf(sconce.NotFound, "there is no such network in this project")
		case err != nil:
			return err
		}
		if err := beginStay(ctx, q, s, d, d.Made); err != nil {
			return err
		}
		for _, g := range d.Groups {
			if err := addMember(ctx, q, s, g, d.Position); err != nil {
				return err
			}
		}
		if err := nextVersion(ctx, q, s, string(d.Network)); err != nil {
			return err
		}
		return note(ctx, q, s, audit.DeviceAdded, "device:"+d.Device.String(), "position:"+string(d.Position))
	})
	return doing("adding a device", err)
}

// addMember puts a position into a group of the same network, within the limits.
func addMember(ctx context.Context, q *sitedb.Queries, s project.Scope, group sconce.GroupID, position sconce.PositionID) error {
	members, err := q.CountGroupMembers(ctx, sitedb.CountGroupMembersParams{ProjectID: string(s.Project()), GroupID: string(group)})
	if err != nil {
		return err
	}
	if members >= sconce.MaxNodesPerGroup {
		return sconce.Errorf(sconce.TooMany, "a group can have %d lights", sconce.MaxNodesPerGroup)
	}
	groups, err := q.CountGroupsOfPosition(ctx, sitedb.CountGroupsOfPositionParams{ProjectID: string(s.Project()), PositionID: string(position)})
	if err != nil {
		return err
	}
	if groups >= lighting.MaxGroupsPerDevice {
		return sconce.Errorf(sconce.TooMany, "a device can be in %d groups", lighting.MaxGroupsPerDevice)
	}
	n, err := q.AddMember(ctx, sitedb.AddMemberParams{ProjectID: string(s.Project()), GroupID: string(group), PositionID: string(position)})
	switch {
	case violatesUnique(err):
		return sconce.Errorf(sconce.Invalid, "a light is in the list twice")
	case err == nil && n == 0:
		return sconce.Errorf(sconce.NotFound, "there is no such group, or no such light in its network")
	}
	return err
}

func nextVersion(ctx context.Context, q *sitedb.Queries, s project.Scope, network string) error {
	return q.NextDesiredVersion(ctx, sitedb.NextDesiredVersionParams{ProjectID: string(s.Project()), NetworkID: network})
}

func (l lights) ReplaceDevice(ctx context.Context, s project.Scope, r lighting.Replacement, at time.Time) (d lighting.Device, err error) {
	id := string(s.Project())
	_, err = l.change(ctx, s, "replacing a device", audit.DeviceReplaced, "device:"+r.New.String(), func(q *sitedb.Queries) (string, error) {
		row, err := q.ReplaceDevice(ctx, sitedb.ReplaceDeviceParams{ProjectID: id, Old: int64(r.Old), Device: int64(r.New), InstallCode: r.SealedCode})
		switch {
		case violatesUnique(err):
			return "", sconce.Errorf(sconce.Conflict, "device %s has been added already; remove it there first", r.New)
		case err != nil:
			return "", found(err, "device in this project")
		}
		groups, err := q.GroupsOfPosition(ctx, sitedb.GroupsOfPositionParams{ProjectID: id, PositionID: row.ID})
		if err != nil {
			return "", err
		}
		d = deviceOf(sitedb.DeviceRow{ID: row.ID, NetworkID: row.NetworkID, Name: row.Name, Device: int64(r.New), Kind: row.Kind, MadeMs: row.MadeMs},
			mapped(groups, func(id string) sconce.GroupID { return sconce.GroupID(id) }))
		if err := endStay(ctx, q, s, r.Old, at); err != nil {
			return "", err
		}
		return row.NetworkID, beginStay(ctx, q, s, d, at)
	})
	return d, err
}

func (l lights) RemoveDevice(ctx context.Context, s project.Scope, device sconce.EUI64) (sconce.NetworkID, error) {
	return l.change(ctx, s, "removing a device", audit.DeviceRemoved, "device:"+device.String(), func(q *sitedb.Queries) (string, error) {
		network, err := q.RemovePosition(ctx, sitedb.RemovePositionParams{ProjectID: string(s.Project()), Device: int64(device)})
		if err != nil {
			return "", found(err, "device in this project")
		}
		return network, endStay(ctx, q, s, device, time.Now())
	})
}

// change runs fn, which changes the desired state of the network that it returns, and
// notes it.
func (l lights) change(ctx context.Context, s project.Scope, what string, action audit.Action, target string, fn func(q *sitedb.Queries) (string, error)) (sconce.NetworkID, error) {
	var network string
	err := l.in(s).update(ctx, func(q *sitedb.Queries) (err error) {
		if network, err = fn(q); err != nil {
			return err
		}
		if err := nextVersion(ctx, q, s, network); err != nil {
			return err
		}
		return note(ctx, q, s, action, target, "")
	})
	return sconce.NetworkID(network), doing(what, err)
}

func groupOf(r sitedb.GroupRow, members []sconce.PositionID) lighting.Group {
	return lighting.Group{
		ID: sconce.GroupID(r.ID), Network: sconce.NetworkID(r.NetworkID), Number: sconce.GroupNumber(r.Number),
		Name: r.Name, Members: members, Made: momentOf(r.MadeMs),
	}
}

func (l lights) Groups(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]lighting.Group, error) {
	var all []lighting.Group
	err := l.in(s).view(ctx, func(q *sitedb.Queries) error {
		memberships, err := q.DeviceGroups(ctx, sitedb.DeviceGroupsParams{ProjectID: string(s.Project()), NetworkID: string(network)})
		if err != nil {
			return err
		}
		members := map[string][]sconce.PositionID{}
		for _, m := range memberships {
			members[m.GroupID] = append(members[m.GroupID], sconce.PositionID(m.PositionID))
		}
		rows, err := q.Groups(ctx, sitedb.GroupsParams{ProjectID: string(s.Project()), NetworkID: string(network)})
		all = mapped(rows, func(r sitedb.GroupsRow) lighting.Group { return groupOf(sitedb.GroupRow(r), members[r.ID]) })
		return err
	})
	return all, doing("reading groups", err)
}

func (l lights) Group(ctx context.Context, s project.Scope, id sconce.GroupID) (lighting.Group, error) {
	var g lighting.Group
	err := l.in(s).view(ctx, func(q *sitedb.Queries) error {
		row, err := q.Group(ctx, sitedb.GroupParams{ProjectID: string(s.Project()), ID: string(id)})
		if err != nil {
			return found(err, "group in this project")
		}
		members, err := q.GroupMembers(ctx, sitedb.GroupMembersParams{ProjectID: string(s.Project()), GroupID: string(id)})
		g = groupOf(row, mapped(members, func(id string) sconce.PositionID { return sconce.PositionID(id) }))
		return err
	})
	return g, doing("reading a group", err)
}

func (l lights) CreateGroup(ctx context.Context, s project.Scope, g lighting.Group) (lighting.Group, error) {
	err := l.in(s).update(ctx, func(q *sitedb.Queries) error {
		taken, err := q.GroupNumbers(ctx, sitedb.GroupNumbersParams{ProjectID: string(s.Project()), NetworkID: string(g.Network)})
		if err != nil {
			return err
		}
		g.Number = 1
		for _, n := range taken { // ascending
			if int64(g.Number) == n {
				g.Number++
			}
		}
		if g.Number > sconce.MaxGroupsPerNetwork {
			return sconce.Errorf(sconce.TooMany, "a network can have %d groups", sconce.MaxGroupsPerNetwork)
		}
		err = q.CreateGroup(ctx, sitedb.CreateGroupParams{
			ProjectID: string(s.Project()), ID: string(g.ID), NetworkID: string(g.Network),
			Number: int64(g.Number), Name: g.Name, MadeMs: g.Made.UnixMilli(),
		})
		if violatesReference(err) {
			return sconce.Errorf(sconce.NotFound, "there is no such network in this project")
		}
		if err != nil {
			return err
		}
		return note(ctx, q, s, audit.GroupMade, "group:"+string(g.ID), "")
	})
	return g, doing("making a group", err)
}

func (l lights) ChangeGroup(ctx context.Context, s project.Scope, id sconce.GroupID, name string, members []sconce.PositionID) (sconce.NetworkID, error) {
	return l.change(ctx, s, "changing a group", audit.GroupChanged, "group:"+string(id), func(q *sitedb.Queries) (string, error) {
		g, err := setMembers(ctx, q, s, id, members)
		if err != nil || g.Name == name {
			return g.NetworkID, err
		}
		if _, err := q.RenameGroup(ctx, sitedb.RenameGroupParams{ProjectID: string(s.Project()), ID: string(id), Name: name}); err != nil {
			return "", err
		}
		return g.NetworkID, note(ctx, q, s, audit.GroupRenamed, "group:"+string(id), "")
	})
}

func (l lights) DeleteGroup(ctx context.Context, s project.Scope, id sconce.GroupID) (sconce.NetworkID, error) {
	return l.change(ctx, s, "deleting a group", audit.GroupDeleted, "group:"+string(id), func(q *sitedb.Queries) (string, error) {
		network, err := q.DeleteGroup(ctx, sitedb.DeleteGroupParams{ProjectID: string(s.Project()), ID: string(id)})
		return network, found(err, "group in this project")
	})
}

func (l lights) SetMembers(ctx context.Context, s project.Scope, id sconce.GroupID, members []sconce.PositionID) (sconce.NetworkID, error) {
	return l.change(ctx, s, "changing a group", audit.GroupChanged, "group:"+string(id), func(q *sitedb.Queries) (string, error) {
		g, err := setMembers(ctx, q, s, id, members)
		return g.NetworkID, err
	})
}

// setMembers puts exactly these positions into a group, and returns it as it was.
func setMembers(ctx context.Context, q *sitedb.Queries, s project.Scope, id sconce.GroupID, members []sconce.PositionID) (sitedb.GroupRow, error) {
	g, err := q.Group(ctx, sitedb.GroupParams{ProjectID: string(s.Project()), ID: string(id)})
	if err != nil {
		return g, found(err, "group in this project")
	}
	err = q.EmptyGroup(ctx, sitedb.EmptyGroupParams{ProjectID: string(s.Project()), GroupID: string(id)})
	for _, m := range members {
		if err == nil {
			err = addMember(ctx, q, s, id, m)
		}
	}
	return g, err
}

func (l lights) Desired(ctx context.Context, s project.Scope, network sconce.NetworkID) (version uint64, devices []lighting.SealedDevice, err error) {
	err = l.in(s).view(ctx, func(q *sitedb.Queries) error {
		v, err := q.DesiredVersion(ctx, sitedb.DesiredVersionParams{ProjectID: string(s.Project()), NetworkID: string(network)})
		if err != nil {
			return err
		}
		_, numbers, err := groupsOfDevices(ctx, q, s, network)
		if err != nil {
			return err
		}
		rows, err := q.SealedDevices(ctx, sitedb.SealedDevicesParams{ProjectID: string(s.Project()), NetworkID: string(network)})
		version = uint64(v)
		devices = mapped(rows, func(r sitedb.SealedDevicesRow) lighting.SealedDevice {
			return lighting.SealedDevice{
				Position: sconce.PositionID(r.ID), Device: sconce.EUI64(r.Device), Kind: sconce.DeviceKind(r.Kind),
				InstallCode: r.InstallCode, Groups: numbers[r.ID],
			}
		})
		return err
	})
	if none(err) {
		return 0, nil, nil
	}
	return version, devices, doing("reading the desired state", err)
}

func (l lights) Stays(ctx context.Context, s project.Scope, device sconce.EUI64) ([]lighting.Stay, error) {
	rows, err := l.in(s).reading.StaysOfDevice(ctx, sitedb.StaysOfDeviceParams{ProjectID: string(s.Project()), Device: int64(device)})
	return mapped(rows, func(r sitedb.StaysOfDeviceRow) lighting.Stay {
		return lighting.Stay{Position: sconce.PositionID(r.PositionID), Name: r.Name, From: momentOf(r.FromMs), Until: optionalMoment(r.UntilMs)}
	}), doing("reading where a device hung", err)
}

func (l lights) Discretion(ctx context.Context, s project.Scope) (aggregated bool, zone string, err error) {
	d, err := l.in(s).reading.Discretion(ctx, string(s.Project()))
	return d.OccupancyAggregated != 0, d.TimeZone, found(err, "project")
}

func (l lights) NetworkGateway(ctx context.Context, s project.Scope, network sconce.NetworkID) (sconce.EUI64, error) {
	g, err := l.in(s).reading.GatewayOfNetwork(ctx, sitedb.GatewayOfNetworkParams{ProjectID: string(s.Project()), NetworkID: string(network)})
	if none(err) {
		return 0, nil
	}
	return sconce.EUI64(g), doing("reading the gateway of a network", err)
}
