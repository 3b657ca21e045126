package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"sconce/internal/installation"
	"sconce/internal/postgres"
)

// planted are texts of people that stand nowhere else: parts of the names and addresses
// that TestPlanted gives to everything that takes one.
var planted = []string{"plantagenet", "xylograph", "übermüller-zoë", "correct horse plant"}

// TestPlanted lets people with names and addresses that stand nowhere else do all that people
// do, and then looks for them in whatever a thief or a careless operator could have: the
// files of the databases while the cloud runs, after it was killed and after it stopped,
// its log with everything in it, its metrics, and a copy on PostgreSQL with that one's files.
func TestPlanted(t *testing.T) {
	s := install(t, 2)
	config, err := os.ReadFile(s.CloudConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.CloudConfig(), append(config, "log:\n  level: debug\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.startCloud()
	s.setUp()
	s.livePlanted()

	data := filepath.Join(s.Dir, "cloud")
	log := func() { wantNone(t, "the log", s.log("cloud").Bytes()) }
	wantNone(t, "the metrics", s.metrics())
	searchFolder(t, "while it runs", data)
	log()
	s.cloud.Kill()
	searchFolder(t, "killed", data)
	s.startCloud()
	log()
	if err := s.cloud.Stop(); err != nil {
		t.Fatal(err)
	}
	searchFolder(t, "stopped", data)

	server, err := postgres.Get()
	if err != nil {
		t.Fatal(err)
	}
	s.useDatabases(server, "planted")
	s.ctl("", "store", "prepare", "--owner", "owner")
	wantNone(t, "what the copy says", []byte(s.ctl("", "store", "copy", "--from", data)))
	s.startCloud()
	s.livePlantedAgain()
	wantNone(t, "the metrics", s.metrics())
	if err := s.cloud.Stop(); err != nil {
		t.Fatal(err)
	}
	log()
	c, err := pgx.Connect(t.Context(), server.URL(postgres.Superuser, postgres.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var files string
	if err := c.QueryRow(t.Context(), "SELECT current_setting('data_directory')").Scan(&files); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	searchFolder(t, "PostgreSQL", files)
}

const (
	plantedEmail    = "Wilhelmine.Plantagenet@Xylograph.example"
	plantedPassword = "correct horse plant"
)

// livePlanted is what people do: those that come, those that do not, and what goes wrong.
func (s *system) livePlanted() {
	t, ctx := s.t, s.t.Context()
	t.Helper()
	client := func() *installation.Client {
		t.Helper()
		c, err := s.NewClient()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(c *installation.Client, method, path string, in any) {
		t.Helper()
		if err := c.Do(ctx, method, path, in, nil); err == nil {
			t.Errorf("%s %s is not refused", method, path)
		}
	}
	register := map[string]string{"email": plantedEmail, "name": "Wilhelmine Plantagenet", "country": "DE"}
	guest := client()
	must(guest.Do(ctx, http.MethodPost, "/registrations", register, nil))
	token := s.letter("register")
	must(guest.Do(ctx, http.MethodPost, "/registrations/confirm", map[string]string{"token": token, "password": plantedPassword}, nil))
	must(client().Do(ctx, http.MethodPost, "/registrations", register, nil)) // has an account already
	s.letter("reset")
	must(client().Do(ctx, http.MethodPost, "/registrations", map[string]string{"email": "never.comes.plantagenet@xylograph.example", "name": "Übermüller-Zoë", "country": "AT"}, nil))
	refused(client(), http.MethodPost, "/registrations", map[string]string{"email": "plantagenet at xylograph", "name": "Plantagenet\u0007", "country": "Xylograph"})
	for range 3 {
		refused(client(), http.MethodPost, "/sessions", map[string]string{"email": plantedEmail, "password": "correct horse plant not"})
		refused(client(), http.MethodPost, "/sessions", map[string]string{"email": "nobody.plantagenet@xylograph.example", "password": plantedPassword})
	}
	refused(guest, http.MethodGet, "/projects/"+url.PathEscape(plantedEmail), nil)
	refused(guest, http.MethodGet, "/projects?cursor="+url.QueryEscape(plantedEmail)+"&limit=plantagenet", nil)
	refused(guest, http.MethodPut, "/projects/"+string(s.project)+"/members/"+url.PathEscape(plantedEmail), map[string]string{"role": "plantagenet"})

	project := "/projects/" + string(s.project)
	must(s.client.Do(ctx, http.MethodPost, project+"/invitations", map[string]any{"email": plantedEmail, "role": "owner", "groups": []string{}}, nil))
	must(guest.Do(ctx, http.MethodPost, "/invitations/accept", map[string]string{"token": s.letter("invitation")}, nil))
	must(s.client.Do(ctx, http.MethodPost, project+"/invitations", map[string]any{"email": "guest.plantagenet@xylograph.example", "role": "viewer", "groups": []string{}}, nil))
	for _, path := range []string{"/members", "/invitations", "/security-log"} {
		must(guest.Do(ctx, http.MethodGet, project+path, nil, nil))
	}
	must(guest.Do(ctx, http.MethodPost, "/projects", map[string]string{"name": "Town hall"}, nil))
	must(guest.Do(ctx, http.MethodPost, "/tokens", map[string]any{"name": "Plantagenet's report", "project_id": s.project, "actions": []string{"project.read"}}, nil))
	s.ctl(plantedPassword+"\n", "account", "add", "--email", "operator@xylograph.example", "--name", "Übermüller-Zoë")
	s.ctl("", "operator", "add", "--email", "operator@xylograph.example")
	must(guest.Do(ctx, http.MethodPost, project+"/support-grants", map[string]any{
		"operator_email": "operator@xylograph.example", "access": "read", "hours": 1, "reason": "Frau Plantagenet asked for it",
	}, nil))
	must(client().Do(ctx, http.MethodPost, "/password-resets", map[string]string{"email": plantedEmail}, nil))
	s.letter("reset")
	s.ctl("", "vault", "rotate")
}

// livePlantedAgain is a little more, on other databases.
func (s *system) livePlantedAgain() {
	s.t.Helper()
	c, err := s.NewClient()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.SignIn(s.t.Context(), plantedEmail, "correct horse plant wrong"); err == nil {
		s.t.Error("a wrong password is right")
	}
	if err := c.SignIn(s.t.Context(), plantedEmail, plantedPassword); err != nil {
		s.t.Fatal(err)
	}
	s.await(30*time.Second, "everything to be sealed with the new key", func() bool {
		return strings.Contains(s.ctl("", "vault", "status"), "Everything is sealed")
	})
	var account struct{ Email, Name string }
	if err := c.Do(s.t.Context(), http.MethodGet, "/account", nil, &account); err != nil || account.Email != strings.ToLower(plantedEmail) {
		s.t.Errorf("the account is %+v, %v", account, err)
	}
}

// letter waits for a letter with a link to a page that was not followed before, and returns
// the link's token.
func (s *system) letter(to string) string {
	s.t.Helper()
	link := regexp.MustCompile(`href="[^"]*/` + to + `#([^"]+)"`)
	if s.followed == nil {
		s.followed = map[string]bool{}
	}
	token := ""
	s.await(20*time.Second, "a letter that leads to "+to, func() bool {
		for _, m := range link.FindAllStringSubmatch(string(s.get(fmt.Sprintf("http://localhost:%d/mailbox", s.HTTPPort))), -1) {
			if !s.followed[m[1]] {
				token = m[1]
			}
		}
		return token != ""
	})
	s.followed[token] = true
	return token
}

func (s *system) metrics() []byte {
	s.t.Helper()
	return s.get(fmt.Sprintf("http://127.0.0.1:%d/metrics", s.OpsPort))
}

func (s *system) get(address string) []byte {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: status %d, %v", address, answer.StatusCode, err)
	}
	return b
}

// ctl runs sconce ctl, and returns what it says.
func (s *system) ctl(in string, args ...string) string {
	s.t.Helper()
	c := exec.CommandContext(s.t.Context(), s.programs.Sconce, append([]string{"ctl", "--config", s.CloudConfig()}, args...)...)
	c.Stdin = strings.NewReader(in)
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("sconce ctl %v: %v: %s", args, err, out)
	}
	return string(out)
}

// searchFolder looks for what was planted in every file of a folder.
func searchFolder(t *testing.T, when, dir string) {
	t.Helper()
	size := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		size += len(b)
		wantNone(t, when+", "+filepath.Base(path), b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if size < 1<<16 {
		t.Fatalf("%s: there are only %d bytes to be searched", when, size)
	}
}

// wantNone fails the test when something holds what was planted, in whatever form.
func wantNone(t *testing.T, what string, text []byte) {
	t.Helper()
	if form, i := find(text); form != "" {
		t.Errorf("%s: %s stands there: %q", what, form, text[max(0, i-40):min(len(text), i+60)])
	}
}

// find returns a form of what was planted that stands in a text, and where; "" for none.
func find(text []byte) (form string, at int) {
	folded := lowerASCII(text)
	for form, n := range forms() {
		in := text
		if n.fold {
			in = folded
		}
		if i := bytes.Index(in, n.text); i >= 0 {
			return form, i
		}
	}
	return "", 0
}

// TestSearchFindsWhatIsThere shows that what is looked for would be found.
func TestSearchFindsWhatIsThere(t *testing.T) {
	for _, word := range planted {
		for _, text := range []string{
			word, strings.ToUpper(word), title(word),
			wide(word, false), wide(strings.ToUpper(word), true),
			base64.StdEncoding.EncodeToString([]byte(word)), base64.URLEncoding.EncodeToString([]byte("x" + word)), base64.RawStdEncoding.EncodeToString([]byte("xy" + word)),
			percent(word), strings.ToLower(percent(word)), url.QueryEscape(word), url.PathEscape(word), fmt.Sprintf("%x", word), fmt.Sprintf("%X", word),
		} {
			if form, _ := find([]byte("<<" + text + ">>")); form == "" {
				t.Errorf("%q would not be found", text)
			}
		}
	}
}

// needle is a form of a text.
type needle struct {
	text []byte
	fold bool // whatever the case of its ASCII letters, which are lower here
}

func lowerASCII(b []byte) []byte {
	b = slices.Clone(b)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// forms returns every form in which what was planted might stand somewhere.
func forms() map[string]needle {
	all := map[string]needle{}
	for _, word := range planted {
		upper := strings.ToUpper(word)
		for _, w := range []string{word, upper, title(word)} {
			for form, text := range map[string]string{
				"UTF-8": w, "UTF-16LE": wide(w, false), "UTF-16BE": wide(w, true), "percent": percent(w),
				"a query": url.QueryEscape(w), "a path": url.PathEscape(w), "hexadecimal digits": fmt.Sprintf("%x", w),
			} {
				all[w+" in "+form] = needle{lowerASCII([]byte(text)), true}
			}
		}
		for _, w := range []string{word, upper, title(word)} {
			for shift := range 3 { // the bytes before decide on the digits
				digits := base64.RawStdEncoding.EncodeToString([]byte("xyz"[:shift] + w))
				digits = digits[(shift*8+5)/6 : (shift+len(w))*8/6] // those that depend on w alone
				all[fmt.Sprintf("%s in base64 (%d)", w, shift)] = needle{[]byte(digits), false}
				url := strings.NewReplacer("+", "-", "/", "_").Replace(digits)
				all[fmt.Sprintf("%s in base64url (%d)", w, shift)] = needle{[]byte(url), false}
			}
		}
	}
	return all
}

// title returns a text that begins with a capital letter.
func title(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// wide returns a text in UTF-16.
func wide(s string, bigEndian bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if bigEndian {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

// percent returns a text with every byte percent-encoded.
func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
