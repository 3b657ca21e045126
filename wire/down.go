package wire

import (
	"fmt"

	"sconce"
)

// Adopt tells a gateway which project and network it serves. A gateway that is
// in no project gets an Adopt with empty identifiers, and keeps its radio silent.
type Adopt struct {
	Project sconce.ProjectID `cbor:"1,keyasint"`
	Network sconce.NetworkID `cbor:"2,keyasint"`
	// Occupancy is the period in minutes of which occupancy is told, 15, 30 or 60, and nothing
	// of a shorter time ([Occupancy]); 0 for the values of sensors as they come.
	Occupancy uint8 `cbor:"3,keyasint,omitempty"`
}

// Desired is the whole configuration of one network. A gateway brings the
// devices to it and answers with a [Report].
type Desired struct {
	Version uint64          `cbor:"1,keyasint"` // grows by one with every change, from 1
	Devices []DesiredDevice `cbor:"2,keyasint"`
}

// DesiredDevice is one device that belongs to the network.
type DesiredDevice struct {
	Device      sconce.EUI64         `cbor:"1,keyasint"` // below 2^32: the source identifier of a switch without a battery (Zigbee Green Power)
	Kind        sconce.DeviceKind    `cbor:"2,keyasint"`
	InstallCode []byte               `cbor:"3,keyasint"` // 16 bytes and their CRC, as on the label: 18 bytes; of such a switch, its key
	Groups      []sconce.GroupNumber `cbor:"4,keyasint"`
}

// Command asks for something now. Exactly one of Device and Group is set.
type Command struct {
	ID      sconce.CommandID   `cbor:"1,keyasint"`
	Expires Time               `cbor:"2,keyasint"` // not to be begun after this moment
	Device  sconce.EUI64       `cbor:"3,keyasint,omitempty"`
	Group   sconce.GroupNumber `cbor:"4,keyasint,omitempty"`
	On      *bool              `cbor:"5,keyasint,omitempty"` // switch, without touching the level
	Level   *sconce.Level      `cbor:"6,keyasint,omitempty"` // dim to this; 0 switches off
	Fade    uint32             `cbor:"7,keyasint"`           // transition time in milliseconds, at most MaxFade
}

// MaxFade is the longest transition of a [Command], in milliseconds (ZCL 3.10.2.3.1:
// tenths of a second in 16 bits).
const MaxFade = 6_553_400

// DownKind returns [KindAdopt].
func (Adopt) DownKind() Kind { return KindAdopt }

// DownKind returns [KindDesired].
func (Desired) DownKind() Kind { return KindDesired }

// DownKind returns [KindCommand].
func (Command) DownKind() Kind { return KindCommand }

func (m *Adopt) check() error {
	if (m.Project == "") != (m.Network == "") {
		return fmt.Errorf("adopt: project and network must both be set or both be empty")
	}
	if m.Occupancy != 0 && !isPeriod(m.Occupancy) {
		return fmt.Errorf("adopt: occupancy by %d minutes, expected 15, 30 or 60", m.Occupancy)
	}
	return nil
}

func (m *Desired) check() error {
	if len(m.Devices) > sconce.MaxNodesPerNetwork {
		return fmt.Errorf("desired state of %d devices: at most %d in a network", len(m.Devices), sconce.MaxNodesPerNetwork)
	}
	for _, d := range m.Devices {
		if d.Device == 0 || len(d.InstallCode) != 18 {
			return fmt.Errorf("desired device %s: expected an address and an install code of 18 bytes", d.Device)
		}
		for _, g := range d.Groups {
			if g == 0 || g > sconce.MaxGroupsPerNetwork {
				return fmt.Errorf("desired device %s: group %d, expected 1 to %d", d.Device, g, sconce.MaxGroupsPerNetwork)
			}
		}
	}
	return nil
}

func (m *Command) check() error {
	if _, err := sconce.ParseID[sconce.CommandID](string(m.ID)); err != nil {
		return err
	}
	if (m.Device == 0) == (m.Group == 0) {
		return fmt.Errorf("command %s: expected a device or a group", m.ID)
	}
	if (m.On == nil) == (m.Level == nil) {
		return fmt.Errorf("command %s: expected on/off or a level", m.ID)
	}
	if m.Level != nil && !m.Level.Valid() {
		return fmt.Errorf("command %s: level %d, at most %d allowed", m.ID, *m.Level, sconce.MaxLevel)
	}
	if m.Group > sconce.MaxGroupsPerNetwork || m.Fade > MaxFade {
		return fmt.Errorf("command %s: group or fade out of range", m.ID)
	}
	return nil
}
