package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
	"sconce/cloud/deletion"
	"sconce/cloud/energy"
	"sconce/cloud/export"
	"sconce/cloud/homeassistant"
	"sconce/cloud/identity"
	"sconce/cloud/invitation"
	"sconce/cloud/lighting"
	"sconce/cloud/oauth"
	"sconce/cloud/once"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/provider"
	"sconce/cloud/registry"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/support"
	"sconce/cloud/telemetry"
	"sconce/cloud/vault"
	"sconce/internal/issuer"
	"sconce/wire"
)

// bench is the API on a real store, with two projects: the own one of ada, who has
// a member in every role, and the other one of eve.
type bench struct {
	*api.API
	t        *testing.T
	store    *store.Store
	projects *project.Service
	registry *registry.Service
	lighting *lighting.Service
	presence *telemetry.Presences
	people   *identity.Service
	issuer   *issuer.Issuer
	alerts   *alert.Service
	vault    *vault.Vault
	invited  string          // an invitation to the other project
	asked    string          // a support grant of the other project that is asked for
	apps     string          // an app of the other project
	foreign  string          // a token for the other project
	sent     []wire.Kind     // to gateways
	switched []string        // Home Assistant, and where
	log      strings.Builder // of the API
	tokens   map[string]string
	own      estate
	other    estate
}

// estate is a project with something of everything in it.
type estate struct {
	scope   project.Scope
	network sconce.NetworkID
	gateway sconce.EUI64
	device  sconce.EUI64
	group   sconce.GroupID
	command sconce.CommandID
	alert   sconce.AlertID
	hook    alert.HookID
}

const (
	installCode = "83FED3407A939723A5C639B26916D505C3B5" // Zigbee BDB 3.0.1, 10.1.1
	claimCode   = "ABCDEFGHIJKLMNOPQRST"
	liveURL     = "wss://web.mqtt.example.org:8443/mqtt"
	demoURL     = "ws://localhost:8080/mqtt"
)

// The people of the bench, by their roles in the own project.
var roles = []string{"owner", "expert", "user", "viewer", "stranger", "nobody"}

var app = fstest.MapFS{
	"index.html":        {Data: []byte("<!doctype html><title>Sconce</title>")},
	"icon.svg":          {Data: []byte("<svg/>")},
	"assets/app-1a2.js": {Data: []byte("export {}")},
}

func newBench(t *testing.T, change ...func(*api.Options)) *bench {
	t.Helper()
	ctx := t.Context()
	b := &bench{t: t, store: storetest.Open(t), tokens: map[string]string{}}
	log := slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.projects = project.New(b.store.Projects(), time.Now)
	securityLog := audit.NewLog(b.store.SecurityLog(), time.Now)
	sealer := b.store.Vault()
	base := &url.URL{Scheme: "https", Host: "sconce.example.org"}
	relying, err := identity.NewRelyingParty(base)
	must(t, err)
	b.issuer = issuer.New(t, time.Now)
	signOn, err := provider.New(provider.Config{
		Issuer: b.issuer.URL, ClientID: issuer.ClientID, Secret: provider.NewSecret(issuer.Secret), Label: "Example account",
		Redirect: "https://sconce.example.org/sign-in/provider", Roots: b.issuer.Roots(), Now: time.Now, Log: log,
	})
	must(t, err)
	b.people = identity.New(identity.Parts{
		Provider: signOn, Rules: identity.ProviderRules{Domains: []string{"example.com"}},
		Store: b.store.Identity(), Refusals: securityLog, Now: time.Now, Log: log,
		Vault: sealer, Base: base, Passkeys: relying,
		Post: identity.Post{Page: func(p string) string { return "https://sconce.example.org/" + p }, Came: func() {}},
	})
	b.vault = sealer
	b.registry, err = registry.New(ctx, b.store.Registry(), time.Now, log, func(sconce.EUI64) {})
	must(t, err)
	b.presence, err = telemetry.NewPresences(ctx, b.store.Presence(), b, log)
	must(t, err)
	b.lighting = lighting.New(lighting.Parts{
		Store: b.store.Lighting(), Vault: sealer, Down: b, Presence: b.presence, Entrance: b.projects, Live: b, Log: log,
	})
	readings := telemetry.New(b.store.Telemetry(), b.presence)
	b.alerts = &alert.Service{Store: b.store.Alerts(), Vault: sealer, Live: b, Now: time.Now, Changed: func(sconce.ProjectID) {}, Tester: alert.NewTester(alert.NewCaller(alert.CallerOptions{}))}
	o := api.Options{
		HomeAssistant: &homeassistant.Service{Store: b.store.HomeAssistant(), Bridge: b},
		Energy:        &energy.Service{Store: b.store.Energy(), Rollups: b.store.Telemetry(), Now: time.Now},
		Consent:       consent.New(nil, b.store.Agreements(), time.Now),
		Deletion:      &deletion.Service{Store: b.store.Deletions(), People: b.people, Released: func(sconce.EUI64) {}, Now: time.Now, Log: log},
		Export:        export.New(export.Parts{Projects: b.projects, Lights: b.lighting, Readings: readings, Log: b.store.SecurityLog(), Now: time.Now}),
		Access:        &access.Service{Store: b.store.Access(), Projects: b.projects, Vault: sealer, Now: time.Now},
		Once:          &once.Service{Store: b.store.Once(), Vault: sealer, Now: time.Now},
		Identity:      b.people, Live: identity.NewLive(b.store.Identity(), b.projects, time.Now), Projects: b.projects,
		Registry: b.registry, Lighting: b.lighting, Telemetry: readings,
		Log: log, SecurityLog: securityLog,
		Alerts:      b.alerts,
		Invitations: &invitation.Service{Store: b.store.Invitations(), People: b.people, Projects: b.projects, Now: time.Now},
		Privacy: privacy.New(privacy.Parts{
			People: b.people, Projects: b.projects, Operators: b.store.Support(), Log: b.store.SecurityLog(), Now: time.Now,
			Sources: []privacy.Source{{File: "account", About: "Who you are.", Read: func(_ context.Context, who privacy.Person) (any, error) {
				return object{"email": who.Account.Email}, nil
			}}},
		}),
		Support: support.New(b.store.Support(), b.people, sealer, time.Now),
		App:     fs.FS(app), Base: base.String() + "/", LiveURL: liveURL, DemoLiveURL: demoURL,
	}
	o.OAuth = &oauth.Service{
		Clients: b.store.OAuthClients(), Grants: b.store.OAuthGrants(), Tokens: b.store.Access(), Projects: b.projects,
		Refusals: securityLog, Vault: sealer, Now: time.Now,
	}
	for _, c := range change {
		c(&o)
	}
	b.API, err = api.New(o)
	must(t, err)

	for _, who := range roles[:5] {
		b.account(who)
	}
	b.own, b.other = b.estate("owner", 0x10), b.estate("stranger", 0x20)
	for who, role := range map[string]sconce.Role{"expert": sconce.Expert, "user": sconce.User, "viewer": sconce.Viewer} {
		must(t, b.projects.SetMember(ctx, b.own.scope, project.Member{Account: id(who), Role: role}))
	}
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// id returns the account of a person of the bench.
func id(who string) sconce.AccountID { return sconce.AccountID("account-of-" + who) }

// Send implements lighting.Downlink.
func (b *bench) Send(_ sconce.EUI64, kind wire.Kind, _ []byte) error {
	b.sent = append(b.sent, kind)
	return nil
}

// Switched implements what [homeassistant.Service] tells.
func (b *bench) Switched(id sconce.ProjectID, on bool) {
	b.switched = append(b.switched, fmt.Sprint(id, on))
}

// Publish implements the publishers of live data.
func (b *bench) Publish(string, []byte) {}

// Followed implements [telemetry.Publisher].
func (b *bench) Followed(string) bool { return false }

// account stores a person without a password, and a session of theirs.
func (b *bench) account(who string) {
	b.t.Helper()
	now := time.Now()
	must(b.t, b.store.Identity().CreateAccount(b.t.Context(), identity.Credentials{
		Account: identity.Account{ID: id(who), Email: who + "@example.org", Name: who, Made: now},
	}, audit.Operator, audit.Console))
	var token [32]byte
	rand.Read(token[:])
	must(b.t, b.store.Identity().CreateSession(b.t.Context(), identity.Session{
		ID: sha256.Sum256(token[:]), Account: id(who), Made: now, Used: now,
	}, nil, 10))
	b.tokens[who] = base64.RawURLEncoding.EncodeToString(token[:])
}

func (b *bench) estate(who string, base sconce.EUI64) estate {
	t, ctx := b.t, b.t.Context()
	t.Helper()
	m, err := b.projects.Create(ctx, project.Caller{Account: id(who)}, project.NewProject{Name: "Project of " + who})
	must(t, err)
	e := estate{gateway: base, device: base + 1}
	e.scope, err = b.projects.Enter(ctx, project.Caller{Account: id(who)}, m.ID)
	must(t, err)
	n, err := b.projects.CreateNetwork(ctx, e.scope, "Network")
	must(t, err)
	e.network = n.ID
	b.issue(e.gateway, sconce.Gateway)
	must(t, b.registry.Claim(ctx, e.scope, e.gateway, registry.NewClaimCode(claimCode), e.network))
	b.presence.Connected(e.gateway, time.Now())
	code, err := lighting.ParseInstallCode(installCode)
	must(t, err)
	_, err = b.lighting.AddDevice(ctx, e.scope, lighting.NewDevice{
		Network: e.network, Name: "Desk", Device: e.device, Kind: sconce.Luminaire, InstallCode: code,
	})
	must(t, err)
	e.group = b.group(e)
	on := true
	c, err := b.lighting.Send(ctx, e.scope, lighting.Order{Device: e.device, On: &on})
	must(t, err)
	e.command = c.ID
	e.alert = sconce.MakeID[sconce.AlertID](time.Now(), [10]byte{byte(base)})
	must(t, b.store.Alerts().Record(ctx, project.Assignment{Project: e.scope.Project(), Network: e.network}, alert.Outcome{Alerts: []rules.Incident{{
		ID: e.alert, Kind: rules.LampFailure, Severity: rules.Warning, Raised: time.Now(), Joined: time.Now(), Times: 1,
		Members: []rules.Member{{Device: e.device, Since: time.Now()}},
	}}}))
	h, err := b.alerts.AddHook(ctx, e.scope, "https://192.0.2.1/"+who, rules.Warning)
	must(t, err)
	e.hook = h.ID
	return e
}

// group makes a group with the device of the estate in it.
func (b *bench) group(e estate) sconce.GroupID {
	b.t.Helper()
	g, err := b.lighting.CreateGroup(b.t.Context(), e.scope, e.network, "Room")
	must(b.t, err)
	d, err := b.lighting.Device(b.t.Context(), e.scope, e.device)
	must(b.t, err)
	must(b.t, b.lighting.SetMembers(b.t.Context(), e.scope, g.ID, []sconce.PositionID{d.Position}))
	return g.ID
}

// issue imports a device into the registry.
func (b *bench) issue(device sconce.EUI64, kind sconce.DeviceKind) {
	b.t.Helper()
	claim := ""
	if kind == sconce.Gateway {
		claim = fmt.Sprintf(`"claim_code_sha256":"%x",`, sha256.Sum256([]byte(claimCode)))
	}
	_, _, err := b.registry.Import(b.t.Context(), strings.NewReader(fmt.Sprintf(
		`{"eui64":"%s","kind":"%s","model":"M-%d","serial":"S-%s","certificate_sha256":"%x",%s"approved_by":"officer","issued_at":"2026-01-01T00:00:00Z"}`,
		device, kind, kind, device, sha256.Sum256([]byte(device.String())), claim)))
	must(b.t, err)
}

// programOf begins the names of programs that act for people of the bench.
const programOf = "a program of "

// outsideAPI begins a path that is not one of the API.
const outsideAPI = "outside:"

// request is one request to the API.
type request struct {
	who    string // "" for nobody
	method string
	path   string // behind the prefix of the API, or behind outsideAPI
	body   any    // string as it is, anything else as JSON
	plain  bool   // without TLS
	host   string // "" for localhost
	header http.Header
	bearer string // an API token
	ctx    context.Context
}

type answer struct {
	status int
	header http.Header
	text   string
}

func (b *bench) do(q request) answer {
	b.t.Helper()
	var body io.Reader
	switch v := q.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(v)
	default:
		text, err := json.Marshal(v)
		must(b.t, err)
		body = bytes.NewReader(text)
	}
	path, outside := strings.CutPrefix(q.path, outsideAPI)
	if !outside {
		path = api.Prefix + path
	}
	r := httptest.NewRequest(q.method, path, body)
	cookie := "session"
	if r.Host = q.host; r.Host == "" {
		r.Host = "localhost:8080"
	}
	if !q.plain {
		r.TLS, cookie = &tls.ConnectionState{}, "__Host-session"
	}
	for k, v := range q.header {
		r.Header[k] = v
	}
	if token, ok := b.tokens[q.who]; ok && strings.HasPrefix(q.who, programOf) {
		r.Header.Set("Authorization", "Bearer "+token)
	} else if ok {
		r.AddCookie(&http.Cookie{Name: cookie, Value: token})
	}
	if q.body != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+q.bearer)
	}
	if q.ctx != nil {
		r = r.WithContext(q.ctx)
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// decode reads the JSON of an answer.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		t.Fatalf("answer %d %s: %v", a.status, a.text, err)
	}
	return v
}

// wantProblem checks that an answer is a problem document of a status and type.
func wantProblem(t *testing.T, what string, a answer, status int, kind string) api.Problem {
	t.Helper()
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d %s %s; want a problem with %d", what, a.status, a.header.Get("Content-Type"), a.text, status)
		return api.Problem{}
	}
	p := decode[api.Problem](t, a)
	if p.Type != "urn:sconce:problem:"+kind || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("%s: %+v; want the type %s", what, p, kind)
	}
	return p
}

func (b *bench) now() time.Time { return time.Now() }

// rebuild returns the bench with an API of changed options.
func rebuild(t *testing.T, b *bench, change func(*api.Options)) *bench {
	t.Helper()
	o := b.Options
	change(&o)
	changed, err := api.New(o)
	must(t, err)
	b.API = changed
	return b
}
