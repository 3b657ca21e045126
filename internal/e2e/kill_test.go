package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"sconce"
	"sconce/factory"
	"sconce/wire"
)

// kills is how often the cloud is killed while gateways send.
const kills = 100

// TestKill9 kills the cloud a hundred times while gateways publish, and then
// compares a ledger of what was acknowledged with what the cloud holds: nothing
// acknowledged may be lost, nothing may be counted twice.
func TestKill9(t *testing.T) {
	s := install(t, 4)
	gateways := s.moreGateways(4)
	s.startCloud()
	s.setUp()
	senders := s.claim(gateways)

	ctx, finish := context.WithCancel(t.Context())
	defer finish()
	var sending sync.WaitGroup
	for _, g := range senders {
		sending.Go(func() { g.send(ctx) })
	}
	luck := rand.New(rand.NewPCG(1, 2))
	for range kills {
		time.AfterFunc(time.Duration(luck.Int64N(int64(150*time.Millisecond))), func() { s.cloud.Kill() })
		<-s.cloud.Done()
		s.startCloud()
	}
	finish()
	sending.Wait()

	if err := s.client.SignIn(t.Context(), s.Email, s.Password); err != nil {
		t.Fatal(err)
	}
	total := uint64(0)
	for _, g := range senders {
		g.compare()
		total += g.acked
	}
	t.Logf("%d kills, %d messages acknowledged", kills, total)
	if total < 10*kills {
		t.Errorf("only %d messages were acknowledged: the test proves nothing", total)
	}
}

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
		senders = append(senders, &sender{system: s, id: id, light: light.Record.EUI64, boot: uint64(1000 + i)})
	}
	return senders
}

func (s *system) post(path string, in, out any) {
	s.t.Helper()
	if err := s.client.Do(s.t.Context(), http.MethodPost, path, in, out); err != nil {
		s.t.Fatal(err)
	}
}

// A sender is a gateway that publishes readings whose values are their numbers,
// and notes what was acknowledged. It speaks MQTT 5 by somebody else's client.
type sender struct {
	*system
	id    *factory.Identity
	light sconce.EUI64
	boot  uint64
	acked uint64 // all numbers up to this one
}

// inFlight is how many messages a sender sends before it waits.
const inFlight = 16

// start is the time of the first reading.
var start = time.Now().Add(-time.Hour).UnixMilli()

// send publishes number after number, each until it is acknowledged, until ctx
// ends; then it only finishes what it has begun.
func (g *sender) send(ctx context.Context) {
	upTo := uint64(0)
	for ctx.Err() == nil || g.acked < upTo {
		client, err := g.connect()
		if err != nil {
			continue // the cloud is away
		}
		for ctx.Err() == nil || g.acked < upTo {
			if g.acked == upTo {
				upTo += inFlight
			}
			if !g.publish(client, g.acked+1, upTo) {
				break
			}
			g.acked = upTo
		}
		_ = client.Disconnect(&paho.Disconnect{}) // the cloud may be gone
	}
}

func (g *sender) connect() (*paho.Client, error) {
	ca, err := os.ReadFile(g.HostCA())
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	conn, err := (&tls.Dialer{Config: &tls.Config{
		ServerName: "mq." + g.Domain, RootCAs: roots, MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{g.id.Certificate.Raw}, PrivateKey: g.id.Key}},
	}}).Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.TLSPort))
	if err != nil {
		return nil, err
	}
	client := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn), PacketTimeout: 5 * time.Second})
	client.SetErrorLogger(log.New(io.Discard, "", 0))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := client.Connect(ctx, &paho.Connect{ClientID: g.id.Record.EUI64.String(), CleanStart: true, KeepAlive: 30}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return client, nil
}

// publish sends numbers at once, and reports whether all were acknowledged. If
// not, all are sent again: that the cloud knows some of them is what is tested.
func (g *sender) publish(client *paho.Client, from, to uint64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	go func() { // for after the end of its connection, paho would wait in vain
		select {
		case <-client.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	failed := make(chan error, inFlight)
	for n := from; n <= to; n++ {
		go func() {
			payload, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: g.boot, Sequence: n, Sent: wire.Time(start)}, wire.Readings{
				Readings: []wire.Reading{{Device: g.light, Metric: sconce.ActivePower, At: wire.Time(start + int64(n)), Value: float64(n)}},
			})
			if err == nil {
				_, err = client.Publish(ctx, &paho.Publish{Topic: wire.UpTopic(g.id.Record.EUI64, wire.KindReadings), QoS: 1, Payload: payload})
			}
			failed <- err
		}()
	}
	all := true
	for range to - from + 1 {
		all = <-failed == nil && all
	}
	return all
}

// compare holds the ledger against the continuity and the readings of the cloud.
func (g *sender) compare() {
	g.t.Helper()
	var account struct {
		Boots []struct {
			Boot                                   string
			Received, Highest, Missing, Duplicates uint64
		}
	}
	path := fmt.Sprintf("/projects/%s/gateways/%s/continuity", g.project, g.id.Record.EUI64)
	await(g.t, 20*time.Second, "the account to be complete", func() bool {
		if err := g.client.Do(g.t.Context(), http.MethodGet, path, nil, &account); err != nil {
			g.t.Fatal(err)
		}
		return len(account.Boots) == 1 && account.Boots[0].Highest >= g.acked
	})
	if b := account.Boots[0]; b.Received != g.acked || b.Missing != 0 || b.Boot != fmt.Sprint(g.boot) {
		g.t.Errorf("gateway %s: %d messages acknowledged; the account says %+v", g.id.Record.EUI64, g.acked, b)
	}
	next := uint64(1)
	for cursor := ""; ; {
		query := url.Values{"device": {g.light.String()}, "metric": {"active_power"}, "limit": {"1000"}, "cursor": {cursor}}
		query.Set("from", time.UnixMilli(start).UTC().Format(time.RFC3339Nano))
		query.Set("to", time.UnixMilli(start).Add(48*time.Hour).UTC().Format(time.RFC3339Nano))
		var page struct {
			Items []struct{ Value float64 }
			Next  string `json:"next_cursor"`
		}
		if err := g.client.Do(g.t.Context(), http.MethodGet, fmt.Sprintf("/projects/%s/readings?%s", g.project, query.Encode()), nil, &page); err != nil {
			g.t.Fatal(err)
		}
		for _, r := range page.Items {
			if r.Value != float64(next) {
				g.t.Fatalf("gateway %s: reading %v where %d was expected: lost or double", g.id.Record.EUI64, r.Value, next)
			}
			next++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if next-1 != g.acked {
		g.t.Errorf("gateway %s: %d messages acknowledged, %d readings kept", g.id.Record.EUI64, g.acked, next-1)
	}
}
