package stack

import (
	"bytes"
	"testing"
	"time"

	"sconce/internal/corpus"
	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// Anything from the air, and anything that another node with the network key says:
// no node falls over, leaves the network, or loses another device than the one that
// speaks.
func FuzzReceive(f *testing.F) {
	m := newMedium(f, 1)
	tc, lamps := joinAll(m, 2)
	m.run(2*time.Second, nil)
	victim := tc.Devices()[0]
	alone := newMedium(f, 2) // and where nobody leads
	founder := formed(alone)
	founder.letIn(lampAddress+1, code(f, 1))
	second := alone.add("lamp", alone.config(Router, lampAddress+1, code(f, 1)))
	second.Start(alone.now)
	alone.run(time.Minute, second.isUp)
	alone.run(2*time.Second, nil)
	states := map[*station]State{tc: tc.State(), lamps[0]: lamps[0].State(), founder: founder.State()}
	for _, s := range m.sent {
		f.Add(s.frame, uint32(0))
	}
	for _, c := range []aps.Command{
		{ID: aps.RequestKey, KeyType: aps.TrustCentreLinkKey},
		{ID: aps.VerifyKey, KeyType: aps.TrustCentreLinkKey, Src: lampAddress},
		{ID: aps.ConfirmKey, KeyType: aps.TrustCentreLinkKey},
		{ID: aps.TransportKey, KeyType: aps.StandardNetworkKey},
		{ID: aps.SwitchKey},
	} {
		f.Add(aps.AppendCommand(aps.AppendHeader(nil, aps.Header{Type: aps.TypeCommand, AckRequest: true}), c), uint32(1))
	}
	for _, c := range []zdo.Cluster{zdo.NWKAddr, zdo.NodeDesc, zdo.SimpleDesc, zdo.MatchDesc, zdo.Bind, zdo.MgmtLeave, zdo.DeviceAnnce} {
		h := aps.Header{Cluster: uint16(c), Profile: zdo.Profile, AckRequest: true}
		f.Add(append(aps.AppendHeader(nil, h), make([]byte, 20)...), uint32(1))
	}
	// Found by fuzzing: an association request changed what was known of a device.
	request := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeCommand, Ack: true, Seq: 1, Dst: mac.Short(tc.Filter().PANID, 0), Src: mac.Extended(zigbee.BroadcastPAN, lampAddress),
	})
	f.Add(mac.AppendCommand(request, mac.Command{ID: mac.AssociationRequest, Capability: zigbee.MainsPowered}), uint32(0))
	corpus.Fuzz(f, func(t *testing.T, data []byte, how uint32) {
		for s, state := range states {
			cfg := s.cfg
			cfg.Restore = &state
			n, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			n.Start(m.now)
			n.Saved(n.State())
			n.PermitJoin(m.now, time.Minute)
			frame := data
			if how%3 != 0 && len(data) <= 80 {
				_, key, _ := n.nwk.Key()
				frame = insiderFrame(n, key, data, how)
			}
			n.Receive(m.now, frame, uint8(how))
			for i := range 20 {
				now := m.now.Add(time.Duration(i) * time.Second)
				n.Advance(now)
				for f, ok := n.NextFrame(); ok; f, ok = n.NextFrame() {
					if _, _, err := mac.Parse(f.Data); err != nil {
						t.Fatalf("sends %x: %v", f.Data, err)
					}
					n.FrameDone(now, TxStatus{Sent: how%2 == 0})
				}
				n.Saved(n.State())
			}
			if n.phase != up || n.cfg.Role == Coordinator && (len(n.Devices()) == 0 || n.Devices()[0] != victim) {
				t.Fatalf("phase %d, devices %+v", n.phase, n.Devices())
			}
		}
	})
}

// insiderFrame secures a payload as another lamp would.
func insiderFrame(n *Node, key zigbee.NetworkKey, payload []byte, how uint32) []byte {
	f := n.Filter()
	const insider = lampAddress + 1
	src, _ := n.Lookup(insider)
	h := nwk.Header{Type: nwk.FrameType(how % 3 >> 1), Secured: true, Dst: f.Short, Src: src, Radius: 2, Seq: 200}
	if how&64 != 0 {
		h.Dst = zigbee.Broadcast
	}
	aux := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: 1 << 30, HasSource: true, Source: insider}
	b := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeData, Compress: true, Ack: true, Seq: 3, Dst: mac.Short(f.PANID, f.Short), Src: mac.Short(f.PANID, src),
	})
	start := len(b)
	b = nwk.AppendHeader(b, h)
	return zigbee.NewEnvelope(key).Secure(b, start, aux, insider, bytes.Clone(payload))
}
