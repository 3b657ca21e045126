package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sconce/cloud/api"
	"sconce/cloud/project"
)

// TestCrossOrigin makes the request of another web site on every route that
// changes something.
func TestCrossOrigin(t *testing.T) {
	b := newBench(t)
	tried := 0
	for _, o := range b.operations() {
		if o.method == "GET" {
			continue
		}
		path := strings.NewReplacer("{project}", string(b.own.scope.Project()), "{group}", string(b.own.group),
			"{gateway}", b.own.gateway.String(), "{device}", b.own.device.String()).Replace(o.path)
		for name, header := range map[string]http.Header{
			"another site":    {"Sec-Fetch-Site": {"cross-site"}},
			"a sister site":   {"Sec-Fetch-Site": {"same-site"}},
			"an older client": {"Origin": {"https://evil.example"}},
		} {
			tried++
			wantProblem(t, o.id+" from "+name, b.do(request{who: "owner", method: o.method, path: path, header: header}), 403, "cross-origin")
		}
	}
	if tried < 30 {
		t.Errorf("only %d requests tried", tried)
	}
	q := request{who: "owner", method: "POST", path: "/projects", body: object{"name": "Mine"}}
	for _, header := range []http.Header{nil, {"Sec-Fetch-Site": {"same-origin"}}, {"Origin": {"https://localhost:8080"}}} {
		if q.header = header; b.do(q).status != 201 {
			t.Errorf("our own page, %v: %s", header, b.do(q).text)
		}
	}
}

func TestHeaders(t *testing.T) {
	b := newBench(t)
	for _, q := range []request{
		{method: "GET", path: outsideAPI + "/"},
		{method: "GET", path: "/projects"},
		{method: "GET", path: "/nothing"},
		{method: "POST", path: "/projects", header: http.Header{"Sec-Fetch-Site": {"cross-site"}}},
	} {
		h := b.do(q).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Strict-Transport-Security": "max-age=63072000; includeSubDomains",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", q.path, name, h.Get(name))
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{
			"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'",
			"connect-src 'self' wss://web.mqtt.example.org:8443 ws://localhost:8080;",
		} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q has no %q", q.path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("the policy allows inline: %q", policy)
		}
	}
	if got := b.do(request{method: "GET", path: outsideAPI + "/", plain: true}).header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("without TLS: Strict-Transport-Security %q", got)
	}
	if got := b.do(request{who: "owner", method: "GET", path: "/projects"}).header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the API may be cached: %q", got)
	}
}

func TestApplication(t *testing.T) {
	b := newBench(t)
	const page, asset, other = "no-cache", "public, max-age=31536000, immutable", "no-cache"
	for path, want := range map[string]struct {
		status int
		text   string
		media  string
		cache  string
	}{
		"/":                       {200, "<title>Sconce", "text/html; charset=utf-8", page},
		"/index.html":             {200, "<title>Sconce", "text/html; charset=utf-8", page},
		"/projects/1/devices":     {200, "<title>Sconce", "text/html; charset=utf-8", page},
		"/assets/app-1a2.js":      {200, "export {}", "text/javascript; charset=utf-8", asset},
		"/icon.svg":               {200, "<svg/>", "image/svg+xml", other},
		"/assets/app-old.js":      {404, "no such file", "text/plain; charset=utf-8", ""},
		"/assets/../../etc/x.txt": {307, "", "", ""}, // ServeMux cleans the path first
	} {
		a := b.do(request{method: "GET", path: outsideAPI + path})
		if a.status != want.status || !strings.Contains(a.text, want.text) ||
			want.media != "" && a.header.Get("Content-Type") != want.media || want.cache != "" && a.header.Get("Cache-Control") != want.cache {
			t.Errorf("%s: %d %q %v", path, a.status, a.text, a.header)
		}
		if tag := a.header.Get("ETag"); a.status == 200 {
			again := b.do(request{method: "GET", path: outsideAPI + path, header: http.Header{"If-None-Match": {tag}}})
			if tag == "" || again.status != http.StatusNotModified {
				t.Errorf("%s: asked again with its tag %s: %d", path, tag, again.status)
			}
		}
	}
	if a := b.do(request{method: "POST", path: outsideAPI + "/"}); a.status != http.StatusMethodNotAllowed {
		t.Errorf("writing to a page: %d", a.status)
	}
	if a := b.do(request{method: "HEAD", path: outsideAPI + "/"}); a.status != 200 || a.text != "" {
		t.Errorf("HEAD: %d %q", a.status, a.text)
	}
}

// TestSecurityText shows the file of RFC 9116, with the fields that it must have, and that
// there is none when nobody is named.
func TestSecurityText(t *testing.T) {
	b := newBench(t)
	get := func() answer {
		return b.do(request{method: "GET", path: outsideAPI + "/.well-known/security.txt"})
	}
	if a := get(); a.status != 404 {
		t.Errorf("without a contact: %d %s", a.status, a.text)
	}
	b = rebuild(t, b, func(o *api.Options) {
		o.SecurityText = api.SecurityText{
			Contacts: []string{"mailto:security@example.org", "tel:+1-201-555-0123"}, Policy: "https://example.org/policy", Languages: "en, de",
			Canonical: "https://example.org/.well-known/security.txt",
		}
	})
	a := get()
	var expires time.Time
	var rest []string
	for line := range strings.Lines(a.text) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "Expires: "); ok {
			var err error
			expires, err = time.Parse(time.RFC3339, at)
			must(t, err)
			continue
		}
		rest = append(rest, strings.TrimSpace(line))
	}
	want := []string{
		"Contact: mailto:security@example.org", "Contact: tel:+1-201-555-0123", "Preferred-Languages: en, de",
		"Canonical: https://example.org/.well-known/security.txt", "Policy: https://example.org/policy",
	}
	if a.status != 200 || a.header.Get("Content-Type") != "text/plain; charset=utf-8" || !slices.Equal(rest, want) {
		t.Errorf("%d %v\n%s", a.status, a.header, a.text)
	}
	if left := time.Until(expires); left < 24*time.Hour || left > 365*24*time.Hour { // 2.5.5 recommends less than a year
		t.Errorf("it expires in %s", left)
	}
}

func TestApplicationNotBuilt(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.App = fstest.MapFS{".gitkeep": {}} })
	a := b.do(request{method: "GET", path: outsideAPI + "/"})
	if a.status != http.StatusServiceUnavailable || !strings.Contains(a.text, "make build") {
		t.Errorf("%d %s", a.status, a.text)
	}
}

func TestUnknownRoutes(t *testing.T) {
	b := newBench(t)
	for _, q := range []request{
		{method: "GET", path: "/nothing"},
		{method: "GET", path: outsideAPI + "/api/v2/projects"},
		{method: "PATCH", path: "/projects"},
		{method: "GET", path: ""},
		{method: "GET", path: "/docs"},
		{method: "GET", path: "/schemas/Problem"},
	} {
		wantProblem(t, q.method+" "+q.path, b.do(q), 404, "not-found")
	}
}

func TestBadRequests(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	const secret = "do-not-repeat-this"
	for name, try := range map[string]struct {
		q      request
		status int
		kind   string
		field  string
	}{
		"not JSON":          {request{method: "POST", path: "/projects", body: "{" + secret}, 400, "invalid", "body"},
		"not an object":     {request{method: "POST", path: "/projects", body: `["` + secret + `"]`}, 422, "invalid", "body"},
		"a field too many":  {request{method: "POST", path: "/projects", body: object{"name": "x", "colour": secret}}, 422, "invalid", "body.colour"},
		"a field missing":   {request{method: "POST", path: "/projects", body: object{}}, 422, "invalid", "body"},
		"no body":           {request{method: "POST", path: "/projects"}, 400, "invalid", ""},
		"another type":      {request{method: "POST", path: "/projects", body: object{"name": 5}}, 422, "invalid", "body.name"},
		"too large":         {request{method: "POST", path: "/projects", body: object{"name": strings.Repeat("x", 70<<10)}}, 413, "too-large", ""},
		"an unknown form":   {request{method: "POST", path: "/projects", body: "x", header: http.Header{"Content-Type": {"text/xml"}}}, 415, "media-type", ""},
		"an endless secret": {request{method: "POST", path: "/sessions", body: object{"email": "a@b.c", "password": secret + strings.Repeat("x", 2000)}}, 422, "invalid", "body.password"},
		"a bad address": {request{method: "POST", path: own + "/devices", body: object{
			"network_id": b.own.network, "eui64": secret, "install_code": secret, "position_name": "Desk",
		}}, 422, "invalid", "body"},
		"a bad install code": {request{method: "POST", path: own + "/devices", body: object{
			"network_id": b.own.network, "eui64": "1234567812345678", "install_code": strings.Replace(installCode, "83", "84", 1), "position_name": "Desk",
		}}, 422, "invalid", ""},
		"an unknown parameter": {request{method: "GET", path: own + "/devices?colour=red"}, 422, "invalid", "query.colour"},
		"a huge page":          {request{method: "GET", path: own + "/devices?limit=1001"}, 422, "invalid", "query.limit"},
		"a bad path":           {request{method: "DELETE", path: own + "/gateways/xyz"}, 422, "invalid", "path.gateway"},
		"a bad metric":         {request{method: "GET", path: own + "/readings?device=1234567812345678&metric=x"}, 422, "invalid", "query.metric"},
		"a level too high":     {request{method: "POST", path: own + "/commands", body: object{"device": b.own.device, "level": 1001}}, 422, "invalid", "body.level"},
		"on and level":         {request{method: "POST", path: own + "/commands", body: object{"device": b.own.device, "level": 1, "on": true}}, 422, "invalid", ""},
		"no target":            {request{method: "POST", path: own + "/commands", body: object{"level": 1}}, 422, "invalid", ""},
		"a wait too long":      {request{method: "GET", path: own + "/commands/" + string(b.own.command) + "?wait_ms=10001"}, 422, "invalid", "query.wait_ms"},
	} {
		try.q.who = "owner"
		a := b.do(try.q)
		p := wantProblem(t, name, a, try.status, try.kind)
		if strings.Contains(a.text, secret) || strings.Contains(a.text, "Go ") || strings.Contains(a.text, "json:") {
			t.Errorf("%s: the answer repeats what was sent, or speaks of Go: %s", name, a.text)
		}
		if try.field != "" && (len(p.Errors) == 0 || p.Errors[0].Location != try.field) {
			t.Errorf("%s: fields %+v, want %s", name, p.Errors, try.field)
		}
	}
}

// broken is a store of projects that fails, in the words of a database.
type broken struct {
	project.Store
	panics bool
}

func (s broken) Project(context.Context, project.Scope) (project.Project, error) {
	if s.panics {
		panic("index out of range")
	}
	return project.Project{}, errors.New("SQL logic error: no such table: projects (1)")
}

func TestFaultsLeakNothing(t *testing.T) {
	for _, panics := range []bool{false, true} {
		b := newBench(t)
		// The services share one store; only the API's own view of it is broken.
		b = rebuild(t, b, func(o *api.Options) {
			o.Projects = project.New(broken{b.store.Projects(), panics}, b.now)
		})
		a := b.do(request{who: "owner", method: "GET", path: "/projects/" + string(b.own.scope.Project())})
		p := wantProblem(t, "a fault", a, 500, "internal")
		for _, inner := range []string{"SQL", "table", "range", "goroutine", ".go:"} {
			if strings.Contains(a.text, inner) {
				t.Errorf("the answer shows %q: %s", inner, a.text)
			}
		}
		if p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id") || !strings.Contains(b.log.String(), p.RequestID) {
			t.Errorf("request %q is not in the log: %s", p.RequestID, b.log.String())
		}
		if b.Stats().Faults != 1 {
			t.Errorf("%d faults counted", b.Stats().Faults)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	b := newBench(t)
	a := b.do(request{method: "GET", path: "/openapi.json"})
	var d struct {
		OpenAPI string
		Info    struct{ Title, Description string }
		Paths   map[string]map[string]struct {
			OperationID, Summary string
			Tags                 []string
			Responses            map[string]any
		}
		Components struct{ Schemas, SecuritySchemes map[string]any }
	}
	must(t, json.Unmarshal([]byte(a.text), &d))
	if a.status != 200 || !strings.HasPrefix(d.OpenAPI, "3.1") || a.header.Get("Content-Type") != "application/openapi+json" {
		t.Errorf("%d, OpenAPI %q, %q", a.status, d.OpenAPI, a.header.Get("Content-Type"))
	}
	if len(d.Paths) < 15 || d.Components.SecuritySchemes["session"] == nil || d.Components.Schemas["Problem"] == nil || d.Components.Schemas["ErrorModel"] != nil || d.Components.Schemas["ErrorDetail"] != nil {
		t.Errorf("%d paths, schemas %v", len(d.Paths), d.Components)
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			if o.OperationID == "" || o.Summary == "" || len(o.Tags) == 0 || o.Responses["default"] == nil || len(o.Responses) < 2 {
				t.Errorf("%s %s is not described: %+v", method, path, o)
			}
		}
	}
	for part := range strings.SplitSeq(a.text, `"$ref":"#/components/schemas/`) {
		if name, _, ok := strings.Cut(part, `"`); ok && !strings.HasPrefix(part, "{") && d.Components.Schemas[name] == nil {
			t.Errorf("the schema %s is referred to and not there", name)
		}
	}
}

func TestOperator(t *testing.T) {
	var ready error
	h := api.Operator(func(context.Context) error { return ready }, func() []api.Metric {
		return []api.Metric{
			{Name: "sconce_gateways_connected", Help: "Gateways that are connected.", Value: 3},
			{Name: "sconce_messages_total", Help: "Messages.", Grows: true, Value: 7},
		}
	}, slog.New(slog.DiscardHandler))
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("healthz %d", code)
	}
	if code, _ := get("/readyz"); code != 200 {
		t.Errorf("readyz %d", code)
	}
	ready = errors.New("the store is away")
	if code, text := get("/readyz"); code != 503 || !strings.Contains(text, "the store is away") {
		t.Errorf("readyz %d %s", code, text)
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("healthz %d while not ready", code)
	}
	code, text := get("/metrics")
	for _, want := range []string{
		"# TYPE sconce_gateways_connected gauge\nsconce_gateways_connected 3\n", "# TYPE sconce_messages_total counter\nsconce_messages_total 7\n",
		"go_goroutines ",
	} {
		if code != 200 || !strings.Contains(text, want) {
			t.Errorf("metrics %d have no %q", code, want)
		}
	}
	if code, _ := get("/debug/pprof/"); code != 404 {
		t.Errorf("pprof %d", code)
	}
}

// TestProxiesAreNotBelieved signs in with every header by which a proxy tells of a client, and
// finds the address of the connection in the history.
func TestProxiesAreNotBelieved(t *testing.T) {
	b := newBench(t)
	b.createAda()
	q := signIn(password, false)
	q.header = http.Header{}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Originating-Ip"} {
		q.header.Set(name, "198.51.100.7")
	}
	q.header.Set("Forwarded", "for=198.51.100.7;proto=http;host=evil.example")
	q.header.Set("X-Forwarded-Host", "evil.example")
	q.header.Set("X-Forwarded-Proto", "http")
	a := b.do(q)
	cookie := a.header.Get("Set-Cookie")
	if a.status != 201 || !strings.HasPrefix(cookie, "__Host-session=") || strings.Contains(a.text, "evil.example") {
		t.Fatalf("%d %s, cookie %q", a.status, a.text, cookie)
	}
	b.tokens["ada"] = strings.TrimPrefix(strings.SplitN(cookie, ";", 2)[0], "__Host-session=")
	history := decode[api.List[api.SignInEntry]](t, b.do(request{who: "ada", method: "GET", path: "/account/sign-ins"})).Items
	const peer = "192.0.2.0/24" // of httptest's requests
	if len(history) != 1 || history[0].Network != peer {
		t.Errorf("history %+v; want one sign-in from %s", history, peer)
	}
}
