package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/consent"
	"sconce/cloud/mail"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
	"sconce/internal/config"
	"sconce/zigbee"
)

// cloudConfig is the configuration of a cloud.
type cloudConfig struct {
	Domain string `yaml:"domain"` // API and portal; mq.<domain> and web.mqtt.<domain> beside it
	Listen string `yaml:"listen"` // the one public listener, as in 0.0.0.0:443
	// PublicPort is the port that clients connect to, where it is not that of Listen.
	PublicPort int `yaml:"public_port"`
	TLS        struct {
		CertificateFile string `yaml:"certificate_file"`
		KeyFile         string `yaml:"key_file"`
	} `yaml:"tls"`
	Devices struct {
		CAFile string `yaml:"ca_file"` // certificates of the factories whose devices may connect
	} `yaml:"devices"`
	Data struct {
		Dir           string         `yaml:"dir"`      // for databases of SQLite
		Postgres      postgresConfig `yaml:"postgres"` // or databases of PostgreSQL
		MasterKeyFile string         `yaml:"master_key_file"`
	} `yaml:"data"`
	Operator struct {
		Listen string `yaml:"listen"` // health and metrics; loopback only
	} `yaml:"operator"`
	Redirect struct {
		Listen string `yaml:"listen"` // optional: plain HTTP that redirects to HTTPS
	} `yaml:"redirect"`
	Texts        textsConfig        `yaml:"texts"`        // optional: what people agree to
	SecurityText securityTextConfig `yaml:"security_txt"` // optional: whom to tell of weaknesses (RFC 9116)

	Mail         mailConfig         `yaml:"mail"`           // optional: how letters are sent to people
	SingleSignOn singleSignOnConfig `yaml:"single_sign_on"` // optional: an OpenID provider to sign in through
	Demo         struct {
		Listen string `yaml:"listen"` // optional: plain HTTP without TLS; loopback only
	} `yaml:"demo"`
	Alerts struct {
		// Webhooks may be at addresses that are not public: in the building's own network.
		AllowPrivateWebhooks bool `yaml:"allow_private_webhooks"`
	} `yaml:"alerts"`
	Retention retentionConfig `yaml:"retention"` // optional: how long what was measured is kept
	Log       logConfig       `yaml:"log"`
}

// retentionConfig is how long what was measured is kept, in days; 0 where nothing is said.
type retentionConfig struct {
	Readings int `yaml:"readings_days"` // raw
	Quarters int `yaml:"quarters_days"` // sums by quarters of an hour
	Days     int `yaml:"days_days"`     // sums by days
	Events   int `yaml:"events_days"`
}

const day = 24 * time.Hour

// kept returns what is configured, or what is usual.
func (r retentionConfig) kept() telemetry.Retention {
	kept := telemetry.DefaultRetention()
	for _, one := range []struct {
		into *time.Duration
		days int
	}{{&kept.Readings, r.Readings}, {&kept.Quarters, r.Quarters}, {&kept.Days, r.Days}, {&kept.Events, r.Events}} {
		if one.days > 0 {
			*one.into = time.Duration(one.days) * day
		}
	}
	return kept
}

func (r retentionConfig) validate(k *config.Checker) {
	for key, days := range map[string]int{"readings_days": r.Readings, "quarters_days": r.Quarters, "days_days": r.Days, "events_days": r.Events} {
		if k.Has("retention." + key) {
			config.Range(k, "retention."+key, days, int(telemetry.LeastRetention/day), int(telemetry.MostRetention/day))
		}
	}
	if kept := r.kept(); kept.Quarters < kept.Readings || kept.Days < kept.Quarters {
		k.Refuse("retention", "sums by quarters of an hour must be kept for as long as readings, and those by days for as long as those by quarters")
	}
}

type postgresConfig struct {
	Identity store.Address `yaml:"identity"` // people
	Site     store.Address `yaml:"site"`     // projects and what is measured in them
	Journal  store.Address `yaml:"journal"`  // what the gateways said
}

type mailConfig struct {
	Host         string          `yaml:"host"` // SMTP server
	Port         int             `yaml:"port"`
	Encryption   mail.Encryption `yaml:"encryption"` // starttls, tls, or none to this machine
	Username     string          `yaml:"username"`
	PasswordFile string          `yaml:"password_file"`
	From         string          `yaml:"from"` // address of the sender
}

type securityTextConfig struct {
	Contacts  []string `yaml:"contacts"`
	Policy    string   `yaml:"policy"`
	Languages string   `yaml:"languages"`
}

type textsConfig struct {
	Dir string `yaml:"dir"` // of terms-2026-01-31.txt and privacy-2026-01-31.txt, by their days
}

// texts returns what people have to agree to, nothing when nothing is configured.
func (c *cloudConfig) texts() ([]consent.Text, error) {
	if c.Texts.Dir == "" {
		return nil, nil
	}
	all, err := consent.Read(os.DirFS(c.Texts.Dir))
	if err != nil {
		return nil, fmt.Errorf("texts.dir: %w", err)
	}
	return all, nil
}

// securityText returns what is served, at the address of the installation.
func (c *cloudConfig) securityText() api.SecurityText {
	s := c.SecurityText
	return api.SecurityText{
		Contacts: s.Contacts, Policy: s.Policy, Languages: s.Languages, Canonical: "https://" + c.Domain + "/.well-known/security.txt",
	}
}

type logConfig struct {
	Level slog.Level `yaml:"level"` // debug, info, warn or error
}

// base returns where people find the application.
func (c *cloudConfig) base() *url.URL {
	u := &url.URL{Scheme: "https", Host: c.Domain, Path: "/"}
	if c.PublicPort != 443 {
		u.Host = net.JoinHostPort(c.Domain, strconv.Itoa(c.PublicPort))
	}
	return u
}

func loadCloudConfig(path string) (*cloudConfig, error) {
	c := &cloudConfig{}
	if err := config.Load(path, c); err != nil {
		return nil, err
	}
	return c, nil
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// Validate implements [config.Validator].
func (c *cloudConfig) Validate(k *config.Checker) {
	k.Text("domain", c.Domain, "a host name, such as sconce.example.org")
	if c.Domain != "" && !hostName.MatchString(c.Domain) {
		k.Refuse("domain", "%q is not a host name; expected lower case and a dot, such as sconce.example.org", c.Domain)
	}
	k.Address("listen", c.Listen)
	if k.Has("public_port") {
		config.Range(k, "public_port", c.PublicPort, 1, 65535)
	} else if _, port, err := net.SplitHostPort(c.Listen); err == nil {
		c.PublicPort, _ = strconv.Atoi(port) // Address has checked it
	}
	k.File("tls.certificate_file", &c.TLS.CertificateFile, "the file with the certificate chain of the three host names, in PEM")
	k.File("tls.key_file", &c.TLS.KeyFile, "the file with the private key of that certificate, in PEM")
	k.File("devices.ca_file", &c.Devices.CAFile, "the file with the factory's certificate (factory-ca.crt)")
	c.validateData(k)
	k.Address("operator.listen", c.Operator.Listen)
	loopback(k, "operator.listen", c.Operator.Listen)
	if k.Has("redirect.listen") {
		k.Address("redirect.listen", c.Redirect.Listen)
	}
	if k.Has("texts") {
		k.File("texts.dir", &c.Texts.Dir, "the folder with what people agree to, as in terms-2026-01-31.txt")
	}
	if k.Has("mail") {
		c.Mail.validate(k)
	}
	if k.Has("single_sign_on") {
		c.SingleSignOn.validate(k)
	}
	if k.Has("security_txt") {
		c.SecurityText.validate(k)
	}
	c.Retention.validate(k)
	if k.Has("demo.listen") {
		k.Address("demo.listen", c.Demo.Listen)
		loopback(k, "demo.listen", c.Demo.Listen)
	}
}

func (c *cloudConfig) validateData(k *config.Checker) {
	k.File("data.master_key_file", &c.Data.MasterKeyFile, "the file of the master key, outside data.dir")
	if !k.Has("data.postgres") {
		k.File("data.dir", &c.Data.Dir, "the folder for the databases, or data.postgres in its place")
		return
	}
	if k.Has("data.dir") {
		k.Refuse("data.dir", "there is data.postgres as well; expected one of the two")
	}
	p, seen := c.Data.Postgres, map[string]bool{}
	for _, one := range []struct {
		key string
		store.Address
	}{{"identity", p.Identity}, {"site", p.Site}, {"journal", p.Journal}} {
		key := "data.postgres." + one.key
		switch {
		case one.IsZero():
			k.Refuse(key, "this key is missing; expected the URL of a database, such as postgres://sconce@db.example.org/sconce_%s?sslmode=verify-full", one.key)
		case seen[one.String()]:
			k.Refuse(key, "%s is there before; expected three databases", one)
		}
		seen[one.String()] = true
	}
}

// addresses returns where the databases of PostgreSQL are.
func (c *cloudConfig) addresses() store.Addresses { return store.Addresses(c.Data.Postgres) }

// openStore opens the databases of the cloud.
func (c *cloudConfig) openStore(ctx context.Context) (*store.Store, error) {
	if c.Data.Dir == "" {
		return store.OpenPostgres(ctx, c.addresses())
	}
	return store.Open(ctx, c.Data.Dir)
}

// openStoreBeside opens them whether the cloud is running or not.
func (c *cloudConfig) openStoreBeside(ctx context.Context) (*store.Store, error) {
	if c.Data.Dir == "" {
		return store.OpenPostgresBeside(ctx, c.addresses())
	}
	return store.OpenBeside(ctx, c.Data.Dir)
}

func (c *mailConfig) validate(k *config.Checker) {
	k.Text("mail.host", c.Host, "the host name of the SMTP server")
	k.Text("mail.from", c.From, "the address that letters come from, such as sconce@example.org")
	config.Range(k, "mail.port", c.Port, 1, 65535)
	switch c.Encryption {
	case mail.StartTLS, mail.TLS:
	case mail.Plain:
		if ip := net.ParseIP(c.Host); c.Host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			k.Refuse("mail.encryption", "none is for a server on this machine; expected starttls or tls")
		}
	default:
		k.Refuse("mail.encryption", "%q; expected starttls, tls, or none to a server on this machine", c.Encryption)
	}
	if c.Username != "" {
		k.File("mail.password_file", &c.PasswordFile, "the file with the password at the SMTP server in its first line")
	}
}

var languageTags = regexp.MustCompile(`^[A-Za-z0-9-]+( *, *[A-Za-z0-9-]+)*$`)

func (c *securityTextConfig) validate(k *config.Checker) {
	if len(c.Contacts) == 0 {
		k.Refuse("security_txt.contacts", "expected where weaknesses are reported, such as mailto:security@example.org")
	}
	for i, contact := range c.Contacts {
		if !isURI(contact, "mailto", "https", "tel") {
			k.Refuse("security_txt.contacts["+strconv.Itoa(i)+"]", "%q; expected a URI that begins with mailto:, https: or tel:", contact)
		}
	}
	if c.Policy != "" && !isURI(c.Policy, "https") {
		k.Refuse("security_txt.policy", "%q; expected a URI that begins with https:", c.Policy)
	}
	if c.Languages != "" && !languageTags.MatchString(c.Languages) {
		k.Refuse("security_txt.languages", "%q; expected language tags, such as en, de", c.Languages)
	}
}

// isURI reports whether a text is one line with a URI of one of the schemes.
func isURI(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && (u.Host != "" || u.Opaque != "") && !strings.ContainsAny(text, " \t\r\n")
}

// loopback refuses an address that other machines could reach.
func loopback(k *config.Checker, key, value string) {
	host, _, err := net.SplitHostPort(value)
	if err != nil {
		return // refused already
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		k.Refuse(key, "%q can be reached from other machines; expected an address of this machine, such as 127.0.0.1:8081", value)
	}
}

// buildingConfig is the configuration of a virtual building.
type buildingConfig struct {
	Seed    uint64         `yaml:"seed"`
	Lights  []lightConfig  `yaml:"lights"`
	Sensors []sensorConfig `yaml:"sensors"`
	Rooms   int            `yaml:"rooms"`  // of the one floor, on both sides of a corridor
	People  int            `yaml:"people"` // who walk through them
}

type lightConfig struct {
	EUI64       sconce.EUI64 `yaml:"eui64"`
	InstallCode string       `yaml:"install_code"`
	Model       string       `yaml:"model"`
	Serial      string       `yaml:"serial"`
	Watts       float64      `yaml:"watts"` // rated power
	X           float64      `yaml:"x"`     // metres
	Y           float64      `yaml:"y"`
}

type sensorConfig struct {
	EUI64       sconce.EUI64 `yaml:"eui64"`
	InstallCode string       `yaml:"install_code"`
	Model       string       `yaml:"model"`
	Serial      string       `yaml:"serial"`
	X           float64      `yaml:"x"` // metres
	Y           float64      `yaml:"y"`
}

// Validate implements [config.Validator].
func (b *buildingConfig) Validate(k *config.Checker) {
	config.Range(k, "lights", len(b.Lights), 1, sconce.MaxNodesPerNetwork)
	config.Range(k, "sensors", len(b.Sensors), 0, sconce.MaxNodesPerNetwork)
	config.Range(k, "people", b.People, 0, 1000)
	if b.People > 0 {
		config.Range(k, "rooms", b.Rooms, 1, sconce.MaxNodesPerNetwork)
	}
	label := func(at string, e sconce.EUI64, code, model string) {
		if e == 0 {
			k.Refuse(at+".eui64", "expected 16 hexadecimal digits")
		}
		if _, err := zigbee.ParseInstallCode(code); err != nil {
			k.Refuse(at+".install_code", "%v", err)
		}
		k.Text(at+".model", model, "the model, as on the label")
	}
	for i, l := range b.Lights {
		at := "lights[" + strconv.Itoa(i) + "]"
		label(at, l.EUI64, l.InstallCode, l.Model)
		config.Range(k, at+".watts", l.Watts, 0.5, 1000)
	}
	for i, s := range b.Sensors {
		label("sensors["+strconv.Itoa(i)+"]", s.EUI64, s.InstallCode, s.Model)
	}
}
