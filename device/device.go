// Package device is the firmware of Sconce's own devices: what stands on a
// Zigbee node and makes of it a luminaire, a sensor or a switch. It follows ZCL revision 8
// (07-5123-08) for the clusters, and the Zigbee lighting and occupancy device
// specification (15-0014-05) for their choice.
//
// It is pure: it has no network, files, clock or goroutines, and takes time and
// randomness as arguments. The same code runs on real hardware and, thousands of
// times, in the simulator. It does not draw, measure or switch anything: the
// owner drives the lamp with what [Luminaire.Light] says.
package device

import (
	"time"

	"sconce/zigbee"
	"sconce/zigbee/zcl"
)

// ManufacturerCode is what the devices give as their maker's code: one that the
// Connectivity Standards Alliance keeps for tests, as Sconce has none of its own.
const ManufacturerCode = zcl.MakerSconce

// ManufacturerName is what the devices give as their maker's name.
const ManufacturerName = "Sconce"

// Milliwatts is an electrical power.
type Milliwatts int32

// Watts returns the power in watts.
func (p Milliwatts) Watts() float64 { return float64(p) / 1000 }

// An Event is something that the owner of a device must know or do. Events are
// drained after every call.
type Event interface{ event() }

// The events.
type (
	// RadioChanged says that the radio must be set anew, from Filter.
	RadioChanged struct{}

	// SaveState says that the owner must make State durable and then call Saved
	// with it.
	SaveState struct{}

	// Joined says that the device is on a network, newly or again.
	Joined struct {
		Channel uint8
		PANID   zigbee.PANID
		Short   zigbee.ShortAddr
	}

	// JoinFailed says that an attempt to join ended, and why. The device tries
	// again by itself.
	JoinFailed struct{ Reason string }

	// EnergyWanted asks the owner to measure the energy on each channel of the mask,
	// for the given time each, and to call EnergyMeasured. Only a device whose
	// configuration says MeasuresEnergy asks.
	EnergyWanted struct {
		Channels zigbee.ChannelMask
		Duration time.Duration
	}

	// LightChanged says that what the lamp is to do has changed: it was switched,
	// began to fade, stopped, or began or ended to identify. During a fade, the
	// owner follows Light.
	LightChanged struct{}
)

func (RadioChanged) event() {}
func (EnergyWanted) event() {}
func (SaveState) event()    {}
func (Joined) event()       {}
func (JoinFailed) event()   {}
func (LightChanged) event() {}
