package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/identitydb"
)

func (s identities) SendLink(ctx context.Context, l identity.Link, letter mail.Item, now time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := q.DeleteExpiredLinks(ctx, now.UnixMilli()); err != nil {
			return doing("removing expired links", err)
		}
		return createLink(ctx, q, l, letter)
	})
}

// createLink stores a link, and the letter that it is in.
func createLink(ctx context.Context, q *identitydb.Queries, l identity.Link, letter mail.Item) error {
	sealed := l.Sealed
	if sealed == nil {
		sealed = []byte{}
	}
	err := q.CreateLink(ctx, identitydb.CreateLinkParams{
		TokenSha256: l.ID[:], Kind: int64(l.Kind), AccountID: string(l.Account), Sealed: sealed, ExpiresMs: l.Expires.UnixMilli(),
	})
	if err != nil {
		return doing("storing a link", err)
	}
	return queueLetter(ctx, q, letter)
}

// queueLetter puts a letter into the queue, in the transaction of what it speaks of.
func queueLetter(ctx context.Context, q *identitydb.Queries, l mail.Item) error {
	n, err := q.CountLetters(ctx)
	if err != nil {
		return doing("counting letters", err)
	}
	if n >= mail.MaxQueued {
		return sconce.LaterErrorf(sconce.TooMany, 15*time.Minute, "%d letters wait to be sent: try again later", n)
	}
	return doing("queueing a letter", q.CreateLetter(ctx, identitydb.CreateLetterParams{
		ID: l.ID, Sealed: l.Sealed, MadeMs: l.Made.UnixMilli(), Tries: int64(l.Tries), NextMs: l.Next.UnixMilli(),
	}))
}

func (s identities) Link(ctx context.Context, id [sha256.Size]byte) (identity.Link, error) {
	l, err := s.db.reading.Link(ctx, id[:])
	if errors.Is(err, sql.ErrNoRows) {
		return identity.Link{}, nil
	}
	return identity.Link{
		ID: id, Kind: identity.LinkKind(l.Kind), Account: sconce.AccountID(l.AccountID), Sealed: l.Sealed, Expires: momentOf(l.ExpiresMs),
	}, doing("reading a link", err)
}

// useLink uses a link up.
func useLink(ctx context.Context, q *identitydb.Queries, id [sha256.Size]byte) error {
	n, err := q.UseLink(ctx, id[:])
	if err == nil && n == 0 {
		return identity.ErrLinkEnded()
	}
	return doing("using a link", err)
}

func (s identities) UseRegistration(ctx context.Context, link [sha256.Size]byte, c identity.Credentials, by audit.Subject) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := useLink(ctx, q, link); err != nil {
			return err
		}
		return s.createAccount(ctx, q, c, by, "letter")
	})
}

func (s identities) UseReset(ctx context.Context, link [sha256.Size]byte, account sconce.AccountID, hash string, letter mail.Item, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := useLink(ctx, q, link); err != nil {
			return err
		}
		if err := setPassword(ctx, q, account, hash); err != nil {
			return err
		}
		err := recordPeople(ctx, q, audit.Event{
			At: at, Who: audit.Account(account), Origin: "letter", Action: audit.PasswordChanged, Result: audit.Done,
		})
		if err != nil {
			return err
		}
		return queueLetter(ctx, q, letter)
	})
}

func (s identities) SaveInvited(ctx context.Context, id, email string, letter mail.Item) error {
	v, err := s.sealer()
	if err != nil {
		return err
	}
	sealed, err := sealInvited(v, id, email)
	if err != nil {
		return err
	}
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := q.SaveInvited(ctx, sealed); err != nil {
			return doing("storing whom an invitation was sent to", err)
		}
		return queueLetter(ctx, q, letter)
	})
}

func (s identities) Queue(ctx context.Context, letter mail.Item) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error { return queueLetter(ctx, q, letter) })
}

func (s identities) Invited(ctx context.Context, ids []string) (map[string]string, error) {
	emails, err := s.openInvited(ctx, s.db.reading, ids)
	return emails, doing("reading whom invitations were sent to", err)
}

func (s identities) ForgetInvited(ctx context.Context, id string) error {
	return doing("forgetting whom an invitation was sent to", s.db.update(ctx, func(q *identitydb.Queries) error {
		return q.ForgetInvited(ctx, id)
	}))
}

// Letters returns where letters wait to be sent.
func (s *Store) Letters() mail.Store { return letters{s.identity} }

type letters struct {
	db *database[*identitydb.Queries]
}

func (l letters) Due(ctx context.Context, now time.Time, limit int) ([]mail.Item, error) {
	rows, err := l.db.reading.DueLetters(ctx, identitydb.DueLettersParams{NowMs: now.UnixMilli(), Max: int64(limit)})
	return mapped(rows, func(r identitydb.Letter) mail.Item {
		return mail.Item{ID: r.ID, Sealed: r.Sealed, Made: momentOf(r.MadeMs), Tries: int(r.Tries), Next: momentOf(r.NextMs)}
	}), doing("reading letters", err)
}

func (l letters) Postpone(ctx context.Context, id string, tries int, next time.Time) error {
	return doing("postponing a letter", l.db.update(ctx, func(q *identitydb.Queries) error {
		return q.PostponeLetter(ctx, identitydb.PostponeLetterParams{ID: id, Tries: int64(tries), NextMs: next.UnixMilli()})
	}))
}

func (l letters) Remove(ctx context.Context, id string) error {
	return doing("removing a letter", l.db.update(ctx, func(q *identitydb.Queries) error { return q.RemoveLetter(ctx, id) }))
}
