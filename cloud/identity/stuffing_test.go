package identity_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
)

// memory is as much of a store as signing in takes, and as forgotten passwords take.
type memory struct {
	identity.Store

	accounts map[string]identity.Credentials // by address
	attempts atomic.Int64                    // that were noted
	hold     chan struct{}                   // when set, accounts are found once it is closed
}

func (m *memory) Credentials(_ context.Context, email string) (identity.Credentials, error) {
	if m.hold != nil {
		<-m.hold
	}
	return m.accounts[email], nil
}

func (*memory) SecondStep(context.Context, sconce.AccountID) (identity.SecondStep, error) {
	return identity.SecondStep{}, nil
}

func (*memory) CreateSession(context.Context, identity.Session, []byte, int) error { return nil }

func (*memory) SendLink(context.Context, identity.Link, mail.Item, time.Time) error { return nil }

func (m *memory) NoteAttempt(context.Context, identity.Attempt) error {
	m.attempts.Add(1)
	return nil
}

// refusals counts what is refused.
type refusals struct{ n int }

func (r *refusals) Refuse(context.Context, audit.Chain, audit.Subject, audit.Origin, string, string) error {
	r.n++
	return nil
}

// besieged is a service with people of one password each, in memory.
func besieged(t *testing.T, people int) (*identity.Service, *memory, *clock, *[]int) {
	t.Helper()
	p := newPeople(t) // for its vault
	hash, err := p.store.Credentials(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{accounts: map[string]identity.Credentials{}}
	for i := range people {
		a := identity.Account{ID: sconce.AccountID(fmt.Sprint("person-", i)), Email: person(i), Name: "P"}
		m.accounts[a.Email] = identity.Credentials{Account: a, PasswordHash: hash.PasswordHash}
	}
	s, costs := identity.NewCheap(identity.Parts{
		Store: m, Refusals: &refusals{}, Now: p.clock.now, Vault: p.vault,
		Post: identity.Post{Page: func(path string) string { return site + path }, Came: func() {}},
	})
	return s, m, p.clock, costs
}

func person(i int) string { return fmt.Sprintf("person%d@example.org", i) }

// TestStuffing tries 100,000 passwords that leaked elsewhere, in four hours from 5,000 addresses, at
// 2,000 accounts of which half are not there. Meanwhile the owners of those that are sign in, at the first
// try. What is tried is bounded for each address, the answers tell nothing, and none gets in.
func TestStuffing(t *testing.T) {
	const tries, places, busy, people = 100_000, 5_000, 20, 2_000
	s, m, clock, costs := besieged(t, people/2)
	ctx := t.Context()
	began := clock.at
	answers := map[string]int{}
	checked, own := 0, 0
	for i := range tries {
		clock.at = began.Add(time.Duration(i) * 4 * time.Hour / tries)
		// Twenty addresses do half of the work, and an eighth of the tries are at one account.
		place := i % places
		if i%2 == 0 {
			place = i / 2 % busy
		}
		victim := i * 7 % people
		if i%8 == 3 {
			victim = 1
		}
		from := identity.Client{From: netip.AddrFrom4([4]byte{10, byte(place >> 8), byte(place), 1})}
		*costs = (*costs)[:0]
		in, err := s.SignIn(ctx, person(victim), identity.NewPassword(fmt.Sprint("leaked elsewhere ", i)), from)
		if err == nil {
			t.Fatalf("try %d got in: %v", i, in)
		}
		checked += len(*costs)
		answer, _, _ := strings.Cut(err.Error(), ": try again in ") // how long, a place has by its own tries
		answers[answer]++
		if i%500 == 0 { // an owner, from home; every fourth time that of the account under most attack
			who := i / 500 * 13 % (people / 2)
			if i%2000 == 0 {
				who = 1
			}
			home := identity.Client{From: netip.AddrFrom4([4]byte{192, 0, byte(who >> 8), byte(who)})}
			if _, err := s.SignIn(ctx, person(who), identity.NewPassword(password), home); err != nil {
				t.Fatalf("the owner of %s, at try %d: %v", person(who), i, err)
			}
			own++
		}
	}
	s.Close()
	if len(answers) != 2 {
		t.Errorf("the answers are %v; want one for wrong and one for too many", answers)
	}
	// In four hours there are 16 windows of a quarter of an hour, with at most 100 tries of one address.
	if most := busy*16*100 + tries/2; checked > most {
		t.Errorf("%d passwords were checked; at most %d", checked, most)
	}
	if n := int(m.attempts.Load()); n == 0 || n > checked {
		t.Errorf("%d attempts were noted of %d that were checked", n, checked)
	}
	t.Logf("%d of %d tries were checked; %d owners signed in", checked, tries, own)
}

// TestStuffingFromOneNetwork shows that whoever has one household's addresses, 2^64 of IPv6, is one place.
func TestStuffingFromOneNetwork(t *testing.T) {
	s, _, _, costs := besieged(t, 100)
	for i := range 10_000 {
		from := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 14: byte(i >> 8), 15: byte(i)})
		_, err := s.SignIn(t.Context(), person(i%100), identity.NewPassword("leaked elsewhere"), identity.Client{From: from})
		if err == nil {
			t.Fatal("got in")
		}
	}
	s.Close()
	if n := len(*costs); n != 100 {
		t.Errorf("%d passwords were checked, want 100", n)
	}
}

// TestWritingIsBounded shows that who asks for letters faster than they are written is told so, that no
// more is kept waiting, and that it goes on afterwards.
func TestWritingIsBounded(t *testing.T) {
	s, m, _, _ := besieged(t, 200)
	m.hold = make(chan struct{})
	ask := func(i int) error {
		return s.ForgotPassword(t.Context(), person(i), identity.Client{From: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})})
	}
	for i := range 64 {
		if err := ask(i); err != nil {
			t.Fatalf("letter %d: %v", i, err)
		}
	}
	for i := 64; i < 70; i++ {
		wantKind(t, "one more than are written at a time", ask(i), sconce.TooMany)
	}
	close(m.hold)
	s.Close()
	if err := ask(70); err != nil {
		t.Errorf("after those were written: %v", err)
	}
	s.Close()
}
