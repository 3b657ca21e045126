package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

const gateway = sconce.EUI64(0x00124b0000000001)

// memory keeps presences, and what was published of them.
type memory struct {
	mu        sync.Mutex
	stored    map[sconce.EUI64]telemetry.Presence
	broken    error
	published []string
}

func (m *memory) Presences(context.Context) (all []telemetry.Presence, err error) {
	for _, p := range m.stored {
		all = append(all, p)
	}
	return all, nil
}

func (m *memory) SetPresences(_ context.Context, all []telemetry.Presence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range all {
		if m.broken == nil {
			m.stored[p.Gateway] = p
		}
	}
	return m.broken
}

func (m *memory) Assignment(context.Context, sconce.EUI64) (project.Assignment, error) {
	return project.Assignment{Project: "1", Network: "2"}, nil
}

func (m *memory) Publish(topic string, payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.published = append(m.published, topic+" "+string(payload))
}

func (m *memory) Followed(topic string) bool {
	return !strings.Contains(topic, "/device/000000000000dead")
}

// TestStateIsPublishedToFollowers alone: nobody else need have it made.
func TestStateIsPublishedToFollowers(t *testing.T) {
	m := &memory{}
	telemetry.PublishState(m, "1", telemetry.DeviceState{Device: 0xdead})
	if len(m.published) != 0 {
		t.Errorf("to nobody was published %v", m.published)
	}
	telemetry.PublishState(m, "1", telemetry.DeviceState{Device: 0xbeef})
	if len(m.published) != 1 || !strings.HasPrefix(m.published[0], "p/1/device/000000000000beef {") {
		t.Errorf("published %v", m.published)
	}
}

func (m *memory) setBroken(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// want checks what was published, as "online since second n" or "offline since second n".
func (m *memory) want(t *testing.T, start time.Time, changes ...string) {
	t.Helper()
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	var want []string
	for _, c := range changes {
		var state string
		var second int
		if _, err := fmt.Sscanf(c, "%s %d", &state, &second); err != nil {
			t.Fatal(err)
		}
		since := start.Add(time.Duration(second) * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
		want = append(want, fmt.Sprintf(`p/1/gateway/%s {"eui64":%q,"online":%v,"since":%q}`, gateway, gateway, state == "online", since))
	}
	if !slices.Equal(m.published, want) {
		t.Errorf("published\n%q\nwant\n%q", m.published, want)
	}
}

func runPresences(t *testing.T, before map[sconce.EUI64]telemetry.Presence, fn func(t *testing.T, p *telemetry.Presences, m *memory, start time.Time)) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{stored: before}
		start := time.Now()
		p, err := telemetry.NewPresences(t.Context(), m, m, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { p.Run(ctx) })
		fn(t, p, m, start)
		stop()
		running.Wait()
	})
}

func TestPresence(t *testing.T) {
	runPresences(t, map[sconce.EUI64]telemetry.Presence{}, func(t *testing.T, p *telemetry.Presences, m *memory, start time.Time) {
		p.Connected(gateway, time.Now())
		m.want(t, start, "online 0")
		<-time.After(10 * time.Second)
		p.Disconnected(gateway, time.Now())
		<-time.After(telemetry.Settle - time.Millisecond)
		p.Connected(gateway, time.Now()) // it was never offline for anybody
		p.Connected(gateway, time.Now()) // a takeover
		<-time.After(10 * time.Second)
		m.want(t, start, "online 0")
		if !p.Online(gateway) {
			t.Error("a connected gateway is not online")
		}
		<-time.After(time.Until(start.Add(30 * time.Second)))
		p.Disconnected(gateway, time.Now())
		p.Disconnected(gateway, time.Now().Add(time.Second)) // said twice
		<-time.After(telemetry.Settle)
		m.want(t, start, "online 0", "offline 30")
		if p.Online(gateway) || m.stored[gateway].Online {
			t.Error("a gateway that left is online")
		}
		p.Connected(gateway, time.Now())
		m.want(t, start, "online 0", "offline 30", "online 32")
	})
}

func TestPresenceAfterARestartOfTheCloud(t *testing.T) {
	before := map[sconce.EUI64]telemetry.Presence{gateway: {Gateway: gateway, Online: true, Since: time.UnixMilli(1).UTC()}}
	runPresences(t, before, func(t *testing.T, p *telemetry.Presences, m *memory, start time.Time) {
		m.want(t, start, "offline 0")
		if p.Online(gateway) {
			t.Error("a gateway of the process before is online")
		}
	})
}

func TestPresenceIsStoredLater(t *testing.T) {
	runPresences(t, map[sconce.EUI64]telemetry.Presence{}, func(t *testing.T, p *telemetry.Presences, m *memory, start time.Time) {
		m.setBroken(errors.New("the disk is full"))
		p.Connected(gateway, time.Now())
		m.want(t, start)
		if !p.Online(gateway) {
			t.Error("presence waits for the store")
		}
		m.setBroken(nil)
		<-time.After(time.Second)
		m.want(t, start, "online 0")
	})
}
