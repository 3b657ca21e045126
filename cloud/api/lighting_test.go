package api_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/lighting"
	"sconce/cloud/telemetry"
)

// TestLiveObjectsAreThoseOfTheAPI shows that what the live topics carry and what
// the API answers is the same JSON.
func TestLiveObjectsAreThoseOfTheAPI(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.FixedZone("", 3600))
	on, level, power := true, sconce.Level(500), 12.5
	for name, pair := range map[string][2]any{
		"state": {
			api.StateOf(telemetry.DeviceState{Device: 1, At: at, Reachable: true, Heard: at, On: &on, Level: &level, Cause: sconce.CauseCommand, Power: &power, PowerAt: at}),
			telemetry.DeviceState{Device: 1, At: at, Reachable: true, Heard: at, On: &on, Level: &level, Cause: sconce.CauseCommand, Power: &power, PowerAt: at},
		},
		"empty state":           {api.StateOf(telemetry.DeviceState{Device: 1}), telemetry.DeviceState{Device: 1}},
		"cause of a newer kind": {api.StateOf(telemetry.DeviceState{Cause: 99}), telemetry.DeviceState{Cause: 99}},
		"pending command": {
			api.CommandOf(lighting.Command{ID: "1", Device: 7, On: &on, Targets: 1, Made: at, Status: lighting.Pending}),
			lighting.Command{ID: "1", Device: 7, On: &on, Targets: 1, Made: at, Status: lighting.Pending},
		},
		"ended command": {
			api.CommandOf(lighting.Command{ID: "1", Group: "g", Level: &level, Fade: time.Second, Targets: 2, Confirmed: 1, Made: at, Ended: at, Status: lighting.Partial, Outcomes: []lighting.Outcome{{Device: 7, Status: 1}, {Device: 8, Status: 4}}}),
			lighting.Command{ID: "1", Group: "g", Level: &level, Fade: time.Second, Targets: 2, Confirmed: 1, Made: at, Ended: at, Status: lighting.Partial, Outcomes: []lighting.Outcome{{Device: 7, Status: 1}, {Device: 8, Status: 4}}},
		},
	} {
		var got [2]any
		for i, v := range pair {
			text, err := json.Marshal(v)
			must(t, err)
			must(t, json.Unmarshal(text, &got[i]))
		}
		if !reflect.DeepEqual(got[0], got[1]) {
			t.Errorf("%s: the API says %v, the live topic %v", name, got[0], got[1])
		}
	}
}

func (b *bench) asOwner(method, path string, body any) answer {
	b.t.Helper()
	return b.do(request{who: "owner", method: method, path: "/projects/" + string(b.own.scope.Project()) + path, body: body})
}

func TestProject(t *testing.T) {
	b := newBench(t)
	got := decode[object](t, b.asOwner("GET", "", nil))
	networks, _ := got["networks"].([]any)
	if got["id"] != string(b.own.scope.Project()) || got["role"] != "owner" || len(networks) != 1 {
		t.Fatalf("project %v", got)
	}
	n := networks[0].(object)
	g, _ := n["gateway"].(object)
	if n["id"] != string(b.own.network) || n["channel"] != nil || n["pan_id"] != nil || n["extended_pan_id"] != nil ||
		g["eui64"] != b.own.gateway.String() || g["model"] != "M-4" && g["model"] != "M-gateway" || g["online"] != true || g["since"] == nil {
		t.Errorf("network %v", n)
	}
	made := decode[object](t, b.asOwner("POST", "/networks", object{"name": " Cellar "}))
	if made["name"] != "Cellar" || made["gateway"] != nil || made["id"] == "" {
		t.Errorf("a new network %v", made)
	}
}

func TestDevices(t *testing.T) {
	b := newBench(t)
	b.issue(0x77, sconce.Sensor)
	a := b.asOwner("POST", "/devices", object{
		"network_id": b.own.network, "eui64": "00:00:00:00-00-00-00:77", "install_code": strings.ToLower(installCode),
		"position_name": "Corridor", "groups": []sconce.GroupID{b.own.group},
	})
	if a.status != 201 || strings.Contains(strings.ToUpper(a.text), installCode) {
		t.Fatalf("%d %s", a.status, a.text)
	}
	page := decode[struct{ Items []object }](t, b.asOwner("GET", "/devices", nil))
	if len(page.Items) != 2 {
		t.Fatalf("devices %v", page.Items)
	}
	first, second := page.Items[0], page.Items[1]
	if first["kind"] != "luminaire" || first["model"] != "" || first["stage"] != "waiting" || first["state"] != nil {
		t.Errorf("a device of another maker: %v", first)
	}
	if second["kind"] != "sensor" || second["serial"] != "S-0000000000000077" || second["network_id"] != string(b.own.network) ||
		second["position"].(object)["name"] != "Corridor" || !slices.Equal(second["groups"].([]any), []any{string(b.own.group)}) {
		t.Errorf("a device of the factory: %v", second)
	}
	wantProblem(t, "added twice", b.asOwner("POST", "/devices", object{
		"network_id": b.own.network, "eui64": "77", "install_code": installCode, "position_name": "Corridor",
	}), 422, "invalid")
	wantProblem(t, "a gateway", b.asOwner("POST", "/devices", object{
		"network_id": b.own.network, "eui64": b.own.gateway, "install_code": installCode, "position_name": "Corridor",
	}), 422, "invalid")
	wantProblem(t, "a device of others", b.asOwner("POST", "/devices", object{
		"network_id": b.own.network, "eui64": b.other.device, "install_code": installCode, "position_name": "Corridor",
	}), 409, "conflict")
	if strings.Contains(b.log.String(), installCode) {
		t.Error("the log shows an install code")
	}
}

// TestPages walks lists in pages of every size, over networks that hold different
// numbers of things, also while things are removed.
func TestPages(t *testing.T) {
	b := newBench(t)
	want := []string{b.own.device.String()}
	next := sconce.EUI64(0x500)
	for _, devices := range []int{0, 3, 1, 0} {
		network := decode[object](t, b.asOwner("POST", "/networks", object{"name": "Network"}))["id"]
		for range devices {
			next++
			a := b.asOwner("POST", "/devices", object{"network_id": network, "eui64": next, "install_code": installCode, "position_name": "Desk"})
			if a.status != 201 {
				t.Fatal(a.text)
			}
			want = append(want, next.String())
		}
	}
	type page struct {
		Items []struct{ EUI64 string }
		Next  string `json:"next_cursor"`
	}
	read := func(limit, cursor string) page {
		return decode[page](t, b.asOwner("GET", "/devices?limit="+limit+"&cursor="+cursor, nil))
	}
	var all []string // what was made within one millisecond is in any order, but always the same
	for _, d := range read("1000", "").Items {
		all = append(all, d.EUI64)
	}
	if !slices.Equal(slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(want))) {
		t.Fatalf("all: %v, want %v", all, want)
	}
	want = all
	for _, limit := range []string{"1", "2", "3", "4", "5", "1000"} {
		var got []string
		p := read(limit, "")
		for {
			for _, d := range p.Items {
				got = append(got, d.EUI64)
			}
			if p.Next == "" || len(got) > len(want) {
				break
			}
			p = read(limit, p.Next)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %s: %v, want %v", limit, got, want)
		}
	}
	// The last thing of a page goes away: nothing behind it is missed.
	p := read("2", "")
	if a := b.asOwner("DELETE", "/devices/"+p.Items[1].EUI64, nil); a.status != 204 {
		t.Fatal(a.text)
	}
	rest := read("1000", p.Next)
	var got []string
	for _, d := range rest.Items {
		got = append(got, d.EUI64)
	}
	if !slices.Equal(got, want[2:]) {
		t.Errorf("after a removal: %v, want %v", got, want[2:])
	}
	if p := read("1000", "zzz"); len(p.Items) != 0 {
		t.Errorf("behind everything: %v", p.Items)
	}
}

func TestGroups(t *testing.T) {
	b := newBench(t)
	a := b.asOwner("POST", "/groups", object{"name": "Hall", "network_id": b.own.network, "devices": []sconce.EUI64{b.own.device}})
	g := decode[api.Group](t, a)
	if a.status != 201 || g.Name != "Hall" || g.Number != 2 || !slices.Equal(g.Devices, []sconce.EUI64{b.own.device}) || g.Network != b.own.network {
		t.Fatalf("%d %+v", a.status, g)
	}
	path := "/groups/" + string(g.ID)
	changed := decode[api.Group](t, b.asOwner("PUT", path, object{"name": "Hall 2", "devices": []sconce.EUI64{}}))
	if changed.Name != "Hall 2" || changed.ID != g.ID || len(changed.Devices) != 0 {
		t.Errorf("changed to %+v", changed)
	}
	all := decode[api.Groups](t, b.asOwner("GET", "/groups", nil))
	if len(all.Items) != 2 || !reflect.DeepEqual(all.Items[1], changed) {
		t.Errorf("groups %+v", all.Items)
	}
	wantProblem(t, "a light of nowhere", b.asOwner("PUT", path, object{"name": "Hall", "devices": []sconce.EUI64{0x99}}), 422, "invalid")
	wantProblem(t, "a light of others", b.asOwner("PUT", path, object{"name": "Hall", "devices": []sconce.EUI64{b.other.device}}), 422, "invalid")
	if got := decode[api.Groups](t, b.asOwner("GET", "/groups", nil)).Items[1]; got.Name != "Hall 2" {
		t.Errorf("a refused change left %+v", got)
	}
	if a := b.asOwner("DELETE", path, nil); a.status != 204 || a.text != "" {
		t.Errorf("deleting: %d %s", a.status, a.text)
	}
	wantProblem(t, "deleted twice", b.asOwner("DELETE", path, nil), 404, "not-found")
}

func TestCommand(t *testing.T) {
	b := newBench(t)
	a := b.asOwner("POST", "/commands", object{"group": b.own.group, "level": 250, "fade_ms": 1500})
	c := decode[api.Command](t, a)
	if a.status != 202 || c.Status != "pending" || c.Of != 1 || c.Target.Group == nil || *c.Target.Group != b.own.group ||
		c.Target.Device != nil || c.Level == nil || *c.Level != 250 || c.On != nil || c.Fade != 1500 || len(b.sent) == 0 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	path := "/commands/" + string(c.ID)
	for _, wait := range []string{"", "?wait_ms=0", "?wait_ms=1"} {
		if got := decode[api.Command](t, b.asOwner("GET", path+wait, nil)); got.Status != "pending" {
			t.Errorf("%q: %s", wait, got.Status)
		}
	}

	// Whoever waits is answered when the command ends.
	answers := make(chan answer)
	go func() { answers <- b.asOwner("GET", path+"?wait_ms=10000", nil) }()
	must(t, b.store.Lighting().FailCommand(t.Context(), b.own.scope, c.ID, time.Now()))
	ended, err := b.lighting.Command(t.Context(), b.own.scope, c.ID)
	must(t, err)
	b.lighting.CommandEnded(ended)
	if got := decode[api.Command](t, <-answers); got.Status != "failed" || got.Confirmed != 0 {
		t.Errorf("waited for %+v", got)
	}

	// Whoever goes away while waiting keeps nothing busy.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	q := request{who: "owner", method: "GET", path: "/projects/" + string(b.own.scope.Project()) + path + "?wait_ms=10000", ctx: gone}
	wantProblem(t, "gone", b.do(q), 503, "unavailable")

	b.presence.Disconnected(b.own.gateway, time.Now().Add(-time.Hour))
}

func TestCommandWithoutGateway(t *testing.T) {
	b := newBench(t)
	if a := b.asOwner("DELETE", "/gateways/"+b.own.gateway.String(), nil); a.status != 204 {
		t.Fatal(a.text)
	}
	p := wantProblem(t, "without a gateway", b.asOwner("POST", "/commands", object{"device": b.own.device, "on": true}), 503, "unavailable")
	if !strings.Contains(p.Detail, "gateway") {
		t.Errorf("detail %q does not say what is missing", p.Detail)
	}
}

func TestClaimOverTheAPI(t *testing.T) {
	b := newBench(t)
	network := decode[object](t, b.asOwner("POST", "/networks", object{"name": "Network"}))["id"]
	claim := func(device sconce.EUI64, code string) answer {
		return b.asOwner("POST", "/gateways", object{"eui64": device, "claim_code": code, "network_id": network})
	}
	b.issue(0x88, sconce.Gateway)
	wantProblem(t, "a wrong code", claim(0x88, "WRONG"), 422, "invalid")
	a := claim(b.other.gateway, claimCode)
	wantProblem(t, "claimed by others", a, 409, "conflict")
	if strings.Contains(a.text, string(b.other.scope.Project())) {
		t.Errorf("the answer says by whom: %s", a.text)
	}
	a = claim(0x88, claimCode)
	if g := decode[object](t, a); a.status != 201 || g["eui64"] != "0000000000000088" || g["online"] != false || g["since"] != nil {
		t.Errorf("%d %s", a.status, a.text)
	}
	if strings.Contains(b.log.String(), claimCode) {
		t.Error("the log shows a claim code")
	}
}

func TestReadings(t *testing.T) {
	b := newBench(t)
	path := "/readings?metric=active_power&device=" + b.own.device.String()
	for _, q := range []string{"", "&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00.000Z&limit=5"} {
		got := decode[object](t, b.asOwner("GET", path+q, nil))
		if items, ok := got["items"].([]any); got["unit"] != "W" || !ok || len(items) != 0 {
			t.Errorf("%q: %v", q, got)
		}
	}
	wantProblem(t, "a bad cursor", b.asOwner("GET", path+"&cursor=x", nil), 422, "invalid")
	wantProblem(t, "a bad time", b.asOwner("GET", path+"&from=yesterday", nil), 422, "invalid")
}

// TestMetricsOfAProject reads the metrics as Prometheus does, by a token, and finds the project's
// things and nobody else's.
func TestMetricsOfAProject(t *testing.T) {
	b := newBench(t)
	a := b.do(request{who: programOf + "owner", method: "GET", path: "/projects/" + string(b.own.scope.Project()) + "/metrics"})
	if a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	a = b.asOwner("GET", "/metrics", nil)
	for _, want := range []string{
		`sconce_device_info{device="` + b.own.device.String() + `",kind="luminaire",model="",network="Network",position="Desk"} 1`,
		`sconce_gateway_online{gateway="` + b.own.gateway.String() + `"} 1`,
		"# HELP sconce_device_info ",
	} {
		if !strings.Contains(a.text, want) {
			t.Errorf("%s is not in %s", want, a.text)
		}
	}
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d %s", a.status, a.header.Get("Content-Type"))
	}
	for _, others := range []string{b.other.device.String(), b.other.gateway.String(), "process_", "go_"} {
		if strings.Contains(a.text, others) {
			t.Errorf("%s is told", others)
		}
	}
}
