package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestHomeAssistantIsAnOption: it is off at first, who may switches it on, and the security log
// says who did.
func TestHomeAssistantIsAnOption(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	ask := func(method string, body any) object {
		t.Helper()
		a := b.do(request{who: "expert", method: method, path: own + "/home-assistant", body: body})
		if a.status != 200 {
			t.Fatalf("%s: %d %s", method, a.status, a.text)
		}
		return decode[object](t, a)
	}
	want := object{
		"on": false, "server": "web.mqtt.example.org", "port": 8443.0, "path": "/mqtt", "max_devices": 4000.0,
		"discovery_prefix": "homeassistant/" + string(b.own.scope.Project()),
	}
	if got := ask("GET", nil); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("at first %v", got)
	}
	want["on"] = true
	for range 2 {
		if got := ask("PUT", object{"on": true}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("switched on %v", got)
		}
	}
	if got := ask("GET", nil); got["on"] != true {
		t.Errorf("then %v", got)
	}
	ask("PUT", object{"on": false})
	if id := string(b.own.scope.Project()); !slices.Equal(b.switched, []string{id + "true", id + "true", id + "false"}) {
		t.Errorf("the bridge was told %v", b.switched)
	}
	a := b.do(request{who: "owner", method: "GET", path: own + "/security-log"})
	if n := strings.Count(a.text, `"home-assistant.switched"`); n != 3 || strings.Count(a.text, `"on=true"`) != 2 || strings.Count(a.text, `"on=false"`) != 1 {
		t.Errorf("%d entries in %s", n, a.text)
	}
	if a := b.do(request{who: "owner", method: "PUT", path: own + "/home-assistant", body: object{"on": "yes"}}); a.status != 422 && a.status != 400 {
		t.Errorf("on: yes is %d %s", a.status, a.text)
	}
}
