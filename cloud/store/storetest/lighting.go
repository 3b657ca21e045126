package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/cloud/store"
	"sconce/wire"
)

const (
	gateway = sconce.EUI64(0x00124b0000000001)
	light   = sconce.EUI64(0xf0124b0000000001) // does not fit into a signed integer
)

// moment is a time as it is stored.
func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// id returns an identifier that is the n-th in order.
func id[T sconce.ID](n int) T {
	return sconce.MakeID[T](time.UnixMilli(1_700_000_000_000+int64(n)), [10]byte{})
}

func device(site Site, n int, groups ...sconce.GroupID) lighting.Device {
	return lighting.Device{
		Position: id[sconce.PositionID](n), Network: site.Network, Name: fmt.Sprint("Desk ", n),
		Device: light + sconce.EUI64(n), Kind: sconce.Luminaire, Groups: groups, Made: moment(1000),
	}
}

func addDevices(t *testing.T, s *store.Store, site Site, n int) []lighting.Device {
	t.Helper()
	all := make([]lighting.Device, n)
	for i := range all {
		all[i] = device(site, i)
		check(t, s.Lighting().AddDevice(t.Context(), site.Owner, all[i], []byte("sealed")))
	}
	return all
}

func addGroup(t *testing.T, s *store.Store, site Site, n int) lighting.Group {
	t.Helper()
	g, err := s.Lighting().CreateGroup(t.Context(), site.Owner, lighting.Group{
		ID: id[sconce.GroupID](n), Network: site.Network, Name: fmt.Sprint("Room ", n), Made: moment(1000),
	})
	check(t, err)
	return g
}

func wantKind(t *testing.T, what string, err error, kind sconce.ErrorKind) {
	t.Helper()
	if err == nil || sconce.KindOf(err) != kind {
		t.Errorf("%s: error %v, want one that is %s", what, err, kind)
	}
}

func testDevices(t *testing.T, s *store.Store) {
	ctx, site := t.Context(), MakeSite(t, s, gateway)
	g := addGroup(t, s, site, 1)
	want := device(site, 1, g.ID)
	check(t, s.Lighting().AddDevice(ctx, site.Owner, want, []byte("sealed")))
	second := device(site, 2)
	check(t, s.Lighting().AddDevice(ctx, site.Owner, second, []byte("sealed")))

	all, err := s.Lighting().Devices(ctx, site.Owner, site.Network)
	if err != nil || len(all) != 2 || !reflect.DeepEqual(all[0], want) || all[1].Device != second.Device {
		t.Errorf("Devices = %+v, %v; want %+v first of two", all, err, want)
	}
	one, err := s.Lighting().Device(ctx, site.Owner, want.Device)
	if err != nil || !reflect.DeepEqual(one, want) {
		t.Errorf("Device = %+v, %v; want %+v", one, err, want)
	}

	again := device(site, 3)
	again.Device = want.Device
	wantKind(t, "a device in two positions", s.Lighting().AddDevice(ctx, site.Owner, again, []byte("sealed")), sconce.Conflict)
	elsewhere := device(site, 4)
	elsewhere.Network = id[sconce.NetworkID](9)
	wantKind(t, "an unknown network", s.Lighting().AddDevice(ctx, site.Owner, elsewhere, []byte("sealed")), sconce.NotFound)
	wantKind(t, "an unknown group", s.Lighting().AddDevice(ctx, site.Owner, device(site, 5, id[sconce.GroupID](9)), []byte("sealed")), sconce.NotFound)
	_, err = s.Lighting().Device(ctx, site.Owner, device(site, 5).Device)
	wantKind(t, "a device that could not be added", err, sconce.NotFound)

	network, err := s.Lighting().RemoveDevice(ctx, site.Owner, want.Device)
	if err != nil || network != site.Network {
		t.Errorf("RemoveDevice = %s, %v", network, err)
	}
	_, err = s.Lighting().RemoveDevice(ctx, site.Owner, want.Device)
	wantKind(t, "a device that was removed", err, sconce.NotFound)
	if g, err = s.Lighting().Group(ctx, site.Owner, g.ID); err != nil || len(g.Members) != 0 {
		t.Errorf("after that, the group is %+v, %v; want it empty", g, err)
	}
}

func testGroups(t *testing.T, s *store.Store) {
	ctx, site := t.Context(), MakeSite(t, s, gateway)
	first, second, third := addGroup(t, s, site, 1), addGroup(t, s, site, 2), addGroup(t, s, site, 3)
	if first.Number != 1 || second.Number != 2 || third.Number != 3 {
		t.Errorf("numbers %d, %d, %d; want 1, 2, 3", first.Number, second.Number, third.Number)
	}
	if _, err := s.Lighting().DeleteGroup(ctx, site.Owner, second.ID); err != nil {
		t.Error(err)
	}
	if again := addGroup(t, s, site, 4); again.Number != 2 {
		t.Errorf("the next group has the number %d, want the lowest that is free, 2", again.Number)
	}
	devices := addDevices(t, s, site, 3)
	members := []sconce.PositionID{devices[0].Position, devices[2].Position}
	for range 2 { // setting the same members again changes nothing
		if _, err := s.Lighting().SetMembers(ctx, site.Owner, first.ID, members); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Lighting().ChangeGroup(ctx, site.Owner, first.ID, "Lobby", members)
	check(t, err)
	want := first
	want.Name, want.Members = "Lobby", members
	all, err := s.Lighting().Groups(ctx, site.Owner, site.Network)
	if err != nil || len(all) != 3 || !reflect.DeepEqual(all[0], want) {
		t.Errorf("Groups = %+v, %v; want %+v first of three", all, err, want)
	}
	_, err = s.Lighting().SetMembers(ctx, site.Owner, first.ID, []sconce.PositionID{devices[1].Position, devices[1].Position})
	wantKind(t, "a light twice", err, sconce.Invalid)
	_, err = s.Lighting().SetMembers(ctx, site.Owner, first.ID, []sconce.PositionID{id[sconce.PositionID](99)})
	wantKind(t, "an unknown light", err, sconce.NotFound)
	_, err = s.Lighting().ChangeGroup(ctx, site.Owner, first.ID, "Another name", []sconce.PositionID{devices[1].Position, id[sconce.PositionID](99)})
	wantKind(t, "another name and an unknown light", err, sconce.NotFound)
	if g, err := s.Lighting().Group(ctx, site.Owner, first.ID); err != nil || !reflect.DeepEqual(g, want) {
		t.Errorf("after changes that were refused, the group is %+v, %v; want %+v", g, err, want)
	}
	_, err = s.Lighting().ChangeGroup(ctx, site.Owner, second.ID, "x", nil)
	wantKind(t, "an unknown group", err, sconce.NotFound)
	_, err = s.Lighting().DeleteGroup(ctx, site.Owner, second.ID)
	wantKind(t, "a deleted group", err, sconce.NotFound)
}

func testLimits(t *testing.T, s *store.Store) {
	ctx, site := t.Context(), MakeSite(t, s, gateway)
	devices := addDevices(t, s, site, sconce.MaxNodesPerNetwork)
	wantKind(t, "one device more", s.Lighting().AddDevice(ctx, site.Owner, device(site, 999), []byte("sealed")), sconce.TooMany)
	groups := make([]lighting.Group, sconce.MaxGroupsPerNetwork)
	for i := range groups {
		groups[i] = addGroup(t, s, site, i)
	}
	_, err := s.Lighting().CreateGroup(ctx, site.Owner, lighting.Group{ID: id[sconce.GroupID](999), Network: site.Network, Name: "x"})
	wantKind(t, "one group more", err, sconce.TooMany)

	var members []sconce.PositionID
	for _, d := range devices[:sconce.MaxNodesPerGroup+1] {
		members = append(members, d.Position)
	}
	_, err = s.Lighting().SetMembers(ctx, site.Owner, groups[0].ID, members)
	wantKind(t, "one light more in a group", err, sconce.TooMany)
	for i := range lighting.MaxGroupsPerDevice {
		_, err = s.Lighting().SetMembers(ctx, site.Owner, groups[i].ID, members[:sconce.MaxNodesPerGroup])
		check(t, err)
	}
	_, err = s.Lighting().SetMembers(ctx, site.Owner, groups[lighting.MaxGroupsPerDevice].ID, members[:1])
	wantKind(t, "one group more for a light", err, sconce.TooMany)
}

func testDesired(t *testing.T, s *store.Store) {
	ctx, site := t.Context(), MakeSite(t, s, gateway)
	version := func(want uint64) []lighting.SealedDevice {
		t.Helper()
		got, devices, err := s.Lighting().Desired(ctx, site.Owner, site.Network)
		if err != nil || got != want {
			t.Errorf("desired state has version %d, %v; want %d", got, err, want)
		}
		return devices
	}
	version(0)
	g := addGroup(t, s, site, 1)
	version(0) // a group without lights is nothing to any device
	d := device(site, 1, g.ID)
	check(t, s.Lighting().AddDevice(ctx, site.Owner, d, []byte("sealed")))
	want := []lighting.SealedDevice{{
		Position: d.Position, Device: d.Device, Kind: d.Kind, InstallCode: []byte("sealed"), Groups: []sconce.GroupNumber{1},
	}}
	if got := version(1); !reflect.DeepEqual(got, want) {
		t.Errorf("desired state %+v, want %+v", got, want)
	}
	wantKind(t, "the same device again", s.Lighting().AddDevice(ctx, site.Owner, d, []byte("sealed")), sconce.Conflict)
	version(1)
	_, err := s.Lighting().SetMembers(ctx, site.Owner, g.ID, nil)
	check(t, err)
	version(2)
	_, err = s.Lighting().DeleteGroup(ctx, site.Owner, g.ID)
	check(t, err)
	version(3)
	_, err = s.Lighting().RemoveDevice(ctx, site.Owner, d.Device)
	check(t, err)
	if got := version(4); len(got) != 0 {
		t.Errorf("after the last device left, %+v is desired", got)
	}
	g2, err := s.Lighting().NetworkGateway(ctx, site.Owner, site.Network)
	if err != nil || g2 != gateway {
		t.Errorf("NetworkGateway = %s, %v; want %s", g2, err, gateway)
	}
}

func command(site Site, n int, deadline int64) lighting.Command {
	return lighting.Command{
		ID: id[sconce.CommandID](n), Project: site.Project, Network: site.Network, Account: site.Owner.Account(),
		Device: light, Level: new(sconce.Level(400)), Fade: 1500 * time.Millisecond, Targets: 1,
		Made: moment(1000), Expires: moment(2000), Deadline: moment(deadline), Status: lighting.Pending, Outcomes: []lighting.Outcome{},
	}
}

func testCommands(t *testing.T, s *store.Store) {
	ctx, site := t.Context(), MakeSite(t, s, gateway)
	l := s.Lighting()
	all := []lighting.Command{command(site, 0, 3000), command(site, 1, 3000), command(site, 2, 9000), command(site, 3, 9000)}
	all[1].Device, all[1].Group, all[1].Targets = 0, id[sconce.GroupID](1), 3
	all[1].On, all[1].Level = new(false), nil
	pending := func(want int) {
		t.Helper()
		if n, err := l.Pending(ctx, site.Owner); err != nil || n != want {
			t.Errorf("Pending = %d, %v; want %d", n, err, want)
		}
	}
	want := func(c lighting.Command) {
		t.Helper()
		if got, err := l.Command(ctx, site.Owner, c.ID); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("Command = %+v, %v; want %+v", got, err, c)
		}
	}
	for _, c := range all {
		check(t, l.CreateCommand(ctx, site.Owner, c))
		want(c)
	}
	pending(4)

	all[3].Status, all[3].Ended = lighting.Failed, moment(1500)
	check(t, l.FailCommand(ctx, site.Owner, all[3].ID, moment(1500)))
	want(all[3])

	ended, next, err := l.Expire(ctx, moment(2999))
	if err != nil || len(ended) != 0 || !next.Equal(moment(3000)) {
		t.Errorf("Expire before the first deadline = %+v, %s, %v", ended, next, err)
	}
	ended, next, err = l.Expire(ctx, moment(3000))
	if err != nil || len(ended) != 2 || !next.Equal(moment(9000)) {
		t.Errorf("Expire at the first deadline = %+v, %s, %v", ended, next, err)
	}
	all[0].Status, all[0].Ended = lighting.Expired, moment(3000)
	want(all[0])
	pending(1)

	// The gateway has the last word, also over a command that expired here.
	r := lighting.Result{Command: all[1].ID, At: moment(4000), Outcomes: []lighting.Outcome{
		{Device: light, Status: lighting.OutcomeStatus(wire.Confirmed)},
		{Device: light + 1, Status: lighting.OutcomeStatus(wire.Confirmed)},
		{Device: light + 2, Status: lighting.OutcomeStatus(wire.NotJoined)},
	}}
	for range 2 { // a second result takes the place of the first
		c, ok := endCommand(t, s, site, r)
		all[1].Status, all[1].Confirmed, all[1].Ended, all[1].Outcomes = lighting.Partial, 2, moment(4000), r.Outcomes
		if !ok || !reflect.DeepEqual(c, all[1]) {
			t.Errorf("EndCommand = %+v, %v; want %+v", c, ok, all[1])
		}
		want(all[1])
	}
	if _, ok := endCommand(t, s, site, lighting.Result{Command: id[sconce.CommandID](99), At: moment(4000)}); ok {
		t.Error("a command that is not there was ended")
	}
}

// testIsolation tries everything with the scope of another project.
func testIsolation(t *testing.T, s *store.Store) {
	ctx, l := t.Context(), s.Lighting()
	site, other := MakeSite(t, s, gateway), MakeSite(t, s, gateway+1)
	g := addGroup(t, s, site, 1)
	d := device(site, 1, g.ID)
	check(t, l.AddDevice(ctx, site.Owner, d, []byte("sealed")))
	c := command(site, 1, 3000)
	check(t, l.CreateCommand(ctx, site.Owner, c))
	stranger := func(what string, err error) {
		t.Helper()
		wantKind(t, what+" of another project", err, sconce.NotFound)
	}
	scope := other.Owner
	_, err := l.Device(ctx, scope, d.Device)
	stranger("a device", err)
	_, err = l.RemoveDevice(ctx, scope, d.Device)
	stranger("removing a device", err)
	_, err = l.Group(ctx, scope, g.ID)
	stranger("a group", err)
	_, err = l.DeleteGroup(ctx, scope, g.ID)
	stranger("deleting a group", err)
	_, err = l.ChangeGroup(ctx, scope, g.ID, "x", nil)
	stranger("changing a group", err)
	_, err = l.SetMembers(ctx, scope, g.ID, nil)
	stranger("the lights of a group", err)
	_, err = l.CreateGroup(ctx, scope, lighting.Group{ID: id[sconce.GroupID](2), Network: site.Network, Name: "x"})
	stranger("a group in a network", err)
	stranger("a device in a network", l.AddDevice(ctx, scope, device(site, 2), []byte("sealed")))
	_, err = l.Command(ctx, scope, c.ID)
	stranger("a command", err)
	_, err = s.Telemetry().Gateway(ctx, scope, gateway)
	stranger("a gateway", err)
	_, err = s.Telemetry().Accounts(ctx, scope, gateway, 10)
	stranger("the continuity", err)
	if all, err := l.Devices(ctx, scope, site.Network); err != nil || len(all) != 0 {
		t.Errorf("another project sees the devices %+v, %v", all, err)
	}
	if version, all, err := l.Desired(ctx, scope, site.Network); err != nil || version != 0 || len(all) != 0 {
		t.Errorf("another project sees version %d of the desired state %+v, %v", version, all, err)
	}
	if g, err := l.NetworkGateway(ctx, scope, site.Network); err != nil || g != 0 {
		t.Errorf("another project sees the gateway %s, %v", g, err)
	}
	check(t, l.FailCommand(ctx, scope, c.ID, moment(1)))
	if _, ok := endCommand(t, s, other, lighting.Result{Command: c.ID, At: moment(4000)}); ok {
		t.Error("the gateway of another project ended a command")
	}
	if got, err := l.Command(ctx, site.Owner, c.ID); err != nil || got.Status != lighting.Pending {
		t.Errorf("after that the command is %+v, %v; want it pending", got, err)
	}
}
