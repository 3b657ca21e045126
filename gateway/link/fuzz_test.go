package link

import (
	"bytes"
	"testing"

	"sconce/internal/corpus"
	"sconce/wire"
)

// FuzzParseDown: what a gateway takes from the cloud is for it and of a kind it
// knows, and what it read it would read again.
func FuzzParseDown(f *testing.F) {
	const own = 0x5ec0ce0000000001
	for _, m := range []wire.Down{wire.Adopt{Project: "p", Network: "n"}, wire.Desired{Version: 3}, wire.Command{ID: "c"}} {
		payload, err := wire.AppendDown(nil, wire.DownHeader{Version: wire.Version}, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire.DownTopic(own, m.DownKind()), payload)
		f.Add(wire.DownTopic(own+1, m.DownKind()), payload)
	}
	corpus.Fuzz(f, func(t *testing.T, topic string, payload []byte) {
		_, m, err := parseDown(own, topic, payload)
		if err != nil || m == nil {
			return
		}
		if topic != wire.DownTopic(own, m.DownKind()) {
			t.Fatalf("took %T from topic %q", m, topic)
		}
		canonical, err := wire.AppendDown(nil, wire.DownHeader{Version: wire.Version}, m)
		if err != nil {
			t.Fatalf("%x was read as %+v, which cannot be written: %v", payload, m, err)
		}
		_, again, err := parseDown(own, topic, canonical)
		if err != nil {
			t.Fatalf("%x was read, and its %x is refused: %v", payload, canonical, err)
		}
		if third, err := wire.AppendDown(nil, wire.DownHeader{Version: wire.Version}, again); err != nil || !bytes.Equal(third, canonical) {
			t.Fatalf("%x, and then %x, %v", canonical, third, err)
		}
	})
}
