package lighting

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/wire"
)

const (
	// CommandTTL is how long after it was made a command may still be begun.
	CommandTTL = 10 * time.Second
	// commandGrace is how much later, and after the transition, its result may come.
	commandGrace = 5 * time.Second
	// MaxPending is how many commands of a project may wait for their results.
	MaxPending = 200
)

// Command is something that lights were asked to do, and what became of it.
type Command struct {
	ID        sconce.CommandID
	Project   sconce.ProjectID
	Network   sconce.NetworkID
	Account   sconce.AccountID // who asked
	Device    sconce.EUI64     // one of Device and Group is set
	Group     sconce.GroupID
	On        *bool // one of On and Level is set
	Level     *sconce.Level
	Fade      time.Duration // transition time, in milliseconds
	Targets   int           // how many lights it was for
	Made      time.Time
	Expires   time.Time // not begun after this
	Deadline  time.Time // no result is waited for after this
	Status    Status
	Confirmed int       // how many lights confirmed
	Ended     time.Time // zero while pending
	Outcomes  []Outcome
}

// Outcome is what became of a command at one light.
type Outcome struct {
	Device sconce.EUI64
	Status OutcomeStatus
}

// Status is what became of a command. The values are those of the store: never
// renumbered.
type Status uint8

// The statuses of a command.
const (
	Pending   Status = 1
	Confirmed Status = 2 // by every light
	Partial   Status = 3 // by some lights
	Failed    Status = 4 // by no light
	Expired   Status = 5 // the gateway had it too late, or did not answer
)

func (s Status) String() string {
	return name(int(s), "status", "", "pending", "confirmed", "partial", "failed", "expired")
}

// MarshalText writes the name of the status.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// OutcomeStatus says how a command ended at one light, with the values of the
// gateway protocol.
type OutcomeStatus uint8

func (s OutcomeStatus) String() string {
	return name(int(s), "outcome", "", "confirmed", "unconfirmed", "refused", "not_joined", "expired")
}

// MarshalText writes the name of the outcome.
func (s OutcomeStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func name(v int, what string, names ...string) string {
	if v <= 0 || v >= len(names) {
		return fmt.Sprintf("%s(%d)", what, v)
	}
	return names[v]
}

// Result is what a gateway said became of a command.
type Result struct {
	Command  sconce.CommandID
	At       time.Time // when the cloud had it
	Outcomes []Outcome
}

// With returns the command as a result leaves it. The gateway has the last word:
// also over a command that had expired here.
func (c Command) With(r Result) Command {
	c.Outcomes, c.Ended, c.Confirmed = r.Outcomes, r.At, 0
	expired := 0
	for _, o := range r.Outcomes {
		switch wire.OutcomeStatus(o.Status) {
		case wire.Confirmed:
			c.Confirmed++
		case wire.Expired:
			expired++
		}
	}
	switch {
	case c.Confirmed > 0 && c.Confirmed >= c.Targets:
		c.Status = Confirmed
	case c.Confirmed > 0:
		c.Status = Partial
	case expired > 0 && expired == len(r.Outcomes):
		c.Status = Expired
	default:
		c.Status = Failed
	}
	return c
}

// Order is what somebody asks of lights. One of Device and Group is set, and one
// of On and Level.
type Order struct {
	Device sconce.EUI64
	Group  sconce.GroupID
	On     *bool
	Level  *sconce.Level
	Fade   time.Duration // transition time, at most [wire.MaxFade] milliseconds
}

func (o Order) check() error {
	switch {
	case (o.Device == 0) == (o.Group == ""):
		return sconce.Errorf(sconce.Invalid, "expected either a device or a group as the target")
	case (o.On == nil) == (o.Level == nil):
		return sconce.Errorf(sconce.Invalid, "expected either on or a level")
	case o.Level != nil && !o.Level.Valid():
		return sconce.FieldErrorf("level", "level %d: expected 0 to %d", *o.Level, sconce.MaxLevel)
	case o.Fade < 0 || o.Fade > wire.MaxFade*time.Millisecond:
		return sconce.FieldErrorf("fade_ms", "fade of %s: expected 0 to %s", o.Fade, wire.MaxFade*time.Millisecond)
	}
	return nil
}

// Send sends an order to the lights. It returns the command as it begins: what
// becomes of it is asked with [Service.Wait]. When the gateway of the network is
// not connected the error is [sconce.Unavailable], and nothing was sent.
func (s *Service) Send(ctx context.Context, scope project.Scope, o Order) (Command, error) {
	if err := scope.Require(project.ControlGranted); err != nil {
		return Command{}, err
	}
	if err := o.check(); err != nil {
		return Command{}, err
	}
	made := now()
	c := Command{
		ID: newID[sconce.CommandID](), Project: scope.Project(), Account: scope.Account(),
		Device: o.Device, Group: o.Group, On: o.On, Level: o.Level, Fade: o.Fade.Truncate(time.Millisecond),
		Made: made, Expires: made.Add(CommandTTL), Deadline: made.Add(CommandTTL + o.Fade + commandGrace),
		Status: Pending, Outcomes: []Outcome{},
	}
	number, err := s.target(ctx, scope, &c)
	if err != nil {
		return Command{}, err
	}
	gateway, err := s.Store.NetworkGateway(ctx, scope, c.Network)
	if err != nil {
		return Command{}, err
	}
	if gateway == 0 {
		return Command{}, sconce.Errorf(sconce.Unavailable, "this network has no gateway yet: add one by its label")
	}
	if !s.Presence.Online(gateway) {
		return Command{}, errOffline()
	}
	return c, s.begin(ctx, scope, gateway, number, c)
}

// target finds out which lights a command is for.
func (s *Service) target(ctx context.Context, scope project.Scope, c *Command) (sconce.GroupNumber, error) {
	pending, err := s.Store.Pending(ctx, scope)
	if err != nil {
		return 0, err
	}
	if pending >= MaxPending {
		return 0, sconce.LaterErrorf(sconce.TooMany, 5*time.Second, "%d commands of this project wait for their results; try again in a moment", pending)
	}
	if c.Group == "" {
		d, err := s.Store.Device(ctx, scope, c.Device)
		if err != nil {
			return 0, err
		}
		if d.Kind != sconce.Luminaire {
			return 0, sconce.Errorf(sconce.Invalid, "device %s is a %s: only lights take commands", d.Device, d.Kind)
		}
		c.Network, c.Targets = d.Network, 1
		return 0, scope.RequireControl(d.Groups...)
	}
	g, err := s.Store.Group(ctx, scope, c.Group)
	if err != nil {
		return 0, err
	}
	if err := scope.RequireControl(g.ID); err != nil {
		return 0, err
	}
	if len(g.Members) == 0 {
		return 0, sconce.Errorf(sconce.Conflict, "group %s has no lights", g.Name)
	}
	c.Network, c.Targets = g.Network, len(g.Members)
	return g.Number, nil
}

// begin stores a command and sends it.
func (s *Service) begin(ctx context.Context, scope project.Scope, gateway sconce.EUI64, number sconce.GroupNumber, c Command) error {
	if err := s.Store.CreateCommand(ctx, scope, c); err != nil {
		return err
	}
	s.publish(c)
	err := s.send(gateway, wire.Command{
		ID: c.ID, Expires: wire.Time(c.Expires.UnixMilli()), Device: c.Device, Group: number,
		On: c.On, Level: c.Level, Fade: uint32(c.Fade / time.Millisecond),
	})
	if err != nil {
		s.Log.Warn("sending a command", "command", c.ID, "error", err)
		c.Status, c.Ended = Failed, now()
		if err := s.Store.FailCommand(ctx, scope, c.ID, c.Ended); err != nil {
			return err
		}
		s.CommandEnded(c)
		return errOffline()
	}
	select {
	case s.expiry <- struct{}{}:
	default:
	}
	return nil
}

func errOffline() error {
	return sconce.Errorf(sconce.Unavailable, "the gateway of this network is offline: nothing was sent; check its power and its internet connection")
}

// Command returns a command as it stands.
func (s *Service) Command(ctx context.Context, scope project.Scope, id sconce.CommandID) (Command, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return Command{}, err
	}
	return s.Store.Command(ctx, scope, id)
}

// Wait returns a command once it has ended, or as it stands when ctx ends.
func (s *Service) Wait(ctx context.Context, scope project.Scope, id sconce.CommandID) (Command, error) {
	ended, forget := s.waiters.add(id)
	defer forget()
	c, err := s.Command(ctx, scope, id)
	if err != nil || c.Status != Pending {
		return c, err
	}
	select {
	case <-ctx.Done():
		return c, nil
	case <-ended:
		return s.Command(ctx, scope, id)
	}
}

// CommandEnded tells those who wait for a command, or follow it, that it ended. It
// is called after that was stored.
func (s *Service) CommandEnded(c Command) {
	s.waiters.end(c.ID)
	s.publish(c)
}

func (s *Service) publish(c Command) {
	if payload, err := json.Marshal(c); err == nil { // a command always has a form
		s.Live.Publish(project.Topic(c.Project, project.CommandTopic, string(c.ID)), payload)
	}
}

// Run lets commands expire that got no result, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for {
		ended, next, err := s.Store.Expire(ctx, now())
		for _, c := range ended {
			s.CommandEnded(c)
		}
		var timer <-chan time.Time
		switch {
		case err != nil:
			if ctx.Err() == nil {
				s.Log.Error("ending commands without results", "error", err)
			}
			timer = time.After(time.Second)
		case !next.IsZero():
			timer = time.After(max(time.Millisecond, time.Until(next)))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer:
		case <-s.expiry:
		}
	}
}

// waiters are those who wait for commands to end. There are as many as requests.
type waiters struct {
	mu sync.Mutex
	of map[sconce.CommandID][]chan struct{}
}

func (w *waiters) add(id sconce.CommandID) (ended <-chan struct{}, forget func()) {
	c := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of[id] = append(w.of[id], c)
	return c, func() { w.forget(id, c) }
}

func (w *waiters) forget(id sconce.CommandID, c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.of[id]
	for i := range rest {
		if rest[i] == c {
			rest = append(rest[:i:i], rest[i+1:]...)
			break
		}
	}
	if len(rest) == 0 {
		delete(w.of, id)
	} else {
		w.of[id] = rest
	}
}

func (w *waiters) end(id sconce.CommandID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.of[id] {
		close(c)
	}
	delete(w.of, id)
}
