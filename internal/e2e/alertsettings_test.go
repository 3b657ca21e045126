package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestAlertSettingsPage changes a rule, who gets letters, and a webhook, whose secret is shown
// once.
func TestAlertSettingsPage(t *testing.T) {
	s := setStage(t)
	rule := func(name, unit string, limit float64, on bool) object {
		return object{"rule": name, "on": on, "severity": "warning", "delay_s": 30, "hold_s": 300, "limit": limit, "slack": limit / 10, "unit": unit}
	}
	settings := object{
		"rules":       []object{rule("lamp_failure", "", 0, true), rule("overheated", "°C", 80, true), rule("energy_high", "%", 100, false)},
		"quiet_hours": object{"on": true, "from": "22:00", "to": "06:00", "time_zone": "", "critical_passes": true},
	}
	s.says["GET /alert-settings"], s.says["PUT /alert-settings"] = settings, settings
	s.says["GET /alert-letters"] = object{"least_severity": "warning"}
	s.says["PUT /alert-letters"] = object{"least_severity": "critical"}
	hook := object{"id": "h1", "url": "https://building.example.org/a/very/long/address/of/a/hook/that/goes/on", "least_severity": "warning", "created_at": time.Now(), "failing_since": time.Now().Add(-time.Hour)}
	s.says["GET /webhooks"] = object{"items": []object{hook}}
	s.says["POST /webhooks"] = object{"id": "h2", "url": "https://new.example.org/", "least_severity": "warning", "created_at": time.Now(), "failing_since": nil, "secret": "whsec-shown-once"}
	p := s.audience()

	p.see("/alerts", byTestID("to-alert-settings"))
	p.do("coming to the rules", chromedp.Click(byTestID("to-alert-settings")), chromedp.WaitVisible(byTestID("webhook")))
	p.do("opening a rule", chromedp.Click(byTestID("rule-overheated")+" summary"), chromedp.WaitVisible("#overheated-limit"))
	p.judged("alert-settings")
	p.evaluate(`(() => { const e = document.querySelector("#overheated-limit"); e.value = "75"; e.dispatchEvent(new Event("input", { bubbles: true }));
		const d = document.querySelector("#overheated-delay"); d.value = "2"; d.dispatchEvent(new Event("change", { bubbles: true })); return "" })()`)
	p.do("saving", chromedp.Click(byTestID("settings-save")))
	p.eventually("it to be saved", fmt.Sprintf(`document.querySelector('%s').textContent !== ""`, byTestID("settings-said")))
	if asked := s.changes(); len(asked) != 1 || !strings.Contains(asked[0], `"limit":75`) || !strings.Contains(asked[0], `"delay_s":120`) {
		t.Errorf("asked was %q", asked)
	}
	p.do("a wrong address", chromedp.Click(byTestID("hook-submit")), chromedp.WaitVisible("#hook-url-wrong"))
	for _, trial := range []struct {
		says object
		want string
	}{
		{object{"delivered": false, "reason": "answered", "status": 500}, "status 500"},
		{object{"delivered": false, "reason": "no_address", "status": nil}, "no public address"},
		{object{"delivered": true, "reason": nil, "status": nil}, "took the test"},
	} {
		s.mu.Lock()
		s.says["POST /webhooks/h1/test"] = trial.says
		s.mu.Unlock()
		p.do("sending a test", chromedp.Click(byTestID("test-hook")))
		p.eventually("it to say what came of it", fmt.Sprintf(`document.querySelector('%s').textContent.includes(%q)`, byTestID("hook-tried"), trial.want))
		if trial.want == "no public address" {
			p.judged("alert-settings-tried")
		}
	}
	p.fill("hook-url", "https://new.example.org/")
	p.do("making a webhook", chromedp.Click(byTestID("hook-submit")), chromedp.WaitVisible(byTestID("hook-secret")))
	p.picture("alert-settings-secret")
	p.do("having kept it", chromedp.Click(byTestID("hook-kept")), chromedp.WaitNotPresent(byTestID("hook-secret")))
}

// TestDevicePage looks at one device: what it is, how it is, and what it measured.
func TestDevicePage(t *testing.T) {
	s := setStage(t)
	networks, groups, devices := fleet(12)
	s.says["GET "].(object)["networks"] = networks
	s.says["GET /groups"] = object{"items": groups}
	s.says["GET /devices"] = paged(devices)
	s.says["GET /readings"] = func(q url.Values) any {
		items := []object{}
		if q.Get("metric") != "energy" {
			at := time.Now().Add(-20 * time.Hour)
			for i := range 200 {
				items = append(items, object{"at": at.Add(time.Duration(i) * 6 * time.Minute), "value": float64(i * 7 % 40)})
			}
		}
		return object{"unit": "W", "items": items}
	}
	happened := s.happened(devices)
	p := s.audience()
	eui, ok := devices[5]["eui64"].(string)
	if !ok {
		t.Fatal("a device without an address")
	}
	p.see("/devices/"+eui, byTestID("history-active_power"))
	p.eventually("what it measured", fmt.Sprintf(`document.querySelector('%s p').textContent.startsWith("Between")`, byTestID("history-active_power")))
	if said := p.text("device-now"); !strings.Contains(said, "Lamp, Driver") || !strings.Contains(said, "dBm") {
		t.Errorf("of now it says %q", said)
	}
	if said := p.text("history-none"); !strings.Contains(said, "Energy") {
		t.Errorf("of what has no history it says %q", said)
	}
	p.judged("device")
	if said := p.text("device-happened"); !strings.Contains(said, "Lamp failure, since") || !strings.Contains(said, "Over: Does not answer") || !strings.Contains(said, "Meeting room <2>") {
		t.Errorf("of what happened it says %q", said)
	}
	p.do("older", chromedp.Click(byTestID("device-events-more")))
	p.eventually("all to be there", fmt.Sprintf(`document.querySelectorAll('%s li').length === %d`, byTestID("device-events"), happened))
	p.eventually("no more to be offered", fmt.Sprintf(`document.querySelector('%s') === null`, byTestID("device-events-more")))

	// What a sensor sees now is not told where occupancy is told by the hour alone: nor what it
	// saw before that began.
	s.mu.Lock()
	nothing := object{"items": []object{}}
	s.says["GET /devices/"+devices[9]["eui64"].(string)+"/events"], s.says["GET /alerts"] = nothing, object{"items": []object{}, "open": 0}
	s.says["GET "].(object)["occupancy_aggregated"] = true
	devices[9]["state"].(object)["occupied"] = true
	s.mu.Unlock()
	p.see("/devices/"+devices[9]["eui64"].(string), byTestID("hourly"))
	if said := p.text("device-now"); !strings.Contains(said, "Not told") || strings.Contains(said, "is there") {
		t.Errorf("of a sensor it says %q", said)
	}
	p.eventually("that nothing happened", fmt.Sprintf(`document.querySelector('%s') !== null`, byTestID("device-no-events")))
	p.judged("device-hourly")

	s.mu.Lock()
	delete(s.says, "GET /devices/"+devices[9]["eui64"].(string)+"/events")
	s.mu.Unlock()
	p.see("/devices/"+devices[9]["eui64"].(string), byTestID("device-events-failed"))
	p.judged("device-events-failed")
	s.mu.Lock()
	s.says["GET /devices/"+devices[9]["eui64"].(string)+"/events"] = nothing
	s.mu.Unlock()
	p.do("trying again", chromedp.Click(byTestID("device-events-more")), chromedp.WaitVisible(byTestID("device-no-events")))
}

// happened lets a lot have happened to the sixth device, in two pages, and returns how much.
func (s *stage) happened(devices []object) int {
	now := time.Now().UTC()
	event := func(hours int, kind string, more object) object {
		e := object{"at": now.Add(-time.Duration(hours) * time.Hour), "kind": kind, "position_name": nil, "rule": nil, "severity": nil, "alert_id": nil}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	offline := object{"rule": "device_offline", "severity": "warning", "alert_id": "a2"}
	first := []object{
		event(1, "alert_began", object{"rule": "lamp_failure", "severity": "critical", "alert_id": "a1"}),
		event(30, "alert_ended", offline), event(31, "alert_began", offline), event(32, "restarted", nil),
	}
	second := []object{event(900, "joined", nil), event(901, "placed", object{"position_name": "The long corridor between the library, the old gymnasium and the canteen 6"})}
	first = append(first, event(800, "placed", object{"position_name": "Meeting room <2>"}))
	s.says[fmt.Sprint("GET /devices/", devices[5]["eui64"], "/events")] = func(q url.Values) any {
		if q.Get("cursor") == "" {
			return object{"items": first, "next_cursor": "1.1"}
		}
		return object{"items": second}
	}
	s.says["GET /alerts"] = func(q url.Values) any {
		items := []object{}
		if q.Get("device") == devices[5]["eui64"] {
			items = append(items, object{
				"id": "a1", "network_id": "n0", "rule": "lamp_failure", "severity": "critical", "raised_at": now.Add(-time.Hour), "cleared_at": nil,
				"times": 1, "devices": 1, "wrong": 1, "acknowledged_at": nil, "acknowledged_by": nil,
			})
		}
		return object{"items": items, "open": 2}
	}
	return len(first) + len(second)
}
