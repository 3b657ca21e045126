package mail

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"sconce"
	"sconce/cloud/vault"
)

// The limits of the queue.
const (
	// MaxQueued is how many letters wait at most; one more is a [sconce.TooMany].
	MaxQueued = 10_000
	// GiveUpAfter is how long a letter is tried. The links in them do not live longer.
	GiveUpAfter = 24 * time.Hour
	firstRetry  = time.Minute
	lastRetry   = time.Hour
	// pace is how often the queue is looked at when nobody says that something came.
	pace = 10 * time.Second
	// sendTime is how long sending one letter may take.
	sendTime = time.Minute
	atOnce   = 20
)

// Item is a letter in the queue.
type Item struct {
	ID     string
	Sealed []byte // of a [draft], in its place
	Made   time.Time
	Tries  int
	Next   time.Time // when it is tried
}

// Store keeps the queue.
type Store interface {
	// Due returns up to limit letters whose time has come, the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]Item, error)
	// Postpone notes a try that failed.
	Postpone(ctx context.Context, id string, tries int, next time.Time) error
	// Remove takes a letter out: it was sent, or given up.
	Remove(ctx context.Context, id string) error
}

// Sender sends a letter to one person.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// draft is what the queue holds, sealed.
type draft struct {
	Kind   Kind   `json:"kind"`
	To     string `json:"to"`
	Values Values `json:"values"`
}

// Seal returns an item for the queue, which a capability stores in the transaction of
// what the letter speaks of.
func Seal(v *vault.Vault, now time.Time, kind Kind, to string, values Values) (Item, error) {
	plain, err := json.Marshal(draft{kind, to, values})
	if err != nil {
		return Item{}, fmt.Errorf("queueing a letter: %w", err)
	}
	id := rand.Text()
	sealed, err := v.Seal(plain, place(id))
	return Item{ID: id, Sealed: sealed, Made: now, Next: now}, err
}

func place(id string) vault.Field {
	return vault.Field{Table: "letters", Column: "sealed", Row: id}
}

// Office sends what is in the queue.
type Office struct {
	Store    Store
	Vault    *vault.Vault
	Composer *Composer
	Sender   Sender
	Now      func() time.Time
	Log      *slog.Logger
}

// Run sends letters until ctx ends. A value on came makes it look at once.
func (o *Office) Run(ctx context.Context, came <-chan struct{}) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		for o.round(ctx) == atOnce && ctx.Err() == nil {
		}
		select {
		case <-ctx.Done():
			return
		case <-came:
		case <-tick.C:
		}
	}
}

// round tries the letters that are due, and returns how many there were.
func (o *Office) round(ctx context.Context) int {
	due, err := o.Store.Due(ctx, o.Now(), atOnce)
	if err != nil {
		o.Log.Error("the queue of letters cannot be read", slog.Any("error", err))
		return 0
	}
	for _, item := range due {
		if err := o.Deliver(ctx, item); err != nil {
			o.Log.Error("the queue of letters cannot be written", slog.Any("error", err))
			return 0
		}
	}
	return len(due)
}

// Deliver tries to send one letter, and notes what came of it. The error is that of the
// store.
func (o *Office) Deliver(ctx context.Context, item Item) error {
	err := o.send(ctx, item)
	now, tries := o.Now(), item.Tries+1
	switch {
	case err == nil:
		return o.Store.Remove(ctx, item.ID)
	case ctx.Err() != nil: // we are being stopped: it is tried again after the start
		return nil
	case sconce.KindOf(err) == sconce.Invalid || now.Sub(item.Made) >= GiveUpAfter:
		o.Log.Error("a letter is given up", slog.String("letter", item.ID), slog.Int("tries", tries), slog.Any("reason", err))
		return o.Store.Remove(ctx, item.ID)
	}
	o.Log.Warn("a letter is not sent yet", slog.String("letter", item.ID), slog.Int("tries", tries), slog.Any("reason", err))
	return o.Store.Postpone(ctx, item.ID, tries, now.Add(backOff(tries)))
}

func backOff(tries int) time.Duration {
	return min(firstRetry<<min(tries-1, 10), lastRetry)
}

func (o *Office) send(ctx context.Context, item Item) error {
	plain, err := o.Vault.Open(item.Sealed, place(item.ID))
	if err != nil {
		return sconce.Errorf(sconce.Invalid, "%w", err)
	}
	var d draft
	if err := json.Unmarshal(plain, &d); err != nil {
		return sconce.Errorf(sconce.Invalid, "it is not readable")
	}
	letter, err := o.Composer.Compose(d.Kind, d.To, d.Values)
	if err != nil {
		return sconce.Errorf(sconce.Invalid, "%w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return o.Sender.Send(ctx, letter)
}
