package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/homeassistant"
	"sconce/cloud/project"
	"sconce/mqtt"
	"sconce/wire"
)

// gateway connects as the gateway, and returns the commands that it gets.
func (h *home) gateway() (commands <-chan wire.Command, away func()) {
	h.t.Helper()
	nc := h.dial("mq." + homeDomain)
	got := make(chan wire.Command, 100)
	c := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(nc), OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(p paho.PublishReceived) (bool, error) {
			_, body, err := wire.ParseDownHeader(p.Packet.Payload)
			if err == nil && strings.HasSuffix(p.Packet.Topic, "/command") {
				var command wire.Command
				if command, err = wire.ParseBody[wire.Command](body); err == nil {
					got <- command
				}
			}
			return true, err
		},
	}, OnClientError: func(error) {}})
	_, err := c.Connect(h.t.Context(), &paho.Connect{ClientID: homeGateway.String(), CleanStart: true, KeepAlive: 10})
	must(h.t, err)
	_, err = c.Subscribe(h.t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "g/" + homeGateway.String() + "/down/+", QoS: 1}}})
	must(h.t, err)
	return got, func() { _ = c.Disconnect(&paho.Disconnect{}) }
}

// answered publishes at QoS 1 and returns the reason of the acknowledgement.
func (a *assistant) answered(topic, payload string) mqtt.Reason {
	a.h.t.Helper()
	r, err := a.Publish(a.h.t.Context(), &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(payload)})
	if r == nil {
		a.h.t.Fatalf("%s: %v", payload, err)
	}
	return mqtt.Reason(r.ReasonCode)
}

func (h *home) command(commands <-chan wire.Command) string {
	h.t.Helper()
	select {
	case c := <-commands:
		said := fmt.Sprint(c.Device)
		if c.On != nil {
			said += fmt.Sprint(" on=", *c.On)
		}
		if c.Level != nil {
			said += fmt.Sprint(" level=", *c.Level)
		}
		return fmt.Sprint(said, " fade=", c.Fade)
	case <-time.After(10 * time.Second):
		h.t.Fatal("no command came in 10 s")
		return ""
	}
}

// TestHomeAssistantCommands: who may command a light by the API does so by MQTT, and nobody else.
func TestHomeAssistantCommands(t *testing.T) {
	h := newHome(t)
	h.switchOn()
	must(t, h.projects.SetMember(t.Context(), h.site.Owner, project.Member{Account: "user", Role: sconce.User, Groups: []sconce.GroupID{h.group}}))
	commands, away := h.gateway()
	set := homeassistant.SetTopic(h.site.Project, homeLight)
	owner, err := h.connect(h.token("owner", "lights.control"))
	must(t, err)
	refused := homeassistant.Prefix(h.site.Project) + "/refused"
	if !owner.subscribes(refused) {
		t.Fatal("refusals are not told")
	}
	for payload, want := range map[string]string{
		`{"state":"ON"}`:                                      "on=true fade=0",
		`{"state":"OFF","transition":2}`:                      "on=false fade=2000",
		`{"state":"ON","brightness":500,"transition":0.25}`:   "level=500 fade=250",
		"{\"state\": \"ON\",\n \"brightness\": 1000.0}":       "level=1000 fade=0",
		`{"state":"ON","brightness":1,"transition":6553.4}`:   "level=1 fade=6553400",
		`{"state":"ON","brightness":0,"transition":0}` + "\n": "level=0 fade=0",
	} {
		if r := owner.answered(set, payload); r != mqtt.Success {
			t.Errorf("%s: %v", payload, r)
		}
		if got := h.command(commands); got != homeLight.String()+" "+want {
			t.Errorf("%s became %s", payload, got)
		}
	}
	for payload, reason := range map[string]string{
		"": "expected JSON", "on": "expected JSON", `{"state":"ON"}{}`: "nothing behind", `[]`: "expected JSON", `{"state":"ON","color_temp":300}`: "color_temp",
		`{"state":"ON","brightness":1001}`: "0 to 1000", `{"state":"OFF","brightness":5}`: "expected the state", `{"state":"ON","brightness":-1}`: "0 to 1000",
		`{"state":"ON","brightness":1.5}`: "0 to 1000", `{"state":"ON","transition":-1}`: "transition", `{"state":"ON","transition":6553.5}`: "transition",
		`{"state":"TOGGLE"}`: "expected the state", `{}`: "expected the state", `null`: "expected the state",
		`{"state":"ON","x":"` + strings.Repeat("x", 1<<10) + `"}`: "at most 1024",
	} {
		if r := owner.answered(set, payload); r != mqtt.InvalidPayloadFormat {
			t.Errorf("%.40s: %v", payload, r)
		}
		if m := owner.message(); m.Topic != refused || !strings.Contains(string(m.Payload), reason) || m.Retain {
			t.Errorf("%.40s: refused with %s", payload, m.Payload)
		}
	}
	other := sconce.ProjectID("0190a6e2-8f0e-7cc3-98c4-dc0c0c073999")
	for topic, want := range map[string]mqtt.Reason{
		homeassistant.SetTopic(h.site.Project, 0x77): mqtt.InvalidTopic, homeassistant.SetTopic(other, homeLight): mqtt.NotAuthorized,
		homeassistant.StateTopic(h.site.Project, homeLight): mqtt.NotAuthorized, homeassistant.ConfigTopic(h.site.Project, homeLight): mqtt.NotAuthorized,
		"p/" + string(h.site.Project) + "/device/x": mqtt.NotAuthorized, refused: mqtt.NotAuthorized,
	} {
		if r := owner.answered(topic, `{"state":"ON"}`); r != want {
			t.Errorf("%s: %v", topic, r)
		}
	}

	user, err := h.connect(h.token("user", "lights.control-granted"))
	must(t, err)
	if r := user.answered(set, `{"state":"ON"}`); r != mqtt.Success || h.command(commands) != homeLight.String()+" on=true fade=0" {
		t.Errorf("of a granted group: %v", r)
	}
	must(t, h.projects.SetMember(t.Context(), h.site.Owner, project.Member{Account: "user", Role: sconce.User}))
	if r := user.answered(set, `{"state":"ON"}`); r != mqtt.NotAuthorized {
		t.Errorf("of a group that was granted: %v", r)
	}
	entries, err := h.store.SecurityLog().Newest(t.Context(), audit.OfProject(h.site.Project), math.MaxInt64, 1)
	must(t, err)
	if e := entries[0]; e.Action != audit.AccessRefused || e.Who != audit.Account("user") || e.Target != "send-command" || !strings.HasPrefix(string(e.Origin), "token:") {
		t.Errorf("the security log says %+v", e)
	}
	for who, actions := range map[string][]string{"viewer": nil, "expert": {"readings.read"}} {
		a, err := h.connect(h.token(who, actions...))
		must(t, err)
		if r := a.answered(set, `{"state":"ON"}`); r != mqtt.NotAuthorized {
			t.Errorf("%s, who may not: %v", who, r)
		}
	}

	// A token that was just revoked commands nothing, though its connection is still there.
	tokens, err := h.access.List(t.Context(), h.site.Owner.Account())
	must(t, err)
	away()
	eventually(t, func() bool { return h.edge.Stats().Gateways == 0 })
	eventually(t, func() bool { return !h.presences.Online(homeGateway) })
	if r := owner.answered(set, `{"state":"ON"}`); r != mqtt.ImplementationError {
		t.Errorf("without its gateway: %v", r)
	}
	must(t, h.access.Revoke(t.Context(), project.Caller{Account: h.site.Owner.Account()}, tokens[0].ID))
	if r, err := owner.Publish(t.Context(), &paho.Publish{Topic: set, QoS: 1, Payload: []byte(`{"state":"ON"}`)}); err == nil || r != nil && r.ReasonCode != packets.PubackNotAuthorized {
		t.Errorf("with a revoked token: %+v, %v", r, err)
	}
	if len(commands) != 0 {
		t.Errorf("a command came of what was refused: %+v", <-commands)
	}
}

// old is a client of MQTT 3.1.1.
type old struct {
	t   *testing.T
	nc  net.Conn
	buf []byte
}

func (h *home) connectOld(token string) *old {
	h.t.Helper()
	o := &old{t: h.t, nc: h.stream()}
	h.t.Cleanup(func() { _ = o.nc.Close() })
	o.send(&mqtt.Connect{
		Version: mqtt.V311, CleanStart: true, KeepAlive: 60, ClientID: "old", HasUsername: true, Username: "x", HasPassword: true, Password: mqtt.Secret(token),
		Will: &mqtt.Will{Topic: statusOfHomeAssistant, Payload: []byte("offline")},
	})
	if ack, ok := o.next().(*mqtt.Connack); !ok || ack.Code != 0 {
		h.t.Fatalf("CONNECT was answered with %+v", ack)
	}
	return o
}

func (o *old) send(p mqtt.Packet) {
	o.t.Helper()
	_, err := o.nc.Write(p.Append(nil, mqtt.V311))
	must(o.t, err)
}

// next returns the next packet, nil when the connection has ended.
func (o *old) next() mqtt.Packet {
	o.t.Helper()
	_ = o.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		if size, err := mqtt.Size(o.buf); err == nil && size > 0 && len(o.buf) >= size {
			p, err := mqtt.Parse(append([]byte(nil), o.buf[:size]...), mqtt.V311)
			must(o.t, err)
			o.buf = o.buf[size:]
			return p
		}
		chunk := make([]byte, 4096)
		n, err := o.nc.Read(chunk)
		o.buf = append(o.buf, chunk[:n]...)
		if n == 0 && err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
				o.t.Fatal("nothing came in 10 s")
			}
			return nil
		}
	}
}

// TestOldHomeAssistant: the same with MQTT 3.1.1, which Home Assistant speaks unless it is told
// otherwise, and which has no answer that says no.
func TestOldHomeAssistant(t *testing.T) {
	h := newHome(t)
	h.switchOn()
	commands, away := h.gateway()
	defer away()
	set := homeassistant.SetTopic(h.site.Project, homeLight)
	o := h.connectOld(h.token("owner", "lights.control"))
	o.send(&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: homeassistant.Prefix(h.site.Project) + "/+/+/config"}, {Filter: "tasmota/discovery/#"}}})
	if codes := o.next().(*mqtt.Grants).Codes; codes[0].Failed() || !codes[1].Failed() {
		t.Fatalf("SUBACK %v", codes)
	}
	if m := o.next().(*mqtt.Publish); m.Topic != homeassistant.ConfigTopic(h.site.Project, homeLight) || !m.Retain {
		t.Errorf("found %s", m.Topic)
	}
	o.send(&mqtt.Publish{Topic: statusOfHomeAssistant, Payload: []byte("online")})
	o.send(&mqtt.Publish{Topic: set, QoS: 1, ID: 5, Payload: []byte(`{"state":"ON","brightness":250}`)})
	if ack, ok := o.next().(*mqtt.Ack); !ok || ack.ID != 5 {
		t.Fatalf("acknowledged %+v", ack)
	}
	if got := h.command(commands); got != homeLight.String()+" level=250 fade=0" {
		t.Errorf("became %s", got)
	}
	o.send(&mqtt.Subscribe{ID: 2, Filters: []mqtt.Subscription{{Filter: homeassistant.Prefix(h.site.Project) + "/refused"}}})
	o.next()
	o.send(&mqtt.Publish{Topic: set, QoS: 1, ID: 6, Payload: []byte("nonsense")})
	for range 2 { // the refusal, and the acknowledgement that says nothing of it
		switch p := o.next().(type) {
		case *mqtt.Publish:
			if !strings.Contains(string(p.Payload), "expected JSON") {
				t.Errorf("refused with %s", p.Payload)
			}
		case *mqtt.Ack:
			if p.ID != 6 {
				t.Errorf("acknowledged %+v", p)
			}
		default:
			t.Fatalf("got %T", p)
		}
	}
	viewer := h.connectOld(h.token("viewer"))
	viewer.send(&mqtt.Publish{Topic: set, QoS: 1, ID: 7, Payload: []byte(`{"state":"ON"}`)})
	if p := viewer.next(); p != nil {
		t.Errorf("who may not was answered with %+v", p)
	}
	if len(commands) != 0 {
		t.Errorf("a command came of what was refused: %+v", <-commands)
	}
}
