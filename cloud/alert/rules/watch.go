package rules

import "time"

// Watch is what is remembered of one condition of one device. The zero value is that of a
// condition that was never looked at.
type Watch struct {
	Since   time.Time // since when it is wrong; zero while it is right
	Gone    time.Time // since when it is right again, of one that is raised; else zero
	Cleared time.Time // when it was last cleared
	Raised  bool
	Times   int // how often it was raised in a row

	// What a kind learns; each says for itself what.
	Learned float64
	Seen    float64
	Count   int
	At      time.Time
}

// Verdict is how a condition stands at one look.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // nothing can be said now: all stays as it is
	Right
	Between // neither: what is raised stays so, and nothing new begins
	Wrong
)

// Change is what became of a watch.
type Change uint8

// The changes.
const (
	Same Change = iota
	Raise
	Clear
)

// step takes a verdict into account. since is when it became so, as far as that is known,
// else zero. next is when to look again though nothing happens; zero for never.
func (w Watch) step(r Rule, v Verdict, since, now time.Time) (_ Watch, _ Change, next time.Time) {
	if since.IsZero() || since.After(now) {
		since = now
	}
	switch {
	case v == Unknown:
		return w, Same, time.Time{}
	case v == Wrong && !w.Raised:
		if w.Since.IsZero() {
			w.Since = since
		}
		if due := w.Since.Add(r.Delay); now.Before(due) {
			return w, Same, due
		}
		if w.Cleared.IsZero() || now.Sub(w.Cleared) > Forgiven {
			w.Times = 0
		}
		w.Raised, w.Times, w.Gone = true, w.Times+1, time.Time{}
		return w, Raise, time.Time{}
	case !w.Raised:
		w.Since = time.Time{}
		return w, Same, time.Time{}
	case v != Right:
		w.Gone = time.Time{}
		return w, Same, time.Time{}
	}
	if w.Gone.IsZero() {
		w.Gone = now // not earlier: what it was before nobody knows
	}
	if due := w.Gone.Add(patience(r, w.Times)); now.Before(due) {
		return w, Same, due
	}
	w.Raised, w.Since, w.Gone, w.Cleared = false, time.Time{}, time.Time{}, now
	return w, Clear, time.Time{}
}

// patience is how long something must be right before it is cleared, that was raised so
// often in a row.
func patience(r Rule, times int) time.Duration {
	hold := r.Hold << min(max(times-1, 0), 10)
	return min(hold, max(MaxHold, r.Hold))
}

// off ends what is raised when its rule is switched off.
func (w Watch) off(now time.Time) (Watch, Change, time.Time) {
	if !w.Raised {
		w.Since = time.Time{}
		return w, Same, time.Time{}
	}
	w.Raised, w.Since, w.Gone, w.Cleared = false, time.Time{}, time.Time{}, now
	return w, Clear, time.Time{}
}
