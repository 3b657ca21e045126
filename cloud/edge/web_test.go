package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"sconce/cloud/edge"
	"sconce/mqtt"
)

// browse opens a WebSocket on the host for it, as a page of some origin.
func (f *fixture) browse(origin string, protocols ...string) (*websocket.Conn, *http.Response, error) {
	f.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: f.tls("web.mqtt." + domain),
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, f.addr)
		},
	}
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	return websocket.Dial(context.Background(), "wss://web.mqtt."+domain+"/mqtt", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header, Subprotocols: protocols,
	})
}

// webAs opens an MQTT connection over WebSocket, with a CONNECT that was accepted.
func (f *fixture) webAs(user string, change ...func(*mqtt.Connect)) *peer {
	f.t.Helper()
	p := f.web5()
	p.connect(append([]func(*mqtt.Connect){as(user, "right")}, change...)...)
	return p
}

func (f *fixture) web5() *peer {
	f.t.Helper()
	ws, _, err := f.browse("", "mqtt")
	if err != nil {
		f.t.Fatal(err)
	}
	return newPeer(f.t, websocket.NetConn(context.Background(), ws, websocket.MessageBinary))
}

func as(user, password string) func(*mqtt.Connect) {
	return func(c *mqtt.Connect) {
		c.HasUsername, c.Username, c.HasPassword, c.Password = true, user, true, mqtt.Secret(password)
	}
}

func viewer(c *edge.Config, f *fixture) {
	f.people.users["viewer"] = edge.SubscribeWithin([]string{"p/one/", "p/two/", "no-slash", "/", "p/+/"})
}

func TestWebSocketUpgrade(t *testing.T) {
	f := start(t)
	for _, c := range []struct {
		origin, protocol string
		want             int
	}{
		{"", "mqtt", http.StatusSwitchingProtocols},
		{"https://app.test", "mqtt", http.StatusSwitchingProtocols},
		{"https://web.mqtt." + domain, "mqtt", http.StatusSwitchingProtocols},
		{"https://evil.test", "mqtt", http.StatusForbidden},
		{"https://app.test.evil.test", "mqtt", http.StatusForbidden},
		{"null", "mqtt", http.StatusForbidden},
	} {
		ws, res, err := f.browse(c.origin, c.protocol)
		if res == nil || res.StatusCode != c.want {
			t.Errorf("origin %q: %v, %v", c.origin, res, err)
		}
		if ws != nil {
			_ = ws.CloseNow()
		}
	}
	ws, _, err := f.browse("", "chat")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("without the subprotocol: %v", err)
	}
	ws, _, err = f.browse("", "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	_ = ws.Write(t.Context(), websocket.MessageText, []byte("hello"))
	if _, _, err := ws.Read(t.Context()); err == nil {
		t.Error("a text frame was taken")
	}
}

func TestWebClientsAreAuthenticated(t *testing.T) {
	f := start(t, viewer)
	for _, c := range []struct {
		change func(*mqtt.Connect)
		want   mqtt.Reason
	}{
		{as("viewer", "right"), mqtt.Success},
		{as("viewer", "wrong"), mqtt.BadCredentials},
		{as("nobody", "right"), mqtt.BadCredentials},
		{func(*mqtt.Connect) {}, mqtt.BadCredentials},
	} {
		if ack := f.web5().tryConnect(c.change); ack.Code != byte(c.want) {
			t.Errorf("got 0x%02x, expected %v", ack.Code, c.want)
		}
	}
	if n := f.Stats().Refused; n != 3 {
		t.Errorf("%d refused", n)
	}
}

func TestWebRights(t *testing.T) {
	f := start(t, viewer)
	p := f.webAs("viewer")
	for filter, allowed := range map[string]bool{
		"p/one/#": true, "p/two/+/state": true, "p/three/#": false, "p/#": false, "p/+/x": false, "#": false, "p/one": false,
		"p/on+": false, "g/#": false, "no-slash/x": false, "/x": false, "$SYS/#": false,
		"$share/g/p/one/#": true, "$share/g/p/three/#": false, "$share/g/#": false, "$share/p/one/#": false,
	} {
		p.v = mqtt.V5
		packet := &mqtt.Subscribe{ID: 7, Filters: []mqtt.Subscription{{Filter: filter, QoS: 1}}}
		if !mqtt.ValidFilter(filter) {
			continue
		}
		p.send(packet)
		if codes := p.next().(*mqtt.Grants).Codes; codes[0].Failed() == allowed {
			t.Errorf("%s: %v", filter, codes)
		}
	}
	p.send(&mqtt.Publish{Topic: "p/one/x", QoS: 1, ID: 1})
	if ack := p.next().(*mqtt.Ack); ack.Reason != mqtt.NotAuthorized {
		t.Errorf("publish: %v", ack.Reason)
	}
}

func TestRetainedStateComesWithTheSubscription(t *testing.T) {
	f := start(t, viewer)
	put := func(topic, payload string) {
		if _, err := f.Publish(topic, []byte(payload), edge.PublishOptions{QoS: 1, Retain: true}); err != nil {
			t.Fatal(err)
		}
	}
	const lights = 1500 // more than the queue of a client takes at once
	for i := range lights {
		put(fmt.Sprintf("p/one/light/%d", i), "on")
	}
	put("p/three/light/1", "secret")
	put("p/one/light/0", "")
	p := f.webAs("viewer")
	p.subscribe(mqtt.Subscription{Filter: "p/one/#", QoS: 1})
	seen := map[string]bool{}
	for range lights - 1 {
		m := p.message()
		if !m.Retain || string(m.Payload) != "on" || seen[m.Topic] {
			t.Fatalf("got %+v", m)
		}
		seen[m.Topic] = true
	}
	put("p/one/light/5", "off")
	if m := p.message(); m.Retain || string(m.Payload) != "off" || m.QoS != 1 {
		t.Errorf("live: %+v", m)
	}
	p.send(&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: "p/one/light/5", RetainHandling: 1}, {Filter: "p/one/light/6", RetainHandling: 2}}})
	p.next()
	if m := p.message(); m.Topic != "p/one/light/5" || string(m.Payload) != "off" {
		t.Errorf("retain handling: %+v", m)
	}
	p.ping()
}

func TestSessionsOfPrincipalsAreApart(t *testing.T) {
	f := start(t, viewer)
	f.people.users["other"] = everything{}
	same := func(c *mqtt.Connect) { c.ClientID = "tab" }
	one, two := f.webAs("viewer", same), f.webAs("other", same)
	one.ping()
	two.ping()
	three := f.webAs("viewer", same)
	one.ended(mqtt.SessionTakenOver)
	two.ping()
	three.ping()
	if ack := f.web5().tryConnect(as("viewer", "right")); len(ack.Properties) == 0 {
		t.Error("no identifier assigned")
	} else if id, _ := ack.Properties.Text(mqtt.AssignedClientID); len(id) < 10 {
		t.Errorf("assigned %q", id)
	}
}

func TestSessionsOfAPrincipalAreLimited(t *testing.T) {
	f := start(t, viewer, func(c *edge.Config, _ *fixture) { c.Limits.PrincipalSessions = 2 })
	f.webAs("viewer")
	two := f.webAs("viewer")
	if ack := f.web5().tryConnect(as("viewer", "right")); ack.Code != byte(mqtt.QuotaExceeded) {
		t.Errorf("a third: 0x%02x", ack.Code)
	}
	f.webAs("all")
	two.send(&mqtt.Disconnect{})
	eventually(t, "there is room again", func() bool { return f.Stats().Sessions == 2 })
	f.webAs("viewer")
}

func TestEndedPrincipalIsDisconnected(t *testing.T) {
	f := start(t, viewer)
	p, other := f.webAs("viewer"), f.webAs("all")
	f.people.end("viewer")
	p.ended(mqtt.NotAuthorized)
	other.ping()
}

// TestMessagesBetweenClients is MQTT among clients that may publish: wills with
// and without delay, no local, retain as published, overlapping subscriptions.
func TestMessagesBetweenClients(t *testing.T) {
	f := start(t)
	named := func(id string) func(*mqtt.Connect) { return func(c *mqtt.Connect) { c.ClientID = id } }
	a, b := f.webAs("all", named("a")), f.webAs("all", named("b"))
	b.send(&mqtt.Subscribe{
		ID: 1, Filters: []mqtt.Subscription{{Filter: "x/+", QoS: 1, RetainAsPublished: true}, {Filter: "x/#"}},
		Properties: mqtt.Properties(nil).AppendNumber(mqtt.SubscriptionID, 42),
	})
	b.next()
	a.subscribe(mqtt.Subscription{Filter: "x/y", NoLocal: true})
	a.send(&mqtt.Publish{Topic: "x/y", QoS: 1, ID: 3, Retain: true, Payload: []byte("1"), Properties: mqtt.Properties(nil).AppendText(mqtt.ContentType, "n")})
	if ack := a.next().(*mqtt.Ack); ack.Reason != mqtt.Success {
		t.Errorf("PUBACK %v", ack.Reason)
	}
	m := b.message()
	id, _ := m.Properties.Number(mqtt.SubscriptionID)
	kind, _ := m.Properties.Text(mqtt.ContentType)
	if m.QoS != 1 || !m.Retain || string(m.Payload) != "1" || id != 42 || string(kind) != "n" {
		t.Errorf("got %+v", m)
	}
	b.ping() // once, though two subscriptions matched
	a.ping()
	a.send(&mqtt.Publish{Topic: "nobody", QoS: 1, ID: 4})
	if ack := a.next().(*mqtt.Ack); ack.Reason != mqtt.NoMatchingSubs {
		t.Errorf("PUBACK %v", ack.Reason)
	}
	w := f.webAs("all", named("w"), func(c *mqtt.Connect) { c.Will = &mqtt.Will{Topic: "x/will", Payload: []byte("gone")} })
	_ = w.nc.Close()
	if m := b.message(); m.Topic != "x/will" || string(m.Payload) != "gone" {
		t.Errorf("will: %+v", m)
	}
	w = f.webAs("all", named("w"), staying, func(c *mqtt.Connect) {
		c.Will = &mqtt.Will{Topic: "x/late", Payload: []byte("gone"), Properties: mqtt.Properties(nil).AppendNumber(mqtt.WillDelay, 1)}
	})
	_ = w.nc.Close()
	if m := b.message(); m.Topic != "x/late" {
		t.Errorf("delayed will: %+v", m)
	}
}

func TestPlainListenerServesTheDemo(t *testing.T) {
	f := start(t, viewer)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.ServePlain(ln) }()
	res, err := http.Get("http://" + ln.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); string(body) != "portal over HTTP/1.1" {
		t.Errorf("got %q", body)
	}
	res.Body.Close()
	ws, _, err := websocket.Dial(t.Context(), "ws://"+ln.Addr().String()+"/mqtt", &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, websocket.NetConn(context.Background(), ws, websocket.MessageBinary))
	p.connect(as("viewer", "right"))
	p.ping()
	_ = p.nc.Close()
	http.DefaultClient.CloseIdleConnections()
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := take(t, served); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("ServePlain returned %v", err)
	}
}
