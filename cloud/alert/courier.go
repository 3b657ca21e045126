package alert

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/mail"
	"sconce/cloud/vault"
)

// How notices are delivered.
const (
	// GiveUpAfter is how long a notice is tried.
	GiveUpAfter = 24 * time.Hour
	firstRetry  = time.Minute
	lastRetry   = time.Hour
	courierPace = 5 * time.Second
	dueAtOnce   = 100
	// callsAtOnce is how many webhooks are called at the same time.
	callsAtOnce = 8
	// turn is how long one webhook is told things before the others have theirs, and pause is
	// how long it waits for its next turn then, as it does when it took nothing.
	turn  = 15 * time.Second
	pause = time.Minute
)

// People writes letters.
type People interface {
	// Write queues a letter to each of these accounts, with a link to a page.
	Write(ctx context.Context, to []sconce.AccountID, kind mail.Kind, page string, v mail.Values) error
}

// Courier delivers notices.
type Courier struct {
	Store  Store
	Vault  *vault.Vault
	People People // nil where no letters are sent
	Caller *Caller
	Now    func() time.Time
	Log    *slog.Logger
}

// Run delivers until ctx ends. A value on came makes it look at once.
func (c *Courier) Run(ctx context.Context, came <-chan struct{}) {
	tick := time.NewTicker(courierPace)
	defer tick.Stop()
	for {
		for c.Round(ctx) == dueAtOnce && ctx.Err() == nil {
		}
		select {
		case <-ctx.Done():
			return
		case <-came:
		case <-tick.C:
		}
	}
}

// Round delivers what is due, and returns how much that was; 0 when some of it stays due,
// because the store is away.
func (c *Courier) Round(ctx context.Context) int {
	due, err := c.Store.Due(ctx, c.Now(), dueAtOnce)
	if err != nil {
		c.complain(ctx, "notices cannot be read", err)
		return 0
	}
	// One webhook is told one thing after the other; a slow one keeps others waiting for its
	// turn at most.
	byHook := map[HookID][]Notice{}
	for _, n := range due {
		byHook[n.Hook] = append(byHook[n.Hook], n)
	}
	var (
		all  sync.WaitGroup
		left atomic.Bool
	)
	room := make(chan struct{}, callsAtOnce)
	for hook, notices := range byHook {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			if !c.deliver(ctx, hook, notices) {
				left.Store(true)
			}
		})
	}
	all.Wait()
	if left.Load() {
		return 0
	}
	return len(due)
}

func (c *Courier) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		c.Log.Error("alerts: "+what, slog.Any("error", err))
	}
}

// deliver tells one webhook, or writes letters, and reports whether nothing of it stays due.
// When a webhook did not take one thing, it is not bothered with the next ones now. What
// cannot be told because of what is stored is tried again later, so that it keeps nothing else.
func (c *Courier) deliver(ctx context.Context, hook HookID, notices []Notice) bool {
	var failed error
	begun, over := c.Now(), false
	for _, n := range notices {
		if ctx.Err() != nil {
			return false
		}
		if over = hook != "" && c.Now().Sub(begun) >= turn; over {
			break
		}
		var err error
		if failed, err = c.one(ctx, n, failed); err != nil {
			c.complain(ctx, "a notice cannot be delivered", err)
			if err := c.again(ctx, n, err); err != nil {
				c.complain(ctx, "a notice cannot be postponed", err)
				return false
			}
		}
	}
	if failed == nil && !over {
		return true
	}
	if err := c.Store.Defer(ctx, notices[0].Project, hook, c.Now().Add(pause)); err != nil {
		c.complain(ctx, "the notices of a webhook cannot be postponed", err)
		return false
	}
	return true
}

// one delivers a notice, unless its webhook has just failed. The second error is one of the
// store.
func (c *Courier) one(ctx context.Context, n Notice, before error) (failed, err error) {
	r, err := c.Store.Report(ctx, n.Project, n.Alert)
	switch {
	case sconce.KindOf(err) == sconce.NotFound:
		return before, c.Store.Done(ctx, n)
	case err != nil:
		return before, err
	case n.Hook == "":
		return nil, c.letters(ctx, n, r)
	default:
		return c.tell(ctx, n, r, before)
	}
}

// tell is one for a webhook.
func (c *Courier) tell(ctx context.Context, n Notice, r Report, before error) (failed, err error) {
	var hook *Hook
	for i := range r.Hooks {
		if r.Hooks[i].ID == n.Hook {
			hook = &r.Hooks[i]
		}
	}
	if hook == nil { // it was removed
		return nil, c.Store.Done(ctx, n)
	}
	if failed = before; failed == nil {
		opened, err := hook.open(c.Vault)
		if err != nil {
			return nil, err
		}
		post := Post{ID: n.ID, News: newsName(n.News), Project: n.Project, Alert: MessageOf(&r.Alert)}
		failed = c.Caller.Call(ctx, opened, post, c.Now())
	}
	if failed == nil {
		if !hook.Failing.IsZero() {
			if err := c.Store.SetFailing(ctx, n.Project, n.Hook, time.Time{}); err != nil {
				return nil, err
			}
		}
		return nil, c.Store.Done(ctx, n)
	}
	if ctx.Err() != nil {
		return failed, nil // we are being stopped: it stays due
	}
	if hook.Failing.IsZero() {
		if err := c.Store.SetFailing(ctx, n.Project, n.Hook, c.Now()); err != nil {
			return failed, err
		}
	}
	return failed, c.again(ctx, n, failed)
}

// again tries a notice later, or gives it up.
func (c *Courier) again(ctx context.Context, n Notice, reason error) error {
	now := c.Now()
	n.Tries++
	if now.Sub(n.Made) >= GiveUpAfter {
		c.Log.Warn("alerts: a notice is given up", slog.String("notice", n.ID), slog.Int("tries", n.Tries), slog.Any("reason", reason))
		return c.Store.Done(ctx, n)
	}
	n.Due = now.Add(min(firstRetry<<min(n.Tries-1, 10), lastRetry))
	return c.Store.Postpone(ctx, n)
}

// letters writes to those who want it. What began and is over before it was told is not
// told, nor is the end of what was not; and what comes and goes while nothing is told, as in
// quiet hours, is told once.
func (c *Courier) letters(ctx context.Context, n Notice, r Report) error {
	began := n.News == rules.Began
	if c.People == nil || began != r.Open() || began == r.Told {
		return c.Store.Done(ctx, n)
	}
	now := c.Now()
	if until := r.Settings.QuietUntil(now, r.Severity); until.After(now) {
		n.Due = until
		return c.Store.Postpone(ctx, n)
	}
	var to []sconce.AccountID
	for _, reader := range r.Readers {
		if reader.Gets(r.Severity) {
			to = append(to, reader.Account)
		}
	}
	kind := mail.AlertBegan
	if !began {
		kind = mail.AlertEnded
	}
	if len(to) > 0 {
		page := "projects/" + string(n.Project) + "/alerts"
		if err := c.People.Write(ctx, to, kind, page, values(r)); err != nil {
			return c.again(ctx, n, err)
		}
	}
	if err := c.Store.SetTold(ctx, n.Project, n.Alert, began); err != nil {
		return err
	}
	return c.Store.Done(ctx, n)
}

// mostNamed is how many devices a letter names.
const mostNamed = 10

// values are what a letter about an alert says.
func values(r Report) mail.Values {
	v := mail.Values{Project: r.ProjectName, What: words[r.Kind], Role: r.NetworkName, Reason: r.Severity.String()}
	if r.Kind == rules.GatewayOffline || r.Kind == rules.DataLost || r.Kind == rules.EnergyHigh {
		return v
	}
	for i, m := range r.Members {
		if i == mostNamed {
			v.Lines = append(v.Lines, fmt.Sprintf("and %d more", len(r.Members)-i))
			break
		}
		name := r.Names[m.Device]
		if name == "" {
			name = m.Device.String()
		}
		v.Lines = append(v.Lines, name)
	}
	return v
}

// words are what the kinds are called in letters.
var words = map[rules.Kind]string{
	rules.LampFailure: "Lamp failure", rules.DriverFault: "Driver fault", rules.Overheated: "Too hot", rules.DeviceOffline: "Does not answer",
	rules.GatewayOffline: "Gateway offline", rules.BatteryLow: "Battery low", rules.PowerHigh: "Power above expectation",
	rules.EnergyHigh: "Energy above budget", rules.SensorStuck: "Sensor without change", rules.DataLost: "Data was lost",
}

func newsName(n rules.News) string {
	switch n {
	case rules.Began:
		return "began"
	case rules.Ended:
		return "ended"
	default:
		return "changed"
	}
}
