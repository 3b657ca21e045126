package network

import (
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
)

// The timing of letting devices in.
const (
	// joinWindow is how long the network is opened at a time. Should the gateway
	// stop, it closes by itself after that.
	joinWindow  = 3 * time.Minute
	joinRenewal = 2 * time.Minute
	// removalRetry is how long a device is given to leave before it is told again.
	removalRetry = 30 * time.Second
	// comeback is how long a device that has become unreachable may join anew: it may
	// have been reset without a word. Its own install code lets it in and nothing
	// else; without power it comes back by itself.
	comeback = time.Hour
)

// joining is the gateway's policy as a trust centre: the network is open, through
// all its routers, only while a desired device has not joined or has just been
// lost, and only to the addresses and install
// codes of the desired state.
type joining struct {
	allowed map[zigbee.EUI64]bool
	renewal *timer // nil when the network is closed
	recheck *timer // for devices that were told to leave
}

// installCode reads a code with its check sum, as it stands in the desired state.
func installCode(b []byte) (zigbee.InstallCode, error) {
	return zigbee.ParseInstallCode(hex.EncodeToString(b))
}

// syncMembers makes the node's list of devices follow the desired state.
func (n *Network) syncMembers(now time.Time) {
	present := map[zigbee.EUI64]bool{}
	for _, x := range n.cfg.Node.Devices() {
		present[x.EUI64] = x.Authorised
	}
	for _, d := range n.sorted() {
		if present[d.eui] && !d.joined {
			n.joined(now, d)
		}
	}
	var unwanted []zigbee.EUI64
	for _, e := range slices.Sorted(maps.Keys(present)) {
		if _, wanted := n.devices[e]; !wanted && n.version > 0 && e != n.cfg.Self {
			unwanted = append(unwanted, e)
		}
	}
	n.expel(now, unwanted...)
	n.syncJoining(now)
}

// syncJoining opens or closes the network.
func (n *Network) syncJoining(now time.Time) {
	if n.joining.allowed == nil {
		n.joining.allowed = map[zigbee.EUI64]bool{}
	}
	waiting := false
	for _, d := range n.sorted() {
		if !d.awaited(now) || d.setup.badCode != nil {
			continue
		}
		waiting = true
		if n.joining.allowed[d.eui] {
			continue
		}
		if err := n.cfg.Node.Allow(d.eui, d.code); err != nil {
			n.cfg.Log.Warn("a device cannot be let in", "device", d.eui, "err", err)
			continue
		}
		n.joining.allowed[d.eui] = true
	}
	for _, e := range slices.Sorted(maps.Keys(n.joining.allowed)) {
		if d, wanted := n.devices[e]; !wanted || !d.awaited(now) {
			n.cfg.Node.Disallow(e)
			delete(n.joining.allowed, e)
		}
	}
	switch {
	case waiting && n.joining.renewal == nil:
		n.open(now)
	case !waiting && n.joining.renewal != nil:
		n.timers.stop(n.joining.renewal)
		n.joining.renewal = nil
		n.cfg.Node.PermitJoin(now, 0)
	}
}

func (n *Network) open(now time.Time) {
	n.cfg.Node.PermitJoin(now, joinWindow)
	n.joining.renewal = n.timers.at(now.Add(joinRenewal), n.open)
}

// awaited reports whether a device may join now: it has not, or it was lost a short
// while ago.
func (d *device) awaited(now time.Time) bool {
	return !d.isGreen() && (!d.joined || !d.presence.lost.IsZero() && now.Sub(d.presence.lost) < comeback)
}

// lost lets a device join anew for a while.
func (n *Network) lost(now time.Time, d *device) {
	d.presence.lost = now
	n.timers.at(now.Add(comeback), n.syncJoining)
	n.syncJoining(now)
}

// expel tells devices that are not desired to leave, until they have, and changes
// the network key for all others: one that does not obey reads nothing any more.
func (n *Network) expel(now time.Time, list ...zigbee.EUI64) {
	if len(list) == 0 {
		return
	}
	for _, e := range list {
		if err := n.cfg.Node.Remove(now, e); err != nil {
			n.cfg.Log.Warn("a device could not be told to leave", "device", e, "err", err)
		}
	}
	if err := n.cfg.Node.RotateNetworkKey(now); err != nil {
		n.cfg.Log.Error("the network key could not be changed", "err", err)
	}
	if n.joining.recheck == nil {
		n.joining.recheck = n.timers.at(now.Add(removalRetry), func(now time.Time) {
			n.joining.recheck = nil
			n.syncMembers(now)
		})
	}
}

// authorised says that a device has proved itself to the trust centre.
func (n *Network) authorised(now time.Time, e zigbee.EUI64) {
	d, ok := n.devices[e]
	if !ok {
		n.expel(now, e)
		return
	}
	kind := wire.EventJoined
	if d.joined || d.record.Joined {
		kind = wire.EventRestarted // reset and joined anew: it has forgotten everything
		d.record = Record{Device: sconce.EUI64(e)}
		d.setup.restart()
	}
	n.out.event(now, e, kind)
	d.joinedAt = now
	n.joined(now, d)
	n.heard(now, d)
	d.private.tell(n, d, now, true)
	n.syncJoining(now)
}

// joined begins to look after a device that is on the network.
func (n *Network) joined(now time.Time, d *device) {
	d.joined = true
	d.record.Joined = true
	n.unsaved = true
	n.watch(now, d)
	n.proceed(now, d)
	n.stage(d)
}

// settleTime is how long after joining an announcement still belongs to it:
// devices send theirs before they have exchanged their key, and some once more.
const settleTime = 3 * time.Second

// announced says that a device has begun to speak on the network: as a part of
// joining, or because it has had power again.
func (n *Network) announced(now time.Time, e zigbee.EUI64) {
	d, ok := n.devices[e]
	if !ok || !d.joined {
		return
	}
	n.heard(now, d)
	if !d.joinedAt.IsZero() && now.Sub(d.joinedAt) < settleTime {
		return
	}
	n.out.event(now, e, wire.EventRestarted)
	d.light.restarted = now
	d.setup.restart()
	n.proceed(now, d)
}

// left says that a device is no longer on the network.
func (n *Network) left(now time.Time, e zigbee.EUI64) {
	n.out.event(now, e, wire.EventLeft)
	d, ok := n.devices[e]
	if !ok || !d.joined {
		return
	}
	n.abandon(now, d)
	n.exchange.drop(n, d)
	n.timers.stop(d.presence.probe)
	n.timers.stop(d.setup.retry)
	d.joined = false
	d.record = Record{Device: sconce.EUI64(e)}
	d.setup = setup{badCode: d.setup.badCode}
	if d.presence.reachable {
		d.presence.reachable = false
		n.out.touch(d)
	}
	d.private = private{told: d.private.told, due: true}
	n.unsaved = true
	n.stage(d)
	n.syncJoining(now)
}
