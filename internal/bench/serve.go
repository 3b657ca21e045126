package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"sconce"
	"sconce/cloud/edge"
	"sconce/cloud/ingest"
	"sconce/cloud/store"
	"sconce/wire"
)

// The kinds of server that [Serve] runs.
const (
	// ServeEdge is our MQTT server with nothing behind it: what gateways publish is
	// acknowledged and dropped.
	ServeEdge = "edge"
	// ServeJournal is our MQTT server with the journal behind it, and nothing behind
	// that: what gateways publish is acknowledged when it is committed.
	ServeJournal = "journal"
	// ServePostgres is [ServeJournal] on PostgreSQL.
	ServePostgres = "postgres"
	// ServeLive is our MQTT server with live data: ten times a second, 4 KiB for each of
	// the first [watchers] of a fleet.
	ServeLive = "live"
	// ServeTLS is as little as Go needs for mutual TLS: it answers the first packet
	// with a CONNACK and then reads.
	ServeTLS = "tls"
)

// ServeOptions says what [Serve] serves.
type ServeOptions struct {
	Kind        string
	Domain      string
	Certificate string // files
	Key         string
	DeviceCA    string
	Data        string // a folder, for the journal
	// Addresses are those of the databases of identities, sites and journal, for the journal on PostgreSQL.
	Addresses []string
}

// Serve runs a server to measure against, until its input ends. It prints its
// address; then it answers every line of input, when it has returned to the
// system what memory it can, with a line: how many messages it has committed.
func Serve(o ServeOptions) error {
	certificate, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
	if err != nil {
		return fmt.Errorf("reading certificate: %w", err)
	}
	text, err := os.ReadFile(o.DeviceCA)
	if err != nil {
		return fmt.Errorf("reading device authority: %w", err)
	}
	devices := x509.NewCertPool()
	if !devices.AppendCertsFromPEM(text) {
		return sconce.Errorf(sconce.Invalid, "%s holds no certificate in PEM", o.DeviceCA)
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	committed := func() uint64 { return 0 }
	if o.Kind == ServeTLS {
		go serveTLS(tls.NewListener(ln, bareTLS(certificate, devices)))
	} else {
		server, journal, err := newEdge(o, certificate, devices)
		if err != nil {
			return err
		}
		go func() { _ = server.Serve(ln) }() // ends with the process
		if journal != nil {
			committed = func() uint64 { s := journal.Stats(); return s.Messages - s.Duplicates - s.Malformed - s.Refused }
		}
		if o.Kind == ServeLive {
			go live(server)
		}
	}
	fmt.Println(ln.Addr())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		debug.FreeOSMemory()
		debug.FreeOSMemory() // what the first has only marked
		fmt.Println(committed())
	}
	return nil
}

// live publishes for ever. What the edge drops is not for it to look at.
func live(server *edge.Server) {
	payload := make([]byte, 4<<10)
	for range time.Tick(100 * time.Millisecond) {
		for i := range watchers {
			_, _ = server.Publish(wire.DownTopic(firstOfFleet+sconce.EUI64(i), wire.KindCommand), payload, edge.PublishOptions{})
		}
	}
}

// newEdge returns the edge as the cloud runs it, but for the keep-alive and the limits of an address: all
// clients are at one address here. There is a journal only for [ServeJournal] and [ServePostgres].
func newEdge(o ServeOptions, certificate tls.Certificate, devices *x509.CertPool) (*edge.Server, *ingest.Journal, error) {
	limits := edge.DefaultLimits()
	limits.AddressRate, limits.AddressBurst = 1e6, 1e6
	limits.AddressConnections, limits.AddressHandshakes = limits.Connections, limits.Handshakes
	limits.MQTT.MaxKeepAlive = 10 * time.Minute // clients here are silent while others connect
	log := slog.New(slog.DiscardHandler)
	intake := edge.Intake(nothing{})
	var journal *ingest.Journal
	if o.Kind == ServeJournal || o.Kind == ServePostgres {
		ctx := context.Background() // of the process
		data, err := o.open(ctx)
		if err != nil {
			return nil, nil, err
		}
		if journal, err = ingest.NewJournal(ctx, data.Journal(), data.Results(), log); err != nil {
			return nil, nil, err
		}
		go journal.Run(ctx)
		intake = journal
	}
	server, err := edge.New(edge.Config{
		Domain:      o.Domain,
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil },
		DeviceCAs:   devices,
		HTTP:        http.NotFoundHandler(),
		Devices:     byName{},
		Accounts:    nobody{},
		Intake:      intake,
		Presence:    nothing{},
		Limits:      limits,
		Log:         log,
	})
	return server, journal, err
}

// open opens the store of the journal.
func (o *ServeOptions) open(ctx context.Context) (*store.Store, error) {
	if o.Kind == ServeJournal {
		return store.Open(ctx, o.Data)
	}
	if len(o.Addresses) != 3 {
		return nil, sconce.Errorf(sconce.Invalid, "%d addresses of databases: expected 3", len(o.Addresses))
	}
	var a store.Addresses
	for i, into := range []*store.Address{&a.Identity, &a.Site, &a.Journal} {
		var err error
		if *into, err = store.ParseAddress(o.Addresses[i]); err != nil {
			return nil, err
		}
	}
	return store.OpenPostgres(ctx, a)
}

// nothing is the intake and the presence behind the edge here.
type nothing struct{}

// Accept implements [edge.Intake]: everything is durable at once.
func (nothing) Accept(_ sconce.EUI64, _ string, _ []byte, token uint64, done func(uint64, error)) {
	done(token, nil)
}

// Connected implements [edge.Presence].
func (nothing) Connected(sconce.EUI64, time.Time) {}

// Disconnected implements [edge.Presence].
func (nothing) Disconnected(sconce.EUI64, time.Time) {}

// byName knows every gateway that the authority has certified.
type byName struct{}

// Authenticate implements [edge.Devices].
func (byName) Authenticate(_ context.Context, cert *x509.Certificate) (sconce.EUI64, error) {
	return sconce.ParseEUI64(cert.Subject.CommonName)
}

// nobody has an account.
type nobody struct{}

// Authenticate implements [edge.Accounts].
func (nobody) Authenticate(context.Context, string, string) (edge.Principal, error) {
	return edge.Principal{}, sconce.Errorf(sconce.Unauthenticated, "nobody has an account here")
}

// Ended implements [edge.Accounts].
func (nobody) Ended(context.Context, []edge.Principal) ([]int, error) { return nil, nil }

// bareTLS returns the configuration of a TLS server that asks for what our edge
// asks for.
func bareTLS(certificate tls.Certificate, devices *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.SecP256r1MLKEM768, tls.CurveP256},
		Certificates:     []tls.Certificate{certificate},
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        devices,
	}
}

func serveTLS(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		go serveBare(nc)
	}
}

// connack is a CONNACK of MQTT 5.0 with success and no properties (3.2).
var connack = []byte{0x20, 3, 0, 0, 0}

func serveBare(nc net.Conn) {
	defer nc.Close()
	buf := make([]byte, 64)
	if _, err := nc.Read(buf); err != nil {
		return
	}
	if _, err := nc.Write(connack); err != nil {
		return
	}
	_, _ = nc.Read(buf) // until the client goes
}
