package edge_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"sconce/cloud/edge"
	"sconce/mqtt"
)

// mosquitto runs mosquitto_pub and mosquitto_sub as a gateway.
type mosquitto struct {
	t    *testing.T
	args []string
}

func newMosquitto(t *testing.T, f *fixture, cert *tls.Certificate) *mosquitto {
	t.Helper()
	for _, program := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: install the package mosquitto-clients (Debian: apt install mosquitto-clients)", program)
		}
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, port, err := net.SplitHostPort(f.addr)
	if err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{t: t, args: []string{
		"-h", "mq." + domain, "-p", port, "--proxy", proxy(t, f.addr),
		"--cafile", write("ca.pem", "CERTIFICATE", f.web.cert.Raw),
	}}
	if cert != nil {
		key, err := x509.MarshalECPrivateKey(cert.PrivateKey.(*ecdsa.PrivateKey))
		if err != nil {
			t.Fatal(err)
		}
		m.args = append(
			m.args, "--cert", write("cert.pem", "CERTIFICATE", cert.Certificate[0]), "--key", write("key.pem", "EC PRIVATE KEY", key),
		)
	}
	return m
}

// command makes the command. It connects through a proxy of the test, so that it
// uses the server's true host name without anybody's name service.
func (m *mosquitto) command(program string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	m.t.Cleanup(cancel)
	return exec.CommandContext(ctx, program, append(m.args[:len(m.args):len(m.args)], args...)...)
}

// run returns the exit code of a program and all that it printed.
func (m *mosquitto) run(program string, args ...string) (int, string) {
	m.t.Helper()
	cmd := m.command(program, args...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%s: %v", program, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// proxy is a SOCKS5 proxy (RFC 1928) that leads every name to the server.
func proxy(t *testing.T, to string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go forward(nc, to)
		}
	}()
	return "socks5h://" + ln.Addr().String()
}

func forward(nc net.Conn, to string) {
	defer nc.Close()
	head := make([]byte, 5)
	if _, err := io.ReadFull(nc, head[:2]); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, nc, int64(head[1])) // methods
	_, _ = nc.Write([]byte{5, 0})
	if _, err := io.ReadFull(nc, head); err != nil { // CONNECT to a name of head[4] bytes
		return
	}
	_, _ = io.CopyN(io.Discard, nc, int64(head[4])+2)
	_, _ = nc.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 0})
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, nc)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(nc, server)
}

var versions = []string{"311", "5"}

func TestMosquittoPublishes(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	m := newMosquitto(t, f, &cert)
	for _, v := range versions {
		for _, qos := range []string{"0", "1"} {
			code, out := m.run("mosquitto_pub", "-V", v, "-q", qos, "-t", "g/5ec0ce0000000001/up/hello", "-m", "hi "+v+qos)
			if code != 0 {
				t.Fatalf("version %s, QoS %s: code %d, %s", v, qos, code, out)
			}
			if got := take(t, f.intake.got); got.payload != "hi "+v+qos || got.from != gw1 {
				t.Errorf("version %s, QoS %s: intake got %+v", v, qos, got)
			}
		}
	}
}

func TestMosquittoReceives(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	m := newMosquitto(t, f, &cert)
	for _, v := range versions {
		cmd := m.command("mosquitto_sub", "-V", v, "-q", "1", "-C", "2", "-v", "-t", "g/5ec0ce0000000001/down/+")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for qos := range 2 {
			eventually(t, "mosquitto_sub subscribed", func() bool {
				n, err := f.Publish("g/5ec0ce0000000001/down/command", []byte{'0' + byte(qos)}, edge.PublishOptions{QoS: mqtt.QoS(qos)})
				return n == 1 && err == nil
			})
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("version %s: %v: %s", v, err, out.String())
		}
		if got := out.String(); got != "g/5ec0ce0000000001/down/command 0\ng/5ec0ce0000000001/down/command 1\n" {
			t.Errorf("version %s: received %q", v, got)
		}
	}
}

func TestMosquittoIsRefused(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	other := f.gateway(gw2)
	unknown := newAuthority(t, "devices").issue(t, "5ec0ce0000000001")
	pub := []string{"-q", "1", "-m", "x", "-t", "g/5ec0ce0000000001/up/hello"}
	for _, v := range versions {
		for name, c := range map[string]struct {
			cert *tls.Certificate
			args []string
			say  string // what it prints, whatever the version
		}{
			"without a certificate":      {nil, pub, "Error"},
			"with an unknown one":        {&unknown, pub, "Error"},
			"on another gateway's topic": {&other, pub, ""},
			"with another's identifier":  {&cert, append(pub, "-i", "5ec0ce0000000002"), "Connection error"},
		} {
			code, out := newMosquitto(t, f, c.cert).run("mosquitto_pub", append([]string{"-V", v}, c.args...)...)
			// mosquitto_pub reports a PUBACK with a failure in words alone.
			if code == 0 && !strings.Contains(out, "Not authorized") || !strings.Contains(out, c.say) {
				t.Errorf("%s, version %s: code %d, %q", name, v, code, out)
			}
		}
		m := newMosquitto(t, f, &other)
		code, out := m.run("mosquitto_sub", "-V", v, "-E", "-t", "g/5ec0ce0000000001/down/#")
		if !strings.Contains(out, "denied") && !strings.Contains(out, "Not authorized") && code == 0 {
			t.Errorf("another's topics, version %s: code %d, %q", v, code, out)
		}
	}
	f.registry.set(gw1, false)
	if code, out := newMosquitto(t, f, &cert).run("mosquitto_pub", pub...); code == 0 {
		t.Errorf("revoked: code %d, %q", code, out)
	}
	if len(f.intake.got) != 0 {
		t.Errorf("intake got %+v", take(t, f.intake.got))
	}
}

// TestPahoGo is the library that the gateway uses: MQTT 5 with acknowledgements
// and a session that outlives its connection.
func TestPahoGo(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	connect := func(clean bool) (*paho.Client, chan string, *paho.Connack) {
		nc, err := f.dial(f.tls("mq."+domain, cert))
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 10)
		c := paho.NewClient(paho.ClientConfig{Conn: nc, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { got <- string(p.Packet.Payload); return true, nil },
		}})
		stays := uint32(600)
		ack, err := c.Connect(t.Context(), &paho.Connect{
			ClientID: "5ec0ce0000000001", CleanStart: clean, KeepAlive: 10, Properties: &paho.ConnectProperties{SessionExpiryInterval: &stays},
		})
		if err != nil {
			t.Fatal(err)
		}
		return c, got, ack
	}
	c, got, ack := connect(true)
	if ack.SessionPresent || *ack.Properties.MaximumQoS != 1 {
		t.Errorf("CONNACK %+v", ack)
	}
	res, err := c.Publish(t.Context(), &paho.Publish{Topic: "g/5ec0ce0000000001/up/readings", QoS: 1, Payload: []byte("21 W")})
	if err != nil || res.ReasonCode != 0 || take(t, f.intake.got).payload != "21 W" {
		t.Fatalf("publish: %+v, %v", res, err)
	}
	if _, err := c.Publish(t.Context(), &paho.Publish{Topic: "g/5ec0ce0000000002/up/readings", QoS: 1}); err == nil {
		t.Error("published to another gateway's topic")
	}
	sub := func(filter string) error {
		_, err := c.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
		return err
	}
	if err := sub("g/5ec0ce0000000001/down/+"); err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{"#", "g/+/down/+", "g/5ec0ce0000000001/#", "g/5ec0ce0000000002/down/+", "$share/x/g/5ec0ce0000000001/down/+"} {
		if sub(filter) == nil {
			t.Errorf("subscribed to %s", filter)
		}
	}
	down := func(s string) {
		if n, err := f.Publish("g/5ec0ce0000000001/down/command", []byte(s), edge.PublishOptions{QoS: 1}); n != 1 || err != nil {
			t.Fatalf("Publish = %d, %v", n, err)
		}
	}
	down("one")
	if take(t, got) != "one" {
		t.Error("lost")
	}
	if err := c.Disconnect(&paho.Disconnect{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		take(t, f.presence.calls)
	}
	down("two") // while it is away
	c, got, ack = connect(false)
	if !ack.SessionPresent || take(t, got) != "two" {
		t.Error("the session did not survive")
	}
	_ = c.Disconnect(&paho.Disconnect{})
}
