package storetest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/store"
)

// Site is a project with one network and its gateway.
type Site struct {
	Owner   project.Scope
	Project sconce.ProjectID
	Network sconce.NetworkID
	Gateway sconce.EUI64
}

// MakeSite makes a project of an owner of its own, with a network that a gateway
// is claimed for.
func MakeSite(t testing.TB, s *store.Store, gateway sconce.EUI64) Site {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var random [10]byte
	rand.Read(random[:])
	owner := sconce.MakeID[sconce.AccountID](time.Now(), random)
	projects := project.New(s.Projects(), time.Now)
	p, err := projects.Create(ctx, project.Caller{Account: owner}, project.NewProject{Name: "Office"})
	must(err)
	scope, err := projects.Enter(ctx, project.Caller{Account: owner}, p.ID)
	must(err)
	n, err := projects.CreateNetwork(ctx, scope, "First floor")
	must(err)
	id := registry.Identity{
		Device: gateway, Kind: sconce.Gateway, Model: "SG-1", Serial: gateway.String(), Issued: time.Now(),
		CertificateSHA256: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(gateway))),
	}
	_, err = s.Registry().Import(ctx, []registry.Identity{id}, audit.Event{At: time.Now(), Who: audit.Operator, Action: audit.IdentitiesAdded, Result: audit.Done})
	must(err)
	must(s.Registry().Claim(ctx, scope, gateway, n.ID, time.Now()))
	return Site{Owner: scope, Project: p.ID, Network: n.ID, Gateway: gateway}
}
