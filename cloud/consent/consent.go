// Package consent remembers which texts of an installation somebody agreed to, and when: its
// terms of use and its notice on privacy, which the operator puts into a folder. Who has not
// agreed to those of now is asked before anything else, once they are signed in; where there
// are no texts, nobody is asked for anything.
//
// It follows the General Data Protection Regulation (EU 2016/679), articles 7 (1), to be able
// to show it, and 13, to have told. To agree is what an account is given for: it is taken back
// by erasing the account (package privacy), and there is nothing optional that would be worth
// asking for. What a text says is the operator's; who is asking, package identity's.
package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/audit"
)

// Kind says what a text is.
type Kind string

// The kinds of text, in the order in which they are read.
const (
	Terms   Kind = "terms"   // of use
	Privacy Kind = "privacy" // what is done with what is known of a person
)

// Digest is the SHA-256 of a text, which names it.
type Digest [sha256.Size]byte

// String returns the 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Name is what tells a text from every other.
type Name struct {
	Kind    Kind
	Version string // the day that it is of, as in 2026-01-31
	Digest  Digest
}

// Text is a text of the operator's.
type Text struct {
	Name

	Body string
}

// Agreement is that somebody agreed to a text.
type Agreement struct {
	Name

	At time.Time
}

// Store keeps agreements with the accounts, and writes each in the security log, in the same
// transaction.
type Store interface {
	// Agreements returns those of an account, the newest first.
	Agreements(ctx context.Context, who sconce.AccountID) ([]Agreement, error)
	// Agree stores agreements of an account; those that are there already stay as they are.
	// It is a [sconce.NotFound] when there is no such account.
	Agree(ctx context.Context, who sconce.AccountID, all []Agreement, origin audit.Origin) error
}

// MaxKnown is how many accounts are remembered that have agreed to everything; when there are
// more, all are looked up anew.
const MaxKnown = 1 << 16

// Service holds the rules. It is safe for concurrent use.
type Service struct {
	texts []Text // of now, at most one of each kind
	store Store
	now   func() time.Time

	mu    sync.Mutex
	known map[sconce.AccountID]bool // have agreed to all texts
}

// New returns a Service for the texts of now.
func New(texts []Text, store Store, now func() time.Time) *Service {
	return &Service{texts: texts, store: store, now: now, known: map[sconce.AccountID]bool{}}
}

// Texts returns the texts of now.
func (s *Service) Texts() []Text { return append([]Text(nil), s.texts...) }

// Of returns what somebody agreed to, the newest first, and the texts of now that they have
// not agreed to.
func (s *Service) Of(ctx context.Context, who sconce.AccountID) (agreed []Agreement, open []Text, err error) {
	if agreed, err = s.store.Agreements(ctx, who); err != nil {
		return nil, nil, err
	}
	there := map[Name]bool{}
	for _, a := range agreed {
		there[a.Name] = true
	}
	for _, t := range s.texts {
		if !there[t.Name] {
			open = append(open, t)
		}
	}
	return agreed, open, nil
}

// Agree notes that somebody agrees to texts of now, named by their digests, from a session.
// A text that is not one of now is a [sconce.Conflict]: it was changed while they read it.
func (s *Service) Agree(ctx context.Context, who sconce.AccountID, digests []string, origin audit.Origin) error {
	var all []Agreement
	at := s.now()
	for _, d := range digests {
		t, ok := s.named(d)
		if !ok {
			return sconce.Errorf(sconce.Conflict, "one of these texts is not the one of now: read it again")
		}
		all = append(all, Agreement{t.Name, at})
	}
	if len(all) == 0 {
		return sconce.FieldErrorf("agree", "expected the digest of at least one text")
	}
	return s.store.Agree(ctx, who, all, origin)
}

func (s *Service) named(digest string) (Text, bool) {
	for _, t := range s.texts {
		if t.Digest.String() == digest {
			return t, true
		}
	}
	return Text{}, false
}

// Require returns nil when somebody has agreed to all texts of now, and otherwise [ErrOpen].
func (s *Service) Require(ctx context.Context, who sconce.AccountID) error {
	if len(s.texts) == 0 || s.knows(who) {
		return nil
	}
	_, open, err := s.Of(ctx, who)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		return ErrOpen()
	}
	s.learn(who)
	return nil
}

// ErrOpen is the answer to who has not agreed to the texts of now.
func ErrOpen() error {
	return sconce.Errorf(sconce.Forbidden, "agree to the terms of this service first: open the application, which shows them to you")
}

func (s *Service) knows(who sconce.AccountID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[who]
}

func (s *Service) learn(who sconce.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= MaxKnown {
		clear(s.known)
	}
	s.known[who] = true
}

// Detail says of an agreement what the security log has: as in terms 2026-01-31 and the digest.
func (n Name) Detail() string { return fmt.Sprintf("%s %s sha256=%s", n.Kind, n.Version, n.Digest) }
