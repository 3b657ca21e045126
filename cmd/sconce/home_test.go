package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/edge"
	"sconce/cloud/homeassistant"
	"sconce/cloud/identity"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

const (
	homeGateway = sconce.EUI64(0x00124b0000000042)
	homeLight   = sconce.EUI64(0x00124b0000001001)
	homeDomain  = "lights.test"
)

// home is a cloud with one project, its gateway and a light in a group, as far as Home Assistant
// meets it: the wiring is that of the program, and the MQTT connections are true.
type home struct {
	t         *testing.T
	store     *store.Store
	site      storetest.Site
	projects  *project.Service
	access    *access.Service
	presences *telemetry.Presences
	lighting  *lighting.Service
	bridge    *homeassistant.Bridge
	service   *homeassistant.Service
	edge      *edge.Server
	group     sconce.GroupID
	addr      string
	pool      *x509.CertPool
	cert      tls.Certificate
	stop      func()
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, store: storetest.Open(t)}
	h.site = storetest.MakeSite(t, h.store, homeGateway)
	h.begin()
	t.Cleanup(func() { h.stop() })
	ctx := t.Context()
	group, err := h.lighting.CreateGroup(ctx, h.site.Owner, h.site.Network, "Classroom 3")
	must(t, err)
	h.group = group.ID
	h.add(homeLight, "Window left", h.group)
	for who, role := range map[sconce.AccountID]sconce.Role{h.site.Owner.Account(): sconce.Owner, "expert": sconce.Expert, "user": sconce.User, "viewer": sconce.Viewer} {
		account := identity.Account{ID: who, Email: string(who) + "@example.org", Name: string(who), Made: time.Now()}
		must(t, h.store.Identity().CreateAccount(ctx, identity.Credentials{Account: account, PasswordHash: "none"}, audit.Operator, audit.Console))
		must(t, h.projects.SetMember(ctx, h.site.Owner, project.Member{Account: who, Role: role}))
	}
	return h
}

func (h *home) add(d sconce.EUI64, name string, groups ...sconce.GroupID) {
	h.t.Helper()
	code, err := lighting.ParseInstallCode("83FED3407A939723A5C639B26916D505C3B5")
	must(h.t, err)
	_, err = h.lighting.AddDevice(h.t.Context(), h.site.Owner, lighting.NewDevice{
		Network: h.site.Network, Name: name, Device: d, Kind: sconce.Luminaire, InstallCode: code, Groups: groups,
	})
	must(h.t, err)
}

// begin starts the cloud on what is in the store.
func (h *home) begin() {
	t, ctx, log := h.t, h.t.Context(), slog.New(slog.DiscardHandler)
	t.Helper()
	b := &bus{}
	var err error
	h.projects = project.New(h.store.Projects(), time.Now)
	h.access = &access.Service{Store: h.store.Access(), Projects: h.projects, Vault: h.store.Vault(), Now: time.Now}
	h.presences, err = telemetry.NewPresences(ctx, h.store.Presence(), b, log)
	must(t, err)
	h.bridge, err = homeassistant.NewBridge(ctx, homeassistant.Parts{Store: h.store.HomeAssistant(), Retain: b, Presence: h.presences, Version: "1.0", Log: log})
	must(t, err)
	h.service = &homeassistant.Service{Store: h.store.HomeAssistant(), Bridge: h.bridge}
	h.presences.Tell(h.bridge.PresenceChanged)
	h.lighting = lighting.New(lighting.Parts{
		Store: h.store.Lighting(), Vault: h.store.Vault(), Down: b, Presence: h.presences, Entrance: h.projects, Live: b, Log: log, Changed: h.bridge.Changed,
	})
	securityLog := audit.NewLog(h.store.SecurityLog(), time.Now)
	desk := homeassistant.NewDesk(homeassistant.Office{
		Lights: h.lighting, Live: b, On: h.bridge.On, Log: log, Refused: func(ctx context.Context, s project.Scope) { refusedCommand(ctx, securityLog, s, log) },
	})
	certificate, pool := serverCertificate(t)
	h.pool, h.cert = pool, certificate
	h.edge, err = edge.New(edge.Config{
		Domain: homeDomain, Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }, DeviceCAs: pool,
		HTTP: http.NotFoundHandler(), Devices: nobody{}, Accounts: viewers{identity.NewLive(h.store.Identity(), h.projects, time.Now), h.access, h.bridge, desk},
		Intake: nobody{}, Presence: h.presences, Limits: edge.DefaultLimits(), Log: log,
	})
	must(t, err)
	b.edge = h.edge
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h.addr = ln.Addr().String()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{}, 3)
	go func() { h.bridge.Run(running); done <- struct{}{} }()
	go func() { h.presences.Run(running); done <- struct{}{} }()
	go func() { _ = h.edge.Serve(ln); done <- struct{}{} }() // ends with the server
	h.stop = func() {
		h.stop = func() {}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := h.edge.Shutdown(ending); err != nil {
			t.Errorf("shutting down: %v", err)
		}
		stop()
		for range 3 {
			<-done
		}
	}
	h.presences.Connected(homeGateway, time.Now())
}

// nobody stands in for the registry and the journal: whoever has a certificate of the authority is
// the one gateway, and what it says is taken.
type nobody struct{}

func (nobody) Authenticate(context.Context, *x509.Certificate) (sconce.EUI64, error) {
	return homeGateway, nil
}

func (nobody) Accept(_ sconce.EUI64, _ string, _ []byte, token uint64, done func(uint64, error)) {
	done(token, nil)
}

func serverCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{homeDomain, "mq." + homeDomain, "web.mqtt." + homeDomain}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// token makes one for a member; "owner" is the site's.
func (h *home) token(who string, actions ...string) string {
	h.t.Helper()
	account := sconce.AccountID(who)
	if who == "owner" {
		account = h.site.Owner.Account()
	}
	may, err := project.ParseActions(actions...)
	must(h.t, err)
	_, secret, err := h.access.Make(h.t.Context(), project.Caller{Account: account}, access.New{Project: h.site.Project, Actions: may, Name: "Home Assistant", Life: time.Hour})
	must(h.t, err)
	return secret.Reveal()
}

// switchOn switches the option on, and waits until the light is told.
func (h *home) switchOn() {
	h.t.Helper()
	must(h.t, h.service.Switch(h.t.Context(), h.site.Owner, true))
	eventually(h.t, func() bool { return h.edge.Stats().Retained == 3 }) // two of the light, one of its network
}

// dial opens a TLS connection to one of the host names.
func (h *home) dial(host string) *tls.Conn {
	h.t.Helper()
	nc, err := tls.Dial("tcp", h.addr, &tls.Config{RootCAs: h.pool, ServerName: host, Certificates: []tls.Certificate{h.cert}, MinVersion: tls.VersionTLS12})
	must(h.t, err)
	return nc
}

// stream opens the WebSocket on which Home Assistant speaks MQTT.
func (h *home) stream() net.Conn {
	h.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: h.pool, ServerName: "web.mqtt." + homeDomain, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, h.addr)
		},
	}
	ws, _, err := websocket.Dial(h.t.Context(), "wss://web.mqtt."+homeDomain+"/mqtt", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"mqtt"},
	})
	must(h.t, err)
	ws.SetReadLimit(-1)
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
}

// assistant is a client that does on its connection what Home Assistant does.
type assistant struct {
	*paho.Client
	h     *home
	got   chan *paho.Publish
	ended chan byte // with the reason of the DISCONNECT
}

const statusOfHomeAssistant = "homeassistant/status" // as it is entered there from the beginning

// connect connects as Home Assistant does, with its will.
func (h *home) connect(token string) (*assistant, error) {
	h.t.Helper()
	a := &assistant{h: h, got: make(chan *paho.Publish, 10_000), ended: make(chan byte, 1)}
	a.Client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(h.stream()),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { a.got <- p.Packet; return true, nil },
		},
		OnServerDisconnect: func(d *paho.Disconnect) { a.ended <- d.ReasonCode },
		OnClientError:      func(error) {},
	})
	ack, err := a.Connect(h.t.Context(), &paho.Connect{
		ClientID: "home", CleanStart: true, KeepAlive: 60, UsernameFlag: true, Username: "homeassistant", PasswordFlag: true, Password: []byte(token),
		WillMessage: &paho.WillMessage{Topic: statusOfHomeAssistant, Payload: []byte("offline")},
	})
	if err == nil {
		h.t.Cleanup(func() { _ = a.Disconnect(&paho.Disconnect{}) })
		if ack.Properties.ServerKeepAlive != nil { // its library would not hear that, and be ended
			h.t.Errorf("the keep-alive of Home Assistant became %d s", *ack.Properties.ServerKeepAlive)
		}
	}
	return a, err
}

// subscribes reports whether all of some filters were granted, one by one as it does.
func (a *assistant) subscribes(filters ...string) bool {
	a.h.t.Helper()
	for _, f := range filters {
		if _, err := a.Subscribe(a.h.t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: f}}}); err != nil {
			return false
		}
	}
	return true
}

// message returns the next one.
func (a *assistant) message() *paho.Publish {
	a.h.t.Helper()
	select {
	case m := <-a.got:
		return m
	case <-time.After(10 * time.Second):
		a.h.t.Fatal("no message came in 10 s")
		return nil
	}
}

// discovered is what the tests read of a description.
type discovered struct {
	Device struct {
		Name string `json:"name"`
		Area string `json:"suggested_area"`
	} `json:"device"`
	StateTopic   string `json:"state_topic"`
	Availability []struct {
		Topic string `json:"topic"`
	} `json:"availability"`
	Components map[string]struct {
		CommandTopic string `json:"command_topic"`
	} `json:"components"`
}

// discovers waits for the next description, and follows the topics in it.
func (a *assistant) discovers() (topic string, d discovered) {
	a.h.t.Helper()
	m := a.message()
	if len(m.Payload) > 0 {
		must(a.h.t, json.Unmarshal(m.Payload, &d))
	}
	return m.Topic, d
}

// components are what Home Assistant subscribes to the discovery of, each with two filters: more than
// other clients have subscriptions (SUPPORTED_COMPONENTS of components/mqtt/const.py; a device comes last).
var components = []string{
	"alarm_control_panel", "binary_sensor", "button", "camera", "climate", "cover", "device_automation", "device_tracker", "event", "fan", "humidifier", "image",
	"lawn_mower", "light", "lock", "notify", "number", "scene", "select", "sensor", "siren", "switch", "tag", "text", "update", "vacuum", "valve", "water_heater", "device",
}

// TestHomeAssistant: Home Assistant connects with a token and the settings that it has from the
// beginning but for the discovery prefix, finds the devices, follows them, and hears what changes.
func TestHomeAssistant(t *testing.T) {
	h := newHome(t)
	token := h.token("viewer")
	if _, err := h.connect(token); err == nil {
		t.Fatal("it connected while the option is off")
	}
	h.switchOn()
	a, err := h.connect(token)
	must(t, err)
	prefix := homeassistant.Prefix(h.site.Project)
	for _, component := range components {
		if !a.subscribes(prefix+"/"+component+"/+/config", prefix+"/"+component+"/+/+/config") {
			t.Fatalf("discovery of %s was refused", component)
		}
	}
	// It also tries for what other makers' devices say, of which there is nothing here.
	if a.subscribes("tasmota/discovery/#") || a.subscribes("homeassistant/+/+/config") || a.subscribes("homeassistant/#") || a.subscribes("#") {
		t.Error("more than the project was granted")
	}
	topic, d := a.discovers()
	if topic != homeassistant.ConfigTopic(h.site.Project, homeLight) || d.Device.Name != "Window left" || d.Device.Area != "Classroom 3" || d.Components["light"].CommandTopic == "" {
		t.Fatalf("found %s: %+v", topic, d)
	}
	if !a.subscribes(d.StateTopic, d.Availability[1].Topic) {
		t.Fatal("the topics of a device were refused")
	}
	if m := a.message(); m.Topic != d.StateTopic || !m.Retain || string(m.Payload) != `{"availability":"offline","state":null}` {
		t.Errorf("at first %s = %s", m.Topic, m.Payload)
	}
	if m := a.message(); m.Topic != d.Availability[1].Topic || string(m.Payload) != "online" {
		t.Errorf("the network %s = %s", m.Topic, m.Payload)
	}
	for _, status := range []string{statusOfHomeAssistant, prefix + "/status"} {
		_, err = a.Publish(t.Context(), &paho.Publish{Topic: status, Payload: []byte("online")})
		must(t, err) // and the connection goes on, as all that follows shows
	}

	h.bridge.StateChanged(h.site.Project, telemetry.DeviceState{Device: homeLight, Reachable: true, On: new(true), Level: new(sconce.Level(700))})
	if m := a.message(); m.Topic != d.StateTopic || string(m.Payload) != `{"availability":"online","state":"ON","brightness":700}` {
		t.Errorf("then %s = %s", m.Topic, m.Payload)
	}
	must(t, h.lighting.ChangeGroup(t.Context(), h.site.Owner, h.group, "Library", nil))
	if topic, d := a.discovers(); topic != homeassistant.ConfigTopic(h.site.Project, homeLight) || d.Device.Area != "" {
		t.Errorf("after a change of its group: %s %+v", topic, d)
	}
	h.add(0x1002, "Door \"😀\" {{ 1/0 }}")
	if topic, d := a.discovers(); topic != homeassistant.ConfigTopic(h.site.Project, 0x1002) || !strings.HasSuffix(d.Device.Name, `"😀" {{ 1/0 }}`) {
		t.Errorf("after one was added: %s %+v", topic, d)
	}
	must(t, h.lighting.RemoveDevice(t.Context(), h.site.Owner, 0x1002))
	if m := a.message(); m.Topic != homeassistant.ConfigTopic(h.site.Project, 0x1002) || len(m.Payload) != 0 {
		t.Errorf("after one was removed: %s = %s", m.Topic, m.Payload)
	}

	// The cloud starts again: what is retained is made anew.
	kept := h.edge.Stats().Retained
	h.stop()
	h.begin()
	eventually(t, func() bool { return h.edge.Stats().Retained == kept })
	a, err = h.connect(token)
	must(t, err)
	if !a.subscribes(prefix + "/+/+/config") {
		t.Fatal("discovery was refused after a restart")
	}
	if topic, d := a.discovers(); topic != homeassistant.ConfigTopic(h.site.Project, homeLight) || d.Device.Name != "Window left" {
		t.Errorf("after a restart: %s %+v", topic, d)
	}

	// It is switched off: what was told is taken back, and the connection ends.
	must(t, h.service.Switch(t.Context(), h.site.Owner, false))
	if m := a.message(); m.Topic != homeassistant.ConfigTopic(h.site.Project, homeLight) || len(m.Payload) != 0 {
		t.Errorf("switched off: %s = %s", m.Topic, m.Payload)
	}
	select {
	case reason := <-a.ended:
		if reason != packets.DisconnectNotAuthorized {
			t.Errorf("ended with 0x%02x", reason)
		}
	case <-time.After(10 * time.Second):
		t.Error("the connection did not end")
	}
	if h.edge.Stats().Retained != 0 {
		t.Error("something is retained")
	}
	if _, err := h.connect(token); err == nil {
		t.Error("it connected after the option was switched off")
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal(errors.New("not in 10 s"))
		}
	}
}
