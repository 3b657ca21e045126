package homeassistant_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/homeassistant"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
)

// lamps is lights that say what they were asked for, and refuse when they are told to.
type lamps struct {
	err     error
	until   time.Time // err holds
	asked   int
	sent    []lighting.Order
	refused int
	told    []string
	off     bool
}

func (l *lamps) Send(_ context.Context, _ project.Scope, o lighting.Order) (lighting.Command, error) {
	l.asked++
	if l.err != nil && (l.until.IsZero() || time.Now().Before(l.until)) {
		return lighting.Command{}, l.err
	}
	l.sent = append(l.sent, o)
	return lighting.Command{}, nil
}

func (l *lamps) Publish(topic string, payload []byte) {
	l.told = append(l.told, topic+" "+string(payload))
}

// ask tests an inbox on virtual time.
func ask(t *testing.T, test func(l *lamps, take func(topic, payload string) error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lamps{}
		desk := homeassistant.NewDesk(homeassistant.Office{
			Lights: l, Live: l, On: func(id sconce.ProjectID) bool { return !l.off && id == school },
			Refused: func(context.Context, project.Scope) { l.refused++ }, Log: slog.New(slog.DiscardHandler),
		})
		in := homeassistant.Inbox{
			Desk: desk, Program: "token:1", Project: school, Enter: func(context.Context) (project.Scope, error) { return project.Scope{}, nil },
		}
		test(l, func(topic, payload string) error { return in.Take(t.Context(), topic, []byte(payload)) })
	})
}

var set = homeassistant.SetTopic(school, 1)

const on = `{"state":"ON"}`

func TestInboxIsLimited(t *testing.T) {
	ask(t, func(l *lamps, take func(topic, payload string) error) {
		refused := 0
		for range 700 {
			if err := take(set, on); sconce.KindOf(err) == sconce.TooMany {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused != 100 || len(l.sent) != 600 || len(l.told) != 100 {
			t.Errorf("of 700 in a minute %d were refused, %d sent, and it was told %d times", refused, len(l.sent), len(l.told))
		}
		<-time.After(time.Minute)
		if err := take(set, on); err != nil {
			t.Errorf("a minute later: %v", err)
		}
		for range 10_000 { // that it comes and goes is no command
			if err := take("homeassistant/status", "online"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestInboxWaitsForRoom: more commands at once than a project may have under way are sent one
// after the other, and not for ever.
func TestInboxWaitsForRoom(t *testing.T) {
	ask(t, func(l *lamps, take func(topic, payload string) error) {
		begun := time.Now()
		l.err, l.until = sconce.Errorf(sconce.TooMany, "200 wait"), begun.Add(2*time.Second)
		if err := take(set, on); err != nil || len(l.sent) != 1 || time.Since(begun) < 2*time.Second {
			t.Errorf("after %s: %v, %d sent", time.Since(begun), err, len(l.sent))
		}
		begun = time.Now()
		l.until = begun.Add(time.Hour)
		if err := take(set, on); sconce.KindOf(err) != sconce.TooMany || time.Since(begun) != 5*time.Second || l.asked > 100 {
			t.Errorf("after %s: %v, asked %d times", time.Since(begun), err, l.asked)
		}
	})
}

func TestInboxTellsWhy(t *testing.T) {
	ask(t, func(l *lamps, take func(topic, payload string) error) {
		for _, c := range []struct {
			err    error
			kind   sconce.ErrorKind
			reason string
		}{
			{sconce.Errorf(sconce.Unavailable, "the gateway is offline"), sconce.Unavailable, "the gateway is offline"},
			{sconce.Errorf(sconce.Forbidden, "not granted"), sconce.Forbidden, "not granted"},
			{errors.New("disk of db7 is full"), sconce.Internal, "something went wrong in the cloud: try again"},
			{fmt.Errorf("reading: %w", sconce.Errorf(sconce.Internal, "password hunter2")), sconce.Internal, "something went wrong in the cloud: try again"},
		} {
			l.err, l.told = c.err, nil
			if err := take(set, on); sconce.KindOf(err) != c.kind {
				t.Errorf("%v became %v", c.err, err)
			}
			want := homeassistant.Prefix(school) + `/refused {"topic":"` + set + `","reason":"` + c.reason + `"}`
			if len(l.told) != 1 || l.told[0] != want {
				t.Errorf("told %q, expected %s", l.told, want)
			}
		}
		if l.refused != 1 {
			t.Errorf("%d are in the security log", l.refused)
		}
		l.err, l.sent = nil, nil
		for _, topic := range []string{homeassistant.SetTopic(other, 1), homeassistant.StateTopic(school, 1), strings.ToUpper(set), "x"} {
			if err := take(topic, on); sconce.KindOf(err) != sconce.Forbidden {
				t.Errorf("%s: %v", topic, err)
			}
		}
		l.off = true
		if err := take(set, on); sconce.KindOf(err) != sconce.Forbidden || len(l.sent) != 0 {
			t.Errorf("while it is off: %v, %d sent", err, len(l.sent))
		}
	})
}
