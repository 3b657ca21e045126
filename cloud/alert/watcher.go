package alert

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// How often a network is looked at.
const (
	// Sweep is how long after one look there is another at the latest.
	Sweep = time.Minute
	// soon is how long there is between two rounds at least: what happens together is seen
	// together.
	soon = 250 * time.Millisecond
	// counting is how long it is taken to be known how much a project has used: rollups grow once
	// a quarter of an hour.
	counting = 5 * time.Minute
	// urgent and usual are how long there is between two looks at a network at least, because
	// something is wrong, or because something may be right again.
	urgent = 2 * time.Second
	usual  = 10 * time.Second
	// newNetworks is how often it is asked which networks there are.
	newNetworks = time.Minute
	// settling is how long gateways have to find a cloud that has just started.
	settling = time.Minute
	// maxStirred is how many devices that something was heard of wait for a look; beyond
	// that their networks wait for the sweep.
	maxStirred = 10_000
)

// gatherFor is how long a letter waits for other devices with the same cause.
func gatherFor(k rules.Kind) time.Duration {
	if k == rules.GatewayOffline {
		return 0
	}
	return time.Minute
}

// Watcher looks at all networks. It is safe for concurrent use.
type Watcher struct {
	store   Store
	live    telemetry.Publisher
	now     func() time.Time
	log     *slog.Logger
	started time.Time
	woken   chan struct{} // of Run
	told    func()        // notices came

	mu      sync.Mutex
	stirred map[stirredKey]time.Duration // until the next look after the last, at least
	raised  map[sconce.ProjectID]int     // how many networks of it have something raised

	// Of Run alone.
	networks map[project.Assignment]*network
	listed   time.Time
}

type stirredKey struct {
	project sconce.ProjectID
	network sconce.NetworkID // "" when only the device is known
	device  sconce.EUI64
}

// network is a network that is looked at.
type network struct {
	Watched

	due    time.Time
	last   time.Time // when it was looked at
	raised bool

	// leads says that it is the one network of its project whose gateway stands for the energy of
	// all of them.
	leads          bool
	counted        time.Time // when these were read
	used, budgeted float64
}

// NewWatcher returns a watcher, which calls told when there are new notices. told does not
// block.
func NewWatcher(store Store, live telemetry.Publisher, now func() time.Time, log *slog.Logger, told func()) *Watcher {
	return &Watcher{
		store: store, live: live, now: now, log: log, started: now(), told: told, woken: make(chan struct{}, 1),
		stirred: map[stirredKey]time.Duration{}, raised: map[sconce.ProjectID]int{}, networks: map[project.Assignment]*network{},
	}
}

// StateChanged says that a device has a new state. It does not block. Of most states it is
// clear that nothing begins or ends with them: those wait for the sweep.
func (w *Watcher) StateChanged(id sconce.ProjectID, s telemetry.DeviceState) {
	wrong := !s.Reachable || s.Faults != nil && *s.Faults != 0
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case wrong:
		w.stir(stirredKey{project: id, device: s.Device}, urgent)
	case w.raised[id] > 0: // it may be right again
		w.stir(stirredKey{project: id, device: s.Device}, usual)
	}
}

// PresenceChanged says that a gateway came or went. It does not block.
func (w *Watcher) PresenceChanged(a project.Assignment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stir(stirredKey{project: a.Project, network: a.Network}, 0)
}

// Look asks for a look at all networks of a project: its rules have changed.
func (w *Watcher) Look(id sconce.ProjectID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stir(stirredKey{project: id}, 0)
}

// stir is called with mu held.
func (w *Watcher) stir(k stirredKey, pause time.Duration) {
	before, there := w.stirred[k]
	if !there && len(w.stirred) >= maxStirred {
		return
	}
	if !there || pause < before {
		w.stirred[k] = pause
	}
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// Run looks at networks until ctx ends. When the store is away it tries again.
func (w *Watcher) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.woken:
		case <-timer.C:
		}
		next := w.Round(ctx)
		timer.Reset(soon)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(max(next.Sub(w.now()), 0))
	}
}

// Round looks at the networks whose time has come, and returns when the next one's comes.
func (w *Watcher) Round(ctx context.Context) time.Time {
	now := w.now()
	if w.listed.IsZero() || now.Sub(w.listed) >= newNetworks {
		if err := w.list(ctx); err != nil {
			w.complain(ctx, "which networks there are cannot be read", err)
			return now.Add(time.Second)
		}
		w.listed = now
	}
	w.awaken(ctx, now)
	next := w.listed.Add(newNetworks)
	for _, n := range w.networks {
		if ctx.Err() != nil {
			return next
		}
		if !n.due.After(now) {
			again, err := w.look(ctx, n)
			if err != nil {
				w.complain(ctx, "a network cannot be looked at", err)
				again = w.now().Add(time.Second)
			}
			n.due, n.last = again, now
		}
		if n.due.Before(next) {
			next = n.due
		}
	}
	return next
}

func (w *Watcher) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		w.log.Error("alerts: "+what, slog.Any("error", err))
	}
}

// list takes up new networks, and lets go of those that have no gateway any more.
func (w *Watcher) list(ctx context.Context) error {
	all, err := w.store.Watched(ctx)
	if err != nil {
		return err
	}
	there := make(map[project.Assignment]bool, len(all))
	leaders := map[sconce.ProjectID]sconce.NetworkID{}
	for _, one := range all {
		there[one.Assignment] = true
		if first, ok := leaders[one.Project]; !ok || one.Network < first {
			leaders[one.Project] = one.Network
		}
		if n := w.networks[one.Assignment]; n == nil {
			w.networks[one.Assignment] = &network{Watched: one}
		} else {
			n.Gateway = one.Gateway
		}
	}
	for a, n := range w.networks {
		if !there[a] {
			w.mark(n, false)
			delete(w.networks, a)
		}
		n.leads = leaders[a.Project] == a.Network
	}
	return nil
}

// count takes up how much energy the project of a network has used, if that is told of there.
func (w *Watcher) count(ctx context.Context, n *network, s *Situation, now time.Time) (err error) {
	if !n.leads || !s.Settings.Effective()[rules.EnergyHigh].On {
		return nil
	}
	if n.counted.IsZero() || now.Sub(n.counted) >= counting {
		if n.used, n.budgeted, err = w.store.Budget(ctx, n.Project, now); err != nil {
			return err
		}
		n.counted = now
	}
	s.Network.Used, s.Network.Budget = n.used, n.budgeted
	return nil
}

// awaken makes those networks due that something was heard of.
func (w *Watcher) awaken(ctx context.Context, now time.Time) {
	w.mu.Lock()
	stirred := w.stirred
	w.stirred = map[stirredKey]time.Duration{}
	w.mu.Unlock()
	for k, pause := range stirred {
		if k.device != 0 {
			id, err := w.store.NetworkOf(ctx, k.project, k.device)
			if err != nil {
				w.complain(ctx, "where a device is cannot be read", err)
				continue // the sweep finds it
			}
			k.network = id
		}
		if k.network == "" && k.device == 0 {
			for a, n := range w.networks {
				if a.Project == k.project {
					n.due = now
				}
			}
			continue
		}
		if n := w.networks[project.Assignment{Project: k.project, Network: k.network}]; n != nil {
			if at := later(now, n.last.Add(pause)); at.Before(n.due) {
				n.due = at
			}
		}
	}
}

// look looks at a network, and returns when to do so again.
func (w *Watcher) look(ctx context.Context, n *network) (again time.Time, err error) {
	now := w.now()
	s, err := w.store.Situation(ctx, n.Watched, now.Add(-rules.Forgiven))
	if err != nil {
		return time.Time{}, err
	}
	if g := &s.Network.Gateway; !g.Online && !g.Since.Before(w.started.Add(-settling)) {
		g.Settling = now.Sub(w.started) < settling
	}
	if err := w.count(ctx, n, &s, now); err != nil {
		return time.Time{}, err
	}
	set := s.Settings.Effective()
	after, found, next := rules.Look(set, s.Network, s.Watches, now)
	alerts, news := rules.Gather(set, s.Recent, found, now, s.Crowded, func() sconce.AlertID { return newID(now) })
	o := Outcome{Alerts: alerts, Notices: notices(n.Project, alerts, news, s, now)}
	o.Set, o.Forget = differences(s.Watches, after)
	if len(o.Set)+len(o.Forget)+len(o.Alerts) > 0 {
		if err := w.store.Record(ctx, n.Assignment, o); err != nil {
			return time.Time{}, err
		}
	}
	w.mark(n, anyRaised(after))
	for i := range alerts {
		publish(w.live, n.Project, Alert{Incident: alerts[i], Network: n.Network})
	}
	if len(o.Notices) > 0 {
		w.told()
	}
	if sweep := now.Add(Sweep); next.IsZero() || sweep.Before(next) {
		next = sweep
	}
	return next, nil
}

// mark notes whether something is raised in a network.
func (w *Watcher) mark(n *network, raised bool) {
	if n.raised == raised {
		return
	}
	n.raised = raised
	w.mu.Lock()
	defer w.mu.Unlock()
	if raised {
		w.raised[n.Project]++
		return
	}
	if w.raised[n.Project]--; w.raised[n.Project] == 0 {
		delete(w.raised, n.Project)
	}
}

func anyRaised(watches map[rules.Key]rules.Watch) bool {
	for _, w := range watches {
		if w.Raised || !w.Since.IsZero() {
			return true
		}
	}
	return false
}

// differences returns what has to be stored.
func differences(before, after map[rules.Key]rules.Watch) (set map[rules.Key]rules.Watch, forget []rules.Key) {
	set = map[rules.Key]rules.Watch{}
	for k, w := range after {
		if b, ok := before[k]; !ok || b != w {
			set[k] = w
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			forget = append(forget, k)
		}
	}
	return set, forget
}

// notices says who is to be told: people after some time, in which others may join, and
// programs at once.
func notices(id sconce.ProjectID, alerts []rules.Incident, news []rules.News, s Situation, now time.Time) []Notice {
	var all []Notice
	add := func(a *rules.Incident, hook HookID, n rules.News, due time.Time) {
		if s.Notices+len(all) < MaxNotices {
			all = append(all, Notice{ID: rand.Text(), Project: id, Alert: a.ID, Hook: hook, News: n, Made: now, Due: due})
		}
	}
	for i := range alerts {
		if news[i] == rules.Changed {
			continue
		}
		due := now
		if news[i] == rules.Began {
			due = now.Add(gatherFor(alerts[i].Kind))
		}
		add(&alerts[i], "", news[i], due)
		for _, h := range s.Hooks {
			if alerts[i].Severity >= h.Least {
				add(&alerts[i], h.ID, news[i], now)
			}
		}
	}
	return all
}

func newID(now time.Time) sconce.AlertID {
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return sconce.MakeID[sconce.AlertID](now, random)
}
