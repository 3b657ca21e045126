package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
	"sconce/cloud/identity"
	"sconce/cloud/invitation"
	"sconce/cloud/mail"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
	"sconce/internal/securitykey"
)

// notInCopies are tables that name people and are in no copy, and why.
var notInCopies = map[string]string{
	"identity.links":         "what letters that were just sent open; an hour or a day",
	"identity.letters":       "sealed until they are sent; a day",
	"identity.requests_once": "answers that programs got to what they asked for in the last day",
	"identity.profiles":      "emptied",
	"identity.invited":       "emptied",
	"site.alert_notes":       "notes about lights, sealed; they belong to the project, as what its people wrote of it",
	"site.alert_readers":     "from which severity on they get letters; shown to them where they decide it",
}

// TestCopiesHaveEverything: a table that says something of people is in a copy of what is
// known of them, or said here not to be.
func TestCopiesHaveEverything(t *testing.T) {
	fields, err := privacy.Fields()
	if err != nil {
		t.Fatal(err)
	}
	var covered []string
	for _, s := range privacySources(nil, nil, nil, nil, nil, nil) {
		covered = append(covered, s.Tables...)
	}
	of := map[string]bool{}
	for _, f := range fields {
		table := f.Database + "." + f.Table
		if f.Personal || slices.Contains([]string{"account_id", "operator_id", "asked_by", "granted_by", "who"}, f.Column) {
			of[table] = true
		}
	}
	for table := range of {
		if !slices.Contains(covered, table) && notInCopies[table] == "" {
			t.Errorf("%s says something of people and is in no copy: add it to privacySources (cmd/sconce/privacy.go)", table)
		}
	}
	for _, table := range covered {
		if !of[table] && table != "identity.accounts" {
			t.Errorf("%s says nothing of people", table)
		}
	}
}

// TestCopy reads a copy of somebody of whom there is something of everything.
func TestCopy(t *testing.T) {
	ctx := t.Context()
	s := storetest.Open(t)
	log := audit.NewLog(s.SecurityLog(), time.Now)
	const origin = "https://sconce.example.org"
	passkeys, err := identity.NewRelyingParty(&url.URL{Scheme: "https", Host: "sconce.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	people := identity.New(identity.Parts{
		Passkeys: passkeys,
		Store:    s.Identity(), Refusals: log, Vault: s.Vault(), Now: time.Now,
		Post: identity.Post{Page: func(string) string { return "" }, Came: func() {}},
	})
	projects := project.New(s.Projects(), time.Now)
	tokens := &access.Service{Store: s.Access(), Projects: projects, Vault: s.Vault(), Now: time.Now}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	password := identity.NewPassword("correct horse battery")
	ada, err := people.CreateAccount(ctx, "ada@example.org", "Ada Lovelace", password)
	must(err)
	in, err := people.SignIn(ctx, ada.Email, password, identity.Client{})
	must(err)
	session, ada, err := people.Session(ctx, in.Token)
	must(err)
	asked, err := people.BeginPasskey(ctx, session, ada, password, identity.Client{})
	must(err)
	_, err = people.FinishPasskey(ctx, session, ada, asked.Token, "Ada's key", securitykey.New(t, origin).Create(asked.Options))
	must(err)
	caller := project.Caller{Account: ada.ID, Origin: session.Origin()}
	p, err := projects.Create(ctx, caller, project.NewProject{Name: "Engine room"})
	must(err)
	scope, err := projects.Enter(ctx, caller, p.ID)
	must(err)
	_, _, err = tokens.Make(ctx, caller, access.New{Name: "Panel", Project: p.ID, Actions: project.ActionsOf(project.ReadProject), Life: 24 * time.Hour})
	must(err)
	invitations := &invitation.Service{Store: s.Invitations(), People: people, Projects: projects, Now: time.Now}
	_, err = invitations.Invite(ctx, scope, ada, ada.Email, project.Member{Role: sconce.Viewer})
	must(err)
	must(s.Identity().CreateProviderLink(ctx, session, identity.ProviderLink{Issuer: "https://login.example.org", Subject: "ada-1815", Account: ada.ID, Made: time.Now()}, nil))
	must(s.Agreements().Agree(ctx, ada.ID, []consent.Agreement{{Name: consent.Name{Kind: consent.Terms, Version: "2026-01-31"}, At: time.Now()}}, ""))
	must(s.Identity().Queue(ctx, mail.Item{ID: "x", Sealed: []byte{1}}))

	file, err := newPrivacy(s, people, tokens, newApps(s, projects, log), projects, consent.New(nil, s.Agreements(), time.Now)).Export(ctx, privacy.Person{Session: session, Account: ada}, password, identity.Client{})
	must(err)
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	must(err)
	for _, f := range z.File {
		r, err := f.Open()
		must(err)
		text, err := io.ReadAll(r)
		must(err)
		if f.Name == "README.txt" {
			for _, source := range privacySources(nil, nil, nil, nil, nil, nil) {
				if !strings.Contains(string(text), source.File+".json\n    "+source.About) {
					t.Errorf("the README says nothing of %s", source.File)
				}
			}
			continue
		}
		if !json.Valid(text) || bytes.Contains(text, []byte("null\n")) {
			t.Errorf("%s: %s", f.Name, text)
		}
		for _, want := range map[string][]string{
			"account.json": {"ada@example.org", "Ada Lovelace"}, "projects.json": {"Engine room", `"owner"`}, "tokens.json": {"Panel"},
			"sessions.json": {session.Name(), `"password"`}, "security-log.json": {"session.opened", "project.made", "account.made"},
			"support.json": {`"operator": false`}, "signing-in.json": {`"second_step": false`},
			"passkeys.json": {"Ada's key"}, "agreements.json": {`"text": "terms"`, "2026-01-31"}, "provider.json": {"ada-1815"},
		}[f.Name] {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%s has no %s: %s", f.Name, want, text)
			}
		}
		if f.Name == "invitations.json" && len(text) < 20 {
			t.Errorf("no invitation in %s", text)
		}
	}
	if len(z.File) != 14 {
		t.Errorf("%d files", len(z.File))
	}
}
