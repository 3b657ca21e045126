package storetest

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/invitation"
	"sconce/cloud/lighting"
	"sconce/cloud/mail"
	"sconce/cloud/project"
	"sconce/cloud/store"
)

// testMembers grants groups, and goes through the life of an invitation.
func testMembers(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now()
	site, other := MakeSite(t, s, 0x10), MakeSite(t, s, 0x20)
	for _, id := range []sconce.GroupID{"g1", "g2"} {
		_, err := s.Lighting().CreateGroup(ctx, site.Owner, lighting.Group{ID: id, Network: site.Network, Name: "Room", Made: now})
		check(t, err)
	}
	groups := func(who sconce.AccountID) []sconce.GroupID {
		t.Helper()
		m, err := s.Projects().Member(ctx, who, site.Project)
		check(t, err)
		return m.Groups
	}
	una := project.Member{Account: "una", Role: sconce.User, Groups: []sconce.GroupID{"g1", "g2"}}
	check(t, s.Projects().SetMember(ctx, site.Owner, una, 10))
	if got := groups("una"); !slices.Equal(got, una.Groups) {
		t.Errorf("granted %v, want %v", got, una.Groups)
	}
	if err := s.Projects().SetMember(ctx, other.Owner, una, 10); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("groups of another project: %v", err)
	}
	_, err := s.Lighting().DeleteGroup(ctx, site.Owner, "g1")
	check(t, err)
	if got := groups("una"); !slices.Equal(got, []sconce.GroupID{"g2"}) {
		t.Errorf("after g1 is gone: %v", got)
	}

	i := invitation.Invitation{
		ID: "i", Project: site.Project, Token: sha256.Sum256([]byte("i")), By: site.Owner.Account(),
		Offer: project.Member{Role: sconce.User, Groups: []sconce.GroupID{"g2"}}, Made: now, Expires: now.Add(time.Hour),
	}
	check(t, s.Invitations().CreateInvitation(ctx, site.Owner, i, 1))
	second := i
	second.ID, second.Token = "j", sha256.Sum256([]byte("j"))
	if err := s.Invitations().CreateInvitation(ctx, site.Owner, second, 1); sconce.KindOf(err) != sconce.TooMany {
		t.Errorf("one invitation too many: %v", err)
	}
	if err := s.Invitations().RevokeInvitation(ctx, other.Owner, "i"); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("taking back an invitation of another project: %v", err)
	}
	got, err := s.Invitations().Invitation(ctx, i.Token)
	check(t, err)
	if got.ID != "i" || got.Project != site.Project || got.Offer.Role != sconce.User || !slices.Equal(got.Offer.Groups, i.Offer.Groups) ||
		!got.Expires.Equal(i.Expires.Truncate(time.Millisecond)) {
		t.Errorf("stored: %+v", got)
	}
	guest := project.Caller{Account: "guest"}
	check(t, s.Invitations().AcceptInvitation(ctx, got, guest, now, 10))
	if g := groups("guest"); !slices.Equal(g, i.Offer.Groups) {
		t.Errorf("the guest controls %v", g)
	}
	if err := s.Invitations().AcceptInvitation(ctx, got, project.Caller{Account: "eve"}, now, 10); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("accepting twice: %v", err)
	}
	second.Made = i.Expires // that one has expired
	check(t, s.Invitations().CreateInvitation(ctx, site.Owner, second, 1))
	if err := s.Invitations().AcceptInvitation(ctx, second, guest, now, 10); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("a member already: %v", err)
	}
}

// testLetters queues letters with what they speak of.
func testLetters(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now().Truncate(time.Millisecond)
	people, queue := s.Identity(), s.Letters()
	ada := identity.Credentials{Account: identity.Account{ID: "ada", Email: "ada@example.org", Name: "Ada", Country: "DE", Made: now}, PasswordHash: "x"}
	l := identity.Link{ID: [32]byte{1}, Kind: identity.RegistrationLink, Sealed: []byte{1}, Expires: now.Add(time.Hour)}
	letter := func(id string, after time.Duration) mail.Item {
		return mail.Item{ID: id, Sealed: []byte(id), Made: now, Next: now.Add(after)}
	}
	check(t, people.SendLink(ctx, l, letter("first", 0), now))
	check(t, people.UseRegistration(ctx, l.ID, ada, "account:ada"))
	if err := people.UseRegistration(ctx, l.ID, ada, "account:ada"); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("a link twice: %v", err)
	}
	reset := identity.Link{ID: [32]byte{2}, Kind: identity.ResetLink, Account: "ada", Expires: now.Add(time.Hour)}
	check(t, people.SendLink(ctx, reset, letter("second", time.Minute), now))
	check(t, people.UseReset(ctx, reset.ID, "ada", "y", letter("third", 2*time.Minute), now))
	if c, err := people.Credentials(ctx, ada.Email); err != nil || c.PasswordHash != "y" || c.Country != "DE" {
		t.Errorf("after the reset: %+v, %v", c.Account, err)
	}
	check(t, people.SendLink(ctx, l, letter("fourth", 3*time.Minute), now))
	check(t, people.SendLink(ctx, reset, letter("fifth", 4*time.Minute), l.Expires)) // removes what has expired
	if gone, err := people.Link(ctx, l.ID); err != nil || gone.Kind != 0 {
		t.Errorf("an expired link: %+v, %v", gone, err)
	}

	check(t, queue.Postpone(ctx, "first", 1, now.Add(time.Hour)))
	check(t, queue.Remove(ctx, "second"))
	due, err := queue.Due(ctx, now.Add(2*time.Hour), 10)
	check(t, err)
	var order []string
	for _, i := range due {
		order = append(order, i.ID)
	}
	if !slices.Equal(order, []string{"third", "fourth", "fifth", "first"}) || due[3].Tries != 1 || string(due[3].Sealed) != "first" {
		t.Errorf("the queue: %+v", due)
	}
	if due, err := queue.Due(ctx, now.Add(time.Minute), 10); err != nil || len(due) != 0 {
		t.Errorf("due in a minute: %v, %v", due, err)
	}

	check(t, people.SaveInvited(ctx, "i", "grace@example.org", letter("sixth", 0)))
	invited, err := people.Invited(ctx, []string{"i", "j"})
	if err != nil || len(invited) != 1 || invited["i"] != "grace@example.org" {
		t.Errorf("invited: %v, %v", invited, err)
	}
	check(t, people.ForgetInvited(ctx, "i"))
	if invited, err := people.Invited(ctx, []string{"i"}); err != nil || len(invited) != 0 {
		t.Errorf("forgotten: %v, %v", invited, err)
	}
}

// testPerson corrects somebody, and erases them with all that is theirs.
func testPerson(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	people := s.Identity()
	ada := makeAccount(t, s, "ada", now)
	bob := makeAccount(t, s, "bob", now)
	a := identity.Account{ID: "ada", Email: "ada@example.org", Name: "Ada Lovelace", Country: "GB", Made: now}
	details := identity.Details{Phone: "+44 20 1234", Address: "12 St James's Square\nLondon", Contact: "Mary"}
	check(t, people.CorrectPerson(ctx, ada, a, details, now))
	if got, err := people.Details(ctx, "ada"); err != nil || got != details {
		t.Errorf("the details are %+v, %v", got, err)
	}
	check(t, people.CorrectPerson(ctx, ada, a, identity.Details{Contact: "Mary"}, now))
	if got, err := people.Details(ctx, "ada"); err != nil || got != (identity.Details{Contact: "Mary"}) {
		t.Errorf("without the others the details are %+v, %v", got, err)
	}
	if c, err := people.Credentials(ctx, a.Email); err != nil || c.Account != a {
		t.Errorf("corrected: %+v, %v", c.Account, err)
	}
	check(t, people.CreateSecondStep(ctx, ada, identity.SecondStep{Sealed: []byte{1}, Since: now}, [][32]byte{{1}}, nil))
	reset := identity.Link{ID: [32]byte{7}, Kind: identity.ResetLink, Account: "ada", Expires: now.Add(time.Hour)}
	letter := func(id string) mail.Item { return mail.Item{ID: id, Sealed: []byte(id), Made: now, Next: now} }
	check(t, people.SendLink(ctx, reset, letter("first"), now))
	check(t, people.SaveInvited(ctx, "i", a.Email, letter("second")))
	check(t, people.SaveInvited(ctx, "j", "bob@example.org", letter("third")))
	if ids, err := s.InvitationsTo(ctx, a.Email); err != nil || !slices.Equal(ids, []string{"i"}) {
		t.Errorf("invited to %q, %v", ids, err)
	}

	last := letter("last")
	check(t, people.EraseAccount(ctx, ada, a, &last, now))
	found, err := people.Accounts(ctx, []sconce.AccountID{"ada", "bob"})
	if err != nil || len(found) != 1 || found[0].ID != "bob" {
		t.Errorf("accounts %v, %v", found, err)
	}
	if in, _, err := people.Session(ctx, ada.ID); err != nil || in.Account != "" {
		t.Errorf("a session of who is gone: %v, %v", in.Account, err)
	}
	if in, _, err := people.Session(ctx, bob.ID); err != nil || in.Account != "bob" {
		t.Errorf("the session of the other one: %v, %v", in.Account, err)
	}
	if step, err := people.SecondStep(ctx, "ada"); err != nil || step.Asked() {
		t.Errorf("a second step of who is gone: %v, %v", step.Since, err)
	}
	if l, err := people.Link(ctx, reset.ID); err != nil || l.Kind != 0 {
		t.Errorf("a link of who is gone: %v, %v", l.Kind, err)
	}
	if got, err := people.Invited(ctx, []string{"i", "j"}); err != nil || len(got) != 1 || got["j"] == "" {
		t.Errorf("invited: %d, %v", len(got), err)
	}
	due, err := s.Letters().Due(ctx, now, 10)
	if err != nil || !slices.ContainsFunc(due, func(i mail.Item) bool { return i.ID == "last" }) {
		t.Errorf("%d letters, %v", len(due), err)
	}
	if err := people.CorrectPerson(ctx, ada, a, identity.Details{}, now); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("correcting who is gone: %v", err)
	}
	entries, err := s.EntriesOf(ctx, audit.Account("ada"), 10)
	if err != nil || len(entries) < 4 || entries[0].Action != audit.AccountErased {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
