package device

import (
	"time"

	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// reportShare is the time that a report takes of the air around a gateway, with its
// acknowledgements and on its way. What a broadcast has changed all devices have to report: they
// do so within as many times that as there are devices, and half the air is left. Otherwise 250 lights fill the
// air for seconds, and lose more than they say.
const reportShare = 100 * time.Millisecond

// share returns the time within which all devices of the network report at once.
func (d *body) share() time.Duration { return time.Duration(d.node.Known()) * reportShare }

// send gives the node a frame that the server wants sent, and reports whether
// there was one. An answer that finds no room is lost: who asked asks again.
func (d *body) send(now time.Time) bool {
	o, ok := d.server.Next()
	switch {
	case !ok:
		return false
	case o.Report && d.stuck:
	case o.Report:
		d.report(now, o)
	default:
		_, _ = d.node.Data(now, request(o))
	}
	return true
}

func request(o zcl.Outgoing) stack.DataRequest {
	return stack.DataRequest{
		Dst: o.Dst, DstEndpoint: o.DstEndpoint, SrcEndpoint: o.SrcEndpoint,
		Profile: o.Profile, Cluster: o.Cluster, Payload: o.Payload,
	}
}

// delivery is a report on its way to all whom it is for.
type delivery struct {
	report  zcl.Outgoing
	waiting int  // destinations whose end is not known
	lost    bool // at one of them
}

// report sends a report to everybody whom the cluster is bound to, and without
// bindings to whoever configured it. It asks for acknowledgements, so that the
// server sends again what did not reach everybody.
func (d *body) report(now time.Time, o zcl.Outgoing) {
	v := &delivery{report: o, waiting: 1}
	bindings := d.node.Bindings(o.SrcEndpoint, o.Cluster)
	if len(bindings) == 0 {
		r := request(o)
		r.Ack = true
		d.track(now, v, r)
	}
	for _, b := range bindings {
		r := request(o)
		if b.Device == 0 {
			r.Group, r.DstEndpoint = b.Group, 0
			d.track(now, v, r)
			continue
		}
		var known bool
		if r.Dst, known = d.node.Lookup(b.Device); !known {
			v.lost = true
			continue
		}
		r.DstEndpoint, r.Ack = b.DstEndpoint, true
		d.track(now, v, r)
	}
	d.delivered(now, v, true)
}

// track sends a report to one destination.
func (d *body) track(now time.Time, v *delivery, r stack.DataRequest) {
	handle, err := d.node.Data(now, r)
	if err != nil {
		v.lost = true
		return
	}
	v.waiting++
	d.deliveries[handle] = v
}

// delivered notes the end at one destination, or of the sending itself, and tells
// the server when it was the last.
func (d *body) delivered(now time.Time, v *delivery, arrived bool) {
	v.lost = v.lost || !arrived
	if v.waiting--; v.waiting == 0 {
		d.server.Reported(now, v.report, !v.lost)
	}
}
