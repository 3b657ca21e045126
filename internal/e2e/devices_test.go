package e2e

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sconce"
)

// fleet is a project of many devices, some of them in trouble, and with names as people give
// them.
func fleet(n int) (networks, groups, devices []object) {
	names := []string{"Open office", "Meeting room", "Staircase", "Auditorium", "مدخل المبنى", "Lager & Werkstatt <West>", "The long corridor between the library, the old gymnasium and the canteen"}
	for i := range 8 {
		id := fmt.Sprint("n", i)
		networks = append(networks, object{
			"id": id, "name": fmt.Sprintf("Building %d", i+1), "channel": 15, "pan_id": 0x1a62, "extended_pan_id": nil,
			"gateway": object{"eui64": fmt.Sprint("gw", i), "model": "SG-1", "firmware": "1.4", "online": true, "since": nil},
		})
		for j, name := range names {
			groups = append(groups, object{"id": fmt.Sprintf("g%d-%d", i, j), "name": name, "network_id": id, "number": j + 1, "devices": []string{}})
		}
	}
	now := time.Now().UTC()
	for i := range n {
		eui := sconce.EUI64(0x00124b0000000000 + uint64(i)).String()
		kind, net, name := "luminaire", i%8, names[i%len(names)]
		state := object{
			"eui64": eui, "at": now.Add(-time.Minute), "reachable": i%97 != 3, "heard_at": now.Add(-time.Duration(i%200) * time.Second), "on": i%3 > 0,
			"level": 100 + i%900, "cause": "command", "power_w": float64(i%400) / 10, "power_at": now, "kelvin": 3000, "faults": []string{},
			"temperature_c": 41.5, "battery_percent": nil, "occupied": nil, "signal_dbm": -40 - i%50, "link_quality": i % 256, "burn_hours": float64(i*7%40000) / 3,
			"illuminance_lx": nil,
		}
		if i%89 == 5 {
			state["faults"] = []string{"lamp", "driver"}
		}
		if i%20 == 9 {
			kind = "sensor"
			state["on"], state["level"], state["power_w"], state["battery_percent"], state["illuminance_lx"], state["burn_hours"] = nil, nil, nil, i%100, 320.5, nil
		}
		d := object{
			"eui64": eui, "kind": kind, "model": "SL-1", "serial": fmt.Sprintf("S%07d", i), "network_id": fmt.Sprint("n", net),
			"position": object{"id": fmt.Sprint("p", i), "name": fmt.Sprintf("%s %d", name, i+1)}, "groups": []string{fmt.Sprintf("g%d-%d", net, i%len(names))},
			"stage": "configured", "asset": object{
				"model": "Linea 1200", "manufacturer": "Sconce", "hardware_version": 3, "firmware": "1.4.2", "serial": fmt.Sprintf("S%07d", i), "rated_power_w": 40,
			}, "state": state,
		}
		if i%500 == 11 {
			d["stage"], d["state"], d["asset"] = "waiting", nil, nil
		}
		devices = append(devices, d)
	}
	return networks, groups, devices
}

// TestDeviceList looks at 5,000 devices: all of them come, a few are drawn, and they are
// searched, filtered, sorted, selected by mouse and keyboard, switched, put into a group and
// saved as a file.
func TestDeviceList(t *testing.T) {
	s := setStage(t)
	networks, groups, devices := fleet(5000)
	s.says["GET "].(object)["networks"] = networks
	s.says["GET /groups"] = object{"items": groups}
	s.says["GET /devices"] = paged(devices)
	s.says["POST /commands"] = object{"id": "c1", "status": "pending", "outcomes": []object{}}
	s.says["GET /commands/c1"] = object{"id": "c1", "status": "confirmed", "outcomes": []object{}}
	s.says["GET /groups/g0-1"] = object{"id": "g0-1", "name": "Meeting room", "network_id": "n0", "number": 2, "devices": []string{"00124b0000000001"}}
	s.says["PUT /groups/g0-1"] = s.says["GET /groups/g0-1"]
	p := s.audience()
	downloads := p.downloads()

	p.see("/devices", byTestID("asset-table"))
	rows := fmt.Sprintf(`document.querySelectorAll('%s [role="row"]').length`, byTestID("asset-table"))
	p.eventually("all to be counted", fmt.Sprintf(`document.querySelector('%s').textContent.includes("5,000")`, byTestID("asset-count")))
	p.eventually("few to be drawn", rows+" > 10 && "+rows+" < 60")
	if got := p.attribute("asset-table", "aria-rowcount"); got != "5001" {
		t.Errorf("a screen reader is told of %s rows", got)
	}
	p.judged("devices")
	p.screen("light", 1440)
	p.smooth()

	p.fill("asset-search", "meeting ROOM")
	p.eventually("few to be found", fmt.Sprintf(`document.querySelector('%s').textContent.startsWith("715 of")`, byTestID("asset-count")))
	p.do("sorting", chromedp.Click(byTestID("sort-signal")), chromedp.Click(byTestID("sort-signal")))
	p.eventually("the strongest to be first", `document.querySelector('[data-row="0"]').textContent.includes("-40")`)
	if at := p.evaluate("location.search"); at != "?search=meeting+ROOM&sort=-signal" {
		t.Errorf("the address says %s", at)
	}

	p.do("coming to the first row", chromedp.Focus(`[data-row="0"]`))
	p.evaluate(`(document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: " ", bubbles: true })), "")`)
	for range 2 {
		p.do("choosing with the keyboard", chromedp.KeyEvent(kb.ArrowDown, chromedp.KeyModifiers(chromedp.ModifierShift)))
	}
	p.eventually("three to be selected", `document.querySelectorAll('[role="row"][aria-selected="true"]').length === 3`)
	p.do("going to the end", chromedp.KeyEvent(kb.End))
	p.eventually("the last row to have the focus", `document.activeElement.dataset.row === "714" && document.activeElement.getBoundingClientRect().bottom <= innerHeight`)
	p.picture("devices-selected")

	p.do("switching", chromedp.Click(byTestID("turn-off")), chromedp.WaitVisible(byTestID("asset-said")))
	p.eventually("all to have confirmed", fmt.Sprintf(`document.querySelector('%s').textContent.startsWith("3 of 3")`, byTestID("asset-said")))
	if n := len(s.changes()); n != 3 {
		t.Errorf("%d commands were given: %v", n, s.changes())
	}
	p.do("putting them into a group", chromedp.Click(byTestID("join")), chromedp.WaitVisible(byTestID("join-group")))
	p.picture("devices-join")
	p.evaluate(fmt.Sprintf(`(() => { const s = document.querySelector('%s'); s.value = "g0-1"; s.dispatchEvent(new Event("change", {bubbles: true})); return "" })()`, byTestID("join-group")))
	p.do("putting them into a group", chromedp.Click(byTestID("confirm-act")), chromedp.WaitNotPresent(byTestID("confirm")))
	if asked := s.changes(); len(asked) != 4 || !strings.HasPrefix(asked[3], "PUT /groups/g0-1 ") || strings.Count(asked[3], "00124b") != 2 {
		t.Errorf("asked was %q", asked[min(3, len(asked)):])
	}

	p.do("saving", chromedp.Click(byTestID("save-csv")))
	table := savedCSV(t, downloads)
	if len(table) != 4 || !slices.Contains(table[0], "serial") || !strings.Contains(strings.Join(table[1], " "), "Meeting room") {
		t.Errorf("saved was %q", table)
	}

	p.see("/devices?trouble=fault", byTestID("asset-count"))
	p.eventually("those with faults to be shown", fmt.Sprintf(`document.querySelector('%s').textContent.startsWith("57 of")`, byTestID("asset-count")))
	p.see("/devices?search=nothing+like+this", byTestID("asset-reset"))
	p.judged("devices-none")
}

// savedCSV waits for a file among the downloads and reads it.
func savedCSV(t *testing.T, dir string) [][]string {
	t.Helper()
	var found []string
	await(t, 10*time.Second, "a file", func() bool {
		found, _ = filepath.Glob(filepath.Join(dir, "*.csv")) // the pattern is a good one
		return len(found) == 1
	})
	f, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Error(err)
	}
	return table
}

// smooth scrolls through the table and wants no task that holds the page up.
func (p page) smooth() {
	p.t.Helper()
	said := p.evaluate(fmt.Sprintf(`(async () => {
		const tasks = [], seen = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => Math.round(e.duration))));
		seen.observe({ type: "longtask" });
		const scroller = document.querySelector('%s'), frames = [];
		let before = await new Promise(requestAnimationFrame);
		for (let i = 0; i < 40; i++) {
			scroller.scrollTop += i < 30 ? 120 : 3000;
			const now = await new Promise(requestAnimationFrame);
			frames.push(now - before);
			before = now;
		}
		seen.disconnect();
		frames.sort((a, b) => a - b);
		const at = (q) => frames[Math.floor(q * (frames.length - 1))].toFixed(1);
		return JSON.stringify({ p50: at(0.5), p95: at(0.95), max: at(1), tasks });
	})()`, byTestID("asset-table")))
	p.t.Logf("scrolling through 5,000 devices, milliseconds a frame, and tasks of more than 50 ms: %s", said)
}
