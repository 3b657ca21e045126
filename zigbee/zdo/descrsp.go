package zdo

import (
	"encoding/binary"

	"sconce/zigbee"
)

// answer is how the responses about a device begin.
type answer struct {
	seq    uint8
	status Status
	addr   zigbee.ShortAddr
}

func (a answer) append(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(append(b, a.seq, uint8(a.status)), uint16(a.addr))
}

// answer reads the beginning of a response. An answer without a success may end
// after its status: some devices leave out the rest.
func (r *reader) answer() answer {
	a := answer{seq: r.u8(), status: Status(r.u8())}
	if a.status == Success || len(r.rest) > 0 {
		a.addr = zigbee.ShortAddr(r.u16())
	}
	return a
}

// NodeDescRsp answers a node descriptor request (05-3474-22, 2.4.4.2.3).
type NodeDescRsp struct {
	Seq        uint8
	Status     Status
	Addr       zigbee.ShortAddr // of interest
	Descriptor NodeDescriptor   // only with [Success]
}

// Append appends the command's payload to b.
func (m NodeDescRsp) Append(b []byte) []byte {
	b = answer{m.Seq, m.Status, m.Addr}.append(b)
	if m.Status == Success {
		b = AppendNodeDescriptor(b, m.Descriptor)
	}
	return b
}

// ParseNodeDescRsp reads what [NodeDescRsp.Append] writes.
func ParseNodeDescRsp(p []byte) (NodeDescRsp, error) {
	r := reader{rest: p}
	a := r.answer()
	m := NodeDescRsp{Seq: a.seq, Status: a.status, Addr: a.addr}
	if m.Status == Success {
		m.Descriptor = r.nodeDescriptor()
	}
	return m, r.err()
}

// PowerDescRsp answers a power descriptor request (05-3474-22, 2.4.4.2.4).
type PowerDescRsp struct {
	Seq        uint8
	Status     Status
	Addr       zigbee.ShortAddr // of interest
	Descriptor PowerDescriptor  // only with [Success]
}

// Append appends the command's payload to b.
func (m PowerDescRsp) Append(b []byte) []byte {
	b = answer{m.Seq, m.Status, m.Addr}.append(b)
	if m.Status == Success {
		b = AppendPowerDescriptor(b, m.Descriptor)
	}
	return b
}

// ParsePowerDescRsp reads what [PowerDescRsp.Append] writes.
func ParsePowerDescRsp(p []byte) (PowerDescRsp, error) {
	r := reader{rest: p}
	a := r.answer()
	m := PowerDescRsp{Seq: a.seq, Status: a.status, Addr: a.addr}
	if m.Status == Success {
		m.Descriptor = r.powerDescriptor()
	}
	return m, r.err()
}

// SimpleDescRsp answers a simple descriptor request (05-3474-22, 2.4.4.2.5).
type SimpleDescRsp struct {
	Seq        uint8
	Status     Status
	Addr       zigbee.ShortAddr // of interest
	Descriptor SimpleDescriptor // only with [Success]
}

// Append appends the command's payload to b. A descriptor that passes
// [SimpleDescriptor.Check] fits.
func (m SimpleDescRsp) Append(b []byte) []byte {
	b = answer{m.Seq, m.Status, m.Addr}.append(b)
	if m.Status != Success {
		return append(b, 0)
	}
	b = append(b, uint8(m.Descriptor.Size()))
	return AppendSimpleDescriptor(b, m.Descriptor)
}

// ParseSimpleDescRsp reads what [SimpleDescRsp.Append] writes.
func ParseSimpleDescRsp(p []byte) (SimpleDescRsp, error) {
	r := reader{rest: p}
	a := r.answer()
	m := SimpleDescRsp{Seq: a.seq, Status: a.status, Addr: a.addr}
	if m.Status != Success {
		return m, r.err()
	}
	inner := reader{rest: r.take(int(r.u8()))}
	m.Descriptor = inner.simpleDescriptor()
	if inner.bad || len(inner.rest) > 0 {
		return m, ErrMalformed
	}
	return m, r.err()
}

// EndpointsRsp answers an active endpoint or a match descriptor request
// (05-3474-22, 2.4.4.2.6 and 2.4.4.2.7).
type EndpointsRsp struct {
	Seq       uint8
	Status    Status
	Addr      zigbee.ShortAddr // of interest
	Endpoints []uint8          // at most 255; only with [Success]
}

// Append appends the command's payload to b.
func (m EndpointsRsp) Append(b []byte) []byte {
	b = answer{m.Seq, m.Status, m.Addr}.append(b)
	if m.Status != Success {
		return append(b, 0)
	}
	list := m.Endpoints[:min(len(m.Endpoints), 255)]
	return append(append(b, uint8(len(list))), list...)
}

// ParseEndpointsRsp reads what [EndpointsRsp.Append] writes.
func ParseEndpointsRsp(p []byte) (EndpointsRsp, error) {
	r := reader{rest: p}
	a := r.answer()
	m := EndpointsRsp{Seq: a.seq, Status: a.status, Addr: a.addr}
	if m.Status == Success {
		m.Endpoints = append([]uint8(nil), r.take(int(r.u8()))...)
	}
	return m, r.err()
}

// StatusRsp answers a bind, unbind, leave or permit-joining request (05-3474-22,
// 2.4.4.3.2, 2.4.4.3.3, 2.4.4.4.5 and 2.4.4.4.7).
type StatusRsp struct {
	Seq    uint8
	Status Status
}

// Append appends the command's payload to b.
func (m StatusRsp) Append(b []byte) []byte { return append(b, m.Seq, uint8(m.Status)) }

// ParseStatusRsp reads what [StatusRsp.Append] writes. It also reads the
// beginning of every other response, and the answer [NotSupported] to any
// request (05-3474-22, 2.4.5).
func ParseStatusRsp(p []byte) (StatusRsp, error) {
	r := reader{rest: p}
	m := StatusRsp{Seq: r.u8(), Status: Status(r.u8())}
	return m, r.err()
}
