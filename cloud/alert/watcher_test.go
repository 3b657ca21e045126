package alert_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// TestOffline: a light that its gateway gave up is an alert at once, and the gateway hides
// its lights when it goes itself.
func TestOffline(t *testing.T) {
	w := newWorld(t)
	a, b := w.light(1), w.light(2)
	w.pass(time.Minute)
	w.want()
	w.say(telemetry.DeviceState{Device: a})
	w.pass(3 * time.Second)
	w.want("device_offline open")
	w.say(telemetry.DeviceState{Device: b})
	w.pass(3 * time.Second)
	w.want("device_offline open")
	if n := len(w.alerts()[0].Members); n != 2 {
		t.Errorf("%d members", n)
	}
	w.say(telemetry.DeviceState{Device: a, Reachable: true})
	w.say(telemetry.DeviceState{Device: b, Reachable: true})
	w.pass(2 * time.Minute)
	w.want("device_offline cleared")
	w.presence(false)
	w.say(telemetry.DeviceState{Device: a})
	w.pass(3 * time.Second)
	w.want("gateway_offline open", "device_offline cleared")
	if len(w.published) == 0 {
		t.Error("nobody who follows was told")
	}
}

// TestProcessesEnd: whatever is running is thrown away after every step, in the middle of
// delays as well. There is one alert of each, and none is lost.
func TestProcessesEnd(t *testing.T) {
	w := newWorld(t)
	light := w.light(1)
	w.pass(0)
	w.say(telemetry.DeviceState{Device: light, Reachable: true, Faults: new(sconce.FaultLamp)})
	for range 40 { // the delay is 30 s
		w.pass(time.Second)
		w.start()
	}
	w.want("lamp_failure open")
	w.say(telemetry.DeviceState{Device: light, Reachable: true, Faults: new(sconce.Faults(0))})
	for range 320 { // it is cleared after 5 minutes
		w.pass(time.Second)
		w.start()
	}
	w.want("lamp_failure cleared")
}

// TestAFailedLookIsDoneAgain: when what a look found cannot be stored, nothing of it is, and
// the next look finds it again.
func TestAFailedLookIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	light := w.light(1)
	broken := &brokenStore{Store: w.store.Alerts(), fails: 3}
	w.watcher = alert.NewWatcher(broken, w, w.clock, slog.New(slog.DiscardHandler), func() {})
	w.say(telemetry.DeviceState{Device: light})
	w.pass(10 * time.Second)
	w.want("device_offline open")
	if broken.fails != 0 {
		t.Error("the store did not fail")
	}
}

type brokenStore struct {
	alert.Store

	fails int
}

func (b *brokenStore) Record(ctx context.Context, a project.Assignment, o alert.Outcome) error {
	if b.fails > 0 {
		b.fails--
		return errors.New("the disk is full")
	}
	return b.Store.Record(ctx, a, o)
}

// TestStartOfTheCloud: gateways have a minute to find a cloud that has just started.
func TestStartOfTheCloud(t *testing.T) {
	w := newWorld(t)
	w.pass(time.Hour)
	w.presence(false) // as NewPresences says of all
	w.start()
	w.pass(50 * time.Second)
	w.want()
	w.presence(true)
	w.pass(time.Hour)
	w.want()
	w.presence(false)
	w.start()
	w.pass(2 * time.Minute)
	w.want("gateway_offline open")
}

// TestRulesOfAProject: what people decide holds from the next look on.
func TestRulesOfAProject(t *testing.T) {
	w := newWorld(t)
	light := w.light(1)
	changed := rules.Defaults()[rules.DeviceOffline]
	changed.Delay, changed.Severity = time.Hour, rules.Critical
	set := alert.Settings{Rules: rules.Set{rules.DeviceOffline: changed, rules.LampFailure: rules.Defaults()[rules.LampFailure]}}
	got, err := w.service.SetSettings(t.Context(), w.site.Owner, set)
	if err != nil || len(got.Rules) != 1 {
		t.Fatal("what is like its default is kept", got, err)
	}
	w.say(telemetry.DeviceState{Device: light})
	w.pass(59 * time.Minute)
	w.want()
	w.pass(time.Minute)
	w.want("device_offline open")
	if s := w.alerts()[0].Severity; s != rules.Critical {
		t.Error(s)
	}
	changed.On = false
	if _, err = w.service.SetSettings(t.Context(), w.site.Owner, alert.Settings{Rules: rules.Set{rules.DeviceOffline: changed}}); err != nil {
		t.Fatal(err)
	}
	w.watcher.Look(w.site.Project)
	w.pass(0)
	w.want("device_offline cleared")
}

// TestAcknowledging: who sees to it, and what they wrote.
func TestAcknowledging(t *testing.T) {
	w := newWorld(t)
	w.say(telemetry.DeviceState{Device: w.light(1)})
	w.pass(3 * time.Second)
	id := w.alerts()[0].ID
	for _, bad := range []string{"", " ", "a\x00b", "\x7f"} {
		if err := w.service.AddNote(t.Context(), w.site.Owner, id, bad); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("note %q: %v", bad, err)
		}
	}
	if err := w.service.AddNote(t.Context(), w.site.Owner, id, "The breaker of floor 2 is off."); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	if err := errors.Join(
		w.service.Acknowledge(t.Context(), w.site.Owner, id, "On my way."),
		w.service.Acknowledge(t.Context(), w.site.Owner, id, ""),
	); err != nil {
		t.Fatal(err)
	}
	a, notes, err := w.service.Get(t.Context(), w.site.Owner, id)
	if err != nil || a.Seen.IsZero() || a.SeenBy != w.site.Owner.Account() || len(notes) != 2 || notes[1].Text != "On my way." {
		t.Errorf("%+v, %v, %v", a, notes, err)
	}
	for range alert.MaxNotes - 2 {
		if err := w.service.AddNote(t.Context(), w.site.Owner, id, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.service.AddNote(t.Context(), w.site.Owner, id, "x"); sconce.KindOf(err) != sconce.TooMany {
		t.Error(err)
	}
	if err := w.service.Acknowledge(t.Context(), w.site.Owner, "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f", ""); sconce.KindOf(err) != sconce.NotFound {
		t.Error(err)
	}
}
