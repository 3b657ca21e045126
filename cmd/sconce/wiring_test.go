package main

import (
	"crypto/sha256"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/edge"
	"sconce/cloud/homeassistant"
	"sconce/cloud/identity"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
)

// topicKinds says of every kind of topic who receives it, of their own project. Nobody who
// connects over WebSocket publishes to any of them; what programs publish for Home Assistant is
// in homeTopics. A kind without a row fails the test.
var topicKinds = map[string][]string{
	"p/{project}/device/x":  {"owner", "expert", "user", "viewer"},
	"p/{project}/gateway/x": {"owner", "expert", "user", "viewer"},
	"p/{project}/command/x": {"owner", "expert", "user", "viewer"},
	"p/{project}/alert/x":   {"owner", "expert", "user", "viewer"},

	// Between a gateway and the cloud, up and down.
	"g/{gateway}/{way}/hello": {}, "g/{gateway}/{way}/readings": {}, "g/{gateway}/{way}/events": {}, "g/{gateway}/{way}/state": {},
	"g/{gateway}/{way}/result": {}, "g/{gateway}/{way}/report": {}, "g/{gateway}/{way}/log": {},
	"g/{gateway}/{way}/adopt": {}, "g/{gateway}/{way}/occupancy": {}, "g/{gateway}/{way}/desired": {}, "g/{gateway}/{way}/command": {},
}

// TestTopicIsolation crosses every kind of topic with every role, and with the own, another
// and an absent project.
func TestTopicIsolation(t *testing.T) {
	p := newPeople(t)
	rows := map[string]bool{}
	for _, kind := range constants(t, "../../cloud/project/topics.go", "TopicKind") {
		rows["p/{project}/"+kind+"/x"] = true
	}
	for _, kind := range constants(t, "../../wire/wire.go", "Kind") {
		rows["g/{gateway}/{way}/"+kind] = true
	}
	for topic := range rows {
		if _, ok := topicKinds[topic]; !ok {
			t.Errorf("%s has no row in the table of this test", topic)
		}
	}
	for topic := range topicKinds {
		if !rows[topic] {
			t.Errorf("the row %s is of no kind of topic", topic)
		}
	}
	for _, who := range []string{"owner", "expert", "user", "viewer", "stranger"} {
		p.isolate(t, who, p.connect(t, who))
		p.isolate(t, who, p.connectWithToken(t, who))
	}
	for _, password := range []string{"", "x", identity.NewToken().Reveal()} {
		if principal, err := p.Authenticate(t.Context(), "nobody", password); sconce.KindOf(err) != sconce.Unauthenticated || principal.Rights != nil {
			t.Errorf("nobody connects: %+v, %v", principal, err)
		}
	}
}

// isolate crosses the topics with the projects, for somebody.
func (p people) isolate(t *testing.T, who string, rights edge.Rights) {
	t.Helper()
	for topic, receivers := range topicKinds {
		for _, whose := range []string{"own", "other", "absent", "+", "#"} {
			// The stranger owns the other project.
			want := whose == "own" && slices.Contains(receivers, who) || whose == "other" && who == "stranger" && len(receivers) > 0
			for _, way := range []string{"up", "down"} {
				name := strings.Replace(p.fill(topic, whose), "{way}", way, 1)
				if got := rights.MaySubscribe(name); got != want {
					t.Errorf("%s subscribes to %s of the %s project: %v", who, topic, whose, got)
				}
				if rights.MayPublish(name) {
					t.Errorf("%s publishes to %s of the %s project", who, topic, whose)
				}
			}
		}
	}
}

// people are members of two projects in every role, and how they connect.
type people struct {
	viewers
	sessions map[string]identity.Session
	projects map[string]sconce.ProjectID
}

func newPeople(t *testing.T) people {
	t.Helper()
	s, ctx, now := storetest.Open(t), t.Context(), time.Now()
	projects := project.New(s.Projects(), time.Now)
	p := people{
		viewers: viewers{
			identity.NewLive(s.Identity(), projects, time.Now),
			&access.Service{Store: s.Access(), Projects: projects, Vault: s.Vault(), Now: time.Now},
			nil, nil,
		},
		sessions: map[string]identity.Session{},
		projects: map[string]sconce.ProjectID{"absent": "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f", "+": "+", "#": "#"},
	}
	for _, who := range []string{"owner", "expert", "user", "viewer", "stranger"} {
		account := identity.Account{ID: sconce.AccountID(who), Email: who + "@example.org", Name: who, Made: now}
		must(t, s.Identity().CreateAccount(ctx, identity.Credentials{Account: account, PasswordHash: "none"}, audit.Operator, audit.Console))
		session := identity.Session{ID: sha256.Sum256([]byte(who)), Account: account.ID, Made: now, Used: now}
		must(t, s.Identity().CreateSession(ctx, session, nil, 10))
		p.sessions[who] = session
	}
	for which, who := range map[string]sconce.AccountID{"own": "owner", "other": "stranger"} {
		m, err := projects.Create(ctx, project.Caller{Account: who}, project.NewProject{Name: "Building"})
		must(t, err)
		p.projects[which] = m.ID
	}
	var err error
	p.home, err = homeassistant.NewBridge(ctx, homeassistant.Parts{Store: s.HomeAssistant(), Retain: nothingKept{}, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	scope, err := projects.Enter(ctx, project.Caller{Account: "owner"}, p.projects["own"])
	must(t, err)
	for who, role := range map[sconce.AccountID]sconce.Role{"expert": sconce.Expert, "user": sconce.User, "viewer": sconce.Viewer} {
		must(t, projects.SetMember(ctx, scope, project.Member{Account: who, Role: role}))
	}
	return p
}

// connect returns the rights of somebody who connects with a ticket.
func (p people) connect(t *testing.T, who string) edge.Rights {
	t.Helper()
	ticket, err := p.live.Issue(t.Context(), p.sessions[who])
	must(t, err)
	principal, err := p.Authenticate(t.Context(), ticket.Username, ticket.Password.Reveal())
	must(t, err)
	return principal.Rights
}

// connectWithToken returns the rights of a program of somebody, with a token that lets it do
// all that its maker may.
func (p people) connectWithToken(t *testing.T, who string) edge.Rights {
	t.Helper()
	role := map[string]sconce.Role{"owner": sconce.Owner, "expert": sconce.Expert, "user": sconce.User, "viewer": sconce.Viewer, "stranger": sconce.Owner}[who]
	return p.connectWith(t, who, project.RoleActions(role))
}

func (p people) connectWith(t *testing.T, who string, actions project.Actions) edge.Rights {
	t.Helper()
	own := p.projects["own"]
	if who == "stranger" {
		own = p.projects["other"]
	}
	principal, err := p.Authenticate(t.Context(), "anybody", p.makeToken(t, who, own, actions))
	must(t, err)
	return principal.Rights
}

func (p people) makeToken(t *testing.T, who string, of sconce.ProjectID, actions project.Actions) string {
	t.Helper()
	_, secret, err := p.access.Make(t.Context(), project.Caller{Account: sconce.AccountID(who)}, access.New{Project: of, Actions: actions, Name: "Panel", Life: time.Hour})
	must(t, err)
	return secret.Reveal()
}

// nothingKept is a retained store that keeps nothing.
type nothingKept struct{}

func (nothingKept) Retain(string, []byte) error { return nil }
func (nothingKept) Forget(string)               {}

// homeTopics are the topics of Home Assistant, with who receives them and who publishes there, by
// a token of their own project in which the option is on. Without that, and with a ticket of the
// app, nobody does either.
var homeTopics = map[string]struct{ receive, publish []string }{
	"homeassistant/{project}/device/0000000000000010/config": {receive: everybody},
	"homeassistant/{project}/0000000000000010/state":         {receive: everybody},
	"homeassistant/{project}/network/x":                      {receive: everybody},
	"homeassistant/{project}/0000000000000010/set":           {receive: everybody, publish: []string{"owner", "expert", "user"}},
	"homeassistant/{project}/status":                         {receive: everybody, publish: everybody},
	"homeassistant/{project}/0000000000000010/x":             {receive: everybody},
	"homeassistant/{project}/0000000000000010/set/x":         {receive: everybody},
	"homeassistant/{project}":                                {},
	"homeassistant/x":                                        {},
}

var everybody = []string{"owner", "expert", "user", "viewer"}

// TestHomeAssistantTopicIsolation crosses the topics of Home Assistant with every role, every
// project, and the option.
func TestHomeAssistantTopicIsolation(t *testing.T) {
	p := newPeople(t)
	for _, on := range []bool{false, true, false} {
		p.home.Switched(p.projects["own"], on)
		for _, who := range []string{"owner", "expert", "user", "viewer", "stranger"} {
			p.isolateHome(t, who, p.connect(t, who), false)
			p.isolate(t, who, p.connectWithToken(t, who))
			// The stranger owns the other project, where it is off.
			p.isolateHome(t, who, p.connectWithToken(t, who), on && who != "stranger")
			reader := p.connectWith(t, who, 0)
			if light := p.fill("homeassistant/{project}/0000000000000010/", "own"); reader.MayPublish(light+"set") || reader.MaySubscribe(light+"state") != (on && who != "stranger") {
				t.Errorf("%s, option %v: what a token may that sees the project and nothing else", who, on)
			}
		}
	}
	p.home.Switched(p.projects["own"], true)
	p.home.Switched(p.projects["other"], true)
	if rights := p.connectWithToken(t, "stranger"); rights.MaySubscribe(p.fill("homeassistant/{project}/#", "own")) || !rights.MaySubscribe(p.fill("homeassistant/{project}/#", "other")) {
		t.Error("the stranger receives what is not theirs, or not what is")
	}
}

func (p people) isolateHome(t *testing.T, who string, rights edge.Rights, on bool) {
	t.Helper()
	if rights.MayPublish("homeassistant/status") != on {
		t.Errorf("%s, option %v: says that Home Assistant is there: %v", who, on, !on)
	}
	for topic, may := range homeTopics {
		for _, whose := range []string{"own", "other", "absent", "+", "#"} {
			name := p.fill(topic, whose)
			if got, want := rights.MaySubscribe(name), on && whose == "own" && slices.Contains(may.receive, who); got != want {
				t.Errorf("%s, option %v, subscribes to %s of the %s project: %v", who, on, topic, whose, got)
			}
			if got, want := rights.MayPublish(name), on && whose == "own" && slices.Contains(may.publish, who); got != want {
				t.Errorf("%s, option %v, publishes to %s of the %s project: %v", who, on, topic, whose, got)
			}
		}
	}
}

// TestProgramsConnectAgain: when the option is switched, the programs of the project have to
// connect again, and get other rights.
func TestProgramsConnectAgain(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	connect := func(who, project string) edge.Principal {
		t.Helper()
		principal, err := p.Authenticate(ctx, "", p.makeToken(t, who, p.projects[project], 0))
		must(t, err)
		return principal
	}
	ticket, err := p.live.Issue(ctx, p.sessions["owner"])
	must(t, err)
	person, err := p.Authenticate(ctx, ticket.Username, ticket.Password.Reveal())
	must(t, err)
	connected := []edge.Principal{person, connect("viewer", "own"), connect("stranger", "other")}
	for _, on := range []bool{true, false} {
		p.home.Switched(p.projects["own"], on)
		if ended, err := p.Ended(ctx, connected); err != nil || !slices.Equal(ended, []int{1}) {
			t.Errorf("switched to %v: ended %v, %v", on, ended, err)
		}
		connected[1] = connect("viewer", "own")
		if (connected[1].Inbox != nil) != on || (connected[1].Filters > 32) != on {
			t.Errorf("switched to %v: %+v", on, connected[1])
		}
		if ended, err := p.Ended(ctx, connected); err != nil || len(ended) != 0 {
			t.Errorf("with the rights of now: ended %v, %v", ended, err)
		}
	}
}

// TestTokensConnect: the connection of a program lives as long as its token and its maker's
// membership, beside those of people.
func TestTokensConnect(t *testing.T) {
	p := newPeople(t)
	ctx, own := t.Context(), p.projects["own"]
	var connected []edge.Principal
	for _, who := range []string{"owner", "expert", "user", "viewer"} {
		ticket, err := p.live.Issue(ctx, p.sessions[who])
		must(t, err)
		person, err := p.Authenticate(ctx, ticket.Username, ticket.Password.Reveal())
		must(t, err)
		program, err := p.Authenticate(ctx, "", p.makeToken(t, who, own, 0))
		must(t, err)
		if program.ID == person.ID {
			t.Errorf("a program is taken for its maker: %s", program.ID)
		}
		connected = append(connected, person, program)
	}
	if ended, err := p.Ended(ctx, connected); err != nil || len(ended) != 0 {
		t.Errorf("ended before their time: %v, %v", ended, err)
	}
	// The owner's token is revoked, and the expert leaves.
	owner := project.Caller{Account: "owner"}
	must(t, p.access.Revoke(ctx, owner, connected[1].Subject.(program).token.ID))
	scope, err := p.access.Projects.Enter(ctx, owner, own)
	must(t, err)
	must(t, p.access.Projects.RemoveMember(ctx, scope, "expert"))
	if ended, err := p.Ended(ctx, connected); err != nil || !slices.Equal(ended, []int{2, 1, 3}) {
		t.Errorf("ended %v, %v", ended, err)
	}
}

// fill names one of the projects in a topic, or a gateway, or a wildcard in their place.
func (p people) fill(topic, whose string) string {
	gateway := map[string]string{"own": "0000000000000010", "other": "0000000000000020", "absent": "0000000000000030", "+": "+", "#": "#"}
	name := strings.NewReplacer("{project}", string(p.projects[whose]), "{gateway}", gateway[whose]).Replace(topic)
	if before, _, ok := strings.Cut(name, "#"); ok {
		return before + "#"
	}
	return name
}

// constants returns the values of the constants of a type of text in a file.
func constants(t *testing.T, file, of string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	must(t, err)
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == of {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			must(t, err)
			values = append(values, value)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants of type %s", file, of)
	}
	return values
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
