package zcl

import "iter"

// The commands that all clusters share (07-5123-08, 2.5, table 2-3).
const (
	CmdReadAttributes            uint8 = 0x00
	CmdReadAttributesResponse    uint8 = 0x01
	CmdWriteAttributes           uint8 = 0x02
	CmdWriteAttributesUndivided  uint8 = 0x03
	CmdWriteAttributesResponse   uint8 = 0x04
	CmdWriteAttributesNoResponse uint8 = 0x05
	CmdConfigureReporting        uint8 = 0x06
	CmdConfigureReportingRsp     uint8 = 0x07
	CmdReadReporting             uint8 = 0x08
	CmdReadReportingResponse     uint8 = 0x09
	CmdReportAttributes          uint8 = 0x0a
	CmdDefaultResponse           uint8 = 0x0b
	CmdDiscoverAttributes        uint8 = 0x0c
	CmdDiscoverAttributesRsp     uint8 = 0x0d
)

// request returns the header of a shared command from a client. Such commands
// that have a response of their own need no default response beside it.
func request(seq, command uint8) Header {
	return Header{Seq: seq, Command: command, NoDefault: true}
}

// AppendReadAttributes appends a frame that asks for attributes (07-5123-08,
// 2.5.1).
func AppendReadAttributes(b []byte, seq uint8, attributes ...uint16) []byte {
	b = AppendHeader(b, request(seq, CmdReadAttributes))
	for _, id := range attributes {
		b = appendU16(b, id)
	}
	return b
}

// AppendReadMaker is [AppendReadAttributes] of a cluster that is a maker's own.
func AppendReadMaker(b []byte, seq uint8, maker uint16, attributes ...uint16) []byte {
	h := request(seq, CmdReadAttributes)
	h.Manufacturer = maker
	b = AppendHeader(b, h)
	for _, id := range attributes {
		b = appendU16(b, id)
	}
	return b
}

// ParseReadAttributes walks the payload of a read attributes command.
func ParseReadAttributes(p []byte) iter.Seq2[uint16, error] { return records(p, (*reader).u16) }

// ReadRecord is the answer for one attribute (07-5123-08, 2.5.2).
type ReadRecord struct {
	Attribute uint16
	Status    Status
	Value     Value // only with [Success]
}

// AppendReadRecord appends r to the payload of a read attributes response.
func AppendReadRecord(b []byte, r ReadRecord) []byte {
	b = append(appendU16(b, r.Attribute), uint8(r.Status))
	if r.Status == Success {
		b = AppendTypedValue(b, r.Value)
	}
	return b
}

// ParseReadAttributesResponse walks the payload of a read attributes response.
func ParseReadAttributesResponse(p []byte) iter.Seq2[ReadRecord, error] {
	return records(p, func(r *reader) ReadRecord {
		rec := ReadRecord{Attribute: r.u16(), Status: Status(r.u8())}
		if rec.Status == Success {
			rec.Value = r.typedValue()
		}
		return rec
	})
}

// Attribute is an attribute with its value: to be written, or reported.
type Attribute struct {
	ID    uint16
	Value Value
}

// AppendAttribute appends a to the payload of a write or report command.
func AppendAttribute(b []byte, a Attribute) []byte {
	return AppendTypedValue(appendU16(b, a.ID), a.Value)
}

func (r *reader) attribute() Attribute { return Attribute{ID: r.u16(), Value: r.typedValue()} }

// AppendWriteAttributes appends a frame that writes attributes, each on its own
// (07-5123-08, 2.5.3).
func AppendWriteAttributes(b []byte, seq uint8, attributes ...Attribute) []byte {
	b = AppendHeader(b, request(seq, CmdWriteAttributes))
	for _, a := range attributes {
		b = AppendAttribute(b, a)
	}
	return b
}

// ParseWriteAttributes walks the payload of the write commands (07-5123-08,
// 2.5.3, 2.5.4 and 2.5.6).
func ParseWriteAttributes(p []byte) iter.Seq2[Attribute, error] {
	return records(p, (*reader).attribute)
}

// ParseReport walks the payload of a report (07-5123-08, 2.5.11). It allocates
// only for values that are not numbers.
func ParseReport(p []byte) iter.Seq2[Attribute, error] { return records(p, (*reader).attribute) }

// WriteRecord says of one attribute why it was not written (07-5123-08, 2.5.5).
type WriteRecord struct {
	Status    Status
	Attribute uint16 // only without [Success]
}

// AppendWriteRecord appends r to the payload of a write attributes response. A
// response without failures is one record with [Success].
func AppendWriteRecord(b []byte, r WriteRecord) []byte {
	b = append(b, uint8(r.Status))
	if r.Status != Success {
		b = appendU16(b, r.Attribute)
	}
	return b
}

// ParseWriteAttributesResponse walks the payload of a write attributes response.
func ParseWriteAttributesResponse(p []byte) iter.Seq2[WriteRecord, error] {
	return records(p, func(r *reader) WriteRecord {
		rec := WriteRecord{Status: Status(r.u8())}
		if rec.Status != Success {
			rec.Attribute = r.u16()
		}
		return rec
	})
}

// DefaultResponse is the answer to a command that has no other (07-5123-08,
// 2.5.12).
type DefaultResponse struct {
	Command uint8 // that it answers
	Status  Status
}

// AppendDefaultResponse appends the payload of a default response to b.
func AppendDefaultResponse(b []byte, d DefaultResponse) []byte {
	return append(b, d.Command, uint8(d.Status))
}

// ParseDefaultResponse reads the payload of a default response. Bytes after it
// are ignored.
func ParseDefaultResponse(p []byte) (DefaultResponse, error) {
	r := reader{rest: p}
	d := DefaultResponse{Command: r.u8(), Status: Status(r.u8())}
	return d, r.end()
}

// AppendDiscoverAttributes appends a frame that asks which attributes a cluster
// has: at most max of them, from start on (07-5123-08, 2.5.13).
func AppendDiscoverAttributes(b []byte, seq uint8, start uint16, maximum uint8) []byte {
	b = AppendHeader(b, request(seq, CmdDiscoverAttributes))
	return append(appendU16(b, start), maximum)
}

// AttributeType is an attribute that a cluster has.
type AttributeType struct {
	Attribute uint16
	Type      Type
}

// DiscoveredAttributes answers which attributes a cluster has (07-5123-08,
// 2.5.14).
type DiscoveredAttributes struct {
	Complete   bool // there are no more
	Attributes []AttributeType
}

// AppendDiscoveredAttributes appends the payload of a discover attributes
// response to b.
func AppendDiscoveredAttributes(b []byte, d DiscoveredAttributes) []byte {
	b = AppendValue(b, Bool(d.Complete))
	for _, a := range d.Attributes {
		b = append(appendU16(b, a.Attribute), uint8(a.Type))
	}
	return b
}

// ParseDiscoveredAttributes reads the payload of a discover attributes response.
func ParseDiscoveredAttributes(p []byte) (DiscoveredAttributes, error) {
	r := reader{rest: p}
	var d DiscoveredAttributes
	switch r.u8() {
	case 0:
	case 1:
		d.Complete = true
	default:
		return d, ErrMalformed
	}
	for len(r.rest) > 0 {
		d.Attributes = append(d.Attributes, AttributeType{r.u16(), Type(r.u8())})
	}
	return d, r.end()
}
