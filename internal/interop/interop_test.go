//go:build interop

package interop

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
)

// joinAtOnce is how many lights join at a time, and atOnce how many are told something:
// zigbee-on-host has 14 transactions with its radio under way at most, and begins
// another nevertheless, of which the one before under that number is lost
// (nextSpinelTID in ot-rcp-driver.js). A join or an order takes several.
const joinAtOnce, atOnce = 2, 3

func name(e sconce.EUI64) string { return fmt.Sprintf("0x%016x", uint64(e)) }

func TestZigbee2MQTT(t *testing.T) {
	var octets [16]byte
	_, _ = rand.Read(octets[:])
	code, err := zigbee.NewInstallCode(octets[:])
	if err != nil {
		t.Fatal(err)
	}
	n := newNetwork(code)
	h := newHouse(t, code)
	p := startPeer(t, n, h.addr)

	h.join(t, p, h.hall())
	h.join(t, p, h.within())
	p.configureReports(h)
	h.obeys(t, p)
	h.obeysAsGroup(t, p)
	h.onTheMap(t, p)

	p.stop()
	h.end()
	h.judge(t, n)
	p.judge()
}

// join has the peer let lights in, gives power to one after the other, and waits
// until all are on the network, were interviewed and set up. The peer opens the routers that
// there are; so who shall join through a router joins after it.
func (h *house) join(t *testing.T, p *peer, who []sconce.EUI64) {
	t.Helper()
	begin := time.Now()
	p.request(10*time.Second, "permit_join", `{"time": 254}`)
	h.inTurn(t, p, joinAtOnce, who, "join, be interviewed and set up", func(e sconce.EUI64) {
		if err := h.SetPower(e, true); err != nil {
			t.Fatal(err)
		}
	}, func(e sconce.EUI64) bool {
		s, _ := h.Light(e)
		return s.Joined && p.interviewed()[name(e)] && p.log.has("Successfully configured '"+name(e)+"'")
	})
	t.Logf("%d lights joined, were interviewed and set up in %s", len(who), since(begin))
}

// inTurn begins something with lights, a few at a time, until it is done with all.
func (h *house) inTurn(t *testing.T, p *peer, few int, who []sconce.EUI64, what string, begin func(e sconce.EUI64), done func(e sconce.EUI64) bool) {
	t.Helper()
	var under []sconce.EUI64 // way
	for _, e := range who {
		begin(e)
		under = append(under, e)
		p.await(time.Minute, fmt.Sprintf("one of %d lights to %s", len(under), what), func() bool {
			under = slices.DeleteFunc(under, done)
			return len(under) < few
		})
	}
	p.await(time.Minute, fmt.Sprintf("%d lights to %s", len(under), what), func() bool {
		under = slices.DeleteFunc(under, done)
		return len(under) == 0
	})
}

// interviewed returns the lights that have told the peer all about themselves.
func (p *peer) interviewed() map[string]bool {
	done := map[string]bool{}
	for _, m := range p.messages("bridge/event") {
		var event struct {
			Type string
			Data struct {
				Address string `json:"ieee_address"`
				Status  string
			}
		}
		if json.Unmarshal(m, &event) == nil && event.Type == "device_interview" && event.Data.Status == "successful" {
			done[event.Data.Address] = true
		}
	}
	return done
}

// configureReports has every light bind what can be seen of it to the peer, and
// report changes.
func (p *peer) configureReports(h *house) {
	p.t.Helper()
	begin := time.Now()
	for _, e := range h.Lights() {
		for _, a := range [...]struct{ cluster, attribute string }{
			{"genOnOff", "onOff"}, {"genLevelCtrl", "currentLevel"}, {"lightingColorCtrl", "colorTemperature"},
		} {
			payload := fmt.Sprintf(
				`{"id": %q, "endpoint": 1, "cluster": %q, "attribute": %q, "minimum_report_interval": 1, "maximum_report_interval": 300, "reportable_change": 1}`,
				name(e), a.cluster, a.attribute)
			if _, err := p.try(40*time.Second, "device/reporting/configure", payload); err != nil {
				// One answer may be lost on a busy channel, not two.
				p.t.Logf("asked again: %v", err)
				p.request(40*time.Second, "device/reporting/configure", payload)
			}
		}
	}
	p.t.Logf("reporting was configured in %s", since(begin))
}

// patience is how long a light gets before it is told again.
const patience = 5 * time.Second

// reported is what the peer publishes of a light.
type reported struct {
	State       string
	Brightness  uint8
	Temperature uint16 `json:"color_temp"`
}

func (p *peer) lastReport(e sconce.EUI64) (r reported) {
	if m := p.messages(name(e)); len(m) > 0 {
		if err := json.Unmarshal(m[len(m)-1], &r); err != nil {
			p.t.Error(err)
		}
	}
	return r
}

// order is what every light is told, what is then to be seen of it, and what it is to
// report: the peer believes nothing else.
type order struct {
	name    string
	command func(i int) string
	done    func(i int, l device.Light) bool
	report  func(i int, r reported) bool
}

// obeys has the peer switch, dim and tune every light.
func (h *house) obeys(t *testing.T, p *peer) {
	t.Helper()
	level := func(i, step int) uint8 { return uint8(10 + 11*i + step) }
	mireds := func(i, step int) uint16 { return white.Coolest + uint16(10*i+step) }
	for _, o := range []order{
		{
			"on, at a level", func(i int) string { return fmt.Sprintf(`{"state": "ON", "brightness": %d}`, level(i, 0)) },
			func(i int, l device.Light) bool { return l.On && l.Level == level(i, 0) },
			func(i int, r reported) bool { return r.State == "ON" && r.Brightness == level(i, 0) },
		}, {
			"another level, in a second", func(i int) string { return fmt.Sprintf(`{"brightness": %d, "transition": 1}`, level(i, 5)) },
			func(i int, l device.Light) bool { return l.On && l.Level == level(i, 5) },
			func(i int, r reported) bool { return r.State == "ON" && r.Brightness == level(i, 5) },
		}, {
			"a colour temperature", func(i int) string { return fmt.Sprintf(`{"color_temp": %d}`, mireds(i, 0)) },
			func(i int, l device.Light) bool { return l.Mireds == mireds(i, 0) },
			func(i int, r reported) bool { return r.Temperature == mireds(i, 0) },
		}, {
			"another one, in a second", func(i int) string { return fmt.Sprintf(`{"color_temp": %d, "transition": 1}`, mireds(i, 7)) },
			func(i int, l device.Light) bool { return l.Mireds == mireds(i, 7) },
			func(i int, r reported) bool { return r.Temperature == mireds(i, 7) },
		}, {
			"off", func(int) string { return `{"state": "OFF"}` },
			func(_ int, l device.Light) bool { return !l.On && l.Power < 1000 },
			func(_ int, r reported) bool { return r.State == "OFF" },
		},
	} {
		h.obey(t, p, o)
	}
}

// obey gives an order to all lights. Who has not done it in time is told again: the peer
// gives a frame up that found the channel busy. And it repeats an order of ten seconds ago
// whose answer came before its radio's word that the order was sent (sendZclFrameToEndpoint
// in zohAdapter.js waits for the answer only then); so nothing but the newest order is looked at.
func (h *house) obey(t *testing.T, p *peer, o order) {
	t.Helper()
	begin, again := time.Now(), 0
	said := map[sconce.EUI64]time.Time{}
	say := func(e sconce.EUI64) {
		p.publish(name(e)+"/set", o.command(number(e)))
		said[e] = time.Now()
	}
	h.inTurn(t, p, atOnce, h.Lights(), "do and report: "+o.name, say, func(e sconce.EUI64) bool {
		s, _ := h.Light(e)
		switch {
		case o.done(number(e), s.Light) && o.report(number(e), p.lastReport(e)):
			return true
		case time.Since(said[e]) > patience:
			again++
			say(e)
		}
		return false
	})
	t.Logf("%s: obeyed and reported by all in %s, %d were told again", o.name, since(begin), again)
	if again > lights/10 {
		t.Errorf("%s: %d of %d lights had to be told again", o.name, again, lights)
	}
}

// obeysAsGroup has the peer make a group of all lights, and dim it with one command,
// which nobody acknowledges. All have been there for a while then: until its link status has
// named a light, the light passes over what a neighbour broadcasts.
func (h *house) obeysAsGroup(t *testing.T, p *peer) {
	t.Helper()
	begin := time.Now()
	p.request(10*time.Second, "group/add", `{"friendly_name": "all"}`)
	for _, e := range h.Lights() {
		p.request(40*time.Second, "group/members/add", fmt.Sprintf(`{"group": "all", "device": %q, "endpoint": 1}`, name(e)))
	}
	grouped := time.Now()
	p.publish("all/set", `{"brightness": 180}`)
	p.await(2*patience, "all lights to obey their group and report", func() bool {
		return !slices.ContainsFunc(h.Lights(), func(e sconce.EUI64) bool {
			s, _ := h.Light(e)
			return !s.On || s.Level != 180 || p.lastReport(e).State != "ON" || p.lastReport(e).Brightness != 180
		})
	})
	t.Logf("a group of all lights was made in %s, and obeyed and reported in %s", grouped.Sub(begin).Round(100*time.Millisecond), since(grouped))
}

// raw is the map of the network as the lights tell it.
type raw struct {
	Nodes []struct {
		Address string `json:"ieeeAddr"`
		Failed  []string
	}
	Links []link
}

// link says that target hears source, and which routes of it begin with source.
type link struct {
	Source, Target struct {
		Address string `json:"ieeeAddr"`
	}
	Routes []struct {
		Destination uint16 `json:"destinationAddress"`
	}
}

// onTheMap has the peer ask every light for its neighbours and routes, and looks
// whether the network is as deep as the house.
func (h *house) onTheMap(t *testing.T, p *peer) {
	t.Helper()
	begin := time.Now()
	var answer struct{ Value raw }
	if err := json.Unmarshal(p.request(2*time.Minute, "networkmap", `{"type": "raw", "routes": true}`), &answer); err != nil {
		t.Fatal(err)
	}
	for _, n := range answer.Value.Nodes {
		if len(n.Failed) > 0 {
			t.Errorf("%s did not answer for the map: %v", n.Address, n.Failed)
		}
	}
	hears, next := map[[2]string]bool{}, map[string]string{}
	for _, l := range answer.Value.Links {
		hears[[2]string{l.Target.Address, l.Source.Address}] = true
		for _, r := range l.Routes {
			if r.Destination == uint16(zigbee.Coordinator) {
				next[l.Target.Address] = l.Source.Address
			}
		}
	}
	both := func(a, b string) bool { return hears[[2]string{a, b}] && hears[[2]string{b, a}] }
	for _, e := range h.hall() {
		if !both(name(e), name(coordinator)) {
			t.Errorf("the map has no link between %s, in the hall, and the coordinator", name(e))
		}
	}
	for i, e := range h.within() {
		if hears[[2]string{name(e), name(coordinator)}] || hears[[2]string{name(coordinator), name(e)}] {
			t.Errorf("the map has %s, in a room, beside the coordinator", name(e))
		}
		// A way over another light of the room is as good, when that one's was heard first.
		if door := name(h.hall()[i%rooms]); !both(name(e), door) || !hears[[2]string{name(e), next[name(e)]}] {
			t.Errorf("on the map, %s has no link with %s at its door, or its way to the coordinator does not begin with a neighbour: %q", name(e), door, next[name(e)])
		}
	}
	t.Logf("the map: %d nodes, %d links, in %s", len(answer.Value.Nodes), len(answer.Value.Links), since(begin))
}

// harmless are errors and warnings of the peer that are not ours, and why.
var harmless = [...]string{
	// Its list of models has no virtual light; it makes do with what they say.
	"with Zigbee model 'SL-1' and manufacturer name 'Sconce' is NOT supported",
	// The radio was not told to send, or did and the peer missed its word; see atOnce.
	// What a light did not acknowledge is looked for apart.
	"] Failed to send",
	// A radio says a frame again, as it was, when it did not hear the acknowledgement; the
	// peer does not look at the number by which the second is known.
	"Rejecting replay frame",
}

// judge looks for what the peer found wrong with us.
func (p *peer) judge() {
	for _, line := range append(p.log.lines("31merror"), p.log.lines("33mwarning")...) {
		if !slices.ContainsFunc(harmless[:], func(s string) bool { return strings.Contains(line, s) }) {
			p.t.Errorf("Zigbee2MQTT complains: %s", line)
		}
	}
	if lost := p.log.lines("Failed with status=NO_ACK"); len(lost) > 0 {
		p.t.Errorf("nobody acknowledged %d frames, first: %s", len(lost), lost[0])
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }
