package edge_test

import (
	"bytes"
	"crypto/tls"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"sconce/cloud/edge"
	"sconce/internal/mosquitto"
	"sconce/mqtt"
)

func newMosquitto(t *testing.T, f *fixture, cert *tls.Certificate) *mosquitto.Clients {
	t.Helper()
	return mosquitto.New(t, f.addr, "mq."+domain, f.web.cert, cert)
}

var versions = []string{"311", "5"}

func TestMosquittoPublishes(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	m := newMosquitto(t, f, &cert)
	for _, v := range versions {
		for _, qos := range []string{"0", "1"} {
			code, out := m.Run("mosquitto_pub", "-V", v, "-q", qos, "-t", "g/5ec0ce0000000001/up/hello", "-m", "hi "+v+qos)
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
		cmd := m.Command("mosquitto_sub", "-V", v, "-q", "1", "-C", "2", "-v", "-t", "g/5ec0ce0000000001/down/+")
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
		// The next client has the same identity: what is published must not count
		// for this one.
		eventually(t, "mosquitto_sub is gone", func() bool { return f.Stats().Gateways == 0 })
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
			code, out := newMosquitto(t, f, c.cert).Run("mosquitto_pub", append([]string{"-V", v}, c.args...)...)
			// mosquitto_pub reports a PUBACK with a failure in words alone.
			if code == 0 && !strings.Contains(out, "Not authorized") || !strings.Contains(out, c.say) {
				t.Errorf("%s, version %s: code %d, %q", name, v, code, out)
			}
		}
		m := newMosquitto(t, f, &other)
		code, out := m.Run("mosquitto_sub", "-V", v, "-E", "-t", "g/5ec0ce0000000001/down/#")
		if !strings.Contains(out, "denied") && !strings.Contains(out, "Not authorized") && code == 0 {
			t.Errorf("another's topics, version %s: code %d, %q", v, code, out)
		}
	}
	f.registry.set(gw1, false)
	if code, out := newMosquitto(t, f, &cert).Run("mosquitto_pub", pub...); code == 0 {
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
		c := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(nc), OnPublishReceived: []func(paho.PublishReceived) (bool, error){
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
	if ack.SessionPresent || ack.Properties.MaximumQoS != nil {
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
	for _, filter := range []string{"#", "g/+/down/+", "g/5ec0ce0000000001/#", "g/5ec0ce0000000002/down/+", "$share/x/g/5ec0ce0000000002/down/+"} {
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
