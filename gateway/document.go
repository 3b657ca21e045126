package gateway

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"sconce"
	"sconce/gateway/network"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/stack"
)

// document is all that a gateway keeps on disk, sealed (DESIGN §6): its network
// and what it needs to run it with the cloud away. Measured values, states and
// events are never in it.
type document struct {
	Version   uint        `cbor:"1,keyasint"`
	BootCount uint64      `cbor:"2,keyasint"` // starts since manufacture
	Adopted   wire.Adopt  `cbor:"3,keyasint"` // empty when it is in no project
	Network   *netSection `cbor:"4,keyasint,omitempty"`
}

// netSection is one light network. It stays while the gateway is in no project,
// so that coming back to the same one orphans no light.
type netSection struct {
	ID sconce.NetworkID `cbor:"1,keyasint"`
	// Coordinator is the address of the trust centre on the air: the gateway's own
	// when it forms the network, and the network's for ever after, so that another
	// gateway can take over with it.
	Coordinator zigbee.EUI64     `cbor:"2,keyasint"`
	Node        []byte           `cbor:"3,keyasint"` // [stack.State], as it writes itself; empty before the first one
	Snapshot    network.Snapshot `cbor:"4,keyasint"`
}

const documentVersion = 1

func (d document) encode() ([]byte, error) {
	b, err := cbor.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding the state: %w", err)
	}
	return b, nil
}

func parseDocument(b []byte) (document, error) {
	var d document
	if err := cbor.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("reading the state: %w", err)
	}
	if d.Version != documentVersion {
		return d, sconce.Errorf(sconce.Conflict, "the state has version %d; this program reads version %d: start the program that wrote it", d.Version, documentVersion)
	}
	return d, nil
}

// state returns the node's state, nil when it has none yet.
func (s *netSection) state() (*stack.State, error) {
	if len(s.Node) == 0 {
		return nil, nil
	}
	state, err := stack.ParseState(s.Node)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the network: %w", err)
	}
	return &state, nil
}
