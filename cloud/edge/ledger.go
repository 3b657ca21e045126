package edge

import (
	"sync/atomic"

	"sconce/mqtt"
)

// ledger is what all sessions hold together, and what they have lost.
type ledger struct {
	limit int64
	held  atomic.Int64
	lost  [mqtt.LostTooLarge + 1]atomic.Int64
}

// portion is how much of what is still free one session may hold: the more others hold,
// the less. So the limit is never reached, however many clients take nothing, and a client
// that takes what it gets always finds room (Choudhury and Hahne, Dynamic queue length
// thresholds for shared-memory packet switches, 1998).
const portion = 8

// Hold implements [mqtt.Ledger].
func (l *ledger) Hold(bytes int) { l.held.Add(int64(bytes)) }

// Room implements [mqtt.Ledger].
func (l *ledger) Room() int { return int(max(l.limit-l.held.Load(), 0) / portion) }

// Lose implements [mqtt.Ledger].
func (l *ledger) Lose(why mqtt.Loss) { l.lost[why].Add(1) }
