package e2e

import (
	"bytes"
	"fmt"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// spans cuts days of Berlin into steps.
func spans(t *testing.T, from, to, by string) (cut []object, begins []time.Time) {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation(time.DateOnly, from, berlin)
	if err != nil {
		t.Error(err) // in a handler
	}
	end, err := time.ParseInLocation(time.DateOnly, to, berlin)
	if err != nil {
		t.Error(err)
	}
	for at.Before(end) {
		next := at.AddDate(0, 0, 1)
		switch by {
		case "hour":
			next = at.Add(time.Hour)
		case "week":
			next = at.AddDate(0, 0, 7)
		case "month":
			next = time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, berlin)
		}
		cut = append(cut, object{"from": at.UTC(), "to": next.UTC()})
		begins = append(begins, at)
		at = next
	}
	return cut, begins
}

// used is what something used in some spans: nothing is known of the third one, and a part of the fifth.
func used(begins []time.Time, scale float64) (total object, values []object) {
	var sum float64
	figures := func(wh float64, known any) object {
		return object{
			"energy_wh": wh, "spread_wh": 0, "known_share": known, "burn_h": wh / 40, "peak_device_w": 38.2, "peak_w": wh / 10,
			"cost": wh * 0.0003125, "co2_g": wh * 0.38, "baseline_wh": 5200 * scale,
		}
	}
	for i, at := range begins {
		wh, known := scale*(2000+500*float64((at.YearDay()*7+at.Hour()*3)%9)), any(1.0)
		switch {
		case at.After(time.Now()), i == 2:
			wh, known = 0, nil
		case i == 4:
			known = 0.63
		}
		sum += wh
		values = append(values, figures(wh, known))
	}
	total = figures(sum, 0.96)
	total["baseline_wh"] = 5200 * scale * float64(len(begins))
	return total, values
}

// meter answers questions about energy.
func meter(t *testing.T) func(url.Values) any {
	return func(q url.Values) any {
		cut, begins := spans(t, q.Get("from"), q.Get("to"), q.Get("by"))
		names := map[string][]string{
			"project": {"Harbour school"}, "network": {"North wing", "South wing"},
			"group":    {"Open office", "Auditorium", "مدخل المبنى", "The long corridor between the library, the old gymnasium and the canteen"},
			"position": {"Desk 1", "Desk 2"},
		}[q.Get("per")]
		items := []object{}
		compared := []object{}
		for i, name := range names {
			total, values := used(begins, 3/float64(i+1))
			row := object{
				"id": fmt.Sprint(q.Get("per"), i), "name": name, "network_id": "n0", "devices": 12, "removed": i == 1,
				"total": total, "values": values, "compared_total": nil, "compared": []object{},
			}
			if q.Get("compare") != "" {
				before := make([]time.Time, len(begins))
				for j, at := range begins {
					before[j] = at.AddDate(0, -1, 0)
				}
				row["compared_total"], row["compared"] = used(before, 3.3/float64(i+1))
				compared = cut
			}
			items = append(items, row)
		}
		return object{"time_zone": "Europe/Berlin", "by": q.Get("by"), "per": q.Get("per"), "currency": "EUR", "spans": cut, "compared_spans": compared, "items": items}
	}
}

func energySettings() object {
	return object{
		"time_zone": "Europe/Berlin", "currency": "EUR", "baseline": object{"kind": "wh_per_day", "wh_per_day": 12000}, "monthly_budget_wh": 400000, "occupancy_aggregated": true,
		"rates": []object{{
			"valid_from": "2026-01-01", "price_per_kwh": 0.3125, "co2_g_per_kwh": 380,
			"times": []object{{"days": []string{"mon", "tue"}, "from": "22:00", "to": "06:00", "price_per_kwh": 0.21}},
		}},
	}
}

// TestEnergyPages looks at what a project used: picks periods and steps, reads bars exactly by
// the keyboard and from the table, saves both, and changes what it costs.
func TestEnergyPages(t *testing.T) {
	s := setStage(t)
	s.says["GET /energy"] = meter(t)
	s.says["GET /energy-settings"] = energySettings()
	s.says["PUT /energy-settings"] = energySettings()
	p := s.audience()
	dir := p.downloads()

	p.see("/energy?length=month&from=2026-09-01&to=2026-10-01&compare=previous", byTestID("energy-chart"))
	p.judged("energy")
	p.screen("light", 1440)
	p.do("coming to the first bar", chromedp.Focus(byTestID("energy-chart")), chromedp.KeyEvent(kb.ArrowRight))
	p.eventually("the first bar to be read", fmt.Sprintf(`document.querySelector('%s').textContent.startsWith("Tue 1 Sept 2026: ") || document.querySelector('%[1]s').textContent.startsWith("Tue, 1 Sept 2026: ")`, byTestID("bar-said")))
	p.picture("energy-read")
	if said := p.attribute("energy-chart", "aria-valuetext"); !strings.Contains(said, "kWh") || !strings.Contains(said, "€") || !strings.Contains(said, "baseline") {
		t.Errorf("a screen reader hears %q", said)
	}
	if said := p.text("energy-missing"); !strings.Contains(said, "1 of 30\u00a0days") {
		t.Errorf("of what is missing it says %q", said)
	}
	p.do("opening the table", chromedp.Click(byTestID("energy-table")+" summary"))
	if n := p.evaluate(fmt.Sprintf(`String(document.querySelectorAll('%s tbody tr').length)`, byTestID("energy-table"))); n != "30" {
		t.Errorf("the table has %s rows", n)
	}
	p.judged("energy-table")
	p.screen("light", 1440)

	p.do("choosing a part", chromedp.Click(byTestID("rank")), chromedp.Click(byTestID("save-csv")))
	if table := savedCSV(t, dir); len(table) != 31 || table[3][3] != "" || table[5][3] != "0.63" {
		t.Errorf("saved was %q", table)
	}
	p.do("keeping a picture", chromedp.Click(byTestID("save-png")))
	var drawn []byte
	await(t, 10*time.Second, "a picture", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "*.png")) // the pattern is a good one
		if len(found) == 1 {
			drawn, _ = os.ReadFile(found[0])
		}
		return len(drawn) > 0
	})
	if img, err := png.Decode(bytes.NewReader(drawn)); err != nil || img.Bounds().Dx() < 600 || img.Bounds().Dy() < 300 {
		t.Errorf("the picture: %v", err)
	}

	p.do("a year", chromedp.Click(byTestID("length-year")))
	p.eventually("months of a year", `new URLSearchParams(location.search).get("by") === "month" && document.querySelectorAll('[data-testid="energy-table"] tbody tr').length === 12`)
	p.picture("energy-year")
	p.do("the year before", chromedp.Click(byTestID("period-before")))
	p.eventually("the year before", fmt.Sprintf(`document.querySelector('%s').textContent === "2025"`, byTestID("period")))
	p.do("a day", chromedp.Click(byTestID("length-day")))
	p.eventually("hours of a day", `document.querySelectorAll('[data-testid="energy-table"] tbody tr').length === 24`)

	p.do("coming to what it costs", chromedp.Click(byTestID("to-energy-settings")), chromedp.WaitVisible(byTestID("rate-price")))
	p.judged("energy-settings")
	p.fill("rate-price", "0.4")
	p.do("saving", chromedp.Click(byTestID("aggregated")), chromedp.Click(byTestID("settings-save")))
	p.eventually("it to be saved", fmt.Sprintf(`document.querySelector('%s').textContent !== ""`, byTestID("settings-said")))
	if asked := s.changes(); len(asked) != 1 || !strings.Contains(asked[0], `"price_per_kwh":0.4`) || !strings.Contains(asked[0], `"wh_per_day":12000`) || !strings.Contains(asked[0], `"occupancy_aggregated":false`) {
		t.Errorf("asked was %q", asked)
	}

	s.mu.Lock()
	delete(s.says, "GET /energy")
	s.mu.Unlock()
	p.see("/energy", byTestID("energy-error"))
	p.judged("energy-error")
}

// TestOccupancyPage looks at when rooms are in use, over the hours of the week.
func TestOccupancyPage(t *testing.T) {
	s := setStage(t)
	s.says["GET /energy-settings"] = energySettings()
	s.says["GET /occupancy"] = func(q url.Values) any {
		cut, begins := spans(t, q.Get("from"), q.Get("to"), q.Get("by"))
		items := []object{}
		for i, name := range []string{"Open office", "The long corridor between the library, the old gymnasium and the canteen", "مدخل المبنى"} {
			values := []object{}
			for _, at := range begins {
				share := 0.02
				if h := at.Hour(); at.Weekday() != time.Saturday && at.Weekday() != time.Sunday && h >= 7 && h < 19 {
					share = float64((h*13+int(at.Weekday())*7)%60+40) / 100
				}
				v := object{"occupied_share": share, "known_share": 1}
				if at.Weekday() == time.Sunday && at.Hour() < 5 {
					v = object{"occupied_share": nil, "known_share": nil}
				}
				values = append(values, v)
			}
			items = append(items, object{"id": fmt.Sprint("g", i), "name": name, "network_id": "n0", "sensors": 3 - i%3, "values": values})
		}
		return object{"time_zone": "Europe/Berlin", "by": "hour", "per": "group", "aggregated": true, "spans": cut, "items": items}
	}
	p := s.audience()
	p.see("/occupancy", byTestID("week"))
	p.judged("occupancy")
	if said := p.text("aggregated"); !strings.Contains(said, "by the hour alone") {
		t.Errorf("of how it is told it says %q", said)
	}
	if at := p.text("hour-0-7"); at != "78" {
		t.Errorf("of Mondays at seven it says %s per cent", at)
	}
	if n := p.evaluate(`String(document.querySelectorAll('[data-testid="week"] tbody td').length)`); n != "168" {
		t.Errorf("the week has %s hours", n)
	}

	s.mu.Lock()
	s.says["GET /occupancy"] = object{"time_zone": "Europe/Berlin", "by": "hour", "per": "group", "spans": []object{}, "items": []object{}}
	s.mu.Unlock()
	p.see("/occupancy", "main .empty")
	p.judged("occupancy-none")
}
