package stack

import (
	"time"

	"sconce/zigbee"
)

// A Node is one Zigbee device. It is made by [New].
type Node struct {
	cfg Config
}

// New returns a node that does nothing until [Node.Start].
func New(cfg Config) (*Node, error) { return &Node{cfg: cfg}, nil }

// Start forms, joins or resumes the network.
func (n *Node) Start(now time.Time) {}

// Receive takes a frame from the radio, without its frame check sequence. The
// frame is only read, and only during the call.
func (n *Node) Receive(now time.Time, frame []byte, lqi uint8) {}

// NextFrame returns the next frame for the radio. There is none while another
// has not been answered with [Node.FrameDone].
func (n *Node) NextFrame() (Frame, bool) { return Frame{}, false }

// FrameDone says how the transmission of the last frame ended.
func (n *Node) FrameDone(now time.Time, s TxStatus) {}

// NextEvent returns and removes the oldest event.
func (n *Node) NextEvent() (Event, bool) { return nil, false }

// Deadline returns when the node wants [Node.Advance] to be called.
func (n *Node) Deadline() (time.Time, bool) { return time.Time{}, false }

// Advance does what is due.
func (n *Node) Advance(now time.Time) {}

// Filter returns what the radio must be set to.
func (n *Node) Filter() Filter { return Filter{} }

// Data sends an application payload.
func (n *Node) Data(now time.Time, r DataRequest) (Handle, error) { return 0, nil }

// Allow lets a device join with its install code. Trust centre only.
func (n *Node) Allow(e zigbee.EUI64, code zigbee.InstallCode) error { return nil }

// Disallow takes back [Node.Allow].
func (n *Node) Disallow(e zigbee.EUI64) {}

// PermitJoin lets devices associate with this node for d; 0 ends it.
func (n *Node) PermitJoin(now time.Time, d time.Duration) {}

// Remove makes a device leave the network. Trust centre only.
func (n *Node) Remove(now time.Time, e zigbee.EUI64) error { return nil }

// Leave makes this node leave its network.
func (n *Node) Leave(now time.Time) {}

// Devices returns the devices that the trust centre knows, by address.
func (n *Node) Devices() []Device { return nil }

// Lookup returns the short address of a device.
func (n *Node) Lookup(e zigbee.EUI64) (zigbee.ShortAddr, bool) { return 0, false }

// EUI64Of returns the extended address of a node.
func (n *Node) EUI64Of(a zigbee.ShortAddr) (zigbee.EUI64, bool) { return 0, false }

// AddGroup makes an endpoint a member of a group.
func (n *Node) AddGroup(endpoint uint8, group uint16) error { return nil }

// RemoveGroup ends the membership of an endpoint in a group.
func (n *Node) RemoveGroup(endpoint uint8, group uint16) bool { return false }

// Groups returns the groups of an endpoint, in ascending order.
func (n *Node) Groups(endpoint uint8) []uint16 { return nil }

// State returns what has to survive a restart.
func (n *Node) State() State { return State{} }

// Saved says that a state is durable.
func (n *Node) Saved(s State) {}

// Counters returns what the node has counted since it was made.
func (n *Node) Counters() Counters { return Counters{} }

// Device is what the trust centre knows of one device.
type Device struct {
	EUI64      zigbee.EUI64
	Short      zigbee.ShortAddr
	Capability zigbee.Capability
	Authorised bool // has proved possession of its own link key
}

// State is what has to survive a restart of a node.
type State struct{ _ [0]func() }

// Append appends the explicit form of the state to b. It holds keys.
func (s State) Append(b []byte) []byte { return b }

// ParseState reads what [State.Append] wrote.
func ParseState(b []byte) (State, error) { return State{}, nil }

// Counters counts what a node did and refused.
type Counters struct {
	Received, Sent uint64
}
