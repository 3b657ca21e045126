package stack

import (
	"testing"
	"time"
)

// A unicast with acknowledgement from one node to another: secure, verify,
// deliver, acknowledge, confirm; without the air.
func BenchmarkUnicast(b *testing.B) {
	m := newMedium(b, 1)
	tc, lamps := joinAll(m, 1)
	lamp := lamps[0]
	a, _ := tc.Lookup(lampAddress)
	r := DataRequest{Dst: a, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: make([]byte, 40), Ack: true}
	m.run(time.Second, nil)
	b.ReportAllocs()
	for b.Loop() {
		m.now = m.now.Add(100 * time.Millisecond)
		if _, err := tc.Data(m.now, r); err != nil {
			b.Fatal(err)
		}
		for _, pair := range [][2]*station{{tc, lamp}, {lamp, tc}} {
			for f, ok := pair[0].NextFrame(); ok; f, ok = pair[0].NextFrame() {
				pair[1].Receive(m.now, f.Data, 200)
				pair[0].FrameDone(m.now, TxStatus{Sent: true})
			}
		}
		for _, s := range []*station{tc, lamp} {
			for e, ok := s.NextEvent(); ok; e, ok = s.NextEvent() {
				if _, save := e.(SaveState); save {
					s.Saved(s.State())
				}
			}
		}
	}
}
