package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/alert"
	"sconce/cloud/audit"
	"sconce/cloud/edge"
	"sconce/cloud/homeassistant"
	"sconce/cloud/identity"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// bus carries what the cloud says to gateways and apps. With one cloud process
// that is the edge of this process.
type bus struct{ edge *edge.Server }

// Send implements [lighting.Downlink].
func (b *bus) Send(gateway sconce.EUI64, kind wire.Kind, payload []byte) error {
	options := edge.PublishOptions{QoS: 1}
	if kind == wire.KindCommand {
		options.Expiry = lighting.CommandTTL
	}
	subscribers, err := b.edge.Publish(wire.DownTopic(gateway, kind), payload, options)
	if err == nil && subscribers == 0 {
		err = sconce.Errorf(sconce.Unavailable, "gateway %s is not connected", gateway)
	}
	return err
}

// Publish implements [lighting.Publisher] and [telemetry.Publisher]. Nobody need
// listen, and an app that missed something asks the API.
func (b *bus) Publish(topic string, payload []byte) {
	_, _ = b.edge.Publish(topic, payload, edge.PublishOptions{}) // our own topics are valid, and nothing is retained
}

// Retain implements [homeassistant.Retainer].
func (b *bus) Retain(topic string, payload []byte) error {
	_, err := b.edge.Publish(topic, payload, edge.PublishOptions{Retain: true})
	return err
}

// Forget implements [homeassistant.Retainer].
func (b *bus) Forget(topic string) { b.edge.Forget(topic) }

// Followed implements [telemetry.Publisher].
func (b *bus) Followed(topic string) bool { return b.edge.Followed(topic) }

// announcer implements [ingest.Announcer].
type announcer struct {
	bus      *bus
	lighting *lighting.Service
	watcher  *alert.Watcher
	home     *homeassistant.Bridge
}

// StateChanged tells the apps, and who looks after alerts.
func (a announcer) StateChanged(id sconce.ProjectID, s telemetry.DeviceState) {
	telemetry.PublishState(a.bus, id, s)
	a.watcher.StateChanged(id, s)
	a.home.StateChanged(id, s)
}

// CommandEnded tells whoever waits.
func (a announcer) CommandEnded(c lighting.Command) { a.lighting.CommandEnded(c) }

// viewers lets people with a ticket connect for live data, and programs with a token.
type viewers struct {
	live   *identity.Live
	access *access.Service
	home   *homeassistant.Bridge
	desk   *homeassistant.Desk
}

// program is who connected with a token, and whether its project was told to Home Assistant
// then: its rights are those of that moment.
type program struct {
	token access.Token
	home  bool
}

// homeRights are those of a program whose project is told to Home Assistant.
type homeRights struct {
	edge.Rights
	home homeassistant.Rights
}

func (r homeRights) MaySubscribe(filter string) bool {
	return r.Rights.MaySubscribe(filter) || r.home.MaySubscribe(filter)
}

func (r homeRights) MayPublish(topic string) bool { return r.home.MayPublish(topic) }

// Authenticate implements [edge.Accounts].
func (v viewers) Authenticate(ctx context.Context, username, password string) (edge.Principal, error) {
	if access.IsToken(password) { // whatever the user name
		return v.program(ctx, password)
	}
	viewer, err := v.live.Authenticate(ctx, username, password)
	if err != nil {
		return edge.Principal{}, err
	}
	return edge.Principal{ID: string(viewer.Account), Rights: receives(viewer.Projects...), Subject: viewer}, nil
}

// programKeepAlive is the longest keep-alive of programs. It is not as short as that of others, for
// some do not hear what the server asks for: paho-mqtt for Python, up to its release of August 2026,
// with which Home Assistant connects (eclipse-paho/paho.mqtt.python, issue 905). One whose
// network is gone is found by TCP's own probes all the same.
const programKeepAlive = 5 * time.Minute

// program returns the principal that a token makes: of its one project, as far as its
// maker belongs to it.
func (v viewers) program(ctx context.Context, text string) (edge.Principal, error) {
	token, err := v.access.Authenticate(ctx, text)
	if err != nil {
		return edge.Principal{}, err
	}
	scope, err := v.access.Enter(ctx, token, token.Project)
	if err != nil {
		if sconce.KindOf(err) == sconce.NotFound {
			err = sconce.Errorf(sconce.Forbidden, "the project of this token is not its maker's any more")
		}
		return edge.Principal{}, err
	}
	home := v.home.On(scope.Project())
	p := edge.Principal{ID: string(token.Origin()), Rights: receives(scope.Project()), Subject: program{token, home}, KeepAlive: programKeepAlive}
	if home {
		p.Rights = homeRights{p.Rights, homeassistant.Rights{Project: scope.Project(), Control: scope.Require(project.ControlGranted) == nil}}
		p.Filters = homeassistant.Filters
		p.Inbox = homeassistant.Inbox{
			Desk: v.desk, Program: p.ID, Project: scope.Project(),
			Enter: func(ctx context.Context) (project.Scope, error) { return v.enter(ctx, token) },
		}
	}
	return p, nil
}

// enter returns what a token that was good when its program connected lets it do now.
func (v viewers) enter(ctx context.Context, token access.Token) (project.Scope, error) {
	ended, err := v.access.Ended(ctx, []access.Token{token})
	if err != nil {
		return project.Scope{}, err
	}
	if len(ended) > 0 {
		return project.Scope{}, sconce.Errorf(sconce.Forbidden, "this token is good no more")
	}
	return v.access.Enter(ctx, token, token.Project)
}

// receives returns the rights to the live topics of projects.
func receives(projects ...sconce.ProjectID) edge.Rights {
	prefixes := make([]string, len(projects))
	for i, id := range projects {
		prefixes[i] = project.TopicPrefix(id)
	}
	return edge.SubscribeWithin(prefixes)
}

// Ended implements [edge.Accounts].
func (v viewers) Ended(ctx context.Context, connected []edge.Principal) ([]int, error) {
	var people, programs []int // indices
	var subjects []identity.Viewer
	var tokens []access.Token
	var all []int
	for i, p := range connected {
		if p, ok := p.Subject.(program); ok {
			if p.home != v.home.On(p.token.Project) {
				all = append(all, i) // it connects again, with other rights
				continue
			}
			programs, tokens = append(programs, i), append(tokens, p.token)
			continue
		}
		viewer, _ := p.Subject.(identity.Viewer) // Authenticate made all of them
		people, subjects = append(people, i), append(subjects, viewer)
	}
	ended, err := v.live.Ended(ctx, subjects)
	if err != nil {
		return nil, err
	}
	endedTokens, err := v.access.Ended(ctx, tokens)
	if err != nil {
		return nil, err
	}
	for _, i := range ended {
		all = append(all, people[i])
	}
	for _, i := range endedTokens {
		all = append(all, programs[i])
	}
	return all, nil
}

// refusedCommand writes that a program was refused a command, as the API does.
func refusedCommand(ctx context.Context, to *audit.Log, s project.Scope, log *slog.Logger) {
	err := to.Refuse(context.WithoutCancel(ctx), audit.OfProject(s.Project()), s.Subject(), s.Origin(), "send-command", "")
	if err != nil {
		log.Error("a refusal is not in the security log", "error", err)
	}
}

// maxGreetings is how many gateways may wait to be told what is desired of them.
// One that finds no room says hello again with its next connection.
const maxGreetings = 1024

// intake gives what gateways publish to the journal, and answers a hello with
// what is desired: by then the gateway listens.
type intake struct {
	journal  *ingest.Journal
	lighting *lighting.Service
	log      *slog.Logger
	greeted  chan sconce.EUI64
}

func newIntake(j *ingest.Journal, l *lighting.Service, log *slog.Logger) *intake {
	return &intake{j, l, log, make(chan sconce.EUI64, maxGreetings)}
}

// Accept implements [edge.Intake].
func (i *intake) Accept(from sconce.EUI64, topic string, payload []byte, token uint64, done func(token uint64, err error)) {
	if strings.HasSuffix(topic, "/"+string(wire.KindHello)) {
		i.greet(from)
	}
	i.journal.Accept(from, topic, payload, token, done)
}

// greet tells a gateway soon which network it serves and what is desired there.
func (i *intake) greet(gateway sconce.EUI64) {
	select {
	case i.greeted <- gateway:
	default:
		i.log.Warn("too many gateways say hello at once", "gateway", gateway)
	}
}

func (i *intake) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case gateway := <-i.greeted:
			err := i.lighting.GatewayConnected(ctx, gateway)
			if err != nil && sconce.KindOf(err) != sconce.Unavailable { // it went away; it will say hello again
				i.log.Warn("telling a gateway what is desired", "gateway", gateway, "error", err)
			}
		}
	}
}
