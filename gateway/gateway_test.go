package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"sconce"
	"sconce/gateway"
	"sconce/gateway/link/linktest"
	"sconce/radio"
	"sconce/sim"
	"sconce/wire"
	"sconce/zigbee"
)

const self sconce.EUI64 = 0x00124b0001020304

// site is a gateway with a virtual building around it, and a test in the place of
// the cloud. The gateway reaches the building's air only through Spinel over TCP.
type site struct {
	t         *testing.T
	authority *linktest.Authority
	server    *linktest.Server
	building  *sim.Building
	rcp       string // address of the virtual radio
	identity  tls.Certificate
	dir       string

	openRadio func(context.Context) (radio.Radio, error)

	peer  *linktest.Peer
	hello wire.Hello // the last
	log   *testLog
}

// testLog keeps the gateway's log, to be shown when the test fails.
type testLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func lightAddress(i int) sconce.EUI64 { return 0x00124b0000000a01 + sconce.EUI64(i) }

func lightCode(t *testing.T, i int) zigbee.InstallCode {
	t.Helper()
	code, err := zigbee.NewInstallCode([]byte(fmt.Sprintf("install code %03d", i)))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func newSite(t *testing.T, lights int) *site {
	t.Helper()
	t.Parallel() // they wait for the air, most of the time
	a := linktest.NewAuthority(t)
	s := &site{
		t: t, authority: a, server: linktest.NewServer(t, a), dir: t.TempDir(), log: &testLog{},
		identity: a.Issue(self.String(), x509.ExtKeyUsageClientAuth),
	}
	cfg := sim.BuildingConfig{Air: sim.AirConfig{Seed: 1, Start: time.Now()}, Channels: zigbee.Channels(15), Store: make(sim.MemoryStore)}
	for i := range lights {
		cfg.Lights = append(cfg.Lights, sim.LightConfig{
			EUI64: lightAddress(i), InstallCode: lightCode(t, i), Model: "SL-1", Serial: fmt.Sprint(i), Firmware: "1.0.0",
			RatedPower: 30_000, Position: sim.Position{X: float64(3 * i), Y: 2},
		})
	}
	var err error
	if s.building, err = sim.NewBuilding(cfg); err != nil {
		t.Fatal(err)
	}
	s.rcp = s.serveRadio()
	s.openRadio = func(ctx context.Context) (radio.Radio, error) { return radio.Open(ctx, "spinel+tcp://"+s.rcp) }
	s.background(func(ctx context.Context) { _ = s.building.Run(ctx) })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", s.log)
		}
	})
	return s
}

// background runs f until the test ends.
func (s *site) background(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { f(ctx) })
	s.t.Cleanup(func() { cancel(); wg.Wait() })
}

func (s *site) serveRadio() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	rcp := sim.NewRCP(s.building.Paced, sim.TransceiverConfig{EUI64: 0x00124b00000000fe})
	s.background(func(ctx context.Context) { _ = rcp.Serve(ctx, l) })
	return l.Addr().String()
}

func (s *site) config() gateway.Config {
	return gateway.Config{
		Clock: time.Now,
		Cloud: s.server.Address(), ServerName: linktest.ServerName, Authorities: s.authority.Pool(), Certificate: s.identity,
		OpenRadio: s.openRadio,
		Channels:  zigbee.Channels(15),
		StateFile: filepath.Join(s.dir, "state"), StateKeyFile: filepath.Join(s.dir, "key"),
		Firmware: "1.0.0", Log: slog.NewTextHandler(s.log, nil),
	}
}

// start runs a gateway, and returns what stops it.
func (s *site) start() (stop func()) {
	s.t.Helper()
	g, err := gateway.New(s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.Run(ctx); err != nil {
			s.t.Errorf("the gateway ended: %v", err)
		}
		g.Close()
	})
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	s.t.Cleanup(stop)
	return stop
}

// connect waits for the gateway, and returns its hello.
func (s *site) connect() wire.Hello {
	s.t.Helper()
	s.peer, _ = s.server.Accept(wire.DownFilter(self), false, 100)
	h, ok := s.next().(wire.Hello)
	if !ok {
		s.t.Fatal("the first message is not a hello")
	}
	return h
}

// next returns the next message of the gateway, acknowledged.
func (s *site) next() wire.Up {
	s.t.Helper()
	for {
		cp := s.peer.Read()
		m, ok := cp.Content.(*packets.Publish)
		if !ok {
			continue // it acknowledges one of ours
		}
		s.peer.Ack(m, 0)
		up := s.parse(m)
		if h, ok := up.(wire.Hello); ok {
			s.hello = h
		}
		return up
	}
}

func (s *site) parse(m *packets.Publish) wire.Up {
	s.t.Helper()
	_, kind, err := wire.ParseUpTopic(m.Topic)
	if err != nil {
		s.t.Fatal(err)
	}
	_, body, err := wire.ParseUpHeader(m.Payload)
	if err != nil {
		s.t.Fatal(err)
	}
	var up wire.Up
	switch kind {
	case wire.KindHello:
		up, err = wire.ParseBody[wire.Hello](body)
	case wire.KindReadings:
		up, err = wire.ParseBody[wire.Readings](body)
	case wire.KindOccupancy:
		up, err = wire.ParseBody[wire.Occupancy](body)
	case wire.KindEvents:
		up, err = wire.ParseBody[wire.Events](body)
	case wire.KindState:
		up, err = wire.ParseBody[wire.State](body)
	case wire.KindResult:
		up, err = wire.ParseBody[wire.Result](body)
	case wire.KindReport:
		up, err = wire.ParseBody[wire.Report](body)
	case wire.KindLog:
		up, err = wire.ParseBody[wire.Log](body)
	default:
		s.t.Fatalf("a message of kind %q", kind)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return up
}

// send sends a message to the gateway.
func (s *site) send(m wire.Down) {
	s.t.Helper()
	payload, err := wire.AppendDown(nil, wire.DownHeader{Version: wire.Version, Sent: wire.Time(time.Now().UnixMilli())}, m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.peer.Write(&packets.Publish{
		Topic: wire.DownTopic(self, m.DownKind()), QoS: 1, PacketID: 1, Payload: payload, Properties: &packets.Properties{},
	})
}

func adopt() wire.Adopt { return wire.Adopt{Project: "a project", Network: "a network"} }

func (s *site) desired(version uint64, lights int, groups ...sconce.GroupNumber) wire.Desired {
	d := wire.Desired{Version: version}
	for i := range lights {
		code, err := hex.DecodeString(strings.ReplaceAll(lightCode(s.t, i).Label(), " ", ""))
		if err != nil {
			s.t.Fatal(err)
		}
		d.Devices = append(d.Devices, wire.DesiredDevice{Device: lightAddress(i), Kind: sconce.Luminaire, InstallCode: code, Groups: groups})
	}
	return d
}

// untilConfigured takes messages until so many lights are configured.
func (s *site) untilConfigured(lights int) {
	s.t.Helper()
	stages := map[sconce.EUI64]wire.Stage{}
	for configured := 0; configured < lights; {
		r, ok := s.next().(wire.Report)
		if !ok {
			continue
		}
		configured = 0
		for _, d := range r.Devices {
			stages[d.Device] = d.Stage
		}
		for _, stage := range stages {
			if stage == wire.StageConfigured {
				configured++
			}
		}
	}
}

// result takes messages until there is the result of a command.
func (s *site) result(id sconce.CommandID) wire.Result {
	s.t.Helper()
	for {
		if r, ok := s.next().(wire.Result); ok && r.Command == id {
			return r
		}
	}
}

func (s *site) dim(n byte, level sconce.Level) wire.Command {
	return wire.Command{
		ID: sconce.MakeID[sconce.CommandID](time.Now(), [10]byte{9: n}), Expires: wire.Time(time.Now().Add(10 * time.Second).UnixMilli()),
		Group: 5, Level: &level,
	}
}

// The whole of it: the lights join by their install codes, are interviewed and
// configured, and a command is confirmed by the lights themselves, over real
// frames, real TLS and MQTT.
func TestLightsJoinAreConfiguredAndConfirmACommand(t *testing.T) {
	const lights = 3
	s := newSite(t, lights)
	s.start()
	if h := s.connect(); h.Network != nil || h.BootCount != 1 || h.Desired != 0 || h.Model != gateway.Model {
		t.Errorf("hello %+v of a new gateway", h)
	}
	s.send(adopt())
	for {
		if h, ok := s.next().(wire.Hello); ok {
			if h.Network == nil || h.Network.Channel != 15 {
				t.Errorf("hello %+v after adoption", h)
			}
			break
		}
	}
	s.send(s.desired(1, lights, 5))
	s.untilConfigured(lights)
	c := s.dim(1, 500)
	s.send(c)
	r := s.result(c.ID)
	for _, o := range r.Outcomes {
		if o.Status != wire.Confirmed {
			t.Errorf("outcome %+v", o)
		}
	}
	if len(r.Outcomes) != lights {
		t.Errorf("%d outcomes of %d lights", len(r.Outcomes), lights)
	}
	for i := range lights {
		if l, _ := s.building.Light(lightAddress(i)); !l.On || l.Level != 127 {
			t.Errorf("light %d is at %+v", i, l)
		}
	}
}

// A gateway that starts again continues its network: no light joins again, and
// it works with the cloud away. A light whose power is cut comes back by itself.
func TestARestartedGatewayContinuesItsNetwork(t *testing.T) {
	s := newSite(t, 1)
	stop := s.start()
	s.connect()
	s.send(adopt())
	s.send(s.desired(1, 1, 5))
	s.untilConfigured(1)
	before := s.hello.Network
	stop()

	s.start()
	h := s.connect()
	if h.BootCount != 2 || h.Desired != 1 || h.Network == nil || *h.Network != *before {
		t.Errorf("hello %+v, network before %+v", h, before)
	}
	c := s.dim(1, 1000)
	s.send(c)
	if r := s.result(c.ID); len(r.Outcomes) != 1 || r.Outcomes[0].Status != wire.Confirmed {
		t.Errorf("result %+v", r)
	}

	for _, on := range []bool{false, true} {
		if err := s.building.SetPower(lightAddress(0), on); err != nil {
			t.Fatal(err)
		}
	}
	for restarted := false; !restarted; {
		if e, ok := s.next().(wire.Events); ok {
			restarted = e.Events[0].Device == lightAddress(0) && e.Events[0].Kind == wire.EventRestarted
		}
	}
	again := s.dim(2, 200)
	s.send(again)
	if r := s.result(again.ID); len(r.Outcomes) != 1 || r.Outcomes[0].Status != wire.Confirmed {
		t.Errorf("result %+v after the light's power came back", r)
	}
}

// That single values of occupancy are not to be told is obeyed at once, and by a gateway that
// starts again before it hears of its cloud: of a sensor it says that it is told no more.
func TestDiscretionIsKeptOverARestart(t *testing.T) {
	s := newSite(t, 1)
	stop := s.start()
	s.connect()
	s.send(adopt())
	d := s.desired(1, 1)
	d.Devices[0].Kind = sconce.Sensor
	s.send(d)
	s.untilConfigured(1)
	a := adopt()
	a.Occupancy = 60
	s.send(a)
	s.untilToldNoMore()
	stop()

	s.start()
	s.connect()
	s.untilToldNoMore()
}

// untilToldNoMore takes messages until there is a reading that says that occupancy is told
// no more.
func (s *site) untilToldNoMore() {
	s.t.Helper()
	for {
		m, ok := s.next().(wire.Readings)
		if !ok {
			continue
		}
		for _, r := range m.Readings {
			if r.Device == lightAddress(0) && r.Metric == sconce.Occupancy && r.Value == -1 {
				return
			}
		}
	}
}

// A radio that is lost is opened again, and the network goes on where it was.
func TestALostRadioIsOpenedAgain(t *testing.T) {
	s := newSite(t, 1)
	opened := make(chan radio.Radio, 8)
	s.openRadio = func(ctx context.Context) (radio.Radio, error) {
		r, err := radio.Open(ctx, "spinel+tcp://"+s.rcp)
		if err == nil {
			opened <- r
		}
		return r, err
	}
	s.start()
	s.connect()
	s.send(adopt())
	s.send(s.desired(1, 1, 5))
	s.untilConfigured(1)
	(<-opened).Close() // as when somebody pulls the plug
	<-opened
	c := s.dim(1, 300)
	s.send(c)
	if r := s.result(c.ID); len(r.Outcomes) != 1 || r.Outcomes[0].Status != wire.Confirmed {
		t.Errorf("result %+v", r)
	}
}

// A gateway that is taken out of its project is silent on the air, and keeps its
// network for the case that it comes back.
func TestAGatewayInNoProjectIsSilent(t *testing.T) {
	s := newSite(t, 1)
	s.start()
	s.connect()
	s.send(adopt())
	s.send(s.desired(1, 1, 5))
	s.untilConfigured(1)
	network := *s.hello.Network
	s.send(wire.Adopt{})
	s.untilHello(func(h wire.Hello) bool { return h.Network == nil })
	c := s.dim(1, 300)
	s.send(c) // is ignored
	s.send(adopt())
	s.untilHello(func(h wire.Hello) bool { return h.Network != nil })
	if *s.hello.Network != network || s.hello.Desired != 1 {
		t.Errorf("hello %+v after it came back, network before %+v", s.hello, network)
	}
	again := s.dim(2, 700)
	s.send(again)
	if r := s.result(again.ID); len(r.Outcomes) != 1 || r.Outcomes[0].Status != wire.Confirmed {
		t.Errorf("result %+v", r)
	}
}

// untilHello takes messages until there is a hello as wanted.
func (s *site) untilHello(wanted func(wire.Hello) bool) {
	s.t.Helper()
	for {
		if h, ok := s.next().(wire.Hello); ok && wanted(h) {
			return
		}
	}
}

// A network of another project is never mixed with the old one.
func TestAnotherProjectGetsANetworkOfItsOwn(t *testing.T) {
	s := newSite(t, 0)
	s.start()
	s.connect()
	s.send(adopt())
	s.untilHello(func(h wire.Hello) bool { return h.Network != nil })
	first := *s.hello.Network
	s.send(wire.Adopt{Project: "another project", Network: "another network"})
	s.untilHello(func(h wire.Hello) bool { return h.Network != nil && *h.Network != first })
	if s.hello.Network.ExtendedPANID == first.ExtendedPANID {
		t.Error("the network kept its identity")
	}
}

func TestADamagedStateStopsTheGatewayBeforeItFormsANetwork(t *testing.T) {
	s := newSite(t, 0)
	stop := s.start()
	s.connect()
	s.send(adopt())
	s.untilHello(func(h wire.Hello) bool { return h.Network != nil })
	stop()
	path := filepath.Join(s.dir, "state")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.New(s.config()); sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v", err)
	}
}

// Everything that a gateway keeps is in its two files, and unreadable there.
func TestNothingElseIsWritten(t *testing.T) {
	s := newSite(t, 1)
	stop := s.start()
	s.connect()
	s.send(adopt())
	s.send(s.desired(1, 1, 5))
	s.untilConfigured(1)
	stop()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "state" && e.Name() != "key" {
			t.Errorf("left behind: %s", e.Name())
		}
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"install code", "a network", "SL-1"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is readable in the state", secret)
		}
	}
	for _, secret := range []string{lightCode(t, 0).Label(), hex.EncodeToString([]byte("install code 000"))} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("the log holds an install code")
		}
	}
}
