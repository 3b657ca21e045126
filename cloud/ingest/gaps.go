package ingest

import (
	"slices"
	"time"

	"sconce/cloud/telemetry"
)

// maxSkips is how many skips of a run are remembered. Beyond that those are forgotten of
// which everything has come, and then the oldest; what is missing is still known, and not since when.
const maxSkips = 100

// skipped remembers that the number n came while all after highest had not: the last
// message before it came at last, and it at now. A zero last is that of a run that begins.
func (r *Run) skipped(highest, n uint64, last, now time.Time) {
	if n <= highest+1 {
		return
	}
	r.Skips = append(r.Skips, telemetry.Gap{First: highest + 1, Last: n - 1, After: last, Before: now})
	if len(r.Skips) <= maxSkips {
		return
	}
	r.Skips = slices.DeleteFunc(r.Skips, func(g telemetry.Gap) bool { return r.Seen.all(g.First, g.Last) })
	if len(r.Skips) > maxSkips {
		r.Skips = slices.Delete(r.Skips, 0, len(r.Skips)-maxSkips)
	}
}

// Gaps returns what of the numbers below the highest has not come, in order, at most limit of
// the newest, and how many gaps are older than these. Each says when it opened, if that is still known.
func (r *Run) Gaps(limit int) (gaps []telemetry.Gap, leftOut int) {
	end := uint64(0)
	for _, p := range r.Seen.spans {
		if p.low > end+1 {
			gaps = append(gaps, telemetry.Gap{First: end + 1, Last: p.low - 1})
		}
		end = p.high
	}
	leftOut = max(0, len(gaps)-limit)
	gaps = gaps[leftOut:]
	for i := range gaps {
		g := &gaps[i]
		n, found := slices.BinarySearchFunc(r.Skips, g.First, func(s telemetry.Gap, first uint64) int {
			switch {
			case s.Last < first:
				return -1
			case s.First > first:
				return 1
			default:
				return 0
			}
		})
		if found {
			g.After, g.Before = r.Skips[n].After, r.Skips[n].Before
		}
	}
	return gaps, leftOut
}
