package alert_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/mail"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

const gateway = sconce.EUI64(0x00124b0000000042)

// world is a network of lights in a true store, on a clock of its own.
type world struct {
	t       *testing.T
	store   *store.Store
	site    storetest.Site
	service *alert.Service
	watcher *alert.Watcher
	at      project.Assignment
	batch   int64

	mu        sync.Mutex
	now       time.Time
	published []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, store: storetest.Open(t), now: time.UnixMilli(1_800_000_000_000).UTC()}
	w.site = storetest.MakeSite(t, w.store, gateway)
	w.at = project.Assignment{Project: w.site.Project, Network: w.site.Network}
	w.service = &alert.Service{Store: w.store.Alerts(), Vault: w.store.Vault(), Live: w, Now: w.clock, Changed: func(sconce.ProjectID) {}, Tester: alert.NewTester(alert.NewCaller(alert.CallerOptions{}))}
	w.start()
	w.presence(true)
	return w
}

// start makes a new watcher, as a process does that starts.
func (w *world) start() {
	w.watcher = alert.NewWatcher(w.store.Alerts(), w, w.clock, slog.New(slog.DiscardHandler), func() {})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass lets time pass, and the watcher look as often as it wants to.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.clock().Add(d)
	for {
		next := w.watcher.Round(w.t.Context())
		if next.After(end) {
			break
		}
		w.set(next)
	}
	w.set(end)
	w.watcher.Round(w.t.Context())
}

func (w *world) set(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.After(w.now) {
		w.now = now
	}
}

// Publish and Followed implement [telemetry.Publisher].
func (w *world) Publish(topic string, _ []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.published = append(w.published, topic)
}

func (w *world) Followed(string) bool { return true }

// light adds a light to the network.
func (w *world) light(n int) sconce.EUI64 {
	w.t.Helper()
	d := sconce.EUI64(0x00124b0000001000 + uint64(n))
	code, err := lighting.ParseInstallCode("83FED3407A939723A5C639B26916D505C3B5")
	if err != nil {
		w.t.Fatal(err)
	}
	service := lighting.New(lighting.Parts{Store: w.store.Lighting(), Vault: w.store.Vault(), Down: down{}, Presence: w, Log: slog.New(slog.DiscardHandler)})
	_, err = service.AddDevice(w.t.Context(), w.site.Owner, lighting.NewDevice{
		Network: w.site.Network, Name: "Desk " + d.String()[14:], Device: d, Kind: sconce.Luminaire, InstallCode: code,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.say(telemetry.DeviceState{Device: d, Reachable: true})
	return d
}

// say stores a state as the projector does, and tells the watcher.
func (w *world) say(s telemetry.DeviceState) {
	w.t.Helper()
	s.At, s.Heard = w.clock(), w.clock()
	w.batch++
	err := w.store.Results().Apply(w.t.Context(), w.batch, func(tx ingest.Tx) error { return tx.SetState(w.at, s) })
	if err != nil {
		w.t.Fatal(err)
	}
	w.watcher.StateChanged(w.site.Project, s)
}

// presence says whether the gateway is there.
func (w *world) presence(online bool) {
	w.t.Helper()
	err := w.store.Presence().SetPresences(w.t.Context(), []telemetry.Presence{{Gateway: gateway, Online: online, Since: w.clock()}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.watcher.PresenceChanged(w.at)
}

func (w *world) hook(address string) alert.Hook {
	w.t.Helper()
	h, err := w.service.AddHook(w.t.Context(), w.site.Owner, address, rules.Info)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// alerts returns all alerts, the newest first.
func (w *world) alerts() []alert.Alert {
	w.t.Helper()
	all, err := w.service.List(w.t.Context(), w.site.Owner, alert.Filter{}, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// want says which alerts there are, as in "device_offline 2/3 open".
func (w *world) want(want ...string) {
	w.t.Helper()
	var got []string
	for _, a := range w.alerts() {
		state := "cleared"
		if a.Open() {
			state = "open"
		}
		got = append(got, a.Kind.String()+" "+state)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Fatalf("alerts %q, want %q", got, want)
	}
}

// down sends nothing: no gateway is connected.
type down struct{ lighting.Downlink }

// Online implements what package lighting needs of presences.
func (w *world) Online(sconce.EUI64) bool { return false }

// post is the letters that were written.
type post struct {
	mu      sync.Mutex
	letters []mail.Values
	to      [][]sconce.AccountID
	kinds   []mail.Kind
	err     error
}

// Write implements [alert.People].
func (p *post) Write(_ context.Context, to []sconce.AccountID, kind mail.Kind, _ string, v mail.Values) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.letters, p.to, p.kinds = append(p.letters, v), append(p.to, to), append(p.kinds, kind)
	return nil
}
