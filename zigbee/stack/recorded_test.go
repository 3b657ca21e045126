package stack

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// Frames that strangers recorded on the air of true buildings mean to us what they
// meant to them, and written anew by us, encrypted with the published keys, they
// are the same frames. testdata/recorded says where each is from.
func TestRecordedFrames(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	total := 0
	for _, path := range files {
		for _, r := range recordings(t, path) {
			total++
			t.Run(r.name, func(t *testing.T) {
				d := dissector{t: t, keys: r.keys}
				d.mac(slices.Clone(r.frame))
				if got, want := strings.Join(d.lines, "\n"), strings.Join(r.says, "\n"); got != want {
					t.Errorf("%x says\n%s\nwant\n%s", r.frame, got, want)
				}
			})
		}
	}
	if total < 80 {
		t.Errorf("only %d frames", total)
	}
}

type recording struct {
	name  string
	frame []byte
	says  []string
	keys  *keyring
}

type keyring struct {
	network []zigbee.NetworkKey
	link    []zigbee.LinkKey
}

// recordings reads a file: keys first, then of each frame its name, its bytes and
// what they say. Empty lines and those that begin with # say nothing.
func recordings(t *testing.T, path string) (all []recording) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	keys := &keyring{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "", "#":
		case "network-key":
			keys.network = append(keys.network, zigbee.NewNetworkKey([16]byte(unhex(t, rest))))
		case "link-key":
			keys.link = append(keys.link, zigbee.NewLinkKey([16]byte(unhex(t, rest))))
		case "frame":
			all = append(all, recording{name: rest, keys: keys})
		case "bytes":
			all[len(all)-1].frame = unhex(t, rest)
		default:
			last := &all[len(all)-1]
			last.says = append(last.says, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A dissector says in lines what a frame is, layer by layer, and holds each layer
// to what it writes itself.
type dissector struct {
	t     *testing.T
	keys  *keyring
	lines []string
}

func (d *dissector) say(layer string, v any) { d.lines = append(d.lines, layer+describe(v)) }

func (d *dissector) check(what string, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("%s: %v; so far\n%s", what, err, strings.Join(d.lines, "\n"))
	}
}

// same says so when we write otherwise what we read: where a stranger sets bits
// that are reserved or leaves out what may be left out.
func (d *dissector) same(what string, got, want []byte) {
	if !bytes.Equal(got, want) {
		d.lines = append(d.lines, fmt.Sprintf("we-write %s %x", what, got))
	}
}

func (d *dissector) mac(frame []byte) {
	h, payload, err := mac.Parse(frame)
	d.check("MAC header", err)
	d.same("MAC header", append(mac.AppendHeader(nil, h), payload...), frame)
	d.say("mac", h)
	switch h.Type {
	case mac.TypeCommand:
		c, err := mac.ParseCommand(payload)
		d.check("MAC command", err)
		d.same("MAC command", mac.AppendCommand(nil, c), payload)
		d.say("mac-command", c)
	case mac.TypeBeacon:
		b, err := mac.ParseBeacon(payload)
		d.check("beacon", err)
		d.same("beacon", mac.AppendBeacon(nil, b), payload)
		n, err := nwk.ParseBeacon(b.Payload)
		d.check("network beacon", err)
		d.same("network beacon", nwk.AppendBeacon(nil, n), b.Payload)
		b.Payload = nil
		d.say("beacon", b)
		d.say("nwk-beacon", n)
	case mac.TypeData:
		if gp.IsFrame(payload) {
			d.greenPower(h, payload)
		} else {
			d.nwk(payload)
		}
	}
}

func (d *dissector) greenPower(h mac.Header, b []byte) {
	f, err := gp.Parse(h.Src.EUI64, b)
	d.check("Green Power frame", err)
	d.same("Green Power frame", f.Append(nil), b)
	d.say("gp", f)
	if f.Level == gp.LevelNone && f.Command() == gp.ChannelRequestGPDF {
		c, err := gp.ParseChannelRequest(f.Body[1:])
		d.check("channel request", err)
		d.same("channel request", c.Append(nil), f.Body[1:])
		d.say("gp-channel-request", c)
	}
	if f.Level == gp.LevelNone && f.Command() == gp.CommissioningGPDF {
		c, err := gp.ParseCommissioning(f.Body[1:])
		d.check("commissioning", err)
		d.same("commissioning", c.Append(nil), f.Body[1:])
		d.say("gp-commissioning", c)
		if c.Security != nil && c.Security.Encrypted {
			k, err := gp.UnprotectKey(f.ID, c.Security.Key.Bytes(), c.Security.KeyMIC)
			d.check("key of the device", err)
			protected, mic := gp.ProtectKey(f.ID, k)
			if protected != c.Security.Key.Bytes() || mic != c.Security.KeyMIC {
				d.t.Errorf("the key is protected as %x, %x", protected, mic)
			}
			d.say("gp-key", struct{ Key [zigbee.KeySize]byte }{k.Bytes()})
		}
	}
}

func (d *dissector) nwk(frame []byte) {
	h, rest, err := nwk.ParseHeader(frame)
	d.check("NWK header", err)
	d.same("NWK header", append(nwk.AppendHeader(nil, h), rest...), frame)
	d.say("nwk", h)
	payload := rest
	if h.Secured {
		var envelopes []*zigbee.Envelope
		for _, k := range d.keys.network {
			envelopes = append(envelopes, zigbee.NewEnvelope(k))
		}
		payload, _ = d.open("NWK", frame, rest, envelopes)
	}
	if h.Type == nwk.TypeCommand {
		d.nwkCommand(payload)
	} else {
		d.aps(payload)
	}
}

// open verifies and decrypts with the first key that fits, and encrypts again to
// the same bytes. Its second result is which key that was.
func (d *dissector) open(layer string, frame, rest []byte, keys []*zigbee.Envelope) ([]byte, int) {
	a, secured, err := zigbee.ParseAux(rest)
	d.check("security of "+layer, err)
	d.same("auxiliary header", append(zigbee.AppendAux(nil, a), secured...), rest)
	d.say("security", a)
	header := len(frame) - len(rest)
	for i, e := range keys {
		payload, err := e.Open(slices.Clone(frame), header, a, a.Source)
		if err != nil {
			continue
		}
		d.same("secured "+layer, e.Secure(slices.Clone(frame[:header]), 0, a, a.Source, slices.Clone(payload)), frame)
		return payload, i
	}
	d.t.Fatalf("no key opens it; so far\n%s", strings.Join(d.lines, "\n"))
	return nil, 0
}

func (d *dissector) nwkCommand(b []byte) {
	var v any
	var err error
	var again []byte
	switch nwk.CommandID(b[0]) {
	case nwk.RouteRequest:
		var c nwk.RouteRequestCommand
		c, err = nwk.ParseRouteRequest(b)
		v, again = c, nwk.AppendRouteRequest(nil, c)
	case nwk.RouteReply:
		var c nwk.RouteReplyCommand
		c, err = nwk.ParseRouteReply(b)
		v, again = c, nwk.AppendRouteReply(nil, c)
	case nwk.NetworkStatus:
		var c nwk.Status
		c, err = nwk.ParseStatus(b)
		v, again = c, nwk.AppendStatus(nil, c)
	case nwk.Leave:
		var c nwk.LeaveOptions
		c, err = nwk.ParseLeave(b)
		v, again = struct{ Options nwk.LeaveOptions }{c}, nwk.AppendLeave(nil, c)
	case nwk.RouteRecord:
		var c nwk.Relays
		c, err = nwk.ParseRouteRecord(b)
		v, again = struct{ Relays nwk.Relays }{c}, nwk.AppendRouteRecord(nil, c)
	case nwk.RejoinRequest:
		var c zigbee.Capability
		c, err = nwk.ParseRejoinRequest(b)
		v, again = struct{ Capability zigbee.Capability }{c}, nwk.AppendRejoinRequest(nil, c)
	case nwk.RejoinResponse:
		var c nwk.RejoinAnswer
		c, err = nwk.ParseRejoinResponse(b)
		v, again = c, nwk.AppendRejoinResponse(nil, c)
	case nwk.LinkStatus:
		var c nwk.LinkStatusCommand
		c, err = nwk.ParseLinkStatus(b)
		said := struct {
			First, Last bool
			Links       []nwk.Link
		}{First: c.First, Last: c.Last}
		for i := range c.Len() {
			said.Links = append(said.Links, c.Link(i))
		}
		v, again = said, nwk.AppendLinkStatus(nil, c.First, c.Last, said.Links)
	case nwk.EndDeviceTimeoutRq:
		var c nwk.Timeout
		c, err = nwk.ParseTimeoutRequest(b)
		v, again = struct{ Timeout fmt.Stringer }{c.Duration()}, nwk.AppendTimeoutRequest(nil, c)
	case nwk.EndDeviceTimeoutRs:
		var c nwk.TimeoutAnswer
		c, err = nwk.ParseTimeoutResponse(b)
		v, again = c, nwk.AppendTimeoutResponse(nil, c)
	}
	d.check("NWK command", err)
	d.same("NWK command", again, b)
	d.say(fmt.Sprintf("nwk-command %02x", b[0]), v)
}

func (d *dissector) aps(frame []byte) {
	h, rest, err := aps.ParseHeader(frame)
	d.check("APS header", err)
	d.same("APS header", append(aps.AppendHeader(nil, h), rest...), frame)
	d.say("aps", h)
	payload := rest
	if h.Secured {
		var envelopes []*zigbee.Envelope
		for _, k := range d.keys.link {
			envelopes = append(envelopes, zigbee.NewEnvelope(k), zigbee.NewEnvelope(k.KeyTransport()), zigbee.NewEnvelope(k.KeyLoad()))
		}
		var which int
		payload, which = d.open("APS", frame, rest, envelopes)
		d.lines = append(d.lines, "opened-with "+[]string{"link key", "key-transport key", "key-load key"}[which%3])
	}
	switch {
	case h.Type == aps.TypeCommand:
		c, err := aps.ParseCommand(payload)
		d.check("APS command", err)
		d.same("APS command", aps.AppendCommand(nil, c), payload)
		if c.ID == aps.VerifyKey && !slices.ContainsFunc(d.keys.link, func(k zigbee.LinkKey) bool { return k.VerifyHash() == c.Hash }) {
			d.t.Error("no key has this hash")
		}
		d.say("aps-command", c)
	case h.Type != aps.TypeData:
	case h.Profile == zdo.Profile:
		d.zdo(zdo.Cluster(h.Cluster), payload)
	default:
		d.zcl(h.Cluster, payload)
	}
}
