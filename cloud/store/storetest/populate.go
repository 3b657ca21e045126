package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/once"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/support"
	"sconce/cloud/telemetry"
)

// Populate fills a store with some of everything, and returns two sites in it.
func Populate(t testing.TB, s *store.Store) [2]Site {
	t.Helper()
	Unlock(t, s)
	sites := [2]Site{MakeSite(t, s, gateway), MakeSite(t, s, gateway+1)}
	for n, site := range sites {
		populateSite(t, s, site, n*100)
	}
	ctx := t.Context()
	ada := identity.Account{ID: "ada", Email: "ada@example.org", Name: "Ada Łukasiewicz-大", Made: moment(1)}
	check(t, s.Identity().CreateAccount(ctx, identity.Credentials{Account: ada, PasswordHash: "x"}, audit.Operator, audit.Console))
	check(t, s.Identity().CreateSession(ctx, identity.Session{ID: identity.SessionID{0xff}, Account: "ada", Made: moment(2), Used: moment(3)}, nil, 10))
	check(t, s.Support().AddOperator(ctx, "ada", audit.Event{At: moment(3), Who: audit.Operator, Action: audit.OperatorMade, Result: audit.Done}))
	check(t, s.Support().CreateGrant(ctx, support.Grant{
		ID: "g", Project: sites[0].Project, Operator: "ada", Access: project.ReadAccess, Sealed: []byte{0xff, 0}, Length: time.Hour, AskedBy: "ada", Asked: moment(4), Expires: moment(5),
	}, audit.Event{At: moment(4), Who: "account:ada", Action: audit.SupportAsked, Result: audit.Done}, moment(0), 1))
	check(t, s.Access().CreateToken(ctx, apiToken("ada", "a", moment(4)), 10))
	_, err := s.Once().Begin(ctx, once.Request{Key: once.Digest{0xff}, Account: "ada", Made: moment(4)}, moment(0), 10)
	check(t, err)
	for i := int64(1); i <= 600; i++ { // more than are copied with one statement
		check(t, s.Journal().Append(ctx, ingest.Batch{ID: i, Received: moment(i * 1000), Count: 1, Messages: s.Journal().Pack(nil, bytes.Repeat([]byte{byte(i)}, 100))}))
	}
	return sites
}

// populateSite adds devices, groups, commands and results, numbered from n.
func populateSite(t testing.TB, s *store.Store, site Site, n int) {
	t.Helper()
	ctx, a := t.Context(), site.assignment()
	l := s.Lighting()
	var group []sconce.GroupID
	for i := n; i < n+3; i++ {
		d := device(site, i, group...)
		check(t, l.AddDevice(ctx, site.Owner, d, []byte("sealed")))
		g, err := l.CreateGroup(ctx, site.Owner, lighting.Group{ID: id[sconce.GroupID](i), Network: site.Network, Name: fmt.Sprint("Room ", i), Made: moment(1000)})
		check(t, err)
		group = append(group, g.ID)
		c := command(site, i, int64(5000+i))
		check(t, l.CreateCommand(ctx, site.Owner, c))
	}
	check(t, l.FailCommand(ctx, site.Owner, id[sconce.CommandID](n), moment(1500)))
	run := ingest.Run{Gateway: site.Gateway, Boot: 1<<63 - 1, First: moment(1), Last: moment(2), Received: 3}
	run.Seen.Add(5)
	series := telemetry.Series{Device: light, Metric: sconce.ActivePower}
	samples := []telemetry.Sample{{At: 1000, Value: 1.5}, {At: 1100, Value: -1e-300}}
	event := telemetry.Event{Device: light, At: moment(11), Kind: 1}
	hello := telemetry.Gateway{Gateway: site.Gateway, Model: "SG-1", Firmware: "1.\x002\xff", Desired: 4, At: moment(10)}
	check(t, s.Results().Apply(ctx, 30, func(tx ingest.Tx) error {
		return errors.Join(
			tx.SetRun(run),
			tx.SetState(a, telemetry.DeviceState{Device: light, At: moment(7000), Reachable: true, On: new(true), Power: new(12.3), PowerAt: moment(8000)}),
			tx.SetState(a, telemetry.DeviceState{Device: light + 1}),
			tx.SetStage(a, telemetry.Stage{Device: light, Desired: 4, Stage: 4, Reason: "no answer", At: moment(9)}),
			tx.SetGateway(a, hello),
			tx.SetAside(ingest.Poison{Batch: 1, N: n, Gateway: site.Gateway, Kind: "state", Received: moment(5), Reason: "no CBOR", Payload: []byte{}}),
			tx.AddEvent(a, 1, n, event),
			tx.AddChunk(a, series, telemetry.Chunk{Part: 0, Samples: samples, Min: -1e-300, Max: 1.5, Sum: 1.5}),
			tx.SetOpen(a, series, telemetry.Open{Part: 1, Samples: samples[:1]}),
		)
	}))
	check(t, s.Results().Place(ctx, ingest.Placement{Gateway: site.Gateway, Since: 3, Assignment: a}))
	check(t, s.Presence().SetPresences(ctx, []telemetry.Presence{{Gateway: site.Gateway, Online: true, Since: moment(1)}}))
	check(t, s.Projects().CreateNetwork(ctx, site.Owner, project.Network{ID: id[sconce.NetworkID](n), Name: fmt.Sprint("Floor ", n), Made: moment(1)}, 10))
}
