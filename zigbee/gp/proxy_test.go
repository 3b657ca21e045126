package gp

import (
	"bytes"
	"testing"
	"time"

	"sconce/zigbee"
)

const (
	tcEUI   zigbee.EUI64 = 0xc0
	proxyA  zigbee.EUI64 = 0xa
	proxyB  zigbee.EUI64 = 0xb
	proxyC  zigbee.EUI64 = 0xc
	proxyD  zigbee.EUI64 = 0xd
	strong               = 0xff // LQI
	weak                 = 0x10
	theID   SourceID     = 0x11223344
	theOnly uint8        = 9 // MAC sequence number
)

func at(d time.Duration) time.Time { return time.Unix(1_700_000_000, 0).Add(d) }

func dev() ID { return ID{Source: theID} }

func someKey(t testing.TB) Key { return keyOf(t, "000102030405060708090a0b0c0d0e0f") }

// press is a secured frame of the device.
func press(t testing.TB, counter uint32, c CommandID, payload ...byte) Frame {
	t.Helper()
	f := Frame{ID: dev(), Level: LevelEncrypted, IndividualKey: true, Counter: counter, Body: append([]byte{byte(c)}, payload...)}
	return Seal(someKey(t), f)
}

// hello is a commissioning frame of a device, changed by a test.
func hello(t testing.TB, id ID, k Key, counter uint32, change func(*Commissioning)) Frame {
	t.Helper()
	protected, mic := ProtectKey(id, k)
	c := Commissioning{Device: DeviceOnOffSwitch, Security: &CommissioningSecurity{
		Level: LevelEncrypted, KeyType: KeyIndividual, HasKey: true, Encrypted: true, Key: NewKey(protected), KeyMIC: mic, Counter: &counter,
	}}
	if change != nil {
		change(&c)
	}
	return Frame{ID: id, Body: c.Append([]byte{byte(CommissioningGPDF)})}
}

func tc() Sender { return Sender{EUI64: tcEUI, LinkKey: true, TrustCentre: true} }

func pairing(t testing.TB) Pairing {
	k, last := someKey(t), uint32(5)
	return Pairing{
		ID: dev(), AddSink: true, Mode: LightweightUnicast, Level: LevelEncrypted, KeyType: KeyIndividual, Sink: tcEUI, Counter: &last, Key: &k,
	}
}

func newProxy(t testing.TB, pairings ...Pairing) *Proxy {
	t.Helper()
	p := NewProxy(func(b []byte) { clear(b) })
	for _, m := range pairings {
		if err := p.Command(at(0), tc(), CommandPairing, m.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func drainProxy(p *Proxy) (list []Outgoing) {
	for o, ok := p.NextOutgoing(); ok; o, ok = p.NextOutgoing() {
		list = append(list, o)
	}
	return list
}

func TestProxyPassesOn(t *testing.T) {
	p := newProxy(t, pairing(t))
	p.Receive(at(0), press(t, 6, On), theOnly, strong, 0x1234)
	p.Receive(at(0), press(t, 6, On), theOnly, strong, 0x1234) // the device repeats itself
	if d, ok := p.Deadline(); !ok || !d.Equal(at(tunnelDelay)) {
		t.Fatalf("%v, %v", d, ok)
	}
	p.Advance(at(tunnelDelay - 1))
	if len(drainProxy(p)) != 0 {
		t.Fatal("too early")
	}
	p.Advance(at(tunnelDelay))
	out := drainProxy(p)
	if len(out) != 1 || out[0].Peer != tcEUI || !out[0].LinkKey || out[0].FromServer || out[0].Command != CommandNotification {
		t.Fatalf("%+v", out)
	}
	n, err := ParseNotification(out[0].Payload)
	if err != nil || n.ID != dev() || n.Counter != 6 || n.Command != On || n.Level != LevelEncrypted || *n.Info != (ProxyInfo{0x1234, LinkOf(strong)}) {
		t.Errorf("%+v, %v", n, err)
	}
	if _, ok := p.Deadline(); ok {
		t.Error("waits for nothing")
	}
	p.Receive(at(time.Second), press(t, 7, Off), theOnly, weak, 0x1234)
	if d, _ := p.Deadline(); !d.Equal(at(time.Second + tunnelDelay + 3*tunnelStep)) {
		t.Errorf("a proxy that hears badly waits until %v", d)
	}
}

func TestProxyRefuses(t *testing.T) {
	other := press(t, 6, On)
	other.MIC[0] ^= 1
	stranger := press(t, 6, On)
	stranger.ID.Source++
	back := press(t, 6, On)
	back.ToDevice = true
	for _, c := range []struct {
		name  string
		frame Frame
		count func(Counters) uint64
	}{
		{"replay", press(t, 5, On), func(c Counters) uint64 { return c.Replayed }},
		{"forgery", other, func(c Counters) uint64 { return c.Forged }},
		{"unknown device", stranger, func(c Counters) uint64 { return c.Unknown }},
		{"without security", Frame{ID: dev(), Body: []byte{byte(On)}}, func(c Counters) uint64 { return c.Unsecured }},
		{"less security", Seal(someKey(t), Frame{ID: dev(), Level: LevelMIC, Counter: 6, Body: []byte{byte(On)}}), func(c Counters) uint64 { return c.Unsecured }},
		{"to the device", back, nil},
		{"commissioning, no window", hello(t, dev(), someKey(t), 9, nil), func(c Counters) uint64 { return c.Unsecured }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProxy(t, pairing(t))
			p.Receive(at(0), c.frame, theOnly, strong, 1)
			p.Advance(at(time.Second))
			if out := drainProxy(p); len(out) != 0 {
				t.Errorf("%+v", out)
			}
			if c.count != nil && c.count(p.Counters()) != 1 {
				t.Errorf("%+v", p.Counters())
			}
			p.Receive(at(2*time.Second), press(t, 6, On), theOnly, strong, 1) // the true frame still counts
			p.Advance(at(3 * time.Second))
			if len(drainProxy(p)) != 1 {
				t.Error("the true frame was lost")
			}
		})
	}
}

func TestProxyCommands(t *testing.T) {
	insider, unproved := Sender{EUI64: proxyB, LinkKey: true}, Sender{EUI64: tcEUI, TrustCentre: true}
	change := func(f func(*Pairing)) []byte {
		m := pairing(t)
		f(&m)
		return m.Append(nil)
	}
	zero := Key{}
	for _, c := range []struct {
		name    string
		from    Sender
		payload []byte
		want    int
	}{
		{"trust centre", tc(), change(func(*Pairing) {}), 1},
		{"another node", insider, change(func(*Pairing) {}), 0},
		{"network key alone", unproved, change(func(*Pairing) {}), 0},
		{"without security", tc(), change(func(m *Pairing) { m.Level = LevelNone }), 0},
		{"without key", tc(), change(func(m *Pairing) { m.Key = nil }), 0},
		{"public key", tc(), change(func(m *Pairing) { m.Key = &zero }), 0},
		{"groupcast", tc(), change(func(m *Pairing) { m.Mode = DerivedGroupcast }), 0},
		{"no device", tc(), change(func(m *Pairing) { m.ID = ID{} }), 0},
	} {
		p := newProxy(t)
		if err := p.Command(at(0), c.from, CommandPairing, c.payload); err != nil {
			t.Fatal(err)
		}
		if p.Pairings() != c.want || p.TakeChanged() != (c.want == 1) || p.Counters().Refused != uint64(1-c.want) {
			t.Errorf("%s: %d pairings, %+v", c.name, p.Pairings(), p.Counters())
		}
	}
	p := newProxy(t, pairing(t))
	if err := p.Command(at(0), tc(), CommandPairing, []byte{1}); err == nil {
		t.Error("a malformed pairing is taken")
	}
	p.Receive(at(0), press(t, 8, On), theOnly, strong, 1)
	again := pairing(t).Append(nil) // counter 5
	if err := p.Command(at(0), tc(), CommandPairing, again); err != nil || p.entries[0].last != 8 {
		t.Error("a pairing took the counter back")
	}
	gone := Pairing{ID: dev(), RemoveGPD: true, Mode: LightweightUnicast}
	if err := p.Command(at(0), tc(), CommandPairing, gone.Append(nil)); err != nil || p.Pairings() != 0 {
		t.Error("not removed")
	}
	_ = p.Command(at(0), tc(), CommandResponse, nil)
	if p.Counters().NotHandled != 1 {
		t.Error("a response is not counted")
	}
}

func TestProxyLimits(t *testing.T) {
	var list []Pairing
	for i := range MaxPairings + 1 {
		m := pairing(t)
		m.ID.Source = SourceID(1 + i)
		list = append(list, m)
	}
	p := newProxy(t, list...)
	if p.Pairings() != MaxPairings || p.Counters().Full != 1 {
		t.Errorf("%d pairings, %+v", p.Pairings(), p.Counters())
	}
	p = newProxy(t, pairing(t))
	for i := range MaxPending + 1 {
		p.Receive(at(0), press(t, uint32(10+i), On), theOnly, strong, 1)
	}
	if p.Advance(at(time.Second)); len(drainProxy(p)) != MaxPending || p.Counters().Full != 1 {
		t.Errorf("%+v", p.Counters())
	}
}

func TestProxyCommissioningMode(t *testing.T) {
	open := func(p *Proxy, m ProxyCommissioningMode, from Sender) {
		if err := p.Command(at(0), from, CommandProxyCommissioningMode, m.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	long := uint16(3600)
	p := newProxy(t)
	open(p, ProxyCommissioningMode{Enter: true}, Sender{EUI64: proxyB})
	if p.Commissioning() {
		t.Fatal("opened by another node")
	}
	open(p, ProxyCommissioningMode{Enter: true, Window: &long}, Sender{EUI64: tcEUI, TrustCentre: true})
	f := hello(t, dev(), someKey(t), 9, nil)
	p.Receive(at(0), f, theOnly, strong, 0x77)
	p.Receive(at(0), f, theOnly, strong, 0x77)
	p.Receive(at(0), press(t, 10, On), theOnly, strong, 0x77) // secured, with a key that is not known here
	p.Advance(at(time.Second))
	out := drainProxy(p)
	if len(out) != 2 || out[0].Peer != tcEUI || !out[0].LinkKey || out[0].Command != CommandCommissioningNotification {
		t.Fatalf("%+v", out)
	}
	n, err := ParseCommissioningNotification(out[0].Payload)
	if err != nil || n.Failed || n.Command != CommissioningGPDF || !bytes.Equal(n.Payload, f.Body[1:]) || n.Counter != uint32(theOnly) {
		t.Errorf("%+v, %v", n, err)
	}
	if n, err = ParseCommissioningNotification(out[1].Payload); err != nil || !n.Failed || n.MIC != press(t, 10, On).MIC || n.KeyType != KeyIndividual {
		t.Errorf("%+v, %v", n, err)
	}
	if p.Advance(at(CommissioningWindow)); p.Commissioning() {
		t.Error("open for more than three minutes")
	}
	open(p, ProxyCommissioningMode{Enter: true, ExitOnPairing: true}, tc())
	if err := p.Command(at(0), tc(), CommandPairing, pairing(t).Append(nil)); err != nil || p.Commissioning() {
		t.Error("still open after the pairing")
	}
	open(p, ProxyCommissioningMode{Enter: true}, tc())
	if open(p, ProxyCommissioningMode{}, tc()); p.Commissioning() {
		t.Error("not closed")
	}
}

func TestProxyTable(t *testing.T) {
	p := newProxy(t, pairing(t))
	for _, c := range []struct {
		q    ProxyTableRequest
		want uint8
	}{
		{ProxyTableRequest{ByIndex: true}, TableSuccess},
		{ProxyTableRequest{ID: dev()}, TableSuccess},
		{ProxyTableRequest{ByIndex: true, Index: 1}, TableNotFound},
		{ProxyTableRequest{ID: ID{Source: 1}}, TableNotFound},
	} {
		if err := p.Command(at(0), tc(), CommandProxyTableRequest, c.q.Append(nil)); err != nil {
			t.Fatal(err)
		}
		out := drainProxy(p)
		if len(out) != 1 || !out[0].LinkKey || out[0].Peer != tcEUI {
			t.Fatalf("%+v", out)
		}
		r, err := ParseProxyTableResponse(out[0].Payload)
		if err != nil || r.Status != c.want || r.Total != 1 || len(r.Entries) == 1 != (c.want == TableSuccess) {
			t.Errorf("%+v: %+v, %v", c.q, r, err)
		}
		k := someKey(t).Bytes()
		if bytes.Contains(out[0].Payload, k[:]) {
			t.Error("a key is told")
		}
	}
	if err := p.Command(at(0), Sender{EUI64: proxyB, LinkKey: true}, CommandProxyTableRequest, ProxyTableRequest{ByIndex: true}.Append(nil)); err != nil || len(drainProxy(p)) != 0 {
		t.Error("the table is told to another node")
	}
}
