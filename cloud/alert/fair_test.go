package alert_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/mail"
	"sconce/cloud/telemetry"
)

// TestWhatComesAndGoesAtNight is told once, in the morning.
func TestWhatComesAndGoesAtNight(t *testing.T) {
	w, p := newWorld(t), &post{}
	c := w.courier(p, alert.CallerOptions{})
	hour := w.clock().Hour()
	_, err := w.service.SetSettings(t.Context(), w.site.Owner, alert.Settings{Quiet: alert.Quiet{On: true, From: hour * 60, To: (hour + 4) * 60}})
	if err != nil {
		t.Fatal(err)
	}
	light := w.light(1)
	for range 3 {
		w.say(telemetry.DeviceState{Device: light})
		w.deliver(c, 5*time.Minute, 10*time.Second)
		w.say(telemetry.DeviceState{Device: light, Reachable: true})
		w.deliver(c, 10*time.Minute, 10*time.Second)
	}
	w.say(telemetry.DeviceState{Device: light})
	w.deliver(c, 5*time.Hour, 5*time.Minute)
	if len(p.kinds) != 1 || p.kinds[0] != mail.AlertBegan {
		t.Errorf("letters %v, want one", p.kinds)
	}
	if all := w.alerts(); len(all) != 1 || all[0].Times < 2 {
		t.Errorf("%+v: this is no test of what comes again", all)
	}
}

// damaged is a store in which what is to be told of one alert cannot be read.
type damaged struct {
	alert.Store

	at sconce.AlertID
}

func (d damaged) Report(ctx context.Context, id sconce.ProjectID, one sconce.AlertID) (alert.Report, error) {
	if one == d.at {
		return alert.Report{}, errors.New("the devices of an alert: unexpected end of JSON input")
	}
	return d.Store.Report(ctx, id, one)
}

// TestDamagedAlert: what cannot be read keeps nothing else, and is given up after a day.
func TestDamagedAlert(t *testing.T) {
	w, p := newWorld(t), &post{}
	c := w.courier(p, alert.CallerOptions{})
	w.say(telemetry.DeviceState{Device: w.light(1)})
	w.pass(2 * time.Minute)
	c.Store = damaged{w.store.Alerts(), w.alerts()[0].ID}
	w.presence(false)
	w.pass(2 * time.Minute)
	c.Round(t.Context())
	if len(p.letters) != 1 || p.letters[0].What != "Gateway offline" {
		t.Errorf("%+v: a damaged alert keeps others", p.letters)
	}
	if due, err := w.store.Alerts().Due(t.Context(), w.clock(), 10); err != nil || len(due) != 0 {
		t.Errorf("%v, %v: it stays due, so that the courier never rests", due, err)
	}
	w.deliver(c, 26*time.Hour, 30*time.Minute)
	if due, err := w.store.Alerts().Due(t.Context(), w.clock().Add(100*time.Hour), 10); err != nil || len(due) != 0 {
		t.Errorf("%v, %v: it is not given up", due, err)
	}
}

// away is a store that can be read and not written.
type away struct{ alert.Store }

func (away) Report(context.Context, sconce.ProjectID, sconce.AlertID) (alert.Report, error) {
	return alert.Report{}, errors.New("away")
}
func (away) Postpone(context.Context, alert.Notice) error { return errors.New("away") }

// TestCourierRestsWithoutItsStore: it does not go round and round.
func TestCourierRestsWithoutItsStore(t *testing.T) {
	w := newWorld(t)
	c := w.courier(&post{}, alert.CallerOptions{})
	w.say(telemetry.DeviceState{Device: w.light(1)})
	w.pass(2 * time.Minute)
	c.Store, c.Log = away{w.store.Alerts()}, slog.New(slog.DiscardHandler)
	if n := c.Round(t.Context()); n != 0 {
		t.Errorf("%d delivered", n)
	}
	if due, err := w.store.Alerts().Due(t.Context(), w.clock(), 10); err != nil || len(due) != 1 {
		t.Errorf("%v, %v: it is lost", due, err)
	}
}

// TestSlowWebhook: one that takes its time has its turn, and then others have theirs.
func TestSlowWebhook(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	r.during = func() { w.set(w.clock().Add(9 * time.Second)) }
	h := w.hook(r.URL)
	c := w.courier(nil, r.trust(true))
	w.say(telemetry.DeviceState{Device: w.light(1)})
	w.pass(10 * time.Second)
	for i := range 50 {
		n := alert.Notice{ID: fmt.Sprint("n", i), Project: w.site.Project, Alert: w.alerts()[0].ID, Hook: h.ID, News: rules.Began, Made: w.clock(), Due: w.clock()}
		if err := w.store.Alerts().Record(t.Context(), w.at, alert.Outcome{Notices: []alert.Notice{n}}); err != nil {
			t.Fatal(err)
		}
	}
	c.Round(t.Context())
	if n := len(r.got()); n != 2 {
		t.Errorf("%d calls in one turn, want 2", n)
	}
	if due, err := w.store.Alerts().Due(t.Context(), w.clock().Add(30*time.Second), 100); err != nil || len(due) != 0 {
		t.Errorf("%d, %v: it has no pause", len(due), err)
	}
	w.deliver(c, 2*time.Hour, time.Minute)
	if n := len(r.got()); n != 51 {
		t.Errorf("%d calls, want 51", n)
	}
}
