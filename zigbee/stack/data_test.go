package stack

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

func addressOf(t *testing.T, s *station, e zigbee.EUI64) zigbee.ShortAddr {
	t.Helper()
	a, ok := s.Lookup(e)
	if !ok {
		t.Fatalf("%s is not known", e)
	}
	return a
}

func (s *station) confirmOf(h Handle) (DataConfirm, bool) {
	for _, c := range eventsOf[DataConfirm](s) {
		if c.Handle == h {
			return c, true
		}
	}
	return DataConfirm{}, false
}

// send sends a payload and waits for its end.
func (s *station) send(r DataRequest) error {
	s.m.t.Helper()
	h, err := s.Data(s.m.now, r)
	if err != nil {
		return err
	}
	var c DataConfirm
	s.m.run(time.Minute, func() (done bool) { c, done = s.confirmOf(h); return done })
	return c.Err
}

func TestUnicast(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	lamp := lamps[1]
	a := addressOf(t, tc, lamp.cfg.EUI64)
	for _, r := range []DataRequest{
		{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte("plain")},
		{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte("acknowledged"), Ack: true},
		{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 8, Payload: bytes.Repeat([]byte{7}, MaxPayload), Ack: true},
		{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 8, Payload: bytes.Repeat([]byte{7}, MaxPayloadLinkKey), Ack: true, LinkKey: true},
	} {
		lamp.events = nil
		if err := tc.send(r); err != nil {
			t.Fatal(err)
		}
		got := eventsOf[DataIndication](lamp)
		if len(got) != 1 {
			t.Fatalf("%d indications", len(got))
		}
		d := got[0]
		if d.Src != 0 || d.SrcEUI64 != tcAddress || d.Dst != a || d.Profile != r.Profile || d.Cluster != r.Cluster ||
			d.SrcEndpoint != 1 || d.DstEndpoint != 1 || d.LinkKey != r.LinkKey || d.LQI != 200 || !bytes.Equal(d.Payload, r.Payload) {
			t.Errorf("%+v", d)
		}
	}
	if len(eventsOf[DataIndication](lamps[0])) > 0 {
		t.Error("another lamp heard it")
	}
	for _, s := range m.nodes {
		if c := s.Counters(); c.APS.Retries+c.NWK.Failed+c.APS.Forged+c.NWK.Replayed != 0 {
			t.Errorf("%s: %+v", s.name, c)
		}
	}
}

func TestUnicastThroughLoss(t *testing.T) {
	m := newMedium(t, 5)
	tc, lamps := joinAll(m, 4)
	m.loss = 0.3
	for i := range 100 {
		lamp := lamps[i%4]
		r := DataRequest{
			Dst: addressOf(t, tc, lamp.cfg.EUI64), SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6,
			Payload: []byte{byte(i)}, Ack: true, LinkKey: i%3 == 0,
		}
		if err := tc.send(r); err != nil {
			t.Fatalf("payload %d: %v", i, err)
		}
	}
	m.run(10*time.Second, nil)
	got := 0
	for _, lamp := range lamps {
		for i, d := range eventsOf[DataIndication](lamp) {
			got++
			if i > 0 && bytes.Equal(d.Payload, eventsOf[DataIndication](lamp)[i-1].Payload) {
				t.Error("a payload was delivered twice")
			}
		}
	}
	if got != 100 {
		t.Errorf("%d payloads of 100", got)
	}
	m.checkCounters()
}

func TestUnicastToTheDead(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	lamps[0].dead = true
	for _, c := range []struct {
		ack  bool
		want error
	}{{false, ErrNoRoute}, {true, ErrNoRoute}} {
		err := tc.send(DataRequest{Dst: addressOf(t, tc, lampAddress), DstEndpoint: 1, SrcEndpoint: 1, Payload: []byte{1}, Ack: c.ack})
		if !errors.Is(err, c.want) {
			t.Errorf("ack %v: %v", c.ack, err)
		}
	}
	// The frame arrives and its acknowledgement never does.
	lamps[0].dead = false
	m.drop = func(from *station, frame []byte) bool {
		h, _, err := mac.Parse(frame)
		return from == lamps[0] && err == nil && h.Dst.Short == 0
	}
	err := tc.send(DataRequest{Dst: addressOf(t, tc, lampAddress), DstEndpoint: 1, SrcEndpoint: 1, Profile: 0x0104, Payload: []byte{1}, Ack: true})
	if !errors.Is(err, ErrNoAck) {
		t.Error(err)
	}
	if n := len(eventsOf[DataIndication](lamps[0])); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

func TestGroupcast(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 5)
	m.run(2*time.Second, nil) // link status says who is a router
	for i, lamp := range lamps {
		if i != 2 {
			if err := lamp.AddGroup(1, 0x0101); err != nil {
				t.Fatal(err)
			}
		}
		lamp.events = nil
	}
	before := len(m.sent)
	if err := tc.send(DataRequest{Group: 0x0101, SrcEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	m.run(9*time.Second, nil)
	for i, lamp := range lamps {
		got := eventsOf[DataIndication](lamp)
		if i == 2 && len(got) != 0 || i != 2 && (len(got) != 1 || got[0].Group != 0x0101 || got[0].DstEndpoint != 1) {
			t.Errorf("lamp %d: %+v", i, got)
		}
	}
	// Without loss everybody relays once, hears that all others did, and is content.
	n := 0
	for _, f := range m.sent[before:] {
		if h, payload, err := mac.Parse(f.frame); err == nil && h.Type == mac.TypeData {
			if nh, _, err := nwk.ParseHeader(payload); err == nil && nh.Type == nwk.TypeData && nh.Dst == zigbee.BroadcastRxOn {
				n++
			}
		}
	}
	if n != 6 {
		t.Errorf("%d transmissions of one groupcast to 5 lamps", n)
	}
	if !lamps[0].RemoveGroup(1, 0x0101) || lamps[0].RemoveGroup(1, 0x0101) || len(lamps[0].Groups(1)) != 0 {
		t.Error("leaving the group")
	}
	if got := lamps[1].Groups(1); !slices.Equal(got, []uint16{0x0101}) {
		t.Errorf("groups %v", got)
	}
}

// With every other frame lost, relaying and repeating reach everybody.
func TestGroupcastThroughLoss(t *testing.T) {
	m := newMedium(t, 9)
	tc, lamps := joinAll(m, 6)
	m.run(2*time.Second, nil)
	for _, lamp := range lamps {
		if err := lamp.AddGroup(1, 5); err != nil {
			t.Fatal(err)
		}
	}
	m.loss = 0.5
	for i := range 5 {
		if err := tc.send(DataRequest{Group: 5, SrcEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
		m.run(10*time.Second, nil)
	}
	for i, lamp := range lamps {
		if n := len(eventsOf[DataIndication](lamp)); n != 5 {
			t.Errorf("lamp %d: %d of 5 groupcasts", i, n)
		}
	}
	m.checkCounters()
}

func TestDataRefuses(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	a := addressOf(t, tc, lampAddress)
	for name, c := range map[string]struct {
		r    DataRequest
		want error
	}{
		"too long":               {DataRequest{Dst: a, Payload: make([]byte, MaxPayload+1)}, ErrTooLong},
		"too long for link key":  {DataRequest{Dst: a, Payload: make([]byte, MaxPayloadLinkKey+1), LinkKey: true}, ErrTooLong},
		"no link key":            {DataRequest{Dst: a + 1, LinkKey: true}, ErrNoLinkKey},
		"itself":                 {DataRequest{Dst: 0}, nil},
		"acknowledged broadcast": {DataRequest{Dst: zigbee.Broadcast, Ack: true}, nil},
		"acknowledged groupcast": {DataRequest{Group: 1, Ack: true}, nil},
		"secret groupcast":       {DataRequest{Group: 1, LinkKey: true}, nil},
	} {
		if _, err := tc.Data(m.now, c.r); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.lamp(7).Data(m.now, DataRequest{Dst: 0}); !errors.Is(err, ErrNotUp) {
		t.Errorf("not joined: %v", err)
	}
	lamps[0].dead = true
	for i := range MaxRequests {
		if _, err := tc.Data(m.now, DataRequest{Dst: a, DstEndpoint: 1, Payload: []byte{1}, Ack: true}); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if _, err := tc.Data(m.now, DataRequest{Dst: a}); !errors.Is(err, ErrQueueFull) {
		t.Errorf("queue: %v", err)
	}
	m.run(2*time.Minute, func() bool { return len(eventsOf[DataConfirm](tc)) == MaxRequests })
	if _, err := tc.Data(m.now, DataRequest{Dst: a}); err != nil {
		t.Errorf("after the queue is empty: %v", err)
	}
}

// The event queue of an owner that looks away is bounded.
func TestEventsAreBounded(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	lamps[0].manual = true
	a := addressOf(t, tc, lampAddress)
	held := lamps[0].Node
	for i := range MaxEvents + 50 {
		_, err := tc.Data(m.now, DataRequest{Dst: a, DstEndpoint: 1, SrcEndpoint: 1, Profile: 0x0104, Payload: []byte{byte(i)}})
		if err != nil {
			t.Fatal(err)
		}
		for f, ok := tc.NextFrame(); ok; f, ok = tc.NextFrame() {
			held.Receive(m.now, f.Data, 100) // and nobody drains
			tc.FrameDone(m.now, TxStatus{Sent: true})
		}
		tc.drain()
	}
	if len(held.events) > MaxEvents+10 || held.Counters().EventsDropped < 50 {
		t.Errorf("%d events held, %d dropped", len(held.events), held.Counters().EventsDropped)
	}
}

// Every frame that was ever on the air, again: nobody is moved.
func TestReplay(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 3)
	for _, lamp := range lamps {
		if err := lamp.AddGroup(1, 3); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			r := DataRequest{Dst: addressOf(t, tc, lamp.cfg.EUI64), DstEndpoint: 1, SrcEndpoint: 1, Profile: 0x0104, Payload: []byte{1}, Ack: true, LinkKey: true}
			if err := tc.send(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tc.send(DataRequest{Group: 3, SrcEndpoint: 1, Profile: 0x0104, Payload: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	m.run(30*time.Second, nil)
	captured := slices.Clone(m.sent)
	for _, restarted := range []bool{false, true} {
		for i, s := range m.nodes {
			if restarted {
				state := s.State()
				s.restart(&state)
			}
			s.drain()
			s.events = nil
			before := s.Counters().NWK.Replayed
			for _, f := range captured {
				if h, _, err := mac.Parse(f.frame); err == nil && h.Type == mac.TypeData {
					s.Receive(m.now.Add(time.Hour), f.frame, 200)
				}
			}
			s.drain()
			for _, e := range s.events {
				switch e.(type) {
				case DataIndication, DeviceAnnounced, DeviceAuthorised, DeviceLeft, Left, DataConfirm, JoinRefused:
					t.Errorf("node %d, restarted %v: accepted a replay: %+v", i, restarted, e)
				}
			}
			if s.Counters().NWK.Replayed-before < 20 {
				t.Errorf("node %d counted %d replays", i, s.Counters().NWK.Replayed-before)
			}
		}
	}
}

func (s *station) ask(t *testing.T, dst zigbee.ShortAddr, c zdo.Cluster, payload []byte) []byte {
	t.Helper()
	s.events = nil
	if err := s.send(DataRequest{Dst: dst, Cluster: uint16(c), Payload: payload}); err != nil {
		t.Fatal(err)
	}
	var rsp []byte
	s.m.run(5*time.Second, func() bool {
		for _, d := range eventsOf[DataIndication](s) {
			if d.Cluster == uint16(c|zdo.Response) && d.Profile == zdo.Profile {
				rsp = d.Payload
			}
		}
		return rsp != nil
	})
	return rsp
}

func TestDescribesItself(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	a := addressOf(t, tc, lampAddress)

	node, err := zdo.ParseNodeDescRsp(tc.ask(t, a, zdo.NodeDesc, zdo.DescReq{Seq: 5, Addr: a}.Append(nil)))
	if err != nil || node.Seq != 5 || node.Status != zdo.Success || node.Descriptor != lamps[0].cfg.Descriptor {
		t.Errorf("node descriptor: %+v, %v", node, err)
	}
	power, err := zdo.ParsePowerDescRsp(tc.ask(t, a, zdo.PowerDesc, zdo.DescReq{Addr: a}.Append(nil)))
	if err != nil || power.Status != zdo.Success || power.Descriptor.Current != zdo.PowerMains {
		t.Errorf("power descriptor: %+v, %v", power, err)
	}
	active, err := zdo.ParseEndpointsRsp(tc.ask(t, a, zdo.ActiveEP, zdo.DescReq{Addr: a}.Append(nil)))
	if err != nil || !slices.Equal(active.Endpoints, []uint8{1, gp.Endpoint}) {
		t.Errorf("active endpoints: %+v, %v", active, err)
	}
	for endpoint, want := range map[uint8]zdo.Status{0: zdo.InvalidEndpoint, 1: zdo.Success, 2: zdo.NotActive} {
		simple, err := zdo.ParseSimpleDescRsp(tc.ask(t, a, zdo.SimpleDesc, zdo.SimpleDescReq{Addr: a, Endpoint: endpoint}.Append(nil)))
		if err != nil || simple.Status != want || want == zdo.Success && !slices.Equal(simple.Descriptor.In, lampEndpoint()[0].In) {
			t.Errorf("simple descriptor of %d: %+v, %v", endpoint, simple, err)
		}
	}
	green, err := zdo.ParseSimpleDescRsp(tc.ask(t, a, zdo.SimpleDesc, zdo.SimpleDescReq{Addr: a, Endpoint: gp.Endpoint}.Append(nil)))
	if d := green.Descriptor; err != nil || d.Profile != gp.Profile || d.Device != gp.DeviceProxyBasic || !slices.Equal(d.Out, []uint16{gp.Cluster}) {
		t.Errorf("simple descriptor of Green Power: %+v, %v", green, err)
	}
	other, err := zdo.ParseNodeDescRsp(tc.ask(t, a, zdo.NodeDesc, zdo.DescReq{Addr: a + 1}.Append(nil)))
	if err != nil || other.Status != zdo.DeviceNotFound {
		t.Errorf("descriptor of another: %+v, %v", other, err)
	}
	match, err := zdo.ParseEndpointsRsp(tc.ask(t, a, zdo.MatchDesc, zdo.MatchDescReq{Addr: a, Profile: 0x0104, In: []uint16{9, 6}}.Append(nil)))
	if err != nil || !slices.Equal(match.Endpoints, []uint8{1}) {
		t.Errorf("match: %+v, %v", match, err)
	}
	ieee, err := zdo.ParseAddrRsp(tc.ask(t, a, zdo.IEEEAddr, zdo.IEEEAddrReq{Addr: a}.Append(nil)))
	if err != nil || ieee.Device != lampAddress || ieee.Addr != a {
		t.Errorf("extended address: %+v, %v", ieee, err)
	}
	short, err := zdo.ParseAddrRsp(tc.ask(t, zigbee.BroadcastRxOn, zdo.NWKAddr, zdo.NWKAddrReq{Device: lampAddress}.Append(nil)))
	if err != nil || short.Device != lampAddress || short.Addr != a {
		t.Errorf("short address: %+v, %v", short, err)
	}
	unknown, err := zdo.ParseStatusRsp(tc.ask(t, a, 0x0015, []byte{9, 0}))
	if err != nil || unknown.Seq != 9 || unknown.Status != zdo.NotSupported {
		t.Errorf("unknown request: %+v, %v", unknown, err)
	}
}

func TestBinding(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	a := addressOf(t, tc, lampAddress)
	bind := func(c zdo.Cluster, r zdo.BindReq) zdo.Status {
		rsp, err := zdo.ParseStatusRsp(tc.ask(t, a, c, r.Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		return rsp.Status
	}
	r := zdo.BindReq{Source: lampAddress, SrcEndpoint: 1, Cluster: 6, Device: tcAddress, DstEndpoint: 1}
	if s := bind(zdo.Bind, r); s != zdo.Success {
		t.Error(s)
	}
	if s := bind(zdo.Bind, r); s != zdo.Success {
		t.Error(s)
	}
	want := []Binding{{Endpoint: 1, Cluster: 6, Device: tcAddress, DstEndpoint: 1}}
	if got := lamps[0].Bindings(1, 6); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	state := lamps[0].State()
	lamps[0].restart(&state)
	m.run(2*time.Second, nil)
	if got := lamps[0].Bindings(1, 6); !slices.Equal(got, want) {
		t.Errorf("after a restart: %+v", got)
	}
	if s := bind(zdo.Bind, zdo.BindReq{Source: lampAddress, SrcEndpoint: 9, Device: tcAddress}); s != zdo.InvalidEndpoint {
		t.Error(s)
	}
	if s := bind(zdo.Unbind, r); s != zdo.Success || len(lamps[0].Bindings(1, 6)) != 0 {
		t.Error(s)
	}
	if s := bind(zdo.Unbind, r); s != zdo.NoEntry {
		t.Error(s)
	}
	for i := range MaxBindings {
		r.Cluster = uint16(i)
		if s := bind(zdo.Bind, r); s != zdo.Success {
			t.Fatal(s)
		}
	}
	r.Cluster = 999
	if s := bind(zdo.Bind, r); s != zdo.TableFull {
		t.Error(s)
	}
}
