package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"sconce"
	"sconce/cloud/oauth"
	"sconce/cloud/project"
)

// Where apps come: the page that asks a person, which is the web application's, and what apps
// ask themselves. They are outside of the API, for their form is that of OAuth.
const (
	authorizePath = "/oauth/authorize"
	exchangePath  = "/oauth/token"
	revokePath    = "/oauth/revoke"
	metadataPath  = "/.well-known/oauth-authorization-server" // RFC 8414, 3
)

// oauthRoutes are what apps ask without a person.
func (a *API) oauthRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST "+exchangePath, a.exchange)
	mux.HandleFunc("POST "+revokePath, a.giveBack)
	mux.HandleFunc("GET "+metadataPath, a.metadata)
	for _, path := range []string{exchangePath, revokePath} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "expected POST", http.StatusMethodNotAllowed)
		})
	}
}

// issuer names this server to apps (RFC 8414, 2). On the demo's listener, which guard has
// held to this machine, it is the address that was asked, for there apps reach it.
func (a *API) issuer(r *http.Request) string {
	if r.TLS == nil {
		return "http://" + r.Host
	}
	return strings.TrimSuffix(a.Base, "/")
}

// metadata tells apps where to ask and how (RFC 8414).
func (a *API) metadata(w http.ResponseWriter, r *http.Request) {
	issuer := a.issuer(r)
	proofs := []string{"none", "client_secret_basic", "client_secret_post"}
	writeOAuth(w, http.StatusOK, map[string]any{
		"issuer":                                         issuer,
		"authorization_endpoint":                         issuer + authorizePath,
		"token_endpoint":                                 issuer + exchangePath,
		"revocation_endpoint":                            issuer + revokePath,
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          proofs,
		"revocation_endpoint_auth_methods_supported":     proofs,
		"authorization_response_iss_parameter_supported": true,
		"scopes_supported":                               project.RoleActions(sconce.Owner).Names(),
		"service_documentation":                          issuer + referencePath,
	})
}

func (a *API) exchange(w http.ResponseWriter, r *http.Request) {
	authorization, body, ok := a.form(w, r)
	if !ok {
		return
	}
	request, fault := oauth.ParseTokenRequest(authorization, body)
	if fault != nil {
		a.oauthProblem(w, r, request.Credentials, fault)
		return
	}
	issued, err := a.OAuth.Exchange(r.Context(), request)
	if err != nil {
		a.oauthProblem(w, r, request.Credentials, err)
		return
	}
	writeOAuth(w, http.StatusOK, map[string]any{
		"access_token":  issued.Access.Reveal(),
		"token_type":    "Bearer",
		"expires_in":    int(issued.Life.Seconds()),
		"refresh_token": issued.Refresh.Reveal(),
		"scope":         issued.Actions.String(),
	})
}

func (a *API) giveBack(w http.ResponseWriter, r *http.Request) {
	authorization, body, ok := a.form(w, r)
	if !ok {
		return
	}
	request, fault := oauth.ParseRevocation(authorization, body)
	if fault != nil {
		a.oauthProblem(w, r, request.Credentials, fault)
		return
	}
	if err := a.OAuth.Revoke(r.Context(), request); err != nil {
		a.oauthProblem(w, r, request.Credentials, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// form reads what an app sends.
func (a *API) form(w http.ResponseWriter, r *http.Request) (authorization, body string, ok bool) {
	refuse := func(text string) {
		a.oauthProblem(w, r, oauth.Credentials{}, &oauth.Error{Code: oauth.InvalidRequest, Text: text})
	}
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded") {
		refuse("expected a body of application/x-www-form-urlencoded")
		return "", "", false
	}
	if len(r.Header.Values("Authorization")) > 1 || r.URL.RawQuery != "" {
		refuse("expected one header Authorization at most, and nothing in the query")
		return "", "", false
	}
	text, err := io.ReadAll(r.Body)
	if err != nil || len(text) > maxBody {
		refuse("the request is too large, or was cut off")
		return "", "", false
	}
	return r.Header.Get("Authorization"), string(text), true
}

// oauthProblem answers an app with what is wrong (RFC 6749, 5.2).
func (a *API) oauthProblem(w http.ResponseWriter, r *http.Request, by oauth.Credentials, err error) {
	var e *oauth.Error
	if !errors.As(err, &e) {
		p := a.problem(r.Context(), err)
		writeOAuth(w, p.Status, map[string]any{"error": "server_error", "error_description": "the server could not do this; its operator finds it in the log as " + p.RequestID})
		return
	}
	status := http.StatusBadRequest
	if e.Code == oauth.InvalidClient {
		status = http.StatusUnauthorized
		if by.Basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="sconce"`)
		}
	}
	a.Log.Debug("an app was refused", slog.String("request", requestID(r.Context())), slog.String("code", string(e.Code)))
	writeOAuth(w, status, map[string]any{"error": e.Code, "error_description": e.Text})
}

func writeOAuth(w http.ResponseWriter, status int, v map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away
}

// Authorization is what a person is asked whose browser an app sent here.
type Authorization struct {
	App     AskingApp         `json:"app"`
	Project ProjectName       `json:"project"`
	Asked   []string          `json:"asked" nullable:"false" doc:"The actions that it asks for."`
	Offered []string          `json:"offered" nullable:"false" doc:"Those that you may do yourself, and so can let it do."`
	Fault   OrNull[AuthFault] `json:"fault" doc:"What is wrong with what the app asks; then it can be declined only. Null for nothing."`
}

// AskingApp is an app as the person sees it whom it asks.
type AskingApp struct {
	ID      oauth.ClientID `json:"id"`
	Name    string         `json:"name"`
	By      string         `json:"registered_by" doc:"Name of the owner who registered it; empty when their account is gone."`
	Made    Time           `json:"registered_at"`
	Returns string         `json:"returns_to" doc:"Where the browser goes on."`
}

// ProjectName is a project by its name.
type ProjectName struct {
	ID   sconce.ProjectID `json:"id"`
	Name string           `json:"name"`
}

// AuthFault is what is wrong with what an app asks.
type AuthFault struct {
	Code oauth.ErrorCode `json:"code"`
	Text string          `json:"text" doc:"For the maker of the app."`
}

// Consent is a person's answer to an app.
type Consent struct {
	Query   string   `json:"query" maxLength:"4096" doc:"The query of the address that the app sent the browser to."`
	Allow   bool     `json:"allow"`
	Actions []string `json:"actions,omitempty" maxItems:"32" nullable:"false" doc:"What of the offered actions to let it do."`
}

// Onward is where a browser goes on.
type Onward struct {
	URL string `json:"url"`
}

// issuerOf takes along which server is asked.
type issuerOf struct{ request *http.Request }

func (a *API) authorizationRoutes() {
	signedIn(a, route{
		id: "get-authorization", method: http.MethodGet, path: "/oauth/authorization", status: http.StatusOK,
		summary: "What an app asks for that sent the browser here", tag: "apps",
	}, func(ctx context.Context, who caller, in *struct {
		Query string `query:"query" maxLength:"4096" required:"true" doc:"The query of the address that the app sent the browser to."`
	},
	) (*struct{ Body Authorization }, error) {
		q, err := a.OAuth.Ask(ctx, who.asCaller(), in.Query)
		if err != nil {
			return nil, err
		}
		by, err := a.Identity.Accounts(ctx, []sconce.AccountID{q.Client.By})
		if err != nil {
			return nil, err
		}
		answer := Authorization{
			App:     AskingApp{q.Client.ID, q.Client.Name, by[q.Client.By].Name, Time(q.Client.Made), q.Request.Redirect},
			Project: ProjectName{q.Client.Project, q.Project}, Asked: q.Request.Actions.Names(), Offered: q.Offered.Names(),
		}
		if q.Fault != nil {
			answer.Fault = some(AuthFault{q.Fault.Code, q.Fault.Text})
		}
		return &struct{ Body Authorization }{answer}, nil
	})

	signedIn(a, route{
		id: "answer-authorization", method: http.MethodPost, path: "/oauth/authorization", status: http.StatusOK,
		summary: "Let an app in, or do not", tag: "apps",
	}, func(ctx context.Context, who caller, in *struct {
		issuerOf
		Body Consent
	},
	) (*struct{ Body Onward }, error) {
		issuer := a.issuer(in.request)
		if !in.Body.Allow {
			url, err := a.OAuth.Decline(ctx, who.asCaller(), in.Body.Query, issuer)
			return &struct{ Body Onward }{Onward{url}}, err
		}
		actions, err := project.ParseActions(in.Body.Actions...)
		if err != nil {
			return nil, err
		}
		url, err := a.OAuth.Allow(ctx, who.asCaller(), in.Body.Query, actions, issuer)
		return &struct{ Body Onward }{Onward{url}}, err
	})
}
