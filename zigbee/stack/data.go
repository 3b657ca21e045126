package stack

import (
	"fmt"
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// anyEndpoint addresses all application endpoints (05-3474-22, 2.2.5.1.2).
const anyEndpoint = 0xff

// Data sends an application payload. A bad request, a full queue (MaxRequests)
// or a node that is in no network is an error at once; everything later comes as
// [DataConfirm]. A multicast group reaches all devices whose receiver is on.
func (n *Node) Data(now time.Time, r DataRequest) (Handle, error) {
	n.now = now
	if n.phase != up {
		return 0, ErrNotUp
	}
	req := aps.Request{
		Header: aps.Header{
			DstEndpoint: r.DstEndpoint, SrcEndpoint: r.SrcEndpoint, Profile: r.Profile, Cluster: r.Cluster,
			AckRequest: r.Ack,
		},
		Dst: r.Dst, Payload: r.Payload,
	}
	switch {
	case r.Group != 0:
		req.Dst, req.Header.Delivery, req.Header.Group = zigbee.BroadcastRxOn, aps.Group, r.Group
	case r.Dst.IsBroadcast():
		req.Header.Delivery = aps.Broadcast
	case r.Dst == n.nwk.Network().Short || r.Dst == zigbee.Unassigned:
		return 0, fmt.Errorf("zigbee data request: %s is not another node", r.Dst)
	}
	if req.Header.Delivery != aps.Unicast && (r.Ack || r.LinkKey) {
		return 0, fmt.Errorf("zigbee data request: a broadcast has neither acknowledgement nor link-key security")
	}
	if r.LinkKey {
		peer, ok := n.nwk.EUI64Of(r.Dst)
		if !ok {
			return 0, ErrNoLinkKey
		}
		req.Security = aps.Security{Use: aps.Established, Key: zigbee.KeyData, Peer: peer}
	}
	if n.requests == MaxRequests {
		return 0, ErrQueueFull
	}
	n.handle++
	if n.handle == ownHandle {
		n.handle = 1
	}
	req.Handle = uint32(n.handle)
	if err := n.aps.Send(req); err != nil {
		return 0, err
	}
	n.requests++
	n.pump()
	return n.handle, nil
}

// deliver hands a received payload to its endpoints.
func (n *Node) deliver(in nwk.Indication, a aps.Indication) {
	h := a.Header
	if n.isGreenPower(h) {
		n.receiveGreenPower(in, a)
		return
	}
	d := DataIndication{
		At: n.now, Src: in.Src, SrcEUI64: in.SrcEUI64, SrcEndpoint: h.SrcEndpoint, Dst: in.Dst,
		DstEndpoint: h.DstEndpoint, Profile: h.Profile, Cluster: h.Cluster,
		LinkKey: a.Use == aps.Established && a.Key == zigbee.KeyData, LQI: in.LQI,
	}
	if h.Delivery == aps.Group {
		d.Group = h.Group
	}
	if h.Delivery != aps.Group && h.DstEndpoint == zdo.Endpoint {
		if h.Profile == zdo.Profile {
			n.receiveZDO(d, a.Payload)
		}
		return
	}
	for i := range n.cfg.Endpoints {
		e := &n.cfg.Endpoints[i]
		switch {
		case h.Delivery == aps.Group:
			if !n.aps.InGroup(e.Endpoint, h.Group) {
				continue
			}
		case h.DstEndpoint != anyEndpoint && h.DstEndpoint != e.Endpoint:
			continue
		}
		d.DstEndpoint = e.Endpoint
		n.indicate(d, a.Payload)
	}
}

func (n *Node) indicate(d DataIndication, payload []byte) {
	if len(n.events) >= MaxEvents {
		n.counters.EventsDropped++
		return
	}
	d.Payload = slices.Clone(payload)
	n.emit(d)
}

// AddGroup makes an endpoint of this node a member of a group. It fails when the
// group table is full.
func (n *Node) AddGroup(endpoint uint8, group uint16) error {
	if n.aps.InGroup(endpoint, group) {
		return nil
	}
	if err := n.aps.AddGroup(endpoint, group); err != nil {
		return err
	}
	n.changed()
	n.checkSave()
	return nil
}

// RemoveGroup ends the membership of an endpoint in a group, and reports whether
// there was one.
func (n *Node) RemoveGroup(endpoint uint8, group uint16) bool {
	removed := n.aps.RemoveGroup(endpoint, group)
	if removed {
		n.changed()
		n.checkSave()
	}
	return removed
}

// Groups returns the groups of an endpoint, in ascending order.
func (n *Node) Groups(endpoint uint8) []uint16 { return n.aps.Groups(endpoint) }

// AddBinding binds a cluster of an endpoint to a group or a device, as a bind request
// does. It fails when the table is full, and does nothing when the binding is there.
func (n *Node) AddBinding(b Binding) error {
	known := slices.ContainsFunc(n.cfg.Endpoints, func(e zdo.SimpleDescriptor) bool { return e.Endpoint == b.Endpoint })
	switch {
	case !known:
		return fmt.Errorf("zigbee: there is no endpoint %d to bind", b.Endpoint)
	case slices.Contains(n.bindings, b):
		return nil
	case len(n.bindings) == MaxBindings:
		return fmt.Errorf("zigbee: the binding table is full: at most %d", MaxBindings)
	}
	n.bindings = append(n.bindings, b)
	n.changed()
	n.checkSave()
	return nil
}

// RemoveBinding ends a binding, and reports whether there was one.
func (n *Node) RemoveBinding(b Binding) bool {
	at := slices.Index(n.bindings, b)
	if at < 0 {
		return false
	}
	n.bindings = slices.Delete(n.bindings, at, at+1)
	n.changed()
	n.checkSave()
	return true
}

// Bindings returns where an endpoint sends what a cluster has to report.
func (n *Node) Bindings(endpoint uint8, cluster uint16) []Binding {
	var list []Binding
	for _, b := range n.bindings {
		if b.Endpoint == endpoint && b.Cluster == cluster {
			list = append(list, b)
		}
	}
	return list
}
