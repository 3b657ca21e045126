package zcl

import "time"

// attribute returns an attribute of an endpoint as the table and the application
// have it, and false when either does not.
func (s *Server) attribute(now time.Time, endpoint uint8, cluster, id uint16) (AttributeInfo, Reading, bool) {
	info, ok := FindAttribute(cluster, id)
	if !ok {
		return AttributeInfo{}, Reading{}, false
	}
	if id == AttrClusterRevision {
		c, _ := FindCluster(cluster)
		return info, Reading{Value: Uint16(c.Revision)}, true
	}
	r, ok := s.app.Attribute(now, endpoint, cluster, id)
	return info, r, ok
}

func (x *exchange) attribute(id uint16) (AttributeInfo, Reading, bool) {
	return x.Server.attribute(x.now, x.m.Endpoint, x.m.Cluster, id)
}

// read answers a read attributes command (07-5123-08, 2.5.1.3). Where the answer
// outgrows a frame, attributes are answered with [InsufficientSpace] as long as
// that fits, and then left out.
func (x *exchange) read() Status {
	ids, ok := collect(ParseReadAttributes(x.payload))
	if !ok {
		return MalformedCommand
	}
	const refusal = 3 // bytes of a record without a value
	frame := x.begin(false, CmdReadAttributesResponse)
	for i, id := range ids {
		rec := ReadRecord{Attribute: id, Status: UnsupportedAttribute}
		if _, r, ok := x.attribute(id); ok {
			rec.Status, rec.Value = Success, r.Value
		}
		longer := AppendReadRecord(frame, rec)
		if len(longer)+refusal*(len(ids)-i-1) > x.maxFrame && rec.Status == Success {
			longer = AppendReadRecord(frame, ReadRecord{Attribute: id, Status: InsufficientSpace})
		}
		if len(longer) > x.maxFrame {
			break
		}
		frame = longer
	}
	x.answerGlobal(frame)
	return Success
}

// write carries out the three write commands (07-5123-08, 2.5.3 to 2.5.6).
// Refusals that outgrow the answer's frame are left out.
func (x *exchange) write() Status {
	attributes, ok := collect(ParseWriteAttributes(x.payload))
	if !ok {
		return MalformedCommand
	}
	frame := x.begin(false, CmdWriteAttributesResponse)
	failed := false
	for _, a := range attributes {
		if status := x.mayWrite(a); status != Success {
			failed = true
			frame = x.within(AppendWriteRecord(frame, WriteRecord{status, a.ID}), frame)
		}
	}
	if !failed || x.h.Command != CmdWriteAttributesUndivided {
		for _, a := range attributes {
			if x.mayWrite(a) == Success {
				x.app.Write(x.now, x.m.Endpoint, x.m.Cluster, a)
			}
		}
	}
	if x.answered = true; x.h.Command == CmdWriteAttributesNoResponse {
		return Success
	}
	if !failed {
		frame = AppendWriteRecord(frame, WriteRecord{Status: Success})
	}
	x.answerGlobal(frame)
	return Success
}

// mayWrite says whether an attribute can be given a value.
func (x *exchange) mayWrite(a Attribute) Status {
	info, _, ok := x.attribute(a.ID)
	switch {
	case !ok:
		return UnsupportedAttribute
	case a.Value.Type() != info.Type:
		return InvalidDataType
	case info.Access&Writable == 0:
		return ReadOnly
	case !info.MayHold(a.Value):
		return InvalidValue
	}
	return Success
}

// discover answers a discover attributes command (07-5123-08, 2.5.13.3).
func (x *exchange) discover() Status {
	r := reader{rest: x.payload}
	start, limit := r.u16(), int(r.u8())
	if r.bad {
		return MalformedCommand
	}
	limit = min(limit, (x.maxFrame-8)/3)
	found := DiscoveredAttributes{Complete: true}
	cluster, _ := FindCluster(x.m.Cluster)
	for _, info := range append(cluster.Attributes[:len(cluster.Attributes):len(cluster.Attributes)], clusterRevision) {
		if _, _, ok := x.attribute(info.ID); !ok || info.ID < start {
			continue
		}
		if len(found.Attributes) == limit {
			found.Complete = false
			break
		}
		found.Attributes = append(found.Attributes, AttributeType{info.ID, info.Type})
	}
	x.answerGlobal(AppendDiscoveredAttributes(x.begin(false, CmdDiscoverAttributesRsp), found))
	return Success
}
