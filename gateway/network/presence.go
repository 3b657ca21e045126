package network

import (
	"time"

	"sconce/zigbee/zcl"
)

// The rule of presence. A light that works says something at least every
// lightMax seconds, and as a rule far more often. One that has been quiet for
// quietAfter is asked for its state. maxMissed requests in a row without an
// answer, commands included, make it unreachable; anything that it says makes it
// reachable again at once. So a light without power is known as such within
// quietAfter and two attempts, and none is called unreachable that was not asked.
const (
	quietAfter    = 95 * time.Second
	maxMissed     = 2
	probePause    = 5 * time.Second // between the first and the second attempt
	probeMinPause = 30 * time.Second
	probeMaxPause = 5 * time.Minute  // so long at most until a light with power again is noticed, should its announcement be lost
	heardEvery    = 60 * time.Second // how often the cloud is told when a quiet light was last heard
)

// presence is whether a device is there.
type presence struct {
	heard     time.Time // zero for never
	told      time.Time // the value of heard that the cloud knows
	missed    int       // requests in a row without an answer
	reachable bool
	lost      time.Time     // when it became unreachable; zero when it is not
	pause     time.Duration // before the next probe of an unreachable device
	probe     *timer
	probing   bool
}

// watch begins to look after the presence of a device.
func (n *Network) watch(now time.Time, d *device) {
	n.timers.stop(d.presence.probe)
	d.presence.probe = n.timers.at(now.Add(quietAfter), func(now time.Time) { n.probe(now, d) })
}

// heard notes that a device has said something.
func (n *Network) heard(now time.Time, d *device) {
	p := &d.presence
	p.heard, p.missed, p.pause = now, 0, 0
	d.private.heard = true
	if !p.reachable {
		p.reachable, p.lost = true, time.Time{}
		n.syncJoining(now)
		n.out.touch(d)
		d.setup.read = nil // it may have changed while nobody heard it
		n.watch(now, d)
		n.proceed(now, d)
	} else if now.Sub(p.told) >= heardEvery && !n.keeps(d) {
		n.out.touch(d)
	}
}

// missed notes that a device did not answer. Without a radio that says nothing
// about the device.
func (n *Network) missed(now time.Time, d *device) {
	p := &d.presence
	if !n.silent {
		p.missed++
	}
	if p.missed == maxMissed && !n.silent { // also when it has not been heard since the gateway started
		p.reachable = false
		n.out.touch(d)
		n.cfg.Log.Info("a device is unreachable", "device", d.eui, "last_heard", p.heard)
		n.lost(now, d)
	}
	if !p.probing {
		n.timers.stop(p.probe)
		p.probe = n.timers.at(now.Add(n.nextProbe(d)), func(now time.Time) { n.probe(now, d) })
	}
}

// nextProbe returns how long to wait before a device that does not answer is
// asked again.
func (n *Network) nextProbe(d *device) time.Duration {
	p := &d.presence
	if p.missed < maxMissed {
		return probePause
	}
	p.pause = min(max(2*p.pause, probeMinPause), probeMaxPause)
	return p.pause
}

// probe asks a quiet device for its state.
func (n *Network) probe(now time.Time, d *device) {
	p := &d.presence
	if quiet := now.Sub(p.heard); p.missed == 0 && quiet < quietAfter {
		p.probe = n.timers.at(p.heard.Add(quietAfter), func(now time.Time) { n.probe(now, d) })
		return
	}
	r := d.read("asking whether it is there", zcl.ClusterBasic, zcl.AttrZCLVersion)
	if d.record.has(zcl.ClusterOnOff) {
		r = d.read(r.what, zcl.ClusterOnOff, zcl.AttrOnOff)
	}
	if r.endpoint == 0 {
		r.endpoint = 1 // before the interview: the arrival is what counts
	}
	r.tries = 1
	p.probing = true
	r.done = func(now time.Time, _ []byte, err error) {
		p.probing = false
		next := quietAfter
		if err != nil {
			next = n.nextProbe(d)
		}
		n.timers.stop(p.probe)
		p.probe = n.timers.at(now.Add(next), func(now time.Time) { n.probe(now, d) })
	}
	n.ask(now, d, r)
}
