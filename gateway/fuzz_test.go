package gateway

import (
	"bytes"
	"testing"

	"sconce"
	"sconce/gateway/network"
	"sconce/internal/corpus"
	"sconce/wire"
)

// FuzzParseDocument: a document that parses is written, and then always the same.
func FuzzParseDocument(f *testing.F) {
	for _, d := range []document{
		{Version: documentVersion},
		{Version: documentVersion, BootCount: 7, Adopted: wire.Adopt{Project: "p", Network: "n"}, Network: &netSection{
			ID: "n", Coordinator: 1, Node: []byte{1, 2, 3},
			Snapshot: network.Snapshot{Records: []network.Record{{Device: 5, Described: true, Endpoint: 11, Clusters: []uint16{6, 8}, Model: "M"}}},
		}},
		{Version: documentVersion, Network: &netSection{Snapshot: network.Snapshot{Desired: wire.Desired{
			Version: 9, Devices: []wire.DesiredDevice{{Device: 5, Kind: sconce.Luminaire, InstallCode: []byte{1}, Groups: []sconce.GroupNumber{2}}},
		}}}},
	} {
		b, err := d.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		d, err := parseDocument(b)
		if err != nil {
			return
		}
		canonical, err := d.encode()
		if err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		again, err := parseDocument(canonical)
		if err != nil {
			t.Fatalf("%x is written as %x, which is refused: %v", b, canonical, err)
		}
		if third, err := again.encode(); err != nil || !bytes.Equal(third, canonical) {
			t.Fatalf("%x is written as %x, and then as %x, %v", b, canonical, third, err)
		}
		if d.Network != nil {
			_, _ = d.Network.state()
		}
	})
}
