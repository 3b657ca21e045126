// Package alert tells people and programs what is wrong in their projects: it looks at
// networks by the rules of package rules, keeps the alerts that come of it, and delivers
// them by letter, by webhook and on the live topics of the project.
//
// What is wrong is found from how things stand in the store, which package ingest made of
// the journal, not from events on their way: a process that ends at any moment finds the
// same at its next start. What was remembered, the alerts, and who is to be told are stored
// in one transaction, so that no alert is made twice and none is lost. A letter or a call of
// a webhook can happen twice when the process ends between sending and noting it.
//
// It measures nothing itself, and commands nothing.
package alert

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/project"
)

// The limits.
const (
	// MaxOpen is how many alerts of a project are open at most, but for one of each kind and
	// network: further devices join the newest that is open for the same.
	MaxOpen = 1000
	// MaxKept is how many cleared alerts of a project are kept; older ones are deleted.
	MaxKept = 10_000
	// Kept is how long a cleared alert is kept.
	Kept = 2 * 366 * 24 * time.Hour
	// MaxNotes is how many notes an alert has at most; one more is a [sconce.TooMany].
	MaxNotes = 100
	// MaxNote is the length of a note in characters.
	MaxNote = 1000
	// MaxHooks is how many webhooks a project has at most.
	MaxHooks = 10
	// MaxNotices is how many notices of a project wait to be delivered at most; further
	// alerts are kept and shown, and nobody is told.
	MaxNotices = 5000
	// MaxPage is the most alerts that one call returns.
	MaxPage = 1000
)

// Alert is something that is, or was, wrong.
type Alert struct {
	rules.Incident

	Network sconce.NetworkID
	Seen    time.Time        // when somebody acknowledged it; zero for nobody
	SeenBy  sconce.AccountID // opaque
	Told    bool             // whether a letter said that it began
}

// Note is what somebody wrote about an alert.
type Note struct {
	ID     string
	Author sconce.AccountID // opaque
	At     time.Time
	Text   string
	Sealed []byte // as it is stored
}

// Filter says which alerts are asked for.
type Filter struct {
	State State
	Least rules.Severity // this or worse; 0 for all
	Kind  rules.Kind     // 0 for all
	// Device is one that the alert is about; 0 for all.
	Device sconce.EUI64
}

// State says whether an alert is open.
type State string

// The states.
const (
	Any     State = ""
	Open    State = "open"
	Cleared State = "cleared"
)

// Watched is a network that has a gateway.
type Watched struct {
	project.Assignment

	Gateway sconce.EUI64
}

// Situation is what is needed to look at a network, all of one moment.
type Situation struct {
	Network  rules.Network
	Watches  map[rules.Key]rules.Watch
	Recent   []rules.Incident // open, or cleared a short time ago
	Crowded  bool             // [MaxOpen] are open
	Settings Settings
	Hooks    []Hook
	Notices  int // that wait
}

// Outcome is what a look changed.
type Outcome struct {
	Set     map[rules.Key]rules.Watch
	Forget  []rules.Key
	Alerts  []rules.Incident
	Notices []Notice
}

// Notice is news of an alert that is to be told.
type Notice struct {
	ID      string
	Project sconce.ProjectID
	Alert   sconce.AlertID
	Hook    HookID // "" for letters
	News    rules.News
	Made    time.Time
	Due     time.Time
	Tries   int
}

// Reader is a member of a project, and from which severity on they get letters.
type Reader struct {
	Account sconce.AccountID
	Role    sconce.Role
	Least   rules.Severity // 0: they did not decide
}

// Never is a severity that no alert has.
const Never rules.Severity = 4

// Gets reports whether the reader gets letters about a severity. Who did not decide gets
// those from [rules.Warning] on as an owner or expert, and else none.
func (r Reader) Gets(s rules.Severity) bool { return s >= r.Wants() }

// Wants returns from which severity on the reader gets letters.
func (r Reader) Wants() rules.Severity {
	switch {
	case r.Least != 0:
		return r.Least
	case r.Role == sconce.Owner || r.Role == sconce.Expert:
		return rules.Warning
	}
	return Never
}

// Store keeps alerts.
type Store interface {
	// Watched returns all networks that have a gateway.
	Watched(ctx context.Context) ([]Watched, error)
	// NetworkOf returns the network that a device was last heard in, "" for none.
	NetworkOf(ctx context.Context, id sconce.ProjectID, device sconce.EUI64) (sconce.NetworkID, error)
	// Situation returns how a network stands; recent alerts are those cleared since a time.
	Situation(ctx context.Context, w Watched, since time.Time) (Situation, error)
	// Budget returns how much energy a project has used in the calendar month of a time, in its
	// time zone, up to a quarter of an hour ago, and how much its people planned for a month:
	// both in Wh, 0 without a plan.
	Budget(ctx context.Context, id sconce.ProjectID, now time.Time) (used, planned float64, err error)
	// Record stores what a look changed, in one transaction.
	Record(ctx context.Context, a project.Assignment, o Outcome) error

	// Due returns up to limit notices that are due, the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]Notice, error)
	Postpone(ctx context.Context, n Notice) error
	// Defer lets nothing of a webhook be due before a time.
	Defer(ctx context.Context, id sconce.ProjectID, hook HookID, until time.Time) error
	Done(ctx context.Context, n Notice) error
	SetTold(ctx context.Context, id sconce.ProjectID, alert sconce.AlertID, told bool) error
	// Report returns all that is needed to tell of an alert.
	Report(ctx context.Context, id sconce.ProjectID, alert sconce.AlertID) (Report, error)
	SetFailing(ctx context.Context, id sconce.ProjectID, hook HookID, since time.Time) error

	// Alerts returns up to limit alerts, the newest first, made before the one with an
	// identifier, "" for the newest.
	Alerts(ctx context.Context, s project.Scope, f Filter, before sconce.AlertID, limit int) ([]Alert, error)
	Alert(ctx context.Context, s project.Scope, id sconce.AlertID) (Alert, []Note, error)
	CountOpen(ctx context.Context, s project.Scope) (int, error)
	// See notes that somebody acknowledged an alert, with a note unless its text is empty.
	See(ctx context.Context, s project.Scope, id sconce.AlertID, at time.Time, n *Note) error
	// AddNote stores a note, unless the alert has max: then it is a [sconce.TooMany].
	AddNote(ctx context.Context, s project.Scope, id sconce.AlertID, n Note, max int) error
	Settings(ctx context.Context, s project.Scope) (Settings, error)
	SetSettings(ctx context.Context, s project.Scope, set Settings) error
	Hooks(ctx context.Context, s project.Scope) ([]Hook, error)
	AddHook(ctx context.Context, s project.Scope, h Hook, max int) error
	RemoveHook(ctx context.Context, s project.Scope, id HookID) error
	Reader(ctx context.Context, s project.Scope) (Reader, error)
	SetReader(ctx context.Context, s project.Scope, least rules.Severity) error
}

// Report is an alert with what is said of it to people elsewhere.
type Report struct {
	Alert

	ProjectName string
	NetworkName string
	Names       map[sconce.EUI64]string // of the positions of its members
	Settings    Settings
	Readers     []Reader
	Hooks       []Hook
}
