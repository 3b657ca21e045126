package gateway

import (
	"reflect"
	"strings"
	"testing"

	"sconce"
	"sconce/gateway/network"
	"sconce/wire"
)

func TestADocumentIsReadAsItWasWritten(t *testing.T) {
	d := document{
		Version: documentVersion, BootCount: 7, Adopted: wire.Adopt{Project: "p", Network: "n", Occupancy: 30},
		Network: &netSection{
			ID: "n", Coordinator: 1, Node: []byte{1, 2, 3},
			Snapshot: network.Snapshot{
				Desired: wire.Desired{Version: 9, Devices: []wire.DesiredDevice{
					{Device: 5, Kind: sconce.Luminaire, InstallCode: []byte{1}, Groups: []sconce.GroupNumber{2}},
				}},
				Records: []network.Record{{Device: 5, Described: true, Endpoint: 11, Clusters: []uint16{6, 8}, Model: "M"}},
			},
		},
	}
	b, err := d.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseDocument(b)
	if err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestADocumentOfAnotherVersionIsRefused(t *testing.T) {
	b, err := document{Version: documentVersion + 1}.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseDocument(b); sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("error %v", err)
	}
	if _, err := parseDocument([]byte{0xff}); err == nil {
		t.Error("nonsense was read")
	}
}
