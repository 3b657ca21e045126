package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing/fstest"
	"time"

	"golang.org/x/sync/errgroup"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
	"sconce/cloud/energy"
	"sconce/cloud/identity"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
	"sconce/cloud/vault"
	"sconce/internal/postgres"
)

// The loads of the API's figures.
const (
	apiDevices  = 250 // of the project whose devices are listed
	apiFew      = 10  // projects beside it
	apiMany     = 10_000
	apiRate     = 200 // requests a second
	apiRequests = 2000
	apiWorkers  = 64 // requests under way
	apiWarm     = 200
	authorise   = 5000 // times in a round
)

// asker is somebody who is signed in and owns a project.
type asker struct {
	token   identity.Token
	session identity.SessionID
	project.Caller
	project sconce.ProjectID
}

// site is a store with many projects, and the services above it in this process.
type site struct {
	*store.Store
	people   *identity.Service
	projects *project.Service
	askers   []asker // the first owns the project with many devices
	scope    project.Scope
	network  sconce.NetworkID
	energy   *energy.Service
	http     *http.Server
	client   *http.Client
	origin   string
	url      string
}

// fill fills an empty store of SQLite with projects, each with an owner who is signed in, a
// network and a light, and the first with apiDevices lights that were heard.
func fill(ctx context.Context, dir, keys string, projects int) (_ *site, err error) {
	s, err := store.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := errors.Join(vault.CreateMasterKey(ctx, keys, s.Keysets()), s.Unlock(ctx, keys)); err != nil {
		return nil, err
	}
	b := &site{Store: s, projects: project.New(s.Projects(), time.Now), askers: make([]asker, projects)}
	var group errgroup.Group
	group.SetLimit(4) // people and projects are in two databases, which are written side by side
	for i := range b.askers {
		devices := 1
		if i == 0 {
			devices = apiDevices
		}
		group.Go(func() error { return b.settle(ctx, i, devices) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("making %d projects: %w", projects, err)
	}
	return b, nil
}

// open puts the services on a store that holds what was filled in, and serves the API.
func (b *site) open(ctx context.Context, s *store.Store, keys string) error {
	if err := s.Unlock(ctx, keys); err != nil {
		return errors.Join(err, s.Close())
	}
	log, begun := audit.NewLog(s.SecurityLog(), time.Now), time.Now()
	b.Store, b.projects = s, project.New(s.Projects(), time.Now)
	b.people = identity.New(identity.Parts{
		Store: s.Identity(), Refusals: log, Vault: s.Vault(), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return begun }, // that a use is noted once a minute is no part of asking
	})
	if err := b.serve(ctx, log); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// settle makes the n-th owner with a project.
func (b *site) settle(ctx context.Context, n, devices int) error {
	now, token := time.Now(), identity.NewToken()
	a := asker{token: token, session: token.Digest()}
	a.Account = newID[sconce.AccountID](now)
	person := identity.Account{ID: a.Account, Email: fmt.Sprintf("owner-%d@example.org", n), Name: "Owner", Made: now}
	if err := b.Identity().CreateAccount(ctx, identity.Credentials{Account: person}, audit.Operator, audit.Console); err != nil {
		return err
	}
	if err := b.Identity().CreateSession(ctx, identity.Session{ID: a.session, Account: a.Account, Made: now, Used: now}, nil, 1); err != nil {
		return err
	}
	m, err := b.projects.Create(ctx, a.Caller, project.NewProject{Name: "Building"})
	if err != nil {
		return err
	}
	a.project = m.ID
	b.askers[n] = a
	scope, err := b.projects.Enter(ctx, a.Caller, m.ID)
	if err != nil {
		return err
	}
	floor, err := b.projects.CreateNetwork(ctx, scope, "Floor")
	if err != nil {
		return err
	}
	if n == 0 {
		b.scope, b.network = scope, floor.ID
	}
	for i := range devices {
		d := lighting.Device{
			Position: newID[sconce.PositionID](now), Network: floor.ID, Name: fmt.Sprint("Desk ", i), Kind: sconce.Luminaire,
			Device: sconce.EUI64(n+1)<<16 | sconce.EUI64(i), Made: now,
		}
		if err := b.Lighting().AddDevice(ctx, scope, d, []byte("sealed")); err != nil {
			return err
		}
	}
	if devices < apiDevices {
		return nil
	}
	return b.heard(ctx, project.Assignment{Project: m.ID, Network: floor.ID}, sconce.EUI64(n+1)<<16, devices)
}

// heard stores the states of devices.
func (b *site) heard(ctx context.Context, at project.Assignment, first sconce.EUI64, devices int) error {
	on, level, watts := true, sconce.Level(500), 12.5
	return b.Results().Apply(ctx, 1, func(tx ingest.Tx) error {
		for i := range devices {
			err := tx.SetState(at, telemetry.DeviceState{
				Device: first + sconce.EUI64(i), At: time.Now(), Heard: time.Now(), Reachable: true, On: &on, Level: &level, Power: &watts, PowerAt: time.Now(),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func newID[T sconce.ID](now time.Time) T {
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return sconce.MakeID[T](now, random)
}

// quiet is who nobody listens to.
type quiet struct{}

func (quiet) Publish(string, []byte) {}
func (quiet) Followed(string) bool   { return false }

// serve serves the API on loopback, without TLS.
func (b *site) serve(ctx context.Context, log *audit.Log) error {
	silent := slog.New(slog.DiscardHandler)
	presence, err := telemetry.NewPresences(ctx, b.Presence(), quiet{}, silent)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	devices, err := registry.New(ctx, b.Registry(), time.Now, silent, func(sconce.EUI64) {})
	if err != nil {
		return err
	}
	b.energy = &energy.Service{Store: b.Energy(), Rollups: b.Telemetry(), Now: time.Now}
	handler, err := api.New(api.Options{
		Energy: b.energy, Alerts: &alert.Service{Store: b.Alerts(), Vault: b.Vault(), Live: quiet{}, Now: time.Now, Changed: func(sconce.ProjectID) {}},
		Consent:  consent.New(nil, b.Agreements(), time.Now),
		Registry: devices,
		Identity: b.people, Live: identity.NewLive(b.Identity(), b.projects, time.Now), Projects: b.projects, SecurityLog: log, Log: silent,
		Lighting:  lighting.New(lighting.Parts{Store: b.Lighting(), Vault: b.Vault(), Presence: presence, Entrance: b.projects, Live: quiet{}, Log: silent}),
		Telemetry: telemetry.New(b.Telemetry(), presence), App: fstest.MapFS{}, LiveURL: "wss://localhost/", DemoLiveURL: "ws://localhost/",
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	b.origin = "http://" + l.Addr().String()
	b.url = fmt.Sprintf("%s%s/projects/%s/devices", b.origin, api.Prefix, b.askers[0].project)
	b.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: apiWorkers}, Timeout: time.Minute}
	b.http = &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = b.http.Serve(l) }() // ends when it is closed
	return nil
}

func (b *site) close() error {
	b.client.CloseIdleConnections()
	return errors.Join(b.http.Close(), b.Close())
}

// list asks for the devices of the first project over HTTP.
func (b *site) list(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return err
	}
	r.AddCookie(&http.Cookie{Name: "session", Value: b.askers[0].token.Reveal()}) //nolint:gosec // of a client, on loopback
	answer, err := b.client.Do(r)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || n < 100*apiDevices {
		return fmt.Errorf("listing devices: status %d, %d bytes", answer.StatusCode, n)
	}
	return nil
}

// raw runs the statements that are behind the list, and nothing else.
func (b *site) raw(ctx context.Context) error {
	if _, _, err := b.Identity().Session(ctx, b.askers[0].session); err != nil {
		return err
	}
	if _, err := b.Store.Projects().Networks(ctx, b.scope); err != nil {
		return err
	}
	devices, err := b.Lighting().Devices(ctx, b.scope, b.network)
	if err != nil {
		return err
	}
	_, err1 := b.Telemetry().States(ctx, b.scope, b.network)
	_, err2 := b.Telemetry().Stages(ctx, b.scope, b.network)
	if len(devices) != apiDevices {
		return fmt.Errorf("%d devices, not %d", len(devices), apiDevices)
	}
	return errors.Join(err1, err2)
}

// paced does something apiRate times a second, and returns how long each took, in ms, from
// the moment at which it was due: what has to wait for others before it counts as slow too.
func paced(ctx context.Context, times int, do func(context.Context) error) ([]float64, error) {
	took := make([]float64, times)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(apiWorkers)
	begun := time.Now()
	for i := range times {
		due := begun.Add(time.Duration(i) * time.Second / apiRate)
		if err := pause(ctx, time.Until(due)); err != nil {
			break // the group has the reason
		}
		group.Go(func() error {
			err := do(ctx)
			took[i] = float64(time.Since(due)) / float64(time.Millisecond)
			return err
		})
	}
	return took, group.Wait()
}

// authorise returns how long it takes to tell who asks, by their session, and to let them
// into their project, in ns: by the services, and by the two statements alone.
func (b *site) authorise(ctx context.Context, next func() int) (round, error) {
	begun := time.Now()
	for range authorise {
		a := &b.askers[next()]
		if _, _, err := b.people.Session(ctx, a.token); err != nil {
			return round{}, err
		}
		if _, err := b.projects.Enter(ctx, a.Caller, a.project); err != nil {
			return round{}, err
		}
	}
	whole := time.Since(begun)
	begun = time.Now()
	for range authorise {
		a := &b.askers[next()]
		if _, _, err := b.Identity().Session(ctx, a.session); err != nil {
			return round{}, err
		}
		if _, err := b.Store.Projects().Member(ctx, a.Account, a.project); err != nil {
			return round{}, err
		}
	}
	return round{float64(whole) / authorise, float64(time.Since(begun)) / authorise}, nil
}

// apiSQLite measures the API on SQLite.
func (b *bench) apiSQLite(ctx context.Context) ([]Figure, error) {
	return b.api(ctx, "", func(_, dir string) (*store.Store, error) { return store.Open(ctx, dir) })
}

// apiPostgres measures it on PostgreSQL, with what was copied there from SQLite.
func (b *bench) apiPostgres(ctx context.Context) ([]Figure, error) {
	open, err := onPostgres(ctx)
	if err != nil {
		return nil, err
	}
	return b.api(ctx, "_postgres", open)
}

// onPostgres returns what copies a folder of SQLite to databases of PostgreSQL and opens those.
func onPostgres(ctx context.Context) (func(name, dir string) (*store.Store, error), error) {
	server, err := postgres.Get()
	if err != nil {
		return nil, err
	}
	return func(name, dir string) (*store.Store, error) {
		a, _, err := databases(ctx, server, name)
		if err != nil {
			return nil, err
		}
		if err := store.Prepare(ctx, a, "bench_owner"); err != nil {
			return nil, err
		}
		if err := store.Copy(ctx, dir, a, func(store.Copied) {}); err != nil {
			return nil, err
		}
		// What PostgreSQL would do by itself within minutes, and answer late while it does.
		if err := server.Run(ctx, databaseOf(name, "site"), "VACUUM (ANALYSE)", "CHECKPOINT"); err != nil {
			return nil, err
		}
		return store.OpenPostgres(ctx, a)
	}, nil
}

// api measures on two stores, with few and with many projects.
func (b *bench) api(ctx context.Context, engine string, open func(name, dir string) (*store.Store, error)) (_ []Figure, err error) {
	var sites []*site
	defer func() {
		for _, s := range sites {
			err = errors.Join(err, s.close())
		}
	}()
	for _, n := range []int{apiFew, apiMany} {
		b.say("making %d projects", n)
		name := fmt.Sprint("projects", n)
		dir := filepath.Join(b.dir, name+engine)
		made, err := fill(ctx, dir, dir+".key", n)
		if err != nil {
			return nil, err
		}
		s, err := open(name, dir)
		if err != nil {
			return nil, err
		}
		if err := made.open(ctx, s, dir+".key"); err != nil {
			return nil, err
		}
		sites = append(sites, made)
	}
	few, many := sites[0], sites[1]
	var one, spread, beside, growth []round
	for range b.Rounds {
		r, err := many.authorise(ctx, func() int { return 0 })
		if err != nil {
			return nil, err
		}
		one = append(one, r)
		if r, err = many.authorise(ctx, func() int { return b.luck.IntN(apiMany) }); err != nil {
			return nil, err
		}
		spread = append(spread, r)
		p99 := map[string]float64{}
		work := map[string]func(context.Context) error{"few": few.list, "many": many.list, "raw": few.raw}
		order := []string{"few", "many", "raw"}
		b.luck.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, name := range order {
			if _, err := paced(ctx, apiWarm, work[name]); err != nil {
				return nil, err
			}
			took, err := paced(ctx, apiRequests, work[name])
			if err != nil {
				return nil, err
			}
			p99[name] = percentile(took, 99)
		}
		beside = append(beside, round{p99["few"], p99["raw"]})
		growth = append(growth, round{p99["many"], p99["few"]})
	}
	return []Figure{
		newFigure("authorise"+engine+"_ns", "ns", "its_two_statements", one, ratioAtMost(1.5)),
		newFigure("authorise_spread"+engine+"_ns", "ns", "its_two_statements", spread, ratioAtMost(1.5)),
		newFigure("api_p99"+engine+"_ms", "ms", "its_statements_p99_ms", beside, valueAtMost(50)),
		newFigure("api_p99_10000"+engine+"_ms", "ms", "with_10_projects", growth, ratioAtMost(1.2)),
	}, nil
}
