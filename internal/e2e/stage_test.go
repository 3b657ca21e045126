package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sconce/app"
	"sconce/internal/installation"
)

// A stage is the app with an API behind it that says what a test wants: a project of
// thousands of devices, or a year of energy, would take longer to make than to look at.
type stage struct {
	*httptest.Server
	t     *testing.T
	mu    sync.Mutex
	says  map[string]any // by method and path below the project
	asked []string       // what changed something, with its body
}

type object = map[string]any

const stageProject = "0190a6e2-8f0e-7cc3-98c4-dc0c0c073900"

// setStage serves the app. Everybody who comes is an owner who is signed in.
func setStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, says: map[string]any{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.says["GET "] = object{
		"id": stageProject, "name": "Harbour school", "role": "owner", "deletion": nil, "support_until": nil,
		"actions": []string{
			"project.read", "readings.read", "lights.control", "lights.configure", "networks.manage", "members.manage",
			"readings.export", "alerts.handle", "alerts.configure", "energy.configure", "integrations.configure",
		},
		"granted_groups": []string{}, "networks": []object{},
	}
	s.says["GET /alerts"] = object{"items": []object{}, "open": 2}
	s.says["GET /groups"] = object{"items": []object{}}
	s.says["GET /devices"] = object{"items": []object{}}
	return s
}

func (s *stage) serve(w http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/api/v1"); ok {
		s.api(w, r, path)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; connect-src 'self'")
	files := app.Files()
	if _, err := fs.Stat(files, strings.TrimPrefix(r.URL.Path, "/")); err != nil {
		r.URL.Path = "/"
	}
	http.FileServerFS(files).ServeHTTP(w, r)
}

func (s *stage) api(w http.ResponseWriter, r *http.Request, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer any
	switch rest, inside := strings.CutPrefix(path, "/projects/"+stageProject); {
	case path == "/sessions/current":
		answer = object{"account": object{"id": "1", "name": "Ada", "email": "ada@example.org"}}
	case path == "/account/agreements":
		answer = object{"agreed": []object{}, "open": []object{}}
	case inside:
		if r.Method != http.MethodGet {
			var body json.RawMessage
			_ = json.NewDecoder(r.Body).Decode(&body) // a DELETE has none
			s.asked = append(s.asked, fmt.Sprintf("%s %s %s", r.Method, rest, body))
		}
		answer = s.says[r.Method+" "+rest]
	}
	if say, ok := answer.(func(url.Values) any); ok {
		answer = say(r.URL.Query())
	}
	w.Header().Set("Content-Type", "application/json")
	switch answer := answer.(type) {
	case nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		answer = object{"title": "Not on this stage", "status": http.StatusServiceUnavailable, "detail": r.Method + " " + path + " is not on this stage"}
		_ = json.NewEncoder(w).Encode(answer)
	default:
		w.Header().Set("ETag", `"1"`)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// paged is a list in pages, each of which a cursor leads to.
func paged(items []object) func(url.Values) any {
	return func(q url.Values) any {
		from, _ := strconv.Atoi(q.Get("cursor")) // "" is the beginning
		to := min(from+1000, len(items))
		page := object{"items": items[from:to]}
		if to < len(items) {
			page["next_cursor"] = strconv.Itoa(to)
		}
		return page
	}
}

// changes returns what was asked that changes something.
func (s *stage) changes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// audience is a browser at a stage.
func (s *stage) audience() page {
	s.t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		s.t.Fatal(err)
	}
	return page{onStage(s.t, port), browser(s.t)}
}

// see opens a page of the project and waits until something is there.
func (p page) see(path, until string) {
	p.t.Helper()
	p.do("opening "+path, chromedp.Navigate(p.url("/projects/"+stageProject+path)), chromedp.WaitVisible(until))
}

// judged holds a page at both ends of the widths, light and dark, against the rules of axe
// (WCAG 2.2 A and AA, and its good practice), and wants it to need no room beside the screen.
func (p page) judged(name string) {
	p.t.Helper()
	source, err := os.ReadFile("../../app/node_modules/axe-core/axe.min.js")
	if err != nil {
		p.t.Fatalf("axe is not here, npm ci in app/ brings it: %v", err)
	}
	const judge = `(async () => {
		if (document.documentElement.scrollWidth > innerWidth) return "it is " + document.documentElement.scrollWidth + " wide";
		const { violations } = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
		return violations.map((v) => v.id + ": " + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200) + " " + (n.any[0]?.message ?? n.all[0]?.message ?? "")).join(" | ")).join("\n");
	})()`
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1440} {
			p.screen(scheme, width)
			p.evaluate(string(source) + `;""`)
			if said := p.evaluate(judge); said != "" {
				p.t.Errorf("%s, %s, %d px: %s", name, scheme, width, said)
			}
			p.picture(fmt.Sprintf("%s-%s-%d", name, scheme, width))
		}
	}
	p.do("changing the screen back", chromedp.EmulateReset())
}

// eventually waits until an expression is "true".
func (p page) eventually(what, expression string) {
	p.t.Helper()
	await(p.t, 10*time.Second, what, func() bool { return p.evaluate("String("+expression+")") == "true" })
}

// onStage is what a page needs of a system.
func onStage(t *testing.T, port int) *system {
	s := &system{Installation: &installation.Installation{}, t: t}
	s.HTTPPort = port
	return s
}
