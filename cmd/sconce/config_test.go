package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sconce/cloud/telemetry"
	"sconce/internal/config"
)

// loadCloud loads the example configuration with some of its lines changed.
func loadCloud(t *testing.T, change func(line string) string) (*cloudConfig, error) {
	t.Helper()
	text, err := os.ReadFile("../../docs/cloud.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		b.WriteString(change(line))
	}
	path := filepath.Join(t.TempDir(), "cloud.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return loadCloudConfig(path)
}

// onPostgres takes the lines of the example for PostgreSQL in place of that for SQLite.
func onPostgres(line string) string {
	if strings.HasPrefix(line, "  dir:") {
		return ""
	}
	for _, key := range []string{"postgres:", "  identity:", "  site:", "  journal:"} {
		if rest, ok := strings.CutPrefix(line, "# "+key); ok {
			return "  " + key + rest
		}
	}
	return line
}

func TestConfigurationForPostgres(t *testing.T) {
	c, err := loadCloud(t, onPostgres)
	if err != nil {
		t.Fatal(err)
	}
	a := c.addresses()
	if a.Identity.String() != "postgres://sconce@db.example.org/sconce_identity" || !strings.HasSuffix(a.Site.String(), "_site") ||
		!strings.HasSuffix(a.Journal.String(), "_journal") {
		t.Errorf("the addresses are %v", a)
	}
	for what, change := range map[string]struct{ from, to, want string }{
		"both":             {"  master_key_file:", "  dir: data\n  master_key_file:", "data.dir: there is data.postgres as well"},
		"one is missing":   {"    site: ", "    # ", "data.postgres.site: this key is missing"},
		"one is twice":     {"sconce_journal", "sconce_site", "data.postgres.journal: postgres://sconce@db.example.org/sconce_site is there before"},
		"TLS is missing":   {"sconce_journal?sslmode=verify-full", "sconce_journal", "data.postgres.journal: db.example.org is another machine"},
		"it is no address": {"postgres://sconce@db.example.org/sconce_site", "mysql://sconce:topsecret@db/site", "data.postgres.site: this is not the URL"},
		"a wrong key":      {"    site: ", "    sites: ", "data.postgres.sites: this key is not known"},
	} {
		_, err := loadCloud(t, func(line string) string { return strings.ReplaceAll(onPostgres(line), change.from, change.to) })
		var wrong *config.Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), change.want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %v; want %q", what, err, change.want)
		}
	}
	if _, err := loadCloud(t, func(line string) string {
		if strings.HasPrefix(line, "  dir:") {
			return ""
		}
		return line
	}); err == nil || !strings.Contains(err.Error(), "or data.postgres in its place") {
		t.Errorf("no databases: %v", err)
	}
}

// TestConfigurationOfSecurityText: what others are told must be of a form that they can use.
func TestConfigurationOfSecurityText(t *testing.T) {
	c, err := loadCloud(t, func(line string) string { return line })
	if err != nil {
		t.Fatal(err)
	}
	if s := c.securityText(); len(s.Contacts) != 1 || s.Canonical != "https://sconce.example.org/.well-known/security.txt" {
		t.Errorf("%+v", s)
	}
	for to, want := range map[string]string{
		"contacts: []": "security_txt.contacts: expected where", "contacts: [security@example.org]": "security_txt.contacts[0]:",
		"contacts: [\"https://a b\"]": "security_txt.contacts[0]:", "contacts: [\"mailto:a@b\\nPolicy: x\"]": "security_txt.contacts[0]:",
	} {
		_, err := loadCloud(t, func(line string) string {
			return strings.ReplaceAll(line, "contacts: [mailto:security@example.org]", to)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", to, err, want)
		}
	}
}

// TestConfigurationOfSingleSignOn: each key is held to what it is for, and the rest of the file is not touched.
func TestConfigurationOfSingleSignOn(t *testing.T) {
	c, err := loadCloud(t, func(line string) string { return line })
	if err != nil {
		t.Fatal(err)
	}
	if s := c.SingleSignOn; s.Issuer != "https://login.example.org" || !s.MakeAccounts || s.TrustSecondStep || len(s.EmailDomains) != 1 {
		t.Errorf("%+v", s)
	}
	for what, change := range map[string]struct{ from, to, want string }{
		"no TLS":                  {"issuer: https://login", "issuer: http://login", "single_sign_on.issuer: \"http://login.example.org\"; expected a URL that begins with https:"},
		"an address":              {"issuer: https://login", "issuer: login", "single_sign_on.issuer:"},
		"a query":                 {"issuer: https://login.example.org", "issuer: https://login.example.org/?x=1", "single_sign_on.issuer:"},
		"no client":               {"  client_id:", "# client_id:", "single_sign_on.client_id: this key is missing"},
		"no secret":               {"  client_secret_file:", "# client_secret_file:", "single_sign_on.client_secret_file: this key is missing"},
		"the secret itself":       {"client_secret_file: /etc", "client_secret: /etc", "single_sign_on.client_secret: this key is not known"},
		"no label":                {"label: Example account", "label: ''", "single_sign_on.label: the value is empty"},
		"a long label":            {"label: Example account", "label: " + strings.Repeat("x", 41), "single_sign_on.label: expected up to 40 characters"},
		"accounts for anybody":    {"email_domains: [example.org]", "email_domains: []", "single_sign_on.email_domains: accounts are made for addresses"},
		"domains for nothing":     {"make_accounts: true", "make_accounts: false", "single_sign_on.email_domains: no accounts are made"},
		"an address for a domain": {"email_domains: [example.org]", "email_domains: ['@example.org']", "single_sign_on.email_domains[0]:"},
		"an age of a second":      {"# max_age: 12h", "  max_age: 1s", "single_sign_on.max_age: 1s is out of range"},
		"no number":               {"trust_second_step: false", "trust_second_step: perhaps", "single_sign_on.trust_second_step"},
	} {
		_, err := loadCloud(t, func(line string) string { return strings.ReplaceAll(line, change.from, change.to) })
		if err == nil || !strings.Contains(err.Error(), change.want) {
			t.Errorf("%s: %v; want %q", what, err, change.want)
		}
	}
	local, err := loadCloud(t, func(line string) string {
		return strings.ReplaceAll(line, "https://login.example.org", "http://localhost:9000")
	})
	if err != nil || local.SingleSignOn.Issuer != "http://localhost:9000" {
		t.Errorf("a provider on this machine: %v", err)
	}
}

// TestRetentionIsConfigured: the example says what is usual, and what cannot be is refused.
func TestRetentionIsConfigured(t *testing.T) {
	c, err := loadCloud(t, func(line string) string { return line })
	if err != nil {
		t.Fatal(err)
	}
	if c.Retention.kept() != telemetry.DefaultRetention() || (retentionConfig{}).kept() != telemetry.DefaultRetention() {
		t.Errorf("the example keeps %+v, and nothing said keeps %+v; want %+v", c.Retention.kept(), retentionConfig{}.kept(), telemetry.DefaultRetention())
	}
	for _, change := range []struct{ from, to, want string }{
		{"readings_days: 90", "readings_days: 6", "retention.readings_days: 6"},
		{"days_days: 3660", "days_days: 36601", "retention.days_days: 36601"},
		{"readings_days: 90", "readings_days: 1000", "retention: sums by quarters"},
		{"days_days: 3660", "days_days: 700", "retention: sums by quarters"},
	} {
		_, err := loadCloud(t, func(line string) string { return strings.Replace(line, change.from, change.to, 1) })
		if err == nil || !strings.Contains(err.Error(), change.want) {
			t.Errorf("%s: %v; want %q", change.to, err, change.want)
		}
	}
}
