package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/once"
	"sconce/cloud/store/identitydb"
)

// Once returns where requests are kept that are done once.
func (s *Store) Once() once.Store { return onces{s.identity} }

type onces struct {
	db *database[*identitydb.Queries]
}

func (s onces) Begin(ctx context.Context, r once.Request, before time.Time, most int) (found once.Request, err error) {
	err = s.db.update(ctx, func(q *identitydb.Queries) error {
		found = once.Request{}
		if err := q.DeleteRequestsOnceBefore(ctx, before.UnixMilli()); err != nil {
			return err
		}
		row, err := q.RequestOnce(ctx, r.Key[:])
		if err == nil {
			found = requestOf(row)
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		n, err := q.CountRequestsOnce(ctx, string(r.Account))
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return sconce.LaterErrorf(sconce.TooMany, time.Hour, "%d requests with an Idempotency-Key were made in a day: try again later", n)
		}
		return q.BeginRequestOnce(ctx, identitydb.BeginRequestOnceParams{
			KeySha256: r.Key[:], AccountID: string(r.Account), ContentSha256: r.Content[:], Nothing: []byte{}, MadeMs: r.Made.UnixMilli(),
		})
	})
	return found, doing("storing that a request is done", err)
}

func (s onces) End(ctx context.Context, key once.Digest, status int, sealed []byte) error {
	return doing("storing an answer", s.db.update(ctx, func(q *identitydb.Queries) error {
		return q.EndRequestOnce(ctx, identitydb.EndRequestOnceParams{KeySha256: key[:], Status: int64(status), AnswerSealed: sealed})
	}))
}

func (s onces) Forget(ctx context.Context, key once.Digest) error {
	return doing("forgetting a request", s.db.update(ctx, func(q *identitydb.Queries) error {
		return q.ForgetRequestOnce(ctx, key[:])
	}))
}

func requestOf(r identitydb.RequestsOnce) once.Request {
	found := once.Request{Account: sconce.AccountID(r.AccountID), Made: momentOf(r.MadeMs), Status: int(r.Status), Sealed: r.AnswerSealed}
	copy(found.Key[:], r.KeySha256)
	copy(found.Content[:], r.ContentSha256)
	return found
}
