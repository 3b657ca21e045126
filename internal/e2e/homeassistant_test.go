package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"sconce"
)

// commandByHomeAssistant lets a client of MQTT do with the whole product what Home Assistant does:
// it finds a light, dims it, and is told when the light has confirmed that.
func (s *system) commandByHomeAssistant(light sconce.EUI64) {
	t, ctx := s.t, s.t.Context()
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var told struct {
		Prefix string `json:"discovery_prefix"`
		Path   string `json:"path"`
	}
	must(s.client.Do(ctx, http.MethodPut, "/projects/"+string(s.project)+"/home-assistant", object{"on": true}, &told))
	var made struct {
		Token string `json:"token"`
	}
	must(s.client.Do(ctx, http.MethodPost, "/tokens", object{"name": "Home Assistant", "project_id": s.project, "actions": []string{"lights.control"}}, &made))
	socket, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://localhost:%d%s", s.HTTPPort, told.Path), &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	must(err)
	got := make(chan *paho.Publish, 1000)
	client := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(websocket.NetConn(ctx, socket, websocket.MessageBinary)), // paho pings in a goroutine of its own
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(m paho.PublishReceived) (bool, error) {
			select {
			case got <- m.Packet:
			default:
			}
			return true, nil
		}},
	})
	_, err = client.Connect(ctx, &paho.Connect{
		ClientID: "homeassistant", CleanStart: true, KeepAlive: 60, UsernameFlag: true, Username: "homeassistant", PasswordFlag: true, Password: []byte(made.Token),
		WillMessage: &paho.WillMessage{Topic: "homeassistant/status", Payload: []byte("offline")},
	})
	must(err)
	defer func() { _ = client.Disconnect(&paho.Disconnect{}) }()
	// waits for the message of a topic that is as it should be.
	message := func(topic string, is func(payload []byte) bool) {
		t.Helper()
		_, err := client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic}}})
		must(err)
		for deadline := time.After(30 * time.Second); ; {
			select {
			case m := <-got:
				if m.Topic == topic && is(m.Payload) {
					return
				}
			case <-deadline:
				t.Fatalf("nothing like that was told at %s", topic)
			}
		}
	}
	var device struct {
		StateTopic string `json:"state_topic"`
		Components map[string]struct {
			CommandTopic string `json:"command_topic"`
		} `json:"components"`
	}
	message(told.Prefix+"/device/"+light.String()+"/config", func(payload []byte) bool {
		must(json.Unmarshal(payload, &device))
		return device.Components["light"].CommandTopic != ""
	})
	_, err = client.Publish(ctx, &paho.Publish{Topic: device.Components["light"].CommandTopic, QoS: 1, Payload: []byte(`{"state":"ON","brightness":620}`)})
	must(err)
	message(device.StateTopic, func(payload []byte) bool {
		var is struct {
			Availability, State string
			Brightness          float64
		}
		must(json.Unmarshal(payload, &is))
		return is.Availability == "online" && is.State == "ON" && is.Brightness > 610 && is.Brightness < 630
	})
	if inside, _ := s.building.Light(light); !inside.On || inside.Level != 157 { // round(0.62 × 254)
		t.Errorf("it was told that the light has 620 ‰, and inside it is %+v", inside)
	}
}

// TestHomeAssistantPage switches Home Assistant on, reads what is entered there, and switches it
// off, as an expert, who sees nothing else of that page.
func TestHomeAssistantPage(t *testing.T) {
	s := setStage(t)
	s.says["GET "].(object)["role"] = "expert"
	on := func(is bool) func(url.Values) any {
		return func(url.Values) any {
			return object{"on": is, "server": "web.mqtt.example.org", "port": 443, "path": "/mqtt", "discovery_prefix": "homeassistant/" + stageProject, "max_devices": 4000}
		}
	}
	s.says["GET /home-assistant"], s.says["PUT /home-assistant"] = on(false), on(true)
	p := s.audience()

	p.see("/apps", byTestID("home-assistant-on"))
	if p.evaluate(fmt.Sprintf(`String(document.querySelector('%s') === null)`, byTestID("home-assistant-values"))) != "true" {
		t.Error("while it is off it is said what is entered")
	}
	p.judged("home-assistant-off")
	p.do("switching it on", chromedp.Click(byTestID("home-assistant-on")), chromedp.WaitVisible(byTestID("home-assistant-values")))
	if said := p.text("home-assistant-values"); !strings.Contains(said, "homeassistant/"+stageProject) || !strings.Contains(said, "web.mqtt.example.org") {
		t.Errorf("it says %q", said)
	}
	p.judged("home-assistant-on")
	s.mu.Lock()
	s.says["PUT /home-assistant"] = on(false)
	s.mu.Unlock()
	p.do("switching it off", chromedp.Click(byTestID("home-assistant-on")), chromedp.WaitNotPresent(byTestID("home-assistant-values")))
	if asked := s.changes(); len(asked) != 2 || asked[0] != `PUT /home-assistant {"on":true}` || asked[1] != `PUT /home-assistant {"on":false}` {
		t.Errorf("asked was %q", asked)
	}
	s.mu.Lock()
	delete(s.says, "PUT /home-assistant")
	s.mu.Unlock()
	p.do("a switch that fails", chromedp.Click(byTestID("home-assistant-on")), chromedp.WaitVisible(byTestID("home-assistant")+` [role="alert"]`))
	if p.attribute("home-assistant-on", "aria-checked") != "false" {
		t.Error("it claims what was not confirmed")
	}
}
