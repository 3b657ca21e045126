package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

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
