package storetest

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
	"sconce/cloud/store"
)

// apiToken returns a token of an account, named by a letter.
func apiToken(who sconce.AccountID, name string, made time.Time) access.Stored {
	return access.Stored{
		Token: access.Token{
			ID: access.ID(name), Account: who, Project: "p", Actions: project.ActionsOf(project.ReadProject, project.ControlLights),
			Shown: "sconce_" + name, Made: made, Expires: made.Add(time.Hour),
		},
		Digest: sha256.Sum256([]byte(name)), Sealed: []byte("sealed " + name), Session: "session:1",
	}
}

// testAccess goes through the life of API tokens.
func testAccess(t *testing.T, s *store.Store) {
	ctx, now, a := t.Context(), moment(1000), s.Access()
	for _, who := range []sconce.AccountID{"ada", "eve"} {
		account := identity.Account{ID: who, Email: string(who) + "@example.org", Made: now}
		check(t, s.Identity().CreateAccount(ctx, identity.Credentials{Account: account, PasswordHash: "x"}, audit.Operator, audit.Console))
	}
	first, second := apiToken("ada", "b", now), apiToken("ada", "a", now.Add(time.Second))
	check(t, a.CreateToken(ctx, first, 2))
	check(t, a.CreateToken(ctx, second, 2))
	check(t, a.CreateToken(ctx, apiToken("eve", "e", now.Add(time.Minute)), 2))
	if err := a.CreateToken(ctx, apiToken("ada", "c", now), 2); sconce.KindOf(err) != sconce.TooMany {
		t.Errorf("one too many: %v", err)
	}
	ids := func(all []access.Stored, err error) []access.ID {
		t.Helper()
		check(t, err)
		var ids []access.ID
		for _, s := range all {
			ids = append(ids, s.ID)
		}
		return ids
	}
	if got := ids(a.Tokens(ctx, "ada")); !slices.Equal(got, []access.ID{"b", "a"}) {
		t.Errorf("ada has %v", got)
	}
	named := ids(a.TokensNamed(ctx, []access.ID{"a", "e", "none"}))
	if slices.Sort(named); !slices.Equal(named, []access.ID{"a", "e"}) {
		t.Errorf("named: %v", named)
	}
	got, err := a.Token(ctx, first.Digest)
	check(t, err)
	if got.Token != first.Token || got.Digest != first.Digest || string(got.Sealed) != "sealed b" {
		t.Errorf("stored %+v, want %+v", got, first)
	}
	if none, err := a.Token(ctx, [32]byte{1}); err != nil || none.ID != "" {
		t.Errorf("a token that is not there: %+v, %v", none, err)
	}
	check(t, a.TouchToken(ctx, "b", now.Add(time.Minute)))
	check(t, a.TouchToken(ctx, "b", now)) // came late
	if got, err := a.Token(ctx, first.Digest); err != nil || !got.Used.Equal(now.Add(time.Minute)) {
		t.Errorf("used at %v, %v", got.Used, err)
	}
	ada := project.Caller{Account: "ada", Origin: "session:1"}
	if err := a.RevokeToken(ctx, ada, "e", now); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("a token of somebody else: %v", err)
	}
	check(t, a.RevokeToken(ctx, ada, "a", now))
	if err := a.RevokeToken(ctx, ada, "a", now); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("twice: %v", err)
	}
	check(t, a.CreateToken(ctx, apiToken("ada", "d", first.Expires), 1)) // the first has expired
	if got := ids(a.Tokens(ctx, "ada")); !slices.Equal(got, []access.ID{"d"}) {
		t.Errorf("after one expired: %v", got)
	}
	if got := ids(a.Tokens(ctx, "eve")); !slices.Equal(got, []access.ID{"e"}) {
		t.Errorf("eve has %v", got)
	}

	var log []audit.Action
	entries, err := s.SecurityLog().Entries(ctx, audit.People, 2, 10) // behind the two accounts
	check(t, err)
	for _, e := range entries {
		log = append(log, e.Action)
	}
	made, revoked := audit.TokenMade, audit.TokenRevoked
	if !slices.Equal(log, []audit.Action{made, made, made, revoked, made}) || entries[0].Target != "token:b" ||
		entries[0].Detail != "project:p project.read lights.control" || entries[0].Origin != "session:1" {
		t.Errorf("the security log: %v, %+v", log, entries[0])
	}
}
