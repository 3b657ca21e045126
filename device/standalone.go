package device

import (
	"fmt"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/stack"
)

// What a device does in an installation without a gateway: its owner stands next to it,
// and tells it on a channel that is secure by itself. See [stack.Node] for the rules.

// Form makes a luminaire that is on no network form one without a trust centre.
func (l *Luminaire) Form(now time.Time) error { return l.told(now, l.node.FormDistributed(now)) }

// Expect lets a device with this install code join through this luminaire while
// the network is open: see [Luminaire.Open].
func (l *Luminaire) Expect(now time.Time, e zigbee.EUI64, code zigbee.InstallCode) error {
	return l.told(now, l.node.Allow(e, code))
}

// ExpectNoMore takes back [Luminaire.Expect].
func (l *Luminaire) ExpectNoMore(now time.Time, e zigbee.EUI64) {
	l.node.Disallow(e)
	l.settle(now)
}

// Open lets devices join for a while that luminaires of the network expect; 0 ends it.
func (l *Luminaire) Open(now time.Time, d time.Duration) {
	l.node.PermitJoin(now, d)
	l.settle(now)
}

// Credentials returns what makes others members of the network, of one without a trust
// centre.
func (d *body) Credentials() (stack.Credentials, error) {
	c, err := d.node.Credentials()
	return c, d.named(err)
}

// Commission makes the device a member of a network without a trust centre, or hands
// it the network key that follows.
func (d *body) Commission(now time.Time, c stack.Credentials) error {
	return d.told(now, d.node.Commission(now, c))
}

// UseNextKey makes the network use the key that Commission brought, and reports
// whether there was one.
func (d *body) UseNextKey(now time.Time) bool {
	used := d.node.UseNextKey(now)
	d.settle(now)
	return used
}

// Leave makes the device leave its network.
func (d *body) Leave(now time.Time) {
	d.node.Leave(now)
	d.settle(now)
}

// told carries out what follows from something that the owner said.
func (d *body) told(now time.Time, err error) error {
	d.settle(now)
	return d.named(err)
}

func (d *body) named(err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", d.kind, d.cfg.EUI64, err)
	}
	return nil
}
