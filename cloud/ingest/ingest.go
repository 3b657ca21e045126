// Package ingest is the way of the gateways' messages into the cloud: the
// [Journal], which keeps them as they came and says when they are safe, and the
// [Projector], which makes everything else from the journal.
//
// A message is acknowledged after the transaction that holds it has committed,
// never before. It is named by (gateway, boot, sequence); one that came again is
// acknowledged like the first and kept only as the fact that it came again.
// Nothing that a gateway may send is refused for what is in it: a message without
// a readable header, of an unknown kind or with an unreadable body is kept,
// counted and acknowledged, so that it can neither be lost nor come for ever.
// Only a journal that cannot commit refuses, and then it refuses everything:
// the gateways keep what they have.
//
// The package holds no SQL and knows no MQTT; it follows DESIGN §6 and §7.
package ingest

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// Batch is the messages of one commit of the journal.
type Batch struct {
	ID       int64 // from 1, without gaps
	Received time.Time
	Count    int    // how many messages, duplicates included
	Messages []byte // one after the other, see [Entry]
}

// Log keeps the batches of the journal.
type Log interface {
	// Pack returns messages as Append takes them, in the memory of into if there is
	// room: the work that need not wait for the commit before.
	Pack(into, messages []byte) []byte
	// Append commits a batch whose messages are packed: when it returns nil, the
	// batch survives a loss of power. The log does not keep b.Messages after it
	// returns. Only one Append runs at a time.
	Append(ctx context.Context, b Batch) error
	// Last returns the identifier of the newest batch that there ever was: one that
	// is in the log, or that results were made from; 0 for none.
	Last(ctx context.Context) (int64, error)
	// After returns the batches that follow a batch, in order and not packed: at
	// least one if there is one, and no more once their messages exceed maxBytes.
	After(ctx context.Context, id int64, maxBytes int) ([]Batch, error)
	// Count returns how many batches there are after one, up to another.
	Count(ctx context.Context, after, until int64) (int64, error)
	// Prune deletes up to limit batches that were received before a time and whose
	// results are in a base, and returns how many it deleted.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// Placement says which network a gateway served from one batch on. The zero
// Assignment says none.
type Placement struct {
	Gateway sconce.EUI64
	Since   int64 // identifier of the first batch that it holds for
	project.Assignment
}

// Run is the account of one run of one gateway, from its start to its next.
type Run struct {
	Gateway     sconce.EUI64
	Boot        uint64
	First, Last time.Time       // when the first and the newest message came, by the cloud's clock
	Received    uint64          // different messages
	Duplicates  uint64          // messages that had come before
	Unknown     uint64          // of Received: of a kind that this version does not know
	Malformed   uint64          // of Received: set aside as poison
	Late        uint64          // readings that were too old to be kept
	Seen        Sequences       // the numbers that have come
	Skips       []telemetry.Gap // when numbers were skipped, in order; see [Run.Gaps]
	Clock       Clock
	Dropped     []telemetry.Drop // by the gateway's own account
	Generated   bool             // it told what a program made up
}

// Missing returns how many numbers below the highest have not come. A number
// that is still on its way counts until it comes.
func (r *Run) Missing() uint64 { return r.Seen.Highest() - r.Received }

// Poison is a message that could not be understood.
type Poison struct {
	Batch    int64
	N        int // place in the batch
	Gateway  sconce.EUI64
	Kind     string // last level of the topic
	Received time.Time
	Reason   string
	Payload  []byte
}

// MaxPoison is how many poison messages are kept; older ones are deleted.
const MaxPoison = 10_000

// Results keeps what is made from the journal.
type Results interface {
	// Position returns the last batch whose results are there, 0 for none.
	Position(ctx context.Context) (int64, error)
	// Runs calls fn with every run, in the order of their newest messages.
	Runs(ctx context.Context, fn func(Run)) error
	// Placements returns the placements in the order of gateway and batch.
	Placements(ctx context.Context) ([]Placement, error)
	// Place adds a placement.
	Place(ctx context.Context, p Placement) error
	// Apply runs fn in one transaction, which also sets the position.
	Apply(ctx context.Context, position int64, fn func(tx Tx) error) error
	// Poisoned returns up to limit of the messages that were set aside, newest first.
	Poisoned(ctx context.Context, limit int) ([]Poison, error)
	// Bases returns the bases, the oldest first.
	Bases(ctx context.Context) ([]Base, error)
	// MakeBase keeps the results as they are at one moment as a base: b.After is set to the
	// position then. Where there is one of this position it stays.
	MakeBase(ctx context.Context, b Base) error
	RemoveBase(ctx context.Context, after int64) error
	// Rebuilding returns the rebuild that is under way; the zero Rebuild says none.
	Rebuilding(ctx context.Context) (Rebuild, error)
	// TakeBack begins a rebuild: in one transaction it makes the results as they were when
	// the batch r.After had been projected, by the base of that batch unless that is 0, sets the position to that, and records e.
	TakeBack(ctx context.Context, r Rebuild, e audit.Event) error
	// Rebuilt ends the rebuild that is under way.
	Rebuilt(ctx context.Context) error
}

// Tx is one transaction on the results.
type Tx interface {
	SetRun(r Run) error
	// SetAside stores a poison message, and deletes those beyond [MaxPoison].
	SetAside(p Poison) error

	telemetry.Results
	lighting.Results
}

// Assignments says which network a gateway serves now.
type Assignments interface {
	Assignment(ctx context.Context, gateway sconce.EUI64) (project.Assignment, error)
}
