package alert

import (
	"time"
	_ "time/tzdata" // zones are known on every machine

	"sconce"
	"sconce/cloud/alert/rules"
)

// Settings is what the people of a project decided about alerts. The zero value is that of
// a project whose people decided nothing.
type Settings struct {
	Rules rules.Set `json:"rules,omitempty"` // those that were changed
	Quiet Quiet     `json:"quiet,omitzero"`
	// Zone is the time zone of the project, an IANA name: what people decided elsewhere.
	Zone string `json:"-"`
}

// QuietUntil returns when a letter may be sent that could be sent now: now, or the end of the
// quiet hours, which are those of the project's time zone unless they have one of their own.
func (s Settings) QuietUntil(now time.Time, severity rules.Severity) time.Time {
	q := s.Quiet
	if q.Zone == "" {
		q.Zone = s.Zone
	}
	return q.Until(now, severity)
}

// Effective returns all rules.
func (s Settings) Effective() rules.Set { return rules.Defaults().With(s.Rules) }

// Quiet is the hours in which no letters are sent: they are sent at their end, if what they
// tell is true still. Webhooks and live topics, which wake nobody, are not held back.
type Quiet struct {
	On       bool   `json:"on,omitempty"`
	From     int    `json:"from,omitempty"`     // minutes since midnight
	To       int    `json:"to,omitempty"`       // before From: on the next day
	Zone     string `json:"zone,omitempty"`     // IANA name; "" is that of the project
	Critical bool   `json:"critical,omitempty"` // critical alerts are told at any time
}

const minutesOfDay = 24 * 60

func (q Quiet) check() error {
	if q.From < 0 || q.From >= minutesOfDay || q.To < 0 || q.To >= minutesOfDay {
		return sconce.FieldErrorf("quiet_hours", "quiet hours are from 00:00 to 23:59")
	}
	if q.On && q.From == q.To {
		return sconce.FieldErrorf("quiet_hours", "quiet hours begin and end at different times")
	}
	if _, err := time.LoadLocation(q.Zone); err != nil || q.Zone == "Local" {
		return sconce.FieldErrorf("time_zone", "expected the name of a time zone such as Europe/Berlin")
	}
	return nil
}

// Until returns when a letter may be sent that could be sent now: now, or the end of the
// quiet hours.
func (q Quiet) Until(now time.Time, s rules.Severity) time.Time {
	if !q.On || q.Critical && s == rules.Critical {
		return now
	}
	zone, err := time.LoadLocation(q.Zone)
	if err != nil {
		return now
	}
	local := now.In(zone)
	minute := local.Hour()*60 + local.Minute()
	inside := q.From <= minute && minute < q.To
	days := 0
	if q.From > q.To {
		inside = minute >= q.From || minute < q.To
		if minute >= q.From {
			days = 1
		}
	}
	if !inside {
		return now
	}
	end := time.Date(local.Year(), local.Month(), local.Day()+days, q.To/60, q.To%60, 0, 0, zone)
	return later(now, end.UTC())
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
