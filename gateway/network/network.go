// Package network is what a gateway makes of its light network: which devices it
// lets in, how it interviews and configures them, how it turns commands into
// frames and the devices' own words into confirmed state (DESIGN §8). The frames
// are those of ZCL revision 8 (07-5123-08) and of the device profile of Zigbee
// PRO R22 (05-3474-22, 2.4), sent through a [Node].
//
// It never says of a light what it was asked to do, only what the light itself
// reported or answered.
//
// It has no network, files, clock or goroutines: the owner passes in the time and
// what happened, calls Advance at Deadline, and drains what there is to tell
// the cloud. Its methods must not be called concurrently.
package network

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/stack"
)

// Endpoint is the gateway's application endpoint.
const Endpoint uint8 = 1

// A Node is the trust centre that a network runs on; [stack.Node] is one.
type Node interface {
	Data(now time.Time, r stack.DataRequest) (stack.Handle, error)
	Allow(e zigbee.EUI64, code zigbee.InstallCode) error
	Disallow(e zigbee.EUI64)
	PermitJoin(now time.Time, d time.Duration)
	Remove(now time.Time, e zigbee.EUI64) error
	RotateNetworkKey(now time.Time) error
	Devices() []stack.Device
	Lookup(e zigbee.EUI64) (zigbee.ShortAddr, bool)
	EUI64Of(a zigbee.ShortAddr) (zigbee.EUI64, bool)
	Switches
}

// Config makes a network. All fields are required.
type Config struct {
	Node Node
	Self zigbee.EUI64 // of the coordinator
	Log  *slog.Logger
}

// Network is one light network. It is made by [New].
type Network struct {
	cfg     Config
	version uint64 // of the desired state, 0 for none
	devices map[zigbee.EUI64]*device

	timers   timers
	exchange exchanges
	commands commands
	joining  joining
	pairing  *timer // opens the window for switches again; nil when it is closed
	out      outbox
	unsaved  bool
	silent   bool // nothing can be sent
	apart    bool // nothing gets to the cloud at once
	discreet discretion
}

// device is one device of the desired state.
type device struct {
	eui      zigbee.EUI64
	kind     sconce.DeviceKind
	code     zigbee.InstallCode
	rawCode  []byte               // as it came, for the snapshot
	reportTo zigbee.EUI64         // where its reports go: the coordinator
	groups   []sconce.GroupNumber // desired, ascending

	joined   bool // authorised on the network
	joinedAt time.Time
	record   Record
	setup    setup
	presence presence
	light    light
	outlet   outlet
	private  private
}

// New returns a network that continues from a snapshot; the zero one begins anew.
func New(cfg Config, now time.Time, from Snapshot) *Network {
	n := &Network{
		cfg:      cfg,
		devices:  map[zigbee.EUI64]*device{},
		exchange: newExchanges(),
	}
	records := map[sconce.EUI64]Record{}
	for _, r := range from.Records {
		records[r.Device] = r
	}
	n.apply(now, from.Desired, records)
	n.unsaved = false
	return n
}

// SetDesired brings the network to another desired state. One that is older than
// what the network holds is ignored, and one of the same version is answered with
// a report alone: messages may be repeated.
func (n *Network) SetDesired(now time.Time, d wire.Desired) {
	switch {
	case d.Version < n.version:
		n.cfg.Log.Info("an older desired state is ignored", "version", d.Version, "held", n.version)
	case d.Version == n.version:
		n.reportAll() // it is known: only where everybody stands was asked for
	default:
		n.apply(now, d, nil)
	}
}

// SetAir says whether the network can speak: there is a radio, and the node may
// send. While it cannot, nobody's silence means anything, and commands wait.
func (n *Network) SetAir(now time.Time, up bool) {
	if n.silent = !up; up {
		n.release(now)
	}
}

// Version returns the version of the desired state that the network holds.
func (n *Network) Version() uint64 { return n.version }

func (n *Network) apply(now time.Time, d wire.Desired, records map[sconce.EUI64]Record) {
	n.version = d.Version
	n.unsaved = true
	wanted := map[zigbee.EUI64]bool{}
	for _, want := range d.Devices {
		e := zigbee.EUI64(want.Device)
		wanted[e] = true
		dev, known := n.devices[e]
		if !known {
			dev = newDevice(e, n.cfg.Self, records[want.Device])
			n.devices[e] = dev
		}
		n.want(now, dev, want, !known)
	}
	for _, e := range slices.Sorted(maps.Keys(n.devices)) {
		if !wanted[e] {
			n.forget(now, n.devices[e])
		}
	}
	n.syncMembers(now)
	n.syncSwitches(now)
	n.reportAll()
}

func newDevice(e, coordinator zigbee.EUI64, r Record) *device {
	r.Device = sconce.EUI64(e)
	d := &device{eui: e, reportTo: coordinator, record: r}
	if r.Reporting && r.Reports != reportsVersion { // another program asked for other things
		d.record.Described, d.record.Clusters, d.record.Reporting = false, nil, false
	} else if r.Reporting { // the device keeps this over a restart of ours
		d.setup.bound = slices.Clone(r.Clusters)
		d.setup.reporting = slices.Clone(r.Clusters)
	}
	return d
}

// want takes over what the desired state says of one device.
func (n *Network) want(now time.Time, d *device, want wire.DesiredDevice, isNew bool) {
	code, err := installCode(want.InstallCode)
	d.setup.badCode = err
	groups := slices.Compact(slices.Sorted(slices.Values(want.Groups)))
	if !isNew && !slices.Equal(groups, d.groups) {
		d.record.Settled = false
	}
	if !code.Equal(d.code) {
		delete(n.joining.allowed, d.eui) // to be let in with the new one
	}
	d.kind, d.code, d.rawCode, d.groups = want.Kind, code, want.InstallCode, groups
	if !d.isGreen() {
		n.proceed(now, d)
	}
}

// forget ends everything about a device that is no longer desired.
func (n *Network) forget(now time.Time, d *device) {
	n.abandon(now, d)
	n.exchange.drop(n, d)
	n.timers.stop(d.presence.probe)
	n.timers.stop(d.setup.retry)
	n.cfg.Node.Disallow(d.eui)
	delete(n.devices, d.eui)
	delete(n.out.dirty, d.eui)
	delete(n.out.stages, d.eui)
}

// Event takes what the node has to say. Events that concern the radio or the
// node's own state are the owner's business, and are ignored.
func (n *Network) Event(now time.Time, e stack.Event) {
	n.closePeriods(now)
	switch e := e.(type) {
	case stack.DeviceAuthorised:
		n.authorised(now, e.EUI64)
	case stack.DeviceAnnounced:
		n.announced(now, e.EUI64)
	case stack.DeviceLeft:
		n.left(now, e.EUI64)
	case stack.JoinRefused:
		n.cfg.Log.Warn("a device was turned away", "device", e.EUI64, "reason", e.Reason)
	case stack.DataConfirm:
		n.exchange.confirmed(n, now, e.Handle, e.Err)
	case stack.GreenPowerEvent:
		n.green(now, e)
	case stack.DataIndication:
		n.indication(now, e)
	}
}

// Deadline returns when [Network.Advance] is to be called.
func (n *Network) Deadline() (time.Time, bool) { return n.timers.next() }

// Advance does what is due.
func (n *Network) Advance(now time.Time) { n.timers.run(now) }

// sorted returns the devices in the order of their addresses, so that the same
// events always lead to the same frames.
func (n *Network) sorted() []*device {
	list := make([]*device, 0, len(n.devices))
	for _, e := range slices.Sorted(maps.Keys(n.devices)) {
		list = append(list, n.devices[e])
	}
	return list
}
