package edge_test

import (
	"context"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/edge"
	"sconce/mqtt"
)

// refused asserts that the server does not let a connection come to MQTT. Under
// TLS 1.3 the client's own handshake may succeed; the refusal comes with its
// first read, and the server counts it.
func refused(t *testing.T, f *fixture, cfg *tls.Config) {
	t.Helper()
	before := f.Stats().HandshakeFails
	nc, err := f.dial(cfg)
	if err == nil && cfg.MaxVersion == tls.VersionTLS12 {
		t.Error("the handshake was completed")
	}
	if err == nil {
		defer nc.Close()
		_, _ = nc.Write((&mqtt.Connect{Version: mqtt.V5, CleanStart: true}).Append(nil, mqtt.V5))
		_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := nc.Read(make([]byte, 1))
		if n != 0 || err == nil || strings.Contains(err.Error(), "timeout") {
			t.Fatalf("read %d bytes, %v", n, err)
		}
	}
	eventually(t, "the server saw a failed handshake", func() bool { return f.Stats().HandshakeFails == before+1 })
	if f.Stats().Gateways != 0 {
		t.Error("a gateway is connected")
	}
}

func TestHandshakeRefuses(t *testing.T) {
	f := start(t)
	name := sconce.EUI64(gw1).String()
	good := f.gateway(gw1)
	stranger := newAuthority(t, "devices") // the same name, another key
	self := newAuthority(t, name)
	for what, certs := range map[string][]tls.Certificate{
		"no certificate":      nil,
		"unknown authority":   {stranger.issue(t, name)},
		"self-signed":         {{Certificate: [][]byte{self.cert.Raw}, PrivateKey: self.key}},
		"expired":             {f.devices.issue(t, name, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })},
		"not yet valid":       {f.devices.issue(t, name, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })},
		"server's usage":      {f.devices.issue(t, name, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })},
		"key on P-384":        {f.devices.issueOn(t, elliptic.P384(), name)},
		"not in the registry": {f.devices.issue(t, sconce.EUI64(gw2).String())},
		"names no device":     {f.devices.issue(t, "somebody")},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(what+" "+tls.VersionName(version), func(t *testing.T) {
				cfg := f.tls("mq."+domain, certs...)
				cfg.MaxVersion = version
				refused(t, f, cfg)
			})
		}
	}
	t.Run("revoked", func(t *testing.T) {
		f.registry.set(gw1, false)
		refused(t, f, f.tls("mq."+domain, good))
		f.registry.set(gw1, true)
	})
	t.Run("unknown host name", func(t *testing.T) { refused(t, f, f.tls("x."+domain, good)) })
	t.Run("no host name", func(t *testing.T) {
		cfg := f.tls("", good)
		cfg.InsecureSkipVerify = true
		refused(t, f, cfg)
	})
	t.Run("another protocol", func(t *testing.T) {
		cfg := f.tls("mq."+domain, good)
		cfg.NextProtos = []string{"h2"}
		refused(t, f, cfg)
	})
	t.Run("X25519 only", func(t *testing.T) {
		cfg := f.tls("mq."+domain, good)
		cfg.CurvePreferences = []tls.CurveID{tls.X25519}
		refused(t, f, cfg)
	})
	t.Run("CBC suite", func(t *testing.T) {
		cfg := f.tls("mq."+domain, good)
		cfg.MaxVersion, cfg.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		refused(t, f, cfg)
	})
	t.Run("TLS 1.1", func(t *testing.T) {
		cfg := f.tls("mq."+domain, good)
		cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		refused(t, f, cfg)
	})
	t.Run("but the good one is let in", func(t *testing.T) {
		for _, protocols := range [][]string{nil, {"mqtt"}} {
			for _, curve := range []tls.CurveID{tls.CurveP256, tls.SecP256r1MLKEM768} {
				cfg := f.tls("mq."+domain, good)
				cfg.NextProtos, cfg.CurvePreferences = protocols, []tls.CurveID{curve}
				nc, err := f.dial(cfg)
				if err != nil {
					t.Fatal(err)
				}
				newPeer(t, nc).connect()
				if got := nc.ConnectionState().CurveID; got != curve {
					t.Errorf("key exchange by %v", got)
				}
			}
		}
	})
}

// TestResumptionAfterRevocation: a session ticket of before must not open the
// connection of a gateway that was revoked since.
func TestResumptionAfterRevocation(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			f := start(t)
			cfg := f.tls("mq."+domain, f.gateway(gw1))
			cfg.MaxVersion, cfg.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
			for i, resumed := range []bool{false, true} {
				nc, err := f.dial(cfg)
				if err != nil {
					t.Fatal(err)
				}
				p := newPeer(t, nc)
				p.connect()
				p.send(&mqtt.Disconnect{})
				_, _ = p.read() // takes in the ticket
				take(t, f.presence.calls)
				take(t, f.presence.calls)
				if got := nc.ConnectionState().DidResume; got != resumed {
					t.Fatalf("connection %d resumed: %v", i, got)
				}
			}
			f.registry.set(gw1, false)
			refused(t, f, cfg)
		})
	}
}

func TestRevocationEndsTheConnection(t *testing.T) {
	f := start(t)
	one, two := f.mqttAs(f.gateway(gw1)), f.mqttAs(f.gateway(gw2))
	f.registry.set(gw1, false)
	f.Disconnect([]sconce.EUI64{gw1}, mqtt.NotAuthorized)
	f.Disconnect([]sconce.EUI64{gw1, 99}, mqtt.NotAuthorized)
	one.ended(mqtt.NotAuthorized)
	two.ping()
	for _, want := range []string{"+5ec0ce0000000001", "+5ec0ce0000000002", "-5ec0ce0000000001"} {
		if got := take(t, f.presence.calls); got != want {
			t.Errorf("presence %s, expected %s", got, want)
		}
	}
}

func TestHostNameChoosesHTTP(t *testing.T) {
	f := start(t)
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{
			TLSClientConfig:   f.tls(domain),
			ForceAttemptHTTP2: h2,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, f.addr)
			},
		}
		client := &http.Client{Transport: transport}
		res, err := client.Get("https://" + domain + "/x")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		transport.CloseIdleConnections()
		want := "portal over HTTP/1.1"
		if h2 {
			want = "portal over HTTP/2.0"
		}
		if string(body) != want {
			t.Errorf("got %q, expected %q", body, want)
		}
	}
}

func TestPlainListenerIsForLoopback(t *testing.T) {
	f := start(t)
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ServePlain(ln); sconce.KindOf(err) != sconce.Invalid || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v", err)
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*edge.Config){
		"no domain":   func(c *edge.Config) { c.Domain = "" },
		"no intake":   func(c *edge.Config) { c.Intake = nil },
		"no log":      func(c *edge.Config) { c.Log = nil },
		"no limits":   func(c *edge.Config) { c.Limits = edge.Limits{} },
		"wide window": func(c *edge.Config) { c.Limits.MQTT.ReceiveMaximum = 70_000 },
	} {
		start(t, func(c *edge.Config, _ *fixture) {
			bad := *c
			spoil(&bad)
			if _, err := edge.New(bad); sconce.KindOf(err) != sconce.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
