package access_test

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
)

// TestLife: what a token is good for ends with its time, with its maker's membership, and
// with its revocation, for one that is to be used and for one that is connected.
func TestLife(t *testing.T) {
	s, ctx, now := storetest.Open(t), t.Context(), time.Now()
	for _, who := range []sconce.AccountID{"ada", "vic"} {
		a := identity.Account{ID: who, Email: string(who) + "@example.org", Name: "N", Made: now}
		if err := s.Identity().CreateAccount(ctx, identity.Credentials{Account: a, PasswordHash: "x"}, audit.Operator, audit.Console); err != nil {
			t.Fatal(err)
		}
	}
	clock := func() time.Time { return now }
	projects := project.New(s.Projects(), clock)
	service := &access.Service{Store: s.Access(), Projects: projects, Vault: s.Vault(), Now: clock}
	ada := project.Caller{Account: "ada"}
	m, err := projects.Create(ctx, ada, project.NewProject{Name: "Building"})
	if err != nil {
		t.Fatal(err)
	}
	owner, err := projects.Enter(ctx, ada, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	join := func() {
		t.Helper()
		if err := projects.SetMember(ctx, owner, project.Member{Account: "vic", Role: sconce.Viewer}); err != nil {
			t.Fatal(err)
		}
	}
	vic := project.Caller{Account: "vic"}
	for name, end := range map[string]func(access.Token) error{
		"its time":       func(access.Token) error { now = now.Add(time.Hour); return nil },
		"a membership":   func(access.Token) error { return projects.RemoveMember(ctx, owner, "vic") },
		"a revocation":   func(t access.Token) error { return service.Revoke(ctx, vic, t.ID) },
		"nothing at all": nil,
	} {
		join()
		token, secret, err := service.Make(ctx, vic, access.New{Project: m.ID, Name: " Panel ", Life: time.Hour})
		if err != nil || token.Name != "Panel" {
			t.Fatalf("%+v, %v", token, err)
		}
		if end != nil {
			if err := end(token); err != nil {
				t.Fatal(err)
			}
		}
		good := end == nil
		got, err := service.Authenticate(ctx, secret.Reveal())
		if err == nil {
			_, err = service.Enter(ctx, got, m.ID)
		}
		if (err == nil) != good {
			t.Errorf("after %s: %v", name, err)
		}
		if ended, err := service.Ended(ctx, []access.Token{token}); err != nil || (len(ended) == 0) != good {
			t.Errorf("connected, after %s: ended %v, %v", name, ended, err)
		}
	}
}

// TestLifeIsBounded: neither for a moment nor for ever.
func TestLifeIsBounded(t *testing.T) {
	service := &access.Service{Now: time.Now}
	for _, life := range []time.Duration{-time.Hour, 0, time.Second, access.MaxLife + time.Second} {
		if _, _, err := service.Make(t.Context(), project.Caller{Account: "ada"}, access.New{Name: "Panel", Life: life}); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("for %s: %v", life, err)
		}
	}
}
