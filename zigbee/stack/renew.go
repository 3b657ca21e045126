package stack

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/nwk"
)

// renewal is how far the change of a link key is that is in use: at a trust centre
// for one device, at a device with its trust centre.
type renewal struct {
	tries    int
	at       time.Time // of the next; zero when none is due
	revision uint64    // device: of the state that must be saved first; 0 for none
}

// RenewLinkKey gives a device another link key, under the one that it has (05-3474-22,
// 4.4.3.1); the former counts until the device has proved the new one.
// [LinkKeyRenewed] tells the end; a device that does not answer keeps its key.
// Trust centre only.
func (n *Node) RenewLinkKey(now time.Time, e zigbee.EUI64) error {
	n.now = now
	d := n.devices[e]
	switch {
	case n.phase != up:
		return ErrNotUp
	case d == nil || !d.authorised:
		return fmt.Errorf("zigbee: device %s has no link key", e)
	}
	if err := n.aps.SetKey(e, aps.Provisional, zigbee.NewLinkKey(n.randomKey())); err != nil {
		return err
	}
	d.renewal = renewal{}
	n.changed()
	n.handOverLinkKey(d)
	n.pump()
	return nil
}

func (n *Node) handOverLinkKey(d *device) {
	key, ok := n.aps.Key(d.eui64, aps.Provisional)
	if d.renewal.tries == exchangeTries || !ok {
		n.aps.DropKey(d.eui64, aps.Provisional)
		d.renewal = renewal{}
		return
	}
	d.renewal.tries++
	d.renewal.at = n.now.Add(exchangeTimeout)
	c := aps.Command{ID: aps.TransportKey, KeyType: aps.TrustCentreLinkKey, LinkKey: key, Dst: d.eui64, Src: n.cfg.EUI64}
	s := aps.Security{Use: aps.Established, Key: zigbee.KeyLoad, Peer: d.eui64}
	_ = n.aps.SendCommand(0, d.short, c, s, false, false) // when full, the next try counts
}

// nextLinkKey takes the link key that follows (05-3474-22, 4.4.3.3), and saves it before
// proving it.
func (n *Node) nextLinkKey(in nwk.Indication, a aps.Indication) {
	c := a.Command
	former, _ := n.aps.Key(n.tc, aps.Established)
	if n.cfg.Role == Coordinator || !in.Secured || a.Key != zigbee.KeyLoad || a.Source != n.tc ||
		c.Dst != n.cfg.EUI64 || c.LinkKey.IsWellKnown() || c.LinkKey.Equal(former) ||
		n.aps.SetKey(n.tc, aps.Provisional, c.LinkKey) != nil {
		n.counters.Policy++
		return
	}
	n.changed()
	n.renewal = renewal{revision: n.save.revision}
}

// proveNextLinkKey proves a link key that is now saved (05-3474-22, 4.4.8.1).
func (n *Node) proveNextLinkKey() {
	if n.renewal.revision != 0 && n.renewal.revision <= n.save.saved {
		n.renewal = renewal{}
		n.verifyNext()
	}
}

func (n *Node) verifyNext() {
	key, ok := n.aps.Key(n.tc, aps.Provisional)
	if !ok || n.renewal.tries == exchangeTries {
		n.renewal = renewal{}
		return
	}
	n.renewal.tries++
	n.renewal.at = n.now.Add(exchangeTimeout)
	c := aps.Command{ID: aps.VerifyKey, KeyType: aps.TrustCentreLinkKey, Src: n.cfg.EUI64, Hash: key.VerifyHash()}
	_ = n.aps.SendCommand(0, zigbee.Coordinator, c, aps.Security{}, false, false) // when full, the next try counts
}

// promote makes the next link key the one that counts when the trust centre uses it:
// it does so only after the key was proved, and after saving it. So nobody is locked
// out by a confirmation that was lost. It returns the use that the key now has.
func (n *Node) promote(a aps.Indication) aps.KeyUse {
	if n.phase != up || n.cfg.Role == Coordinator || a.Use != aps.Provisional || a.Source != n.tc {
		return a.Use
	}
	n.aps.Promote(n.tc)
	n.renewal = renewal{}
	n.changed()
	return aps.Established
}

func (n *Node) renewalDeadline() (time.Time, bool) {
	first := n.renewal.at
	for _, d := range n.devices {
		if t := d.renewal.at; !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first, !first.IsZero()
}

func (n *Node) advanceRenewal() {
	isDue := func(t time.Time) bool { return !t.IsZero() && !t.After(n.now) }
	if isDue(n.renewal.at) {
		n.verifyNext()
	}
	var late []*device
	for _, d := range n.devices {
		if isDue(d.renewal.at) {
			late = append(late, d)
		}
	}
	slices.SortFunc(late, func(a, b *device) int { return cmp.Compare(a.eui64, b.eui64) })
	for _, d := range late {
		n.handOverLinkKey(d)
	}
}

// LinkKeyRenewed says, at the trust centre, that a device on the network has proved
// another link key.
type LinkKeyRenewed struct{ EUI64 zigbee.EUI64 }

func (LinkKeyRenewed) event() {}
