package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sconce"
	"sconce/app"
	"sconce/cloud/access"
	"sconce/cloud/alert"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
	"sconce/cloud/deletion"
	"sconce/cloud/edge"
	"sconce/cloud/energy"
	"sconce/cloud/export"
	"sconce/cloud/homeassistant"
	"sconce/cloud/identity"
	"sconce/cloud/ingest"
	"sconce/cloud/invitation"
	"sconce/cloud/lighting"
	"sconce/cloud/mail"
	"sconce/cloud/oauth"
	"sconce/cloud/once"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/store"
	"sconce/cloud/support"
	"sconce/cloud/telemetry"
	"sconce/cloud/vault"
	"sconce/mqtt"
)

type cloudCommand struct {
	Config string `required:"" help:"Configuration file." type:"existingfile"`
	Check  bool   `help:"Check the configuration and do nothing."`
}

// Run runs the cloud until it is interrupted.
func (c *cloudCommand) Run(ctx context.Context) error {
	config, err := loadCloudConfig(c.Config)
	if err != nil || c.Check {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: config.Log.Level}))
	return (&keeper{config: config, log: log}).run(ctx)
}

// cloud is the parts of a cloud, wired.
type cloud struct {
	config *cloudConfig
	log    *slog.Logger
	store  *store.Store
	bus    *bus

	securityLog *audit.Log
	vault       *vault.Vault
	base        *url.URL      // where people find the application
	post        identity.Post // zero where no letters are sent
	office      *mail.Office  // nil then
	mailbox     *mail.Mailbox // of the demo
	lettersCame chan struct{}

	identity  *identity.Service
	live      *identity.Live
	access    *access.Service
	projects  *project.Service
	registry  *registry.Service
	presences *telemetry.Presences
	lighting  *lighting.Service
	journal   *ingest.Journal
	projector *ingest.Projector
	watcher   *alert.Watcher
	tester    *alert.Tester
	courier   *alert.Courier
	notices   chan struct{}
	intake    *intake
	home      *homeassistant.Bridge
	deletion  *deletion.Service
	consent   *consent.Service
	api       *api.API
	edge      *edge.Server
	serving   atomic.Bool // all ports are open
}

func newCloud(ctx context.Context, config *cloudConfig, log *slog.Logger) (_ *cloud, err error) {
	c := &cloud{config: config, log: log, bus: &bus{}}
	if c.store, err = config.openStore(ctx); err != nil {
		return nil, err
	}
	if err = errors.Join(c.people(ctx), c.lights(ctx), c.network()); err != nil {
		return nil, errors.Join(err, c.store.Close())
	}
	return c, nil
}

// people makes what knows people, projects and identities.
func (c *cloud) people(ctx context.Context) (err error) {
	c.securityLog = audit.NewLog(c.store.SecurityLog(), time.Now)
	if err := c.letters(ctx); err != nil {
		return err
	}
	passkeys, err := identity.NewRelyingParty(c.base)
	if err != nil {
		return err
	}
	signOn, rules, err := c.provider()
	if err != nil {
		return err
	}
	c.identity = identity.New(identity.Parts{
		Passkeys: passkeys, Provider: signOn, Rules: rules,
		Store: c.store.Identity(), Refusals: c.securityLog, Post: c.post, Vault: c.vault, Base: c.base, Now: time.Now, Log: c.log,
	})
	c.projects = project.New(c.store.Projects(), time.Now)
	texts, err := c.config.texts()
	if err != nil {
		return err
	}
	c.consent = consent.New(texts, c.store.Agreements(), time.Now)
	c.deletion = &deletion.Service{
		Store: c.store.Deletions(), People: c.identity, Released: func(g sconce.EUI64) { c.intake.greet(g) }, Now: time.Now, Log: c.log,
	}
	c.live = identity.NewLive(c.store.Identity(), c.projects, time.Now)
	c.access = &access.Service{Store: c.store.Access(), Projects: c.projects, Vault: c.vault, Now: time.Now}
	c.registry, err = registry.New(ctx, c.store.Registry(), time.Now, c.log, func(g sconce.EUI64) { c.intake.greet(g) })
	return err
}

// apps returns what lets apps of others in.
func (c *cloud) apps() *oauth.Service { return newApps(c.store, c.projects, c.securityLog) }

// lights makes what knows lights, and the way of the gateways' messages to it.
func (c *cloud) lights(ctx context.Context) (err error) {
	if c.presences, err = telemetry.NewPresences(ctx, c.store.Presence(), c.bus, c.log); err != nil {
		return err
	}
	c.home, err = homeassistant.NewBridge(ctx, homeassistant.Parts{
		Store: c.store.HomeAssistant(), Retain: c.bus, Presence: c.presences, Version: version, Log: c.log,
	})
	if err != nil {
		return err
	}
	c.lighting = lighting.New(lighting.Parts{
		Store: c.store.Lighting(), Vault: c.vault, Down: c.bus, Presence: c.presences, Entrance: c.projects, Live: c.bus, Log: c.log,
		Changed: c.home.Changed,
	})
	if err := ingest.Whole(ctx, c.store.Results()); err != nil {
		return err
	}
	if c.journal, err = ingest.NewJournal(ctx, c.store.Journal(), c.store.Results(), c.log); err != nil {
		return err
	}
	c.alerts()
	c.presences.Tell(func(a project.Assignment) { c.watcher.PresenceChanged(a); c.home.PresenceChanged(a) })
	c.projector = ingest.NewProjector(c.store.Journal(), c.store.Results(), c.store.Presence(), announcer{c.bus, c.lighting, c.watcher, c.home}, c.config.Retention.kept().Readings, c.log)
	c.intake = newIntake(c.journal, c.lighting, c.log)
	return nil
}

// alerts makes what finds out what is wrong, and tells people and programs.
func (c *cloud) alerts() {
	c.notices = make(chan struct{}, 1)
	c.watcher = alert.NewWatcher(c.store.Alerts(), c.bus, time.Now, c.log, func() {
		select {
		case c.notices <- struct{}{}:
		default:
		}
	})
	caller := alert.NewCaller(alert.CallerOptions{AllowPrivate: c.config.Alerts.AllowPrivateWebhooks})
	c.courier = &alert.Courier{Store: c.store.Alerts(), Vault: c.vault, Caller: caller, Now: time.Now, Log: c.log}
	c.tester = alert.NewTester(caller)
	if c.office != nil {
		c.courier.People = c.identity
	}
}

// network makes what meets the network.
func (c *cloud) network() (err error) {
	readings := telemetry.New(c.store.Telemetry(), c.presences)
	options := api.Options{
		Identity: c.identity, Live: c.live, Access: c.access, Once: &once.Service{Store: c.store.Once(), Vault: c.vault, Now: time.Now}, Projects: c.projects, Registry: c.registry, Lighting: c.lighting,
		Telemetry: readings, Log: c.log, SecurityLog: c.securityLog,
		Invitations: &invitation.Service{Store: c.store.Invitations(), People: c.identity, Projects: c.projects, Now: time.Now},
		Energy:      &energy.Service{Store: c.store.Energy(), Rollups: c.store.Telemetry(), Now: time.Now, Tell: c.intake.greet},
		Alerts:      &alert.Service{Store: c.store.Alerts(), Vault: c.vault, Live: c.bus, Now: time.Now, Changed: c.watcher.Look, Tester: c.tester},
		Support:     support.New(c.store.Support(), c.identity, c.vault, time.Now),
		Privacy:     newPrivacy(c.store, c.identity, c.access, c.apps(), c.projects, c.consent),
		Export:      export.New(export.Parts{Projects: c.projects, Lights: c.lighting, Readings: readings, Log: c.store.SecurityLog(), Now: time.Now}),
		Deletion:    c.deletion,
		Consent:     c.consent,

		HomeAssistant: &homeassistant.Service{Store: c.store.HomeAssistant(), Bridge: c.home},
		OAuth:         c.apps(), Base: c.config.base().String(),
		App: app.Files(), Mailbox: c.mailbox, SecurityText: c.config.securityText(),
		LiveURL: fmt.Sprintf("wss://web.mqtt.%s:%d/mqtt", c.config.Domain, c.config.PublicPort),
	}
	origins := []string{fmt.Sprintf("https://%s:%d", c.config.Domain, c.config.PublicPort), "https://" + c.config.Domain}
	if c.config.Demo.Listen != "" {
		_, port, err := net.SplitHostPort(c.config.Demo.Listen)
		if err != nil {
			return err
		}
		options.DemoLiveURL = "ws://localhost:" + port + "/mqtt"
		origins = append(origins, "http://localhost:"+port)
	}
	if c.api, err = api.New(options); err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(c.config.TLS.CertificateFile, c.config.TLS.KeyFile)
	if err != nil {
		return sconce.Errorf(sconce.Invalid, "the certificate of the host names cannot be used: %w", err)
	}
	authorities, err := os.ReadFile(c.config.Devices.CAFile)
	if err != nil {
		return sconce.Errorf(sconce.Invalid, "the factory's certificate cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return sconce.Errorf(sconce.Invalid, "%s holds no certificate in PEM", c.config.Devices.CAFile)
	}
	c.edge, err = edge.New(edge.Config{
		Domain:      c.config.Domain,
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil },
		DeviceCAs:   pool,
		HTTP:        c.api,
		Origins:     origins,
		Devices:     c.registry,
		Accounts:    viewers{c.live, c.access, c.home, c.desk()},
		Intake:      c.intake,
		Presence:    c.presences,
		Limits:      edge.DefaultLimits(),
		Log:         c.log,
	})
	c.bus.edge = c.edge
	return err
}

// desk makes what takes the commands of Home Assistant.
func (c *cloud) desk() *homeassistant.Desk {
	return homeassistant.NewDesk(homeassistant.Office{
		Lights: c.lighting, Live: c.bus, On: c.home.On, Log: c.log,
		Refused: func(ctx context.Context, s project.Scope) { refusedCommand(ctx, c.securityLog, s, c.log) },
	})
}

// letters makes what writes to people: over SMTP, or in the demo into its mailbox.
func (c *cloud) letters(ctx context.Context) (err error) {
	if err := c.store.Unlock(ctx, c.config.Data.MasterKeyFile); err != nil {
		return err
	}
	c.vault = c.store.Vault()
	var sender mail.Sender
	c.base = c.config.base()
	switch m := c.config.Mail; {
	case m.Host != "":
		server := mail.Server{Host: m.Host, Port: m.Port, Encryption: m.Encryption, Username: m.Username, From: m.From}
		if m.Username != "" {
			password, err := os.ReadFile(m.PasswordFile)
			if err != nil {
				return sconce.Errorf(sconce.Invalid, "the password of the SMTP server cannot be read: %w", err)
			}
			server.Password = mail.NewPassword(firstLine(password))
		}
		sender = server
	case c.config.Demo.Listen != "":
		_, port, err := net.SplitHostPort(c.config.Demo.Listen)
		if err != nil {
			return err
		}
		c.base = &url.URL{Scheme: "http", Host: "localhost:" + port, Path: "/"}
		c.mailbox = mail.NewMailbox(time.Now)
		sender = c.mailbox
	default:
		return nil
	}
	composer, err := mail.NewComposer(c.config.Domain)
	if err != nil {
		return err
	}
	c.lettersCame = make(chan struct{}, 1)
	c.office = &mail.Office{Store: c.store.Letters(), Vault: c.vault, Composer: composer, Sender: sender, Now: time.Now, Log: c.log}
	c.post = identity.Post{
		Page: func(path string) string { return c.base.String() + path },
		Came: func() {
			select {
			case c.lettersCame <- struct{}{}:
			default:
			}
		},
	}
	return nil
}

// shutdownTime is how long connections get to end.
const shutdownTime = 5 * time.Second

// run serves until ctx ends, and then ends what it began: connections first, so
// that everything that was taken is also kept. Its error is an errLost when it ended because
// the store may be another process's.
func (c *cloud) run(ctx context.Context) error {
	listeners, err := c.listen(ctx)
	if err != nil {
		return err
	}
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var background errgroup.Group
	for _, run := range []func(context.Context){
		c.journal.Run,
		func(ctx context.Context) { c.projector.Run(ctx, c.journal.Committed()) },
		c.presences.Run, c.lighting.Run, c.intake.run, c.deletion.Run, c.watcher.Run, c.home.Run,
		telemetry.Settler{Store: c.store.Days(), Log: c.log}.Run,
		func(ctx context.Context) { c.courier.Run(ctx, c.notices) },
		func(ctx context.Context) { privacy.Retain(ctx, c.store, time.Now, c.log) },
		(&vault.Resealer{Vault: c.vault, Rows: c.store, Now: time.Now, Log: c.log}).Run,
		func(ctx context.Context) {
			telemetry.Retain(ctx, c.store, c.config.Retention.kept(), time.Now, c.log)
		},
		ingest.Keeper{
			Journal: c.store.Journal(), Results: c.store.Results(), Age: ingest.Retention, Keep: c.config.Retention.kept().Readings, Now: time.Now, Log: c.log,
		}.Run,
		func(ctx context.Context) {
			c.registry.Watch(ctx, func(revoked []sconce.EUI64) { c.edge.Disconnect(revoked, mqtt.NotAuthorized) })
		},
	} {
		background.Go(func() error { run(inner); return nil })
	}
	if c.office != nil {
		background.Go(func() error { c.office.Run(inner, c.lettersCame); return nil })
	}
	var serving errgroup.Group
	for _, l := range listeners {
		serving.Go(l.serve)
	}
	c.serving.Store(true)
	c.log.Info("the cloud is running", "version", version, "listen", c.config.Listen, "domain", c.config.Domain)
	ended, lost := make(chan error, 1), make(chan error, 1)
	go func() { ended <- serving.Wait() }()
	background.Go(func() error { lost <- c.store.Watch(inner); return nil })
	var gone error
	select {
	case <-ctx.Done():
	case err = <-ended: // a listener failed
	case gone = <-lost:
		gone = fmt.Errorf("%w: %w", errLost, gone)
		c.log.Error("the store may be another process's now", "error", gone)
	}
	deadline, cancel := context.WithTimeout(inner, shutdownTime)
	defer cancel()
	for _, l := range listeners {
		err = errors.Join(err, l.shutdown(deadline))
	}
	c.identity.Close()
	stop()
	_ = background.Wait() // they return no errors
	c.log.Info("the cloud has stopped")
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.DeadlineExceeded) {
		return gone
	}
	return errors.Join(gone, err)
}
