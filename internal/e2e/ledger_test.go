package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
	"sconce/factory"
	"sconce/wire"
)

// moreGateways issues identities for gateways and lets the cloud know them.
func (s *system) moreGateways(n int) []*factory.Identity {
	s.t.Helper()
	ids := make([]*factory.Identity, n)
	for i := range ids {
		ids[i] = s.newIdentity(sconce.Gateway, 0x5ec0ce0000020000+sconce.EUI64(i), fmt.Sprintf("T-%d", i))
	}
	if err := s.Initialise(s.t.Context(), s.programs); err != nil {
		s.t.Fatal(err)
	}
	return ids
}

// newIdentity issues an identity that the cloud does not know yet.
func (s *system) newIdentity(kind sconce.DeviceKind, eui sconce.EUI64, serial string) *factory.Identity {
	s.t.Helper()
	authority, err := factory.Open(filepath.Dir(s.Records()))
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := authority.Issue(factory.Request{EUI64: eui, Kind: kind, Model: "T-1", Serial: serial, ApprovedBy: "test"}, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// claim gives each gateway a network of the project with one light in it.
func (s *system) claim(ids []*factory.Identity) []*sender {
	s.t.Helper()
	ca, err := os.ReadFile(s.HostCA())
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	path := "/projects/" + string(s.project)
	var senders []*sender
	for i, id := range ids {
		var network struct {
			ID sconce.NetworkID `json:"id"`
		}
		s.post(path+"/networks", map[string]any{"name": fmt.Sprintf("Network %d", i)}, &network)
		s.post(path+"/gateways", map[string]any{"eui64": id.Record.EUI64, "claim_code": id.ClaimCode.Reveal(), "network_id": network.ID}, nil)
		light := s.newIdentity(sconce.Luminaire, 0x5ec0ce0000030000+sconce.EUI64(i), fmt.Sprintf("TL-%d", i))
		s.post(path+"/devices", map[string]any{
			"network_id": network.ID, "eui64": light.Record.EUI64, "install_code": light.InstallCode.Label(), "position_name": "Light", "groups": []string{},
		}, nil)
		senders = append(senders, &sender{system: s, id: id, roots: roots, light: light.Record.EUI64, boot: uint64(1000 + i)})
	}
	return senders
}

func (s *system) post(path string, in, out any) {
	s.t.Helper()
	if err := s.client.Do(s.t.Context(), http.MethodPost, path, in, out); err != nil {
		s.t.Fatal(err)
	}
}

// A sender is a gateway that publishes the power and the energy of a light, whose values
// are the numbers of the messages, and notes what was acknowledged, and when. It speaks
// MQTT 5 by somebody else's client.
type sender struct {
	*system
	id    *factory.Identity
	roots *x509.CertPool
	light sconce.EUI64
	boot  uint64
	acked []time.Time // when message n+1 was acknowledged; never sent again from then on
	count atomic.Uint64
}

const (
	inFlight = 64  // messages that a sender sends before it waits
	step     = 500 // ms between two readings, by the times in them
)

// start is the time of the first reading, a whole quarter of an hour.
var start = time.Now().Add(-72 * time.Hour).Truncate(15 * time.Minute).UnixMilli()

// send publishes number after number, each until it is acknowledged, until ctx
// ends; then it only finishes what it has begun. It gives up with the test.
func (g *sender) send(ctx context.Context) {
	var waiting []uint64 // numbers that are not acknowledged
	for (ctx.Err() == nil || len(waiting) > 0) && g.t.Context().Err() == nil {
		client, err := g.connect()
		if err != nil { // the cloud is away
			select {
			case <-g.t.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		for ctx.Err() == nil || len(waiting) > 0 {
			for ctx.Err() == nil && len(waiting) < inFlight {
				g.acked = append(g.acked, time.Time{})
				waiting = append(waiting, uint64(len(g.acked)))
			}
			if waiting = g.publish(client, waiting); len(waiting) > 0 {
				break
			}
		}
		_ = client.Disconnect(&paho.Disconnect{}) // the cloud may be gone
	}
}

func (g *sender) connect() (*paho.Client, error) {
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: packetTime}, Config: &tls.Config{
		ServerName: "mq." + g.Domain, RootCAs: g.roots, MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{g.id.Certificate.Raw}, PrivateKey: g.id.Key}},
	}}).Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.TLSPort))
	if err != nil {
		return nil, err
	}
	client := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn), PacketTimeout: packetTime})
	client.SetErrorLogger(log.New(io.Discard, "", 0))
	ctx, cancel := context.WithTimeout(context.Background(), packetTime)
	defer cancel()
	if _, err := client.Connect(ctx, &paho.Connect{ClientID: g.id.Record.EUI64.String(), CleanStart: true, KeepAlive: 30}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return client, nil
}

// packetTime is how long a sender waits for an answer before it connects anew.
const packetTime = 5 * time.Second

// publish sends numbers at once, notes which were acknowledged, and returns those that were
// not. They are sent again: that the cloud knows some of them is what is tested.
func (g *sender) publish(client *paho.Client, numbers []uint64) (waiting []uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), packetTime)
	defer cancel()
	go func() { // for after the end of its connection, paho would wait in vain
		select {
		case <-client.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	var sent sync.WaitGroup
	for _, n := range numbers {
		sent.Go(func() {
			payload, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: g.boot, Sequence: n, Sent: wire.Time(start)}, g.message(n))
			if err == nil {
				_, err = client.Publish(ctx, &paho.Publish{Topic: wire.UpTopic(g.id.Record.EUI64, wire.KindReadings), QoS: 1, Payload: payload})
			}
			if err == nil {
				g.acked[n-1] = time.Now()
				g.count.Add(1)
			}
		})
	}
	sent.Wait()
	return slices.DeleteFunc(numbers, func(n uint64) bool { return !g.acked[n-1].IsZero() })
}

// message is what a sender publishes under a number: n W, and a counter at n Wh.
func (g *sender) message(n uint64) wire.Readings {
	at := wire.Time(start + int64(n)*step)
	return wire.Readings{Readings: []wire.Reading{
		{Device: g.light, Metric: sconce.ActivePower, At: at, Value: float64(n)},
		{Device: g.light, Metric: sconce.Energy, At: at, Value: float64(n)},
	}}
}

// compare holds the ledgers against the cloud, and returns how many messages are in them.
// All that was begun has to be acknowledged. The cloud is stopped then.
func (s *system) compare(senders []*sender) (total uint64) {
	s.t.Helper()
	if err := s.client.SignIn(s.t.Context(), s.Email, s.Password); err != nil {
		s.t.Fatal(err)
	}
	for _, g := range senders {
		g.compareAnswers()
		total += uint64(len(g.acked))
	}
	if err := s.cloud.Stop(); err != nil {
		s.t.Fatal(err)
	}
	kept, err := s.openStore()
	if err != nil {
		s.t.Fatal(err)
	}
	defer kept.Close()
	for _, g := range senders {
		g.compareRollups(kept)
	}
	return total
}

// compareAnswers holds the ledger against the continuity and the readings of the cloud.
func (g *sender) compareAnswers() {
	g.t.Helper()
	var account struct {
		Boots []struct {
			Boot                                   string
			Received, Highest, Missing, Duplicates uint64
		}
	}
	sent := uint64(len(g.acked))
	path := fmt.Sprintf("/projects/%s/gateways/%s/continuity", g.project, g.id.Record.EUI64)
	defer func() {
		if g.t.Failed() {
			g.t.Logf("gateway %s: %d messages acknowledged; the account says %+v", g.id.Record.EUI64, sent, account)
		}
	}()
	await(g.t, 5*time.Minute, "the account to have all that was acknowledged", func() bool { // what was sent again came last
		if err := g.client.Do(g.t.Context(), http.MethodGet, path, nil, &account); err != nil {
			g.t.Fatal(err)
		}
		return len(account.Boots) == 1 && account.Boots[0].Received >= sent
	})
	if b := account.Boots[0]; b.Received != sent || b.Highest != sent || b.Missing != 0 || b.Boot != fmt.Sprint(g.boot) {
		g.t.Errorf("gateway %s: the account is not that of %d messages, each once", g.id.Record.EUI64, sent)
	}
	for _, metric := range []string{"active_power", "energy"} {
		g.compareReadings(metric)
	}
}

func (g *sender) compareReadings(metric string) {
	g.t.Helper()
	next := uint64(1)
	for cursor := ""; ; {
		query := url.Values{"device": {g.light.String()}, "metric": {metric}, "limit": {"1000"}, "cursor": {cursor}}
		query.Set("from", time.UnixMilli(start).UTC().Format(time.RFC3339Nano))
		query.Set("to", time.UnixMilli(start).AddDate(1, 0, 0).UTC().Format(time.RFC3339Nano))
		var page struct {
			Items []struct {
				At    time.Time
				Value float64
			}
			Next string `json:"next_cursor"`
		}
		if err := g.client.Do(g.t.Context(), http.MethodGet, fmt.Sprintf("/projects/%s/readings?%s", g.project, query.Encode()), nil, &page); err != nil {
			g.t.Fatal(err)
		}
		for _, r := range page.Items {
			if r.Value != float64(next) || r.At.UnixMilli() != start+int64(next)*step {
				g.t.Fatalf("gateway %s: reading %v of %s at %s where %d was expected: lost or double", g.id.Record.EUI64, r.Value, metric, r.At, next)
			}
			next++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if sent := uint64(len(g.acked)); next-1 != sent {
		g.t.Errorf("gateway %s: %d messages acknowledged, %d readings of %s kept", g.id.Record.EUI64, sent, next-1, metric)
	}
}

// compareRollups holds the ledger against the sums by quarters and by days, and what
// waits for them.
func (g *sender) compareRollups(kept *store.Store) {
	g.t.Helper()
	scope, err := project.New(kept.Projects(), time.Now).EnterGateway(g.t.Context(), g.id.Record.EUI64)
	if err != nil {
		g.t.Fatal(err)
	}
	n := int64(len(g.acked))
	want := rollup.Sums{ // each value holds until the next, and the last one not yet
		Energy: 1000 * (n - 1), Metered: step * (n - 1), Power: 1000 * step * (n * (n - 1) / 2), Powered: step * (n - 1), Peak: 1000 * n,
	}
	for _, level := range []rollup.Level{rollup.Quarters, rollup.Days} {
		var sums rollup.Sums
		ask := telemetry.RollupQuery{Devices: []sconce.EUI64{g.light}, Level: level, Until: math.MaxInt32}
		err := kept.Telemetry().Rollups(g.t.Context(), scope, ask,
			func(r telemetry.Rollup) { sums = added(sums, r.Total()) },
			func(of telemetry.Series, open telemetry.Open) {
				parts := rollup.Parts{}
				open.Waiting(of.Metric, parts)
				for _, p := range parts {
					sums = added(sums, *p)
				}
			})
		if err != nil {
			g.t.Fatal(err)
		}
		if sums != want {
			g.t.Errorf("gateway %s: %d messages acknowledged; the sums at level %d are %+v, want %+v", g.id.Record.EUI64, n, level, sums, want)
		}
	}
}

func added(a, b rollup.Sums) rollup.Sums {
	a.Add(&b)
	return a
}
