// Package once does a request once, however often it is made: whoever does not know what
// became of it makes it again with the same key, and gets the answer of the first time
// (draft-ietf-httpapi-idempotency-key-header-07).
//
// That a request is being done is stored before it is done, and its answer after it. So a
// crash in between makes it neither lost unnoticed nor done twice: who asks again is told
// that the outcome is not known, and looks.
//
// Keys are kept as digests with the account that they are of, answers sealed, both for a day.
// It knows nothing of HTTP but the status and headers of an answer.
package once

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"sconce"
	"sconce/cloud/vault"
)

const (
	// Life is how long an answer is kept.
	Life = 24 * time.Hour
	// MaxKept is how many requests of an account are kept; one more is refused until the
	// oldest are a day old.
	MaxKept = 10_000
	// maxAnswer is the largest answer that is kept, in bytes. Of a larger one it is only kept
	// that the request was made.
	maxAnswer = 256 << 10
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// Answer is what a request was answered with.
type Answer struct {
	Status int                 `json:"status"` // of HTTP
	Header map[string][]string `json:"header"`
	Body   []byte              `json:"body"`
}

// Request is a request as it is kept.
type Request struct {
	Key     Digest // of the account and the key that it gave
	Account sconce.AccountID
	Content Digest // of what was asked for
	Made    time.Time
	Status  int    // 0 until it is answered
	Sealed  []byte // the answer
}

// Store keeps requests.
type Store interface {
	// Begin stores a request unless there is one of its key, and returns that one, the zero
	// value for none. It removes those that were made before a time. It is a
	// [sconce.TooMany] when the account has max.
	Begin(ctx context.Context, r Request, before time.Time, max int) (Request, error)
	// End stores the answer to a request.
	End(ctx context.Context, key Digest, status int, sealed []byte) error
	// Forget removes a request: it was not done.
	Forget(ctx context.Context, key Digest) error
}

// Sealer seals answers.
type Sealer interface {
	Seal(value []byte, at vault.Field) ([]byte, error)
	Open(sealed []byte, at vault.Field) ([]byte, error)
}

// Service holds the rules of requests that are done once.
type Service struct {
	Store Store
	Vault Sealer
	Now   func() time.Time
}

// Do does a request of somebody, or returns the answer to it of the first time; again says
// which. content is all that was asked for: the same key with another content is a
// [sconce.Invalid]. While the first request is being done, and when it was cut off, it is a
// [sconce.Conflict]. Temporary reports whether an answer means that nothing was done and
// that it may go better later: then the request is forgotten.
func (s *Service) Do(ctx context.Context, who sconce.AccountID, key string, content Digest, do func() Answer, temporary func(Answer) bool) (_ Answer, again bool, _ error) {
	now := s.Now()
	r := Request{Key: sha256.Sum256([]byte(string(who) + "\n" + key)), Account: who, Content: content, Made: now}
	first, err := s.Store.Begin(ctx, r, now.Add(-Life), MaxKept)
	if err != nil {
		return Answer{}, false, err
	}
	if first.Account != "" {
		answer, err := s.answered(first, content)
		return answer, true, err
	}
	answer := do()
	return answer, false, s.keep(context.WithoutCancel(ctx), r.Key, answer, temporary(answer))
}

func (s *Service) answered(first Request, content Digest) (Answer, error) {
	if first.Content != content {
		return Answer{}, sconce.Errorf(sconce.Invalid, "this Idempotency-Key was used for another request: use a new one for each")
	}
	if first.Status == 0 {
		return Answer{}, sconce.Errorf(sconce.Conflict, "the request with this Idempotency-Key is being done, or was cut off: look what became of it before you make it anew")
	}
	text, err := s.Vault.Open(first.Sealed, fieldOf(first.Key))
	if err != nil {
		return Answer{}, err
	}
	var answer Answer
	if err := json.Unmarshal(text, &answer); err != nil {
		return Answer{}, fmt.Errorf("reading an answer that was kept: %w", err)
	}
	return answer, nil
}

func (s *Service) keep(ctx context.Context, key Digest, answer Answer, temporary bool) error {
	if temporary {
		return s.Store.Forget(ctx, key)
	}
	if len(answer.Body) > maxAnswer {
		return nil
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	sealed, err := s.Vault.Seal(text, fieldOf(key))
	if err != nil {
		return err
	}
	return s.Store.End(ctx, key, answer.Status, sealed)
}

func fieldOf(key Digest) vault.Field {
	return vault.Field{Table: "requests_once", Column: "answer_sealed", Row: hex.EncodeToString(key[:])}
}
