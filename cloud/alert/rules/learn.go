package rules

import (
	"time"

	"sconce"
)

// How the rhythm of a device with a battery is learned: the longest pause between two
// words of it, which fades by a thousandth with each shorter one. It is offline when it has
// said nothing for four times that. Until enough pauses are known it has a day and two
// hours: those that are made for it say something every day.
const (
	rhythmPauses = 20
	rhythmTimes  = 4
	rhythmFades  = 0.999
	rhythmLeast  = time.Hour
	unlearned    = 26 * time.Hour
)

// presence is whether a device is there. Of one with mains power the gateway knows: it asks
// those that are quiet, and twice before it gives them up. One with a battery cannot be
// asked: for it Learned is the longest pause in seconds, At when it was last heard, and
// Count how many pauses are known.
func (l *look) presence(d *Device, w *Watch) judgement {
	switch {
	case d.Device < 1<<32: // a switch without a battery says nothing but what is pressed
		return judgement{}
	case d.Kind == sconce.Luminaire:
		if d.Reachable {
			return judgement{verdict: Right}
		}
		return judgement{verdict: Wrong}
	}
	if d.Heard.After(w.At) {
		if pause := d.Heard.Sub(w.At).Seconds(); !w.At.IsZero() && !l.net.Gateway.Since.After(w.At) {
			w.Learned = max(pause, w.Learned*rhythmFades)
			w.Count = min(w.Count+1, rhythmPauses)
		}
		w.At = d.Heard
	}
	limit := unlearned
	if w.Count >= rhythmPauses {
		limit = max(rhythmLeast, time.Duration(w.Learned*rhythmTimes*float64(time.Second)))
	}
	// One that was heard in every period is as old as two of them before that is told.
	limit = max(limit, 3*l.net.Kept)
	// What it said while nobody listened is not known.
	due := later(d.Heard, l.net.Gateway.Since).Add(limit)
	if l.now.Before(due) {
		return judgement{verdict: Right, next: due}
	}
	return judgement{verdict: Wrong, since: due}
}

// How the power of a device is learned, of which it is not known what it is made for: the
// most that it took in while it was first looked at so often.
const (
	powerLooks = 200
	powerLeast = 2.0 // watts; less is within what meters show by themselves
)

// power compares what a device takes in with what it is made for. When that is not known,
// Learned is the most that it ever took in at the first Count looks.
func (l *look) power(d *Device, w *Watch) judgement {
	if d.Power == nil {
		return judgement{}
	}
	expected := d.Rated
	if expected == 0 {
		if w.Count < powerLooks {
			if *d.Power > 0 {
				w.Learned, w.Count = max(w.Learned, *d.Power), w.Count+1
			}
			return judgement{verdict: Right}
		}
		expected = w.Learned
	}
	percent := *d.Power / max(expected, powerLeast) * 100
	j := above(&percent, l.set[PowerHigh])
	j.value = *d.Power
	return j
}

// stuck is whether a sensor of occupancy has seen no change for days, while another one of
// the network has within the last day.
func (l *look) stuck(d *Device) judgement {
	if d.OccupiedAt.IsZero() {
		return judgement{}
	}
	days := time.Duration(l.set[SensorStuck].Limit * float64(24*time.Hour))
	due := later(d.OccupiedAt, l.net.Gateway.Since).Add(days)
	if l.now.Before(due) {
		return judgement{verdict: Right, next: due}
	}
	for i := range l.net.Devices {
		if o := &l.net.Devices[i]; o.Device != d.Device && l.now.Sub(o.OccupiedAt) < 24*time.Hour {
			return judgement{verdict: Wrong, since: due}
		}
	}
	return judgement{verdict: Between} // perhaps nobody was there
}

// lost is whether messages of the gateway have got lost in its present run, which Seen
// names. Learned is how many are known already: what is raised is over when no more get lost
// for the time of Hold. What is only on its way arrives within the delay.
func (l *look) lost(w *Watch) judgement {
	g := &l.net.Gateway
	if run := float64(g.Run); w.Seen != run {
		w.Seen, w.Learned = run, 0
	}
	n := float64(g.Lost)
	if n <= w.Learned {
		w.Learned = n
		return judgement{verdict: Right}
	}
	j := judgement{verdict: Wrong, value: n - w.Learned}
	if w.Raised {
		w.Learned = n
	}
	return j
}

// energy is whether a project has used more in this month than is planned.
func (l *look) energy(*Watch) judgement {
	if l.net.Budget <= 0 {
		return judgement{verdict: Right} // there is no plan, or another network tells of it
	}
	percent := l.net.Used / l.net.Budget * 100
	return above(&percent, l.set[EnergyHigh])
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
