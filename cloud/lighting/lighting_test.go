package lighting_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/vault"
	"sconce/wire"
)

const (
	gateway = sconce.EUI64(0x00124b0000000001)
	light   = sconce.EUI64(0x00124b0000001001)
	// The example of Zigbee Base Device Behaviour 3.0.1, 10.1.
	label = "83FE D340 7A93 9723 A5C6 39B2 6916 D505 C3B5"
)

// plant is a service on a true store, with a gateway that the test plays.
type plant struct {
	*lighting.Service
	t     *testing.T
	store *store.Store
	site  storetest.Site

	mu        sync.Mutex
	online    bool
	broken    error            // of Send
	sent      []message        // to the gateway
	published map[string][]any // by topic
}

type message struct {
	kind wire.Kind
	body []byte
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{t: t, store: storetest.Open(t), online: true, published: map[string][]any{}}
	p.site = storetest.MakeSite(t, p.store, gateway)
	p.Service = lighting.New(lighting.Parts{
		Store: p.store.Lighting(), Vault: plain{}, Down: p, Presence: p, Live: p,
		Entrance: project.New(p.store.Projects(), time.Now), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return p
}

// plain writes down what it sealed for which place, and opens it there only.
type plain struct{}

func (plain) Seal(value []byte, at vault.Field) ([]byte, error) {
	return append([]byte(at.Row+"|"), value...), nil
}

func (plain) Open(sealed []byte, at vault.Field) ([]byte, error) {
	row, value, _ := strings.Cut(string(sealed), "|")
	if row != at.Row {
		return nil, errors.New("sealed for another row")
	}
	return []byte(value), nil
}

func (p *plant) Send(to sconce.EUI64, kind wire.Kind, payload []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, body, err := wire.ParseDownHeader(payload)
	if err != nil || to != gateway {
		p.t.Errorf("%s was sent to %s: %v", kind, to, err)
	}
	if p.broken == nil {
		p.sent = append(p.sent, message{kind, body})
	}
	return p.broken
}

func (p *plant) Online(g sconce.EUI64) bool { return p.online && g == gateway }

func (p *plant) Publish(topic string, payload []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var v map[string]any
	if err := json.Unmarshal(payload, &v); err != nil {
		p.t.Errorf("published to %s: %v", topic, err)
	}
	p.published[topic] = append(p.published[topic], v["status"])
}

// took returns what was sent since it was last called.
func (p *plant) took() []message {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	return sent
}

func body[T any](t *testing.T, m message, parse func([]byte) (T, error)) T {
	t.Helper()
	v, err := parse(m.body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (p *plant) addDevice(n int, groups ...sconce.GroupID) lighting.Device {
	p.t.Helper()
	code, err := lighting.ParseInstallCode(label)
	if err != nil {
		p.t.Fatal(err)
	}
	d, err := p.AddDevice(p.t.Context(), p.site.Owner, lighting.NewDevice{
		Network: p.site.Network, Name: fmt.Sprint(" Desk ", n), Device: light + sconce.EUI64(n), Kind: sconce.Luminaire,
		InstallCode: code, Groups: groups,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *plant) addGroup() lighting.Group {
	p.t.Helper()
	g, err := p.CreateGroup(p.t.Context(), p.site.Owner, p.site.Network, "Lobby")
	if err != nil {
		p.t.Fatal(err)
	}
	return g
}

// answer stores a result as the projector does.
func (p *plant) answer(id sconce.CommandID, outcomes ...lighting.Outcome) {
	p.t.Helper()
	a := project.Assignment{Project: p.site.Project, Network: p.site.Network}
	var ended lighting.Command
	err := p.store.Results().Apply(context.Background(), 0, func(tx ingest.Tx) (err error) {
		ended, _, err = tx.EndCommand(a, lighting.Result{Command: id, At: time.Now(), Outcomes: outcomes})
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
	p.CommandEnded(ended)
}

func TestDesiredStateReachesTheGateway(t *testing.T) {
	p := newPlant(t)
	g := p.addGroup()
	if sent := p.took(); len(sent) != 0 {
		t.Errorf("a group without lights sent %v", sent)
	}
	d := p.addDevice(0, g.ID)
	if d.Name != "Desk 0" {
		t.Errorf("the position is called %q", d.Name)
	}
	sent := p.took()
	if len(sent) != 1 || sent[0].kind != wire.KindDesired {
		t.Fatalf("adding a device sent %v", sent)
	}
	got := body(t, sent[0], wire.ParseBody[wire.Desired])
	if got.Version != 1 || len(got.Devices) != 1 || got.Devices[0].Device != light || len(got.Devices[0].Groups) != 1 {
		t.Errorf("desired state %+v", got)
	}
	if code := fmt.Sprintf("%X", got.Devices[0].InstallCode); code != strings.ReplaceAll(label, " ", "") {
		t.Errorf("install code %s, want %s", code, label)
	}

	p.online = false
	p.addDevice(1)
	if sent := p.took(); len(sent) != 0 {
		t.Errorf("%v was sent to a gateway that is offline", sent)
	}
	if err := p.GatewayConnected(t.Context(), gateway); err != nil {
		t.Fatal(err)
	}
	sent = p.took()
	if len(sent) != 2 || sent[0].kind != wire.KindAdopt || sent[1].kind != wire.KindDesired {
		t.Fatalf("a gateway that connects is sent %v", sent)
	}
	if a := body(t, sent[0], wire.ParseBody[wire.Adopt]); a.Project != p.site.Project || a.Network != p.site.Network || a.Occupancy != 60 {
		t.Errorf("adopt %+v", a)
	}
	if d := body(t, sent[1], wire.ParseBody[wire.Desired]); d.Version != 2 || len(d.Devices) != 2 {
		t.Errorf("desired state %+v", d)
	}

	if err := p.store.Registry().Release(t.Context(), p.site.Owner, gateway); err != nil {
		t.Fatal(err)
	}
	if err := p.GatewayConnected(t.Context(), gateway); err != nil {
		t.Fatal(err)
	}
	if sent = p.took(); len(sent) != 1 || body(t, sent[0], wire.ParseBody[wire.Adopt]) != (wire.Adopt{}) {
		t.Errorf("a gateway that was released is sent %v", sent)
	}
}

// TestOccupancyPeriods: a gateway is told the longest period with which all hours of the project
// begin, in summer and winter, or none where single values may leave the building.
func TestOccupancyPeriods(t *testing.T) {
	p := newPlant(t)
	for _, test := range []struct {
		zone       string
		aggregated bool
		want       uint8
	}{
		{"UTC", true, 60},
		{"Europe/Berlin", true, 60},
		{"Asia/Kolkata", true, 30},
		{"Australia/Lord_Howe", true, 30}, // 10:30 and 11:00
		{"Asia/Kathmandu", true, 15},
		{"America/St_Johns", true, 30},
		{"Europe/Berlin", false, 0},
	} {
		set := energy.Defaults()
		set.Zone, set.Aggregated = test.zone, test.aggregated
		if err := p.store.Energy().SetSettings(t.Context(), p.site.Owner, set); err != nil {
			t.Fatal(err)
		}
		if err := p.GatewayConnected(t.Context(), gateway); err != nil {
			t.Fatal(err)
		}
		if a := body(t, p.took()[0], wire.ParseBody[wire.Adopt]); a.Occupancy != test.want {
			t.Errorf("%+v: %d minutes", test, a.Occupancy)
		}
	}
}

func TestCommandIsAnswered(t *testing.T) {
	p := newPlant(t)
	g := p.addGroup()
	for n := range 3 {
		p.addDevice(n, g.ID)
	}
	p.took()
	c, err := p.Service.Send(t.Context(), p.site.Owner, lighting.Order{Group: g.ID, Level: new(sconce.Level(400)), Fade: time.Second})
	if err != nil || c.Status != lighting.Pending || c.Targets != 3 {
		t.Fatalf("Send = %+v, %v", c, err)
	}
	sent := p.took()
	if len(sent) != 1 || sent[0].kind != wire.KindCommand {
		t.Fatalf("a command sent %v", sent)
	}
	w := body(t, sent[0], wire.ParseBody[wire.Command])
	if w.ID != c.ID || w.Group != g.Number || w.Device != 0 || w.On != nil || w.Level == nil || *w.Level != 400 || w.Fade != 1000 ||
		int64(w.Expires) != c.Made.Add(lighting.CommandTTL).UnixMilli() {
		t.Errorf("the gateway is asked for %+v", w)
	}

	waited := make(chan lighting.Command)
	go func() {
		c, err := p.Wait(context.Background(), p.site.Owner, c.ID)
		if err != nil {
			t.Error(err)
		}
		waited <- c
	}()
	p.answer(
		c.ID,
		lighting.Outcome{Device: light, Status: lighting.OutcomeStatus(wire.Confirmed)},
		lighting.Outcome{Device: light + 1, Status: lighting.OutcomeStatus(wire.Confirmed)},
		lighting.Outcome{Device: light + 2, Status: lighting.OutcomeStatus(wire.Unconfirmed)},
	)
	if c = <-waited; c.Status != lighting.Partial || c.Confirmed != 2 || len(c.Outcomes) != 3 {
		t.Errorf("Wait = %+v; want 2 of 3", c)
	}
	text, err := json.Marshal(c)
	want := fmt.Sprintf(`{"id":%q,"target":{"group":%q},"level":400,"fade_ms":1000,"status":"partial","confirmed":2,"of":3,`+
		`"outcomes":[{"eui64":"00124b0000001001","status":"confirmed"},{"eui64":"00124b0000001002","status":"confirmed"},`+
		`{"eui64":"00124b0000001003","status":"unconfirmed"}],"created_at":%q,"ended_at":%q}`,
		c.ID, g.ID, c.Made.Format("2006-01-02T15:04:05.000Z"), c.Ended.Format("2006-01-02T15:04:05.000Z"))
	if err != nil || string(text) != want {
		t.Errorf("as JSON: %s, %v; want %s", text, err, want)
	}
	if got := fmt.Sprint(p.published["p/"+string(p.site.Project)+"/command/"+string(c.ID)]); got != "[pending partial]" {
		t.Errorf("published %s", got)
	}
	if again, err := p.Wait(t.Context(), p.site.Owner, c.ID); err != nil || again.Status != lighting.Partial {
		t.Errorf("Wait after the end = %+v, %v", again, err)
	}
}

func TestCommandWithoutAnAnswerIsRefusedClearly(t *testing.T) {
	p := newPlant(t)
	g := p.addGroup()
	p.addDevice(0)
	on := lighting.Order{Device: light, On: new(true)}
	for what, try := range map[string]struct {
		order lighting.Order
		kind  sconce.ErrorKind
	}{
		"no target":        {lighting.Order{On: new(true)}, sconce.Invalid},
		"two targets":      {lighting.Order{Device: light, Group: g.ID, On: new(true)}, sconce.Invalid},
		"nothing to do":    {lighting.Order{Device: light}, sconce.Invalid},
		"two things to do": {lighting.Order{Device: light, On: new(true), Level: new(sconce.Level(1))}, sconce.Invalid},
		"level too high":   {lighting.Order{Device: light, Level: new(sconce.Level(1001))}, sconce.Invalid},
		"fade too long":    {lighting.Order{Device: light, On: new(true), Fade: 2 * time.Hour}, sconce.Invalid},
		"unknown device":   {lighting.Order{Device: light + 9, On: new(true)}, sconce.NotFound},
		"empty group":      {lighting.Order{Group: g.ID, On: new(true)}, sconce.Conflict},
	} {
		if _, err := p.Service.Send(t.Context(), p.site.Owner, try.order); sconce.KindOf(err) != try.kind {
			t.Errorf("%s: %v, want an error that is %s", what, err, try.kind)
		}
	}
	if _, err := p.Service.Send(t.Context(), project.Scope{}, on); sconce.KindOf(err) != sconce.Forbidden {
		t.Errorf("without a right: %v", err)
	}
	p.online = false
	if _, err := p.Service.Send(t.Context(), p.site.Owner, on); sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("offline: %v", err)
	}
	p.online, p.broken = true, errors.New("gone this moment")
	if _, err := p.Service.Send(t.Context(), p.site.Owner, on); sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("gone: %v", err)
	}
	if n, err := p.store.Lighting().Pending(t.Context(), p.site.Owner); n != 0 || err != nil {
		t.Errorf("%d commands are pending, %v", n, err)
	}
	p.broken = nil
	for range lighting.MaxPending {
		if _, err := p.Service.Send(t.Context(), p.site.Owner, on); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Service.Send(t.Context(), p.site.Owner, on); sconce.KindOf(err) != sconce.TooMany {
		t.Errorf("too many: %v", err)
	}
}

func TestCommandsExpireByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		p.addDevice(0)
		send := func(fade time.Duration) lighting.Command {
			c, err := p.Service.Send(t.Context(), p.site.Owner, lighting.Order{Device: light, On: new(true), Fade: fade})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		// One that was made before the cloud was started again.
		before := send(0)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { p.Run(ctx) })
		slow, quick := send(time.Minute), send(0)
		waited := func(c lighting.Command, limit time.Duration) lighting.Command {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			got, err := p.Wait(ctx, p.site.Owner, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if c := waited(quick, 14*time.Second); c.Status != lighting.Pending {
			t.Errorf("before its time is over the command is %s", c.Status)
		}
		for _, c := range []lighting.Command{before, quick} {
			if got := waited(c, 2*time.Second); got.Status != lighting.Expired || got.Ended.IsZero() {
				t.Errorf("when its time is over the command is %s, ended %s", got.Status, got.Ended)
			}
		}
		if c := waited(slow, time.Minute+time.Second); c.Status != lighting.Expired {
			t.Errorf("the slow command is %s", c.Status)
		}
		stop()
		running.Wait()
	})
}

func TestInstallCode(t *testing.T) {
	code, err := lighting.ParseInstallCode(label)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(code)
	for _, s := range []string{fmt.Sprint(code), fmt.Sprintf("%+v %#v %s", code, code, &code), string(text)} {
		if strings.Contains(strings.ToUpper(s), "83") || err != nil {
			t.Errorf("a code prints as %s, %v", s, err)
		}
	}
	for _, wrong := range []string{"", "83FE", strings.Replace(label, "83", "84", 1), strings.Replace(label, "83", "8G", 1), label + "00"} {
		if _, err := lighting.ParseInstallCode(wrong); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("ParseInstallCode(%q) = %v", wrong, err)
		}
	}
}

func TestResultOfACommand(t *testing.T) {
	outcome := func(all ...wire.OutcomeStatus) (o []lighting.Outcome) {
		for i, s := range all {
			o = append(o, lighting.Outcome{Device: light + sconce.EUI64(i), Status: lighting.OutcomeStatus(s)})
		}
		return o
	}
	for _, try := range []struct {
		targets  int
		outcomes []lighting.Outcome
		want     lighting.Status
	}{
		{2, outcome(wire.Confirmed, wire.Confirmed), lighting.Confirmed},
		{3, outcome(wire.Confirmed, wire.Confirmed), lighting.Partial},
		{2, outcome(wire.Confirmed, wire.Refused), lighting.Partial},
		{2, outcome(wire.Unconfirmed, wire.NotJoined), lighting.Failed},
		{2, outcome(wire.Expired, wire.Expired), lighting.Expired},
		{2, outcome(wire.Expired, wire.Refused), lighting.Failed},
		{1, nil, lighting.Failed},
	} {
		c := lighting.Command{Targets: try.targets, Status: lighting.Expired}.With(lighting.Result{At: time.UnixMilli(5), Outcomes: try.outcomes})
		if c.Status != try.want || c.Ended.IsZero() {
			t.Errorf("%v of %d lights: %s, want %s", try.outcomes, try.targets, c.Status, try.want)
		}
	}
}

func TestStaysNeedAScope(t *testing.T) {
	if _, err := newPlant(t).Stays(t.Context(), project.Scope{}, light); sconce.KindOf(err) != sconce.Forbidden {
		t.Errorf("without a right: %v", err)
	}
}
