package api_test

import (
	"slices"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/api"
)

// TestOccupancyStaysInTheBuilding: a new project's gateways tell occupancy of whole periods alone;
// owners and experts say otherwise, which is in the security log and told to the gateways at
// once; whoever changes something else leaves it as it is.
func TestOccupancyStaysInTheBuilding(t *testing.T) {
	var told []sconce.EUI64
	b := newBench(t, func(o *api.Options) { o.Energy.Tell = func(g sconce.EUI64) { told = append(told, g) } })
	settings := func(who string, change object, status int) {
		t.Helper()
		body := object{"time_zone": "Europe/Berlin", "currency": "EUR", "rates": []any{}}
		for k, v := range change {
			body[k] = v
		}
		if a := b.do(request{who: who, method: "PUT", path: "/projects/" + string(b.own.scope.Project()) + "/energy-settings", body: body}); a.status != status {
			t.Errorf("%s: %d %s", who, a.status, a.text)
		}
	}
	aggregated := func(want bool) {
		t.Helper()
		for _, path := range []string{"/energy-settings", "/occupancy"} {
			a := b.asOwner("GET", path, nil)
			if is := strings.Contains(a.text, `aggregated":true`); a.status != 200 || is != want {
				t.Errorf("%s: %d %s, want %v", path, a.status, a.text, want)
			}
		}
	}
	aggregated(true)
	settings("owner", object{}, 200) // another zone: the same periods, or others
	aggregated(true)
	if !slices.Equal(told, []sconce.EUI64{b.own.gateway}) {
		t.Errorf("told of the zone: %v", told)
	}
	told = nil
	settings("owner", object{"monthly_budget_wh": 5}, 200)
	if len(told) > 0 {
		t.Errorf("told of a budget: %v", told)
	}
	settings("viewer", object{"occupancy_aggregated": false}, 403)
	settings("user", object{"occupancy_aggregated": false}, 403)
	aggregated(true)
	settings("expert", object{"occupancy_aggregated": false}, 200)
	aggregated(false)
	settings("expert", object{}, 200)
	aggregated(false)
	settings("owner", object{"occupancy_aggregated": true}, 200)
	aggregated(true)
	if !slices.Equal(told, []sconce.EUI64{b.own.gateway, b.own.gateway}) {
		t.Errorf("told %v", told)
	}
	log := b.asOwner("GET", "/security-log", nil)
	if n := strings.Count(log.text, `"occupancy.detail-changed"`); n != 2 || !strings.Contains(log.text, "aggregated=false") {
		t.Errorf("the security log has %d changes: %s", n, log.text)
	}
}

// TestProjectInItsTimeZone: a project is made in the time zone of its building.
func TestProjectInItsTimeZone(t *testing.T) {
	b := newBench(t)
	for zone, want := range map[string]string{"": "UTC", "Asia/Kathmandu": "Asia/Kathmandu"} {
		a := b.do(request{who: "expert", method: "POST", path: "/projects", body: object{"name": "Office", "time_zone": zone}})
		if a.status != 201 {
			t.Fatalf("%q: %d %s", zone, a.status, a.text)
		}
		id, _ := decode[object](t, a)["id"].(string)
		if a = b.do(request{who: "expert", method: "GET", path: "/projects/" + id + "/energy-settings"}); decode[object](t, a)["time_zone"] != want {
			t.Errorf("%q: %s", zone, a.text)
		}
	}
	for _, zone := range []string{"Local", "Mars/Olympus", "../etc/passwd", "europe berlin", strings.Repeat("x", 65)} {
		a := b.do(request{who: "expert", method: "POST", path: "/projects", body: object{"name": "Office", "time_zone": zone}})
		if a.status != 422 || !strings.Contains(a.text, "time_zone") || strings.Contains(a.text, zone) {
			t.Errorf("%q: %d %s", zone, a.status, a.text)
		}
	}
}
