package alert

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
	"sconce/cloud/vault"
)

// Service is what people and programs of a project ask and decide.
type Service struct {
	Store   Store
	Vault   *vault.Vault
	Live    telemetry.Publisher
	Now     func() time.Time
	Changed func(id sconce.ProjectID) // the rules of a project are others now; it does not block
	Tester  *Tester
}

// List returns up to limit alerts (1 to [MaxPage]), the newest first, made before the one
// with an identifier, "" for the newest.
func (s *Service) List(ctx context.Context, scope project.Scope, f Filter, before sconce.AlertID, limit int) ([]Alert, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return nil, err
	}
	if limit < 1 || limit > MaxPage {
		return nil, sconce.Errorf(sconce.Invalid, "limit %d: expected 1 to %d", limit, MaxPage)
	}
	if before != "" {
		if _, err := sconce.ParseID[sconce.AlertID](string(before)); err != nil {
			return nil, err
		}
	}
	return s.Store.Alerts(ctx, scope, f, before, limit)
}

// CountOpen returns how many alerts are open.
func (s *Service) CountOpen(ctx context.Context, scope project.Scope) (int, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return 0, err
	}
	return s.Store.CountOpen(ctx, scope)
}

// Get returns an alert. Its notes, which people wrote, are for those who may handle alerts;
// others get none.
func (s *Service) Get(ctx context.Context, scope project.Scope, id sconce.AlertID) (Alert, []Note, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return Alert{}, nil, err
	}
	a, notes, err := s.Store.Alert(ctx, scope, id)
	if err != nil || !scope.May().Has(project.HandleAlerts) {
		return a, nil, err
	}
	for i := range notes {
		plain, err := s.Vault.Open(notes[i].Sealed, notePlace(notes[i].ID))
		if err != nil {
			return Alert{}, nil, fmt.Errorf("opening a note: %w", err)
		}
		notes[i].Text = string(plain)
	}
	return a, notes, nil
}

// Acknowledge says that somebody sees to an alert, with a note unless the text is empty.
// Who does so again takes it over.
func (s *Service) Acknowledge(ctx context.Context, scope project.Scope, id sconce.AlertID, text string) error {
	if err := scope.Require(project.HandleAlerts); err != nil {
		return err
	}
	var note *Note
	if strings.TrimSpace(text) != "" {
		n, err := s.note(scope, "note", text)
		if err != nil {
			return err
		}
		note = &n
	}
	return s.Store.See(ctx, scope, id, s.Now(), note)
}

// AddNote adds a note to an alert.
func (s *Service) AddNote(ctx context.Context, scope project.Scope, id sconce.AlertID, text string) error {
	if err := scope.Require(project.HandleAlerts); err != nil {
		return err
	}
	n, err := s.note(scope, "text", text)
	if err != nil {
		return err
	}
	return s.Store.AddNote(ctx, scope, id, n, MaxNotes)
}

func (s *Service) note(scope project.Scope, field, text string) (Note, error) {
	text = strings.TrimSpace(text)
	control := func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxNote || !utf8.ValidString(text) || strings.ContainsFunc(text, control) {
		return Note{}, sconce.FieldErrorf(field, "a note is 1 to %d characters", MaxNote)
	}
	now := s.Now()
	n := Note{ID: string(newID(now)), Author: scope.Account(), At: now, Text: text}
	var err error
	n.Sealed, err = s.Vault.Seal([]byte(text), notePlace(n.ID))
	return n, err
}

func notePlace(id string) vault.Field {
	return vault.Field{Table: "alert_notes", Column: "note", Row: id}
}

// Settings returns what the people of the project decided.
func (s *Service) Settings(ctx context.Context, scope project.Scope) (Settings, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return Settings{}, err
	}
	return s.Store.Settings(ctx, scope)
}

// SetSettings decides anew. Rules that are like their defaults follow them from then on.
func (s *Service) SetSettings(ctx context.Context, scope project.Scope, set Settings) (Settings, error) {
	if err := scope.Require(project.ConfigureAlerts); err != nil {
		return Settings{}, err
	}
	if err := set.Quiet.check(); err != nil {
		return Settings{}, err
	}
	changed := rules.Set{}
	for kind, rule := range set.Rules {
		if err := rule.Check(kind); err != nil {
			return Settings{}, err
		}
		if rule != rules.Defaults()[kind] {
			changed[kind] = rule
		}
	}
	set.Rules = changed
	if err := s.Store.SetSettings(ctx, scope, set); err != nil {
		return Settings{}, err
	}
	s.Changed(scope.Project())
	return set, nil
}

// Hooks returns the webhooks of the project, without their secrets.
func (s *Service) Hooks(ctx context.Context, scope project.Scope) ([]Hook, error) {
	if err := scope.Require(project.ConfigureAlerts); err != nil {
		return nil, err
	}
	hooks, err := s.Store.Hooks(ctx, scope)
	for i := range hooks {
		if hooks[i], err = hooks[i].open(s.Vault); err != nil {
			return nil, err
		}
		hooks[i].Secret = HookSecret{}
	}
	return hooks, err
}

// AddHook makes a webhook. Its secret is in what is returned, and never shown again.
func (s *Service) AddHook(ctx context.Context, scope project.Scope, address string, least rules.Severity) (Hook, error) {
	if err := scope.Require(project.ConfigureAlerts); err != nil {
		return Hook{}, err
	}
	if err := checkAddress(address); err != nil {
		return Hook{}, err
	}
	if least < rules.Info || least > rules.Critical {
		return Hook{}, sconce.FieldErrorf("least_severity", "expected info, warning or critical")
	}
	h, err := Hook{ID: HookID(strings.ToLower(rand.Text())), Address: address, Secret: newHookSecret(), Least: least, Made: s.Now().UTC().Truncate(time.Millisecond)}.seal(s.Vault)
	if err != nil {
		return Hook{}, err
	}
	return h, s.Store.AddHook(ctx, scope, h, MaxHooks)
}

// RemoveHook removes a webhook; what it was not told yet it is not told.
func (s *Service) RemoveHook(ctx context.Context, scope project.Scope, id HookID) error {
	if err := scope.Require(project.ConfigureAlerts); err != nil {
		return err
	}
	return s.Store.RemoveHook(ctx, scope, id)
}

// Reader returns which letters the person who asks gets.
func (s *Service) Reader(ctx context.Context, scope project.Scope) (Reader, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return Reader{}, err
	}
	return s.Store.Reader(ctx, scope)
}

// SetReader decides which letters the person who asks gets; [Never] for none. It is not done by
// a token, which was made to read or to control: one that only reads must not silence anything.
func (s *Service) SetReader(ctx context.Context, scope project.Scope, least rules.Severity) error {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return err
	}
	if scope.Limited() {
		return sconce.Errorf(sconce.Forbidden, "which letters somebody gets is decided by themselves, signed in, and by no program")
	}
	if least < rules.Info || least > Never {
		return sconce.FieldErrorf("least_severity", "expected info, warning, critical or none")
	}
	return s.Store.SetReader(ctx, scope, least)
}
