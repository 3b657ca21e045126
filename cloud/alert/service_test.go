package alert_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/project"
)

// TestTheZeroScope may do nothing, before anything is read.
func TestTheZeroScope(t *testing.T) {
	s, ctx, none := &alert.Service{}, t.Context(), project.Scope{}
	for name, call := range map[string]func() error{
		"List":        func() error { _, err := s.List(ctx, none, alert.Filter{}, "", 1); return err },
		"CountOpen":   func() error { _, err := s.CountOpen(ctx, none); return err },
		"Get":         func() error { _, _, err := s.Get(ctx, none, ""); return err },
		"Acknowledge": func() error { return s.Acknowledge(ctx, none, "", "") },
		"AddNote":     func() error { return s.AddNote(ctx, none, "", "x") },
		"Settings":    func() error { _, err := s.Settings(ctx, none); return err },
		"SetSettings": func() error { _, err := s.SetSettings(ctx, none, alert.Settings{}); return err },
		"Hooks":       func() error { _, err := s.Hooks(ctx, none); return err },
		"AddHook":     func() error { _, err := s.AddHook(ctx, none, "https://example.org", rules.Info); return err },
		"RemoveHook":  func() error { return s.RemoveHook(ctx, none, "") },
		"TestHook":    func() error { _, err := s.TestHook(ctx, none, ""); return err },
		"Reader":      func() error { _, err := s.Reader(ctx, none); return err },
		"SetReader":   func() error { return s.SetReader(ctx, none, rules.Info) },
	} {
		if err := call(); sconce.KindOf(err) != sconce.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuietHours(t *testing.T) {
	berlin := alert.Quiet{On: true, From: 22 * 60, To: 6*60 + 30, Zone: "Europe/Berlin", Critical: true}
	day := alert.Quiet{On: true, From: 9 * 60, To: 17 * 60}
	for _, tt := range []struct {
		quiet     alert.Quiet
		now, want string
		severity  rules.Severity
	}{
		{alert.Quiet{}, "2026-06-01T23:00:00Z", "2026-06-01T23:00:00Z", rules.Info},
		{berlin, "2026-06-01T19:59:00Z", "2026-06-01T19:59:00Z", rules.Warning}, // 21:59
		{berlin, "2026-06-01T20:00:00Z", "2026-06-02T04:30:00Z", rules.Warning},
		{berlin, "2026-06-02T04:29:59Z", "2026-06-02T04:30:00Z", rules.Warning},
		{berlin, "2026-06-02T04:30:00Z", "2026-06-02T04:30:00Z", rules.Warning},
		{berlin, "2026-06-01T20:00:00Z", "2026-06-01T20:00:00Z", rules.Critical},
		{berlin, "2026-10-24T21:00:00Z", "2026-10-25T05:30:00Z", rules.Info}, // the night that has an hour more
		{berlin, "2026-03-28T22:00:00Z", "2026-03-29T04:30:00Z", rules.Info}, // and the one that has one less
		{day, "2026-06-01T08:59:00Z", "2026-06-01T08:59:00Z", rules.Info},
		{day, "2026-06-01T09:00:00Z", "2026-06-01T17:00:00Z", rules.Critical}, // nothing passes
		{day, "2026-06-01T17:00:00Z", "2026-06-01T17:00:00Z", rules.Info},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.quiet.Until(now, tt.severity).Format(time.RFC3339); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.now, got, tt.want)
		}
	}
}

func TestWhoGetsLetters(t *testing.T) {
	for _, tt := range []struct {
		role  sconce.Role
		least rules.Severity
		want  string // of info, warning, critical
	}{
		{sconce.Owner, 0, "-xx"},
		{sconce.Expert, 0, "-xx"},
		{sconce.Viewer, 0, "---"},
		{sconce.User, 0, "---"},
		{sconce.Owner, alert.Never, "---"},
		{sconce.Viewer, rules.Info, "xxx"},
		{sconce.Owner, rules.Critical, "--x"},
	} {
		got := ""
		for s := rules.Info; s <= rules.Critical; s++ {
			got += map[bool]string{true: "x", false: "-"}[alert.Reader{Role: tt.role, Least: tt.least}.Gets(s)]
		}
		if got != tt.want {
			t.Errorf("%s who wants %d: %s, want %s", tt.role, tt.least, got, tt.want)
		}
	}
}

// TestNoTokenSilences: what was made to read ends nobody's letters.
func TestNoTokenSilences(t *testing.T) {
	w := newWorld(t)
	for _, may := range []project.Actions{project.ActionsOf(project.ReadTelemetry), project.RoleActions(sconce.Owner)} {
		if err := w.service.SetReader(t.Context(), w.site.Owner.Only(may), alert.Never); sconce.KindOf(err) != sconce.Forbidden {
			t.Errorf("%v: %v", may.Names(), err)
		}
	}
	if r, err := w.service.Reader(t.Context(), w.site.Owner.Only(project.ActionsOf(project.ReadTelemetry))); err != nil || r.Wants() != rules.Warning {
		t.Errorf("%v, %v", r.Wants(), err)
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	h := newWorld(t).hook("https://hooks.example.org/x")
	if h.Secret.Reveal() == "" {
		t.Fatal("no secret")
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("hook", "secret", h.Secret, "hook", h)
	text := fmt.Sprintf("%v %+v %#v %s", h.Secret, h.Secret, h.Secret, h.Secret) + fmt.Sprintf("%v %+v", h, h) + log.String()
	if strings.Contains(text, h.Secret.Reveal()) {
		t.Error(text)
	}
}
