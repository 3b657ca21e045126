package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// history returns what happened to a device of the owner's project, in pages of so many.
func (b *bench) history(device sconce.EUI64, limit int) (all []object, pages int) {
	b.t.Helper()
	for cursor := ""; ; pages++ {
		a := b.asOwner("GET", fmt.Sprintf("/devices/%s/events?limit=%d&cursor=%s", device, limit, url.QueryEscape(cursor)), nil)
		if a.status != 200 || pages > 100 {
			b.t.Fatalf("page %d: %d %s", pages, a.status, a.text)
		}
		page := decode[struct {
			Items []object
			Next  string `json:"next_cursor"`
		}](b.t, a)
		if len(page.Items) > limit || len(page.Items) == 0 && page.Next != "" {
			b.t.Fatalf("page %d has %d of %d", pages, len(page.Items), limit)
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all, pages + 1
		}
	}
}

// TestDeviceHistory: where a device hung, when it came and went and what was wrong with it stand in
// the order of times, whatever the size of the pages and however much happened at once; what is of
// others does not.
func TestDeviceHistory(t *testing.T) {
	b := newBench(t)
	own := project.Assignment{Project: b.own.scope.Project(), Network: b.own.network}
	begin := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }
	must(t, b.store.Results().Apply(t.Context(), 1, func(tx ingest.Tx) error {
		for n, e := range []telemetry.Event{
			{Device: b.own.device, At: at(0), Kind: 1},
			{Device: b.own.device + 7, At: at(1), Kind: 1},
			{Device: b.own.device, At: at(2), Kind: 2},
			{Device: b.own.device, At: at(2), Kind: 2},
			{Device: b.own.device, At: at(2), Kind: 2},
			{Device: b.own.device, At: at(5), Kind: 77},
			{Device: b.own.device, At: at(9), Kind: 3},
		} {
			if err := tx.AddEvent(own, 1, n, e); err != nil {
				return err
			}
		}
		return nil
	}))
	fault := func(n byte, device sconce.EUI64, from, to int) rules.Incident {
		return rules.Incident{
			ID: sconce.MakeID[sconce.AlertID](at(from), [10]byte{n}), Kind: rules.DeviceOffline, Severity: rules.Warning,
			Raised: at(from), Joined: at(from), Cleared: at(to), Times: 1, Members: []rules.Member{{Device: device, Since: at(from), Cleared: at(to)}},
		}
	}
	must(t, b.store.Alerts().Record(t.Context(), own, alert.Outcome{Alerts: []rules.Incident{fault(1, b.own.device, 2, 4), fault(2, b.own.device+7, 3, 4)}}))
	_, err := b.store.Lighting().ReplaceDevice(t.Context(), b.own.scope, lighting.Replacement{Old: b.own.device, New: b.own.device + 1, Kind: sconce.Luminaire, SealedCode: []byte("x")}, time.Now())
	must(t, err)

	want := []string{
		"taken_down Desk", "alert_began lamp_failure", "placed Desk", // these when the bench was made
		"left", "unknown", "alert_ended device_offline", "alert_began device_offline", "restarted", "restarted", "restarted", "joined",
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		all, pages := b.history(b.own.device, limit)
		var got []string
		for _, e := range all {
			text := fmt.Sprint(e["kind"])
			for _, more := range []any{e["position_name"], e["rule"]} {
				if more != nil {
					text += fmt.Sprint(" ", more)
				}
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) || pages != (len(want)+limit-1)/limit {
			t.Errorf("%d a page: %d pages of %q", limit, pages, got)
		}
	}
	if all, _ := b.history(b.own.device+1, 10); len(all) != 1 || all[0]["kind"] != "placed" {
		t.Errorf("of the new device: %+v", all)
	}
	for _, cursor := range []string{"x", "1", "1.", "1.-1", "1.1.1", "01.1", "1.5000", ".1", "99999999999999999999.0"} {
		if a := b.asOwner("GET", "/devices/"+b.own.device.String()+"/events?cursor="+cursor, nil); a.status != 422 {
			t.Errorf("cursor %q: %d %s", cursor, a.status, a.text)
		}
	}
	if a := b.asOwner("GET", "/devices/00124b00ffffffff/events", nil); a.status != 404 {
		t.Errorf("a device that never was here: %d %s", a.status, a.text)
	}
}

// TestAlertsOfADevice: the list of alerts has those about one device when that is asked for.
func TestAlertsOfADevice(t *testing.T) {
	b := newBench(t)
	for query, want := range map[string]int{
		"": 1, "?device=" + b.own.device.String(): 1, "?device=" + b.other.device.String(): 0,
		"?state=cleared&device=" + b.own.device.String(): 0, "?rule=lamp_failure&device=" + b.own.device.String(): 1,
	} {
		a := b.asOwner("GET", "/alerts"+query, nil)
		got := decode[struct {
			Items []object
			Open  int
		}](t, a)
		if a.status != 200 || len(got.Items) != want || got.Open != 1 {
			t.Errorf("%s: %d %s", query, a.status, a.text)
		}
	}
	if a := b.asOwner("GET", "/alerts?device=%25", nil); a.status != 422 {
		t.Errorf("no address: %d %s", a.status, a.text)
	}
}
