// Package api is the cloud's HTTP interface: the JSON API under /api/v1, which
// describes itself as OpenAPI 3.1 at /api/v1/openapi.json, and the files of the
// web application for everything else. What apps of others ask for tokens with has the form
// of OAuth 2.0 (package oauth).
//
// Errors are problem documents (RFC 9457) whose type says which of the closed set
// of reasons it is. Whoever asks is known by the cookie of a session; every route
// is declared as open, for the signed-in, or within a project, and the handler of
// a route within a project gets its [project.Scope] and nothing else to reach data
// with. The rules themselves are the capabilities': this package translates, and
// decides nothing.
//
// It opens no socket and sets no time-out of connections: package edge does.
package api

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce/cloud/access"
	"sconce/cloud/alert"
	"sconce/cloud/attempts"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
	"sconce/cloud/deletion"
	"sconce/cloud/energy"
	"sconce/cloud/export"
	"sconce/cloud/homeassistant"
	"sconce/cloud/identity"
	"sconce/cloud/invitation"
	"sconce/cloud/lighting"
	"sconce/cloud/mail"
	"sconce/cloud/oauth"
	"sconce/cloud/once"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/support"
	"sconce/cloud/telemetry"
)

// Prefix begins the path of every route of the API.
const Prefix = "/api/v1"

// The limits of one request.
const (
	maxBody    = 64 << 10         // bytes
	bodyTime   = 10 * time.Second // to send the body
	answerTime = 30 * time.Second // to be answered
)

// Options is what an API is made of. All fields but Mailbox and DemoLiveURL are needed.
type Options struct {
	Identity  *identity.Service
	Live      *identity.Live
	Access    *access.Service
	Once      *once.Service
	Projects  *project.Service
	Registry  *registry.Service
	Lighting  *lighting.Service
	Telemetry *telemetry.Service
	Log       *slog.Logger
	App       fs.FS // the built web application, index.html at its root

	Alerts      *alert.Service
	Energy      *energy.Service
	SecurityLog *audit.Log
	Invitations *invitation.Service
	Support     *support.Service
	Privacy     *privacy.Service
	Export      *export.Service
	OAuth       *oauth.Service
	Deletion    *deletion.Service
	Consent     *consent.Service

	HomeAssistant *homeassistant.Service

	// Base is where apps find this server, https://….
	Base string
	// SecurityText is whom to tell of weaknesses; optional.
	SecurityText SecurityText
	// LiveURL is where apps connect for live data, wss://….
	LiveURL string
	// Mailbox, when set, shows the letters of the demo at /mailbox, to requests without
	// TLS only, which come from the demo's listener on loopback.
	Mailbox *mail.Mailbox
	// DemoLiveURL, when set, admits requests without TLS and is what those are told
	// in place of LiveURL, ws://…. It is for the demo's listener on loopback only:
	// its sessions travel in clear.
	DemoLiveURL string
}

// API serves the API and the application.
type API struct {
	Options
	handler  http.Handler
	huma     huma.API
	rate     *attempts.Limiter
	edits    edits
	requests atomic.Uint64
	faults   atomic.Uint64
}

// New returns the API.
func New(o Options) (*API, error) {
	app, err := newApplication(o.App)
	if err != nil {
		return nil, err
	}
	a := &API{Options: o, rate: newTokenLimit()}
	mux := http.NewServeMux()
	a.huma = humago.NewWithPrefix(mux, Prefix, a.config())
	a.routes()
	a.complete()
	document, err := a.document()
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document) // the client went away
	})
	if err := a.serveReference(mux); err != nil {
		return nil, err
	}
	a.oauthRoutes(mux)
	mux.HandleFunc("/api/", a.noRoute)
	if a.Mailbox != nil {
		mux.HandleFunc("GET /mailbox", func(w http.ResponseWriter, r *http.Request) {
			if r.TLS != nil {
				app.ServeHTTP(w, r)
				return
			}
			a.Mailbox.ServeHTTP(w, r)
		})
	}
	if len(a.SecurityText.Contacts) > 0 {
		mux.HandleFunc("GET "+securityTextPath, a.serveSecurityText)
	}
	mux.Handle("/", app)
	a.handler = a.guard(mux)
	return a, nil
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Stats counts what the API did since its start.
type Stats struct {
	Requests uint64
	Faults   uint64 // answers with status 500
}

// Stats returns the counts.
func (a *API) Stats() Stats { return Stats{a.requests.Load(), a.faults.Load()} }

func (a *API) routes() {
	a.sessionRoutes()
	a.tokenRoutes()
	a.projectRoutes()
	a.deletionRoutes()
	a.consentRoutes()
	a.gatewayRoutes()
	a.deviceRoutes()
	a.groupRoutes()
	a.commandRoutes()
	a.readingRoutes()
	a.historyRoutes()
	a.energyRoutes()
	a.energySettingsRoutes()
	a.homeAssistantRoutes()
	a.alertRoutes()
	a.alertSettingsRoutes()
	a.exportRoutes()
	a.metricRoutes()
	a.accountRoutes()
	a.secondStepRoutes()
	a.passkeyRoutes()
	a.providerRoutes()
	a.ownRoutes()
	a.privacyRoutes()
	a.memberRoutes()
	a.invitationRoutes()
	a.securityLogRoutes()
	a.projectSupportRoutes()
	a.operatorSupportRoutes()
	a.appRoutes()
	a.authorizationRoutes()
}

func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, &Problem{
		Type: problemType("not-found"), Title: "Not found", Status: http.StatusNotFound,
		Detail: fmt.Sprintf("there is no %s %s; %s/openapi.json lists what there is", r.Method, r.URL.Path, Prefix),
	})
}

type contextKey int

const (
	callerKey contextKey = iota
	scopeKey
	requestKey
	connectionKey // to the context of the request without the time limit of answers
)

// requestID returns the name of the request in the log.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey).(string)
	return id
}
