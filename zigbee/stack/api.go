// Package stack is a Zigbee node: the layers of the Zigbee packages composed
// into a coordinator with trust centre, a router, or a sleepy end device. It follows Zigbee PRO R22
// (05-3474-22), Base Device Behaviour 3.0.1 and IEEE 802.15.4-2006.
//
// A [Node] is pure: it has no network, files, clock or goroutines. The owner
// gives it received frames and the time, and takes from it frames to send,
// events, and the time at which it wants to be called again. A node is not safe
// for concurrent use.
//
// Joining is by install code alone, next to the trust centre or through routers:
// the well-known default link key never protects a network key, an unsecured rejoin
// but for that of a member that asks for the key under its own link key is refused,
// and there is no touchlink. An end device polls its parent (see
// [DefaultPollLong]); a node that lost its network comes back by secured rejoin, by
// itself. The network key is changed by sending the
// new one to each device under the link key that it alone has.
//
// A router that is up passes on what battery-less switches say, and the coordinator
// obeys those that are paired with it: see the package gp for what they may do.
package stack

import (
	"errors"
	"fmt"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// The limits of a node.
const (
	MaxEndpoints = 8
	MaxDevices   = 512 // that a trust centre knows or expects; when full, Allow refuses
	MaxBindings  = 32  // when full, a bind request is answered with "table full"
	MaxRequests  = 24  // application payloads on their way; when full, Data refuses
	MaxEvents    = 256 // waiting for the owner; when full, received payloads are dropped and counted

	// MaxPayload is the size of an application payload in bytes, and
	// MaxPayloadLinkKey with link-key security.
	MaxPayload        = aps.MaxPayload
	MaxPayloadLinkKey = aps.MaxPayloadLinkKey

	// MaxFragmented is the size of a longer one, which goes in blocks to a device that
	// acknowledges them.
	MaxFragmented = aps.MaxFragmented
)

// Role is the logical type of a node (05-3474-22, 2.3.2.3.1).
type Role uint8

// The roles of a node.
const (
	Coordinator Role = iota + 1 // forms the network and is its trust centre
	Router                      // joins a network, relays, and lets others join
	EndDevice                   // joins, sleeps, and fetches its frames from its parent
)

// The times of an end device that polls.
const (
	// DefaultPollLong and DefaultPollShort stand in for a configuration's zeros. Who
	// sends to a device that polls more rarely than every 6.4 s hears of no acknowledgement in
	// time (apscAckWaitDuration), and a parent keeps a frame for 7.68 s
	// (macTransactionPersistenceTime): what is sent unasked may be lost.
	DefaultPollLong  = 5 * time.Second
	DefaultPollShort = 250 * time.Millisecond

	// MinPoll and MaxPoll bound both intervals.
	MinPoll = 50 * time.Millisecond
	MaxPoll = time.Hour

	// FastPoll is how long an end device polls at the short interval by itself after
	// it has sent something. While an acknowledgement is awaited it does so anyway.
	FastPoll = 2 * time.Second
)

// Config makes a node. All fields without "optional" are required.
type Config struct {
	Role       Role
	EUI64      zigbee.EUI64
	Random     func(p []byte)         // fills p; seeded in a simulation, the system's elsewhere
	Channels   zigbee.ChannelMask     // to form on or to search
	Endpoints  []zdo.SimpleDescriptor // application endpoints, 1 to 240, at most 8
	Descriptor zdo.NodeDescriptor     // what the node says of itself

	InstallCode zigbee.InstallCode // Router and EndDevice: the code on its own label

	PollLong  time.Duration // EndDevice, optional: between polls when nothing is expected
	PollShort time.Duration // EndDevice, optional: between polls when something is
	Timeout   time.Duration // EndDevice, optional: how long its parent keeps it when it is silent; 256 minutes when 0

	// MeasuresEnergy says that the owner answers [EnergyWanted] with
	// [Node.EnergyMeasured]. Optional: without it a network is formed where no other is heard, and
	// a trust centre that asks for the energy of channels is told that this is not supported.
	MeasuresEnergy bool

	Restore *State // optional: continue from here instead of forming or joining
}

// check refuses a configuration that cannot work.
func (c *Config) check() error {
	switch {
	case c.Role < Coordinator || c.Role > EndDevice:
		return fmt.Errorf("zigbee node: role %d is neither coordinator, router nor end device", c.Role)
	case c.EUI64 == 0 || c.EUI64 == 1<<64-1:
		return fmt.Errorf("zigbee node: %s is no extended address", c.EUI64)
	case c.Random == nil:
		return errors.New("zigbee node: no source of randomness")
	case !c.Channels.Valid():
		return errors.New("zigbee node: expected at least one channel, from 11 to 26")
	case len(c.Endpoints) > MaxEndpoints:
		return fmt.Errorf("zigbee node: %d endpoints; expected at most %d", len(c.Endpoints), MaxEndpoints)
	case c.Role != Coordinator && c.InstallCode.IsZero() && c.Restore == nil:
		return errors.New("zigbee node: a router or an end device joins by install code, and there is none")
	case c.Timeout < 0:
		return fmt.Errorf("zigbee node: a timeout of %v; expected none, or more than 0", c.Timeout)
	}
	if err := checkPolling(c.Polling()); err != nil {
		return fmt.Errorf("zigbee node: %w", err)
	}
	for i, e := range c.Endpoints {
		if e.Endpoint == 0 || e.Endpoint > 240 {
			return fmt.Errorf("zigbee node: endpoint %d; expected 1 to 240", e.Endpoint)
		}
		if err := e.Check(); err != nil {
			return fmt.Errorf("zigbee node: %w", err)
		}
		for _, f := range c.Endpoints[:i] {
			if f.Endpoint == e.Endpoint {
				return fmt.Errorf("zigbee node: endpoint %d is there twice", e.Endpoint)
			}
		}
	}
	return nil
}

// A Frame is a MAC frame that the owner must give to the radio. The owner
// answers each with [Node.FrameDone], in order.
type Frame struct {
	Data []byte // valid until FrameDone
}

// TxStatus is the end of a transmission, as the radio reported it.
type TxStatus struct {
	Sent         bool // on the air, and acknowledged where that was asked for
	FramePending bool
}

// Filter is what the radio must be set to. The owner reads it when the node
// emits [RadioChanged].
//
// Listening says whether the receiver must be on. A coordinator and a router always
// listen. An end device listens while it scans, and from a poll whose acknowledgement
// announced a frame until 15 ms after that frame, or for 100 ms: a simulated radio lets
// nothing in while Listening is false, but sends, and hears the acknowledgement of what it
// sent, at any time. A real one may be switched off.
type Filter struct {
	Listening    bool
	Channel      uint8
	PANID        zigbee.PANID
	Short        zigbee.ShortAddr
	EUI64        zigbee.EUI64
	Pending      []zigbee.EUI64 // neighbours for which an indirect frame waits, by extended address
	PendingShort []zigbee.ShortAddr
}

// DataRequest asks the node to send an application payload (05-3474-22, 2.2.4.1.1).
type DataRequest struct {
	Dst         zigbee.ShortAddr // unicast or broadcast; not used when Group is set
	Group       uint16           // groupcast to this group when not 0
	DstEndpoint uint8
	SrcEndpoint uint8
	Profile     uint16
	Cluster     uint16
	Payload     []byte // copied; at most MaxPayload bytes, or MaxFragmented with Ack
	Ack         bool   // ask for an APS acknowledgement, with retries
	LinkKey     bool   // protect with the peer's link key as well as the network key
}

// Handle names a request until its [DataConfirm].
type Handle uint32

// An Event is something that the owner must know. Events are drained with
// [Node.NextEvent] after every call; at most MaxEvents are held.
type Event interface{ event() }

// The events.
type (
	// RadioChanged says that the result of [Node.Filter] has changed.
	RadioChanged struct{}

	// NetworkUp says that the node formed, joined or resumed a network, and is
	// authenticated on it.
	NetworkUp struct {
		PANID         zigbee.PANID
		ExtendedPANID zigbee.ExtendedPANID
		Channel       uint8
		Short         zigbee.ShortAddr
	}

	// JoinFailed says that one attempt to join ended, and why; the node tries
	// again by itself.
	JoinFailed struct{ Reason string }

	// DeviceAuthorised says, at the trust centre, that a device has proved
	// possession of its own new trust-centre link key.
	DeviceAuthorised struct {
		EUI64 zigbee.EUI64
		Short zigbee.ShortAddr
	}

	// JoinRefused says, at the trust centre, that a device was turned away.
	JoinRefused struct {
		EUI64  zigbee.EUI64
		Reason string
	}

	// DeviceAnnounced says that a device announced its addresses
	// (05-3474-22, 2.4.3.1.11).
	DeviceAnnounced struct {
		EUI64      zigbee.EUI64
		Short      zigbee.ShortAddr
		Capability zigbee.Capability
	}

	// DeviceLeft says that a device left the network.
	DeviceLeft struct{ EUI64 zigbee.EUI64 }

	// Left says that this node is in no network any more: it left, or was told
	// to. A router looks for a network again by itself.
	Left struct{}

	// ParentLost says, on an end device, that its parent does not answer any more;
	// or, on a router, that it hears nobody of its network. The node looks for its
	// network by secured rejoin, by itself; [NetworkUp] tells that it is back.
	ParentLost struct{}

	// ChildLost says, on a parent, that an end device was silent for longer than
	// its timeout and is not this node's child any more.
	ChildLost struct{ EUI64 zigbee.EUI64 }

	// NetworkChanged says that the network changed its channel or its identifier,
	// and this node with it.
	NetworkChanged struct {
		PANID   zigbee.PANID
		Channel uint8
	}

	// EnergyWanted asks the owner to measure the energy on each channel of the
	// mask, for the given time each, and to answer with [Node.EnergyMeasured]. Only
	// a node whose configuration says MeasuresEnergy asks.
	EnergyWanted struct {
		Channels zigbee.ChannelMask
		Duration time.Duration
	}

	// DataIndication is a received application payload (05-3474-22, 2.2.4.1.3).
	DataIndication struct {
		At          time.Time
		Src         zigbee.ShortAddr
		SrcEUI64    zigbee.EUI64 // 0 when not known
		SrcEndpoint uint8
		Dst         zigbee.ShortAddr // as addressed: own, or a broadcast
		Group       uint16           // not 0 when it came as a groupcast
		DstEndpoint uint8
		Profile     uint16
		Cluster     uint16
		Payload     []byte // the owner's to keep
		LinkKey     bool   // was protected with a link key
		LQI         uint8  // of the last hop
	}

	// DataConfirm is the end of a [DataRequest].
	DataConfirm struct {
		Handle Handle
		Err    error // nil: sent, and acknowledged by the peer where that was asked for
	}

	// SaveState says that the owner must make [Node.State] durable and then call
	// [Node.Saved]. The node never uses a frame counter that is not covered by a
	// state that was saved.
	SaveState struct{}
)

func (RadioChanged) event()     {}
func (NetworkUp) event()        {}
func (JoinFailed) event()       {}
func (DeviceAuthorised) event() {}
func (JoinRefused) event()      {}
func (DeviceAnnounced) event()  {}
func (DeviceLeft) event()       {}
func (Left) event()             {}
func (ParentLost) event()       {}
func (ChildLost) event()        {}
func (NetworkChanged) event()   {}
func (EnergyWanted) event()     {}
func (DataIndication) event()   {}
func (DataConfirm) event()      {}
func (SaveState) event()        {}

// Errors of [Node.Data] and of [DataConfirm], to be told apart with [errors.Is].
var (
	ErrNotUp     = errors.New("the node is in no network")
	ErrQueueFull = aps.ErrQueueFull // too many requests are under way; later may work
	ErrTooLong   = aps.ErrTooLong   // the payload does not fit one frame
	ErrNoLinkKey = aps.ErrNoLinkKey // no established link key is shared with the device
	ErrNoRoute   = aps.ErrNoRoute   // the next hop did not take the frame
	ErrNoAck     = aps.ErrNoAck     // the device did not acknowledge

	errNoSink = errors.New("only a coordinator pairs switches")
)

// Energy is what was measured on a channel: the peak in dBm.
type Energy struct {
	Channel uint8
	DBm     int8
}

// Device is what the trust centre knows of one device that has joined.
type Device struct {
	EUI64      zigbee.EUI64
	Short      zigbee.ShortAddr
	Capability zigbee.Capability
	Authorised bool // has proved possession of its own link key
}

// Binding says where an endpoint of this node sends what a cluster has to report
// (05-3474-22, 2.2.8.2).
type Binding struct {
	Endpoint    uint8 // of this node
	Cluster     uint16
	Group       uint16       // the destination when Device is 0
	Device      zigbee.EUI64 // the destination with DstEndpoint
	DstEndpoint uint8
}

// Counters counts what a node did and refused since it was made.
type Counters struct {
	Received      uint64 // frames from the radio
	Sent          uint64 // frames that the radio sent
	NotSent       uint64 // frames that the radio could not send, or nobody acknowledged
	EventsDropped uint64 // payloads that found no room in the event queue
	Policy        uint64 // key commands that nobody asked for, or with the wrong protection
	JoinsRefused  uint64 // trust centre: associations refused
	JoinsFailed   uint64 // trust centre: joins that did not end in time; router: own attempts
	Saves         uint64 // states asked to be saved
	LabelKeys     uint64 // times that a trust centre let this node keep the key of its label: who reads the label reads its keys

	MAC mac.Counters
	NWK nwk.Counters
	APS aps.Counters

	GreenPower          gp.Counters
	GreenPowerMalformed uint64 // frames and commands that could not be parsed
	GreenPowerUnsent    uint64 // commands that found no room, or no way
}
