package stack

import (
	"slices"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// command carries out a received APS command.
func (n *Node) command(in nwk.Indication, a aps.Indication) {
	switch {
	case a.Command.ID == aps.TransportKey && a.Command.KeyType == aps.StandardNetworkKey && in.Secured:
		n.nextNetworkKey(in, a)
	case a.Command.ID == aps.TransportKey && a.Command.KeyType == aps.StandardNetworkKey:
		if !n.lostKey(a) {
			n.networkKey(in, a)
		}
	case a.Command.ID == aps.TransportKey && n.phase == up && a.Use == aps.Established:
		n.nextLinkKey(in, a)
	case a.Command.ID == aps.TransportKey:
		n.linkKey(in, a)
	case a.Command.ID == aps.ConfirmKey && n.phase == up && a.Use == aps.Established: // has done its work
	case a.Command.ID == aps.ConfirmKey:
		n.confirmKey(in, a)
	case a.Command.ID == aps.RequestKey && in.Secured:
		n.requestKey(in.Src, a)
	case a.Command.ID == aps.SwitchKey:
		n.switchKey(in, a)
	case a.Command.ID == aps.UpdateDevice:
		n.updateDevice(in, a)
	case a.Command.ID == aps.Tunnel:
		n.passOn(in, a)
	case a.Command.ID == aps.RemoveDevice:
		n.removeDevice(in, a)
	case a.Command.ID == aps.VerifyKey && in.Secured:
		n.verifyKey(in.Src, in.SrcEUI64, a.Command)
	default:
		n.counters.Policy++
	}
}

func (n *Node) nextZDO() uint8 {
	n.zdoSeq++
	return n.zdoSeq
}

// sendZDO sends a command of the device profile that this node itself has reason
// to send. When the queue is full it is dropped: who asked asks again.
func (n *Node) sendZDO(dst zigbee.ShortAddr, c zdo.Cluster, payload []byte) {
	h := aps.Header{Cluster: uint16(c), Profile: zdo.Profile}
	if dst.IsBroadcast() {
		h.Delivery = aps.Broadcast
	}
	_ = n.aps.Send(aps.Request{Header: h, Dst: dst, Payload: payload})
}

// receiveZDO answers requests, notes announcements, and hands responses to the owner.
func (n *Node) receiveZDO(d DataIndication, payload []byte) {
	c := zdo.Cluster(d.Cluster)
	switch {
	case c == zdo.MgmtPermitJoining|zdo.Response: // this node itself asked
	case c == zdo.ParentAnnce:
		n.parentAnnounced(d, payload)
	case c == zdo.ParentAnnce|zdo.Response:
		n.childrenClaimed(payload)
	case c.IsResponse():
		n.indicate(d, payload)
	case c == zdo.DeviceAnnce:
		n.announced(d, payload)
	case len(payload) > 0:
		if answer := n.answerZDO(d, c, payload); answer != nil && len(answer) <= MaxPayload {
			n.sendZDO(d.Src, c|zdo.Response, answer)
		}
	}
}

// announced notes the addresses of a device. The announcement is believed when it
// comes from the device itself.
func (n *Node) announced(d DataIndication, payload []byte) {
	m, err := zdo.ParseAnnounce(payload)
	if err != nil || m.Addr != d.Src || m.Device == n.cfg.EUI64 {
		return
	}
	if d.SrcEUI64 != 0 && d.SrcEUI64 != m.Device {
		n.nwk.Conflict(n.now, m.Addr) // it is not believed: both have to move, and announce that
		return
	}
	n.nwk.Learn(m.Device, m.Addr)
	n.aps.Restarted(m.Addr)
	n.heardFrom(m.Device)
	n.admitted(m.Device)
	if k := n.devices[m.Device]; k != nil && k.joining != settled {
		k.asked = m.Capability
	}
	if k := n.devices[m.Device]; k != nil && k.authorised && (k.short != m.Addr || k.capability != m.Capability) {
		k.short, k.capability = m.Addr, m.Capability
		n.changed()
	}
	if k := n.devices[m.Device]; k != nil && k.authorised && !d.Dst.IsBroadcast() && n.open() {
		n.sendPermit(m.Addr, min(n.permit.Sub(n.now), permitPeriod)) // a router that was away does not know
	}
	if len(n.events) < MaxEvents {
		n.emit(DeviceAnnounced{EUI64: m.Device, Short: m.Addr, Capability: m.Capability})
	}
}

// heardFrom notes that a joining device has the network key.
func (n *Node) heardFrom(e zigbee.EUI64) {
	if d := n.devices[e]; d != nil && d.joining == keySent {
		d.joining = replying
	}
}

// answerZDO returns the answer to a request (05-3474-22, 2.4.4), nil for none. A
// broadcast is answered only where there is something to say.
func (n *Node) answerZDO(d DataIndication, c zdo.Cluster, p []byte) []byte {
	broadcast := d.Dst.IsBroadcast()
	switch c {
	case zdo.NWKAddr, zdo.IEEEAddr:
		return n.answerAddress(c, p, broadcast)
	case zdo.NodeDesc, zdo.PowerDesc, zdo.ActiveEP:
		return n.answerDescriptor(c, p)
	case zdo.SimpleDesc:
		return n.answerSimple(p)
	case zdo.MatchDesc:
		return n.answerMatch(p, broadcast)
	case zdo.Bind, zdo.Unbind:
		return n.answerBind(c, p)
	case zdo.MgmtLeave:
		return n.answerLeave(d, p)
	case zdo.MgmtLqi, zdo.MgmtRtg, zdo.MgmtBind:
		if broadcast {
			return nil
		}
		return n.answerTable(c, p)
	case zdo.MgmtNWKUpdate:
		return n.answerNWKUpdate(d, p)
	case zdo.MgmtPermitJoining:
		return n.answerPermit(d, p)
	}
	if broadcast {
		return nil
	}
	return zdo.StatusRsp{Seq: p[0], Status: zdo.NotSupported}.Append(nil)
}

func (n *Node) answerAddress(c zdo.Cluster, p []byte, broadcast bool) []byte {
	rsp := zdo.AddrRsp{Seq: p[0], Device: n.cfg.EUI64, Addr: n.nwk.Network().Short}
	kind, start := uint8(0), uint8(0)
	if c == zdo.NWKAddr {
		m, err := zdo.ParseNWKAddrReq(p)
		if err != nil {
			return nil
		}
		kind, start = m.RequestType, m.StartIndex
		if child, ok := n.sleepyChild(m.Device); ok {
			rsp.Device, rsp.Addr = m.Device, child // it is asleep: its parent answers for it
		} else if m.Device != n.cfg.EUI64 {
			rsp.Status, rsp.Device, rsp.Addr = zdo.DeviceNotFound, m.Device, zigbee.Broadcast
		}
	} else {
		m, err := zdo.ParseIEEEAddrReq(p)
		if err != nil {
			return nil
		}
		kind, start = m.RequestType, m.StartIndex
		if m.Addr != rsp.Addr {
			rsp.Status, rsp.Addr = zdo.DeviceNotFound, m.Addr
		}
	}
	if broadcast && rsp.Status != zdo.Success {
		return nil
	}
	switch kind {
	case zdo.SingleDevice:
	case zdo.ExtendedResponse:
		rsp.Extended = true
		if rsp.Device == n.cfg.EUI64 {
			rsp.StartIndex, rsp.Associated = start, n.associated16(start)
		}
	default:
		rsp.Status = zdo.InvalidRequestType
	}
	return rsp.Append(nil)
}

// maxAssociated is how many children one answer names.
const maxAssociated = 30

// associated16 returns the short addresses of the children, from a start.
func (n *Node) associated16(start uint8) []zigbee.ShortAddr {
	var list []zigbee.ShortAddr
	for _, c := range n.nwk.Children() {
		list = append(list, c.Short)
	}
	some, _ := part(list, start, maxAssociated)
	return some
}

// sleepyChild returns the short address of a child that sleeps.
func (n *Node) sleepyChild(e zigbee.EUI64) (zigbee.ShortAddr, bool) {
	for _, c := range n.nwk.Children() {
		if c.EUI64 == e && c.Sleepy {
			return c.Short, true
		}
	}
	return 0, false
}

// powered is the power descriptor of a node. How full a battery is, its owner says
// in the cluster for that.
func (n *Node) powered() zdo.PowerDescriptor {
	source := zdo.PowerDisposable
	if n.cfg.Descriptor.Capability.Has(zigbee.MainsPowered) {
		source = zdo.PowerMains
	}
	return zdo.PowerDescriptor{Available: source, Current: source, Level: zdo.PowerLevelFull}
}

func (n *Node) answerDescriptor(c zdo.Cluster, p []byte) []byte {
	m, err := zdo.ParseDescReq(p)
	if err != nil {
		return nil
	}
	status := zdo.Success
	if m.Addr != n.nwk.Network().Short {
		status = zdo.DeviceNotFound
	}
	switch c {
	case zdo.NodeDesc:
		return zdo.NodeDescRsp{Seq: m.Seq, Status: status, Addr: m.Addr, Descriptor: n.cfg.Descriptor}.Append(nil)
	case zdo.PowerDesc:
		return zdo.PowerDescRsp{Seq: m.Seq, Status: status, Addr: m.Addr, Descriptor: n.powered()}.Append(nil)
	default:
		rsp := zdo.EndpointsRsp{Seq: m.Seq, Status: status, Addr: m.Addr}
		for _, e := range n.described() {
			rsp.Endpoints = append(rsp.Endpoints, e.Endpoint)
		}
		return rsp.Append(nil)
	}
}

func (n *Node) answerSimple(p []byte) []byte {
	m, err := zdo.ParseSimpleDescReq(p)
	if err != nil {
		return nil
	}
	rsp := zdo.SimpleDescRsp{Seq: m.Seq, Addr: m.Addr, Status: zdo.NotActive}
	switch {
	case m.Addr != n.nwk.Network().Short:
		rsp.Status = zdo.DeviceNotFound
	case m.Endpoint == 0 || m.Endpoint > 254:
		rsp.Status = zdo.InvalidEndpoint
	}
	for _, e := range n.described() {
		if rsp.Status == zdo.NotActive && e.Endpoint == m.Endpoint {
			rsp.Status, rsp.Descriptor = zdo.Success, e
		}
	}
	return rsp.Append(nil)
}

func (n *Node) answerMatch(p []byte, broadcast bool) []byte {
	m, err := zdo.ParseMatchDescReq(p)
	if err != nil {
		return nil
	}
	own := n.nwk.Network().Short
	rsp := zdo.EndpointsRsp{Seq: m.Seq, Addr: own}
	if m.Addr != own && !m.Addr.IsBroadcast() {
		rsp.Status, rsp.Addr = zdo.DeviceNotFound, m.Addr
	}
	for _, e := range n.cfg.Endpoints {
		if m.Matches(e) {
			rsp.Endpoints = append(rsp.Endpoints, e.Endpoint)
		}
	}
	if (broadcast || m.Addr.IsBroadcast()) && len(rsp.Endpoints) == 0 {
		return nil
	}
	return rsp.Append(nil)
}

// answerBind keeps the binding table (05-3474-22, 2.4.3.2.2 and 2.4.3.2.3).
func (n *Node) answerBind(c zdo.Cluster, p []byte) []byte {
	m, err := zdo.ParseBindReq(p)
	if err != nil {
		return nil
	}
	b := Binding{Endpoint: m.SrcEndpoint, Cluster: m.Cluster, Group: m.Group, Device: m.Device, DstEndpoint: m.DstEndpoint}
	known := slices.ContainsFunc(n.cfg.Endpoints, func(e zdo.SimpleDescriptor) bool { return e.Endpoint == b.Endpoint })
	at := slices.Index(n.bindings, b)
	status := zdo.Success
	switch {
	case m.Source != n.cfg.EUI64 || !known:
		status = zdo.InvalidEndpoint
	case c == zdo.Unbind && at < 0:
		status = zdo.NoEntry
	case c == zdo.Unbind:
		n.bindings = slices.Delete(n.bindings, at, at+1)
		n.changed()
	case at >= 0:
	case len(n.bindings) == MaxBindings:
		status = zdo.TableFull
	default:
		n.bindings = append(n.bindings, b)
		n.changed()
	}
	return zdo.StatusRsp{Seq: m.Seq, Status: status}.Append(nil)
}
