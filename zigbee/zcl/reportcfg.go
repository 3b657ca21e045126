package zcl

import "iter"

// Intervals of a [Reporting] that mean something else (07-5123-08, 2.5.7.1.5 and
// 2.5.7.1.6).
const (
	NoPeriodicReports uint16 = 0x0000 // as Max: report changes only
	NoReports         uint16 = 0xffff // as Max: do not report
	DefaultReports    uint16 = 0xffff // as Min, with Max 0: as the device came
)

// Reporting says when an attribute is to be reported (07-5123-08, 2.5.7).
type Reporting struct {
	Attribute uint16

	Type   Type
	Min    uint16 // seconds between two reports, at least
	Max    uint16 // seconds between two reports, at most
	Change Value  // of analog types: how large a change is reported; else ignored

	// Expect turns the meaning round: the receiver is to expect reports, and to
	// notice when Timeout seconds pass without. Type to Change are then not sent.
	Expect  bool
	Timeout uint16
}

// AppendConfigureReporting appends a frame that configures reporting
// (07-5123-08, 2.5.7).
func AppendConfigureReporting(b []byte, seq uint8, configs ...Reporting) []byte {
	b = AppendHeader(b, request(seq, CmdConfigureReporting))
	for _, c := range configs {
		b = appendReporting(b, c)
	}
	return b
}

// ParseConfigureReporting walks the payload of a configure reporting command.
func ParseConfigureReporting(p []byte) iter.Seq2[Reporting, error] {
	return records(p, func(r *reader) Reporting {
		expect, attribute := r.direction(), r.u16()
		return r.reporting(expect, attribute)
	})
}

func appendReporting(b []byte, c Reporting) []byte {
	b = appendU16(appendDirection(b, c.Expect), c.Attribute)
	return appendReportingRest(b, c)
}

func appendReportingRest(b []byte, c Reporting) []byte {
	if c.Expect {
		return appendU16(b, c.Timeout)
	}
	b = appendU16(appendU16(append(b, uint8(c.Type)), c.Min), c.Max)
	if c.Type.Analog() {
		b = AppendValue(b, NewValue(c.Type, c.Change.Uint()))
	}
	return b
}

func (r *reader) reporting(expect bool, attribute uint16) Reporting {
	c := Reporting{Expect: expect, Attribute: attribute}
	if expect {
		c.Timeout = r.u16()
		return c
	}
	c.Type, c.Min, c.Max = Type(r.u8()), r.u16(), r.u16()
	if c.Type.Analog() {
		c.Change = r.value(c.Type)
	}
	return c
}

func appendDirection(b []byte, expect bool) []byte { return AppendValue(b, Bool(expect)) }

// direction reads the direction field; values other than 0 and 1 are malformed.
func (r *reader) direction() (expect bool) {
	v := r.u8()
	if v > 1 {
		r.bad = true
	}
	return v == 1
}

// ReportingStatus says of one attribute why its reporting was not configured
// (07-5123-08, 2.5.8).
type ReportingStatus struct {
	Status    Status
	Expect    bool   // only without [Success]
	Attribute uint16 // only without [Success]
}

// AppendReportingStatus appends s to the payload of a configure reporting
// response. A response without failures is one record with [Success].
func AppendReportingStatus(b []byte, s ReportingStatus) []byte {
	b = append(b, uint8(s.Status))
	if s.Status != Success {
		b = appendU16(appendDirection(b, s.Expect), s.Attribute)
	}
	return b
}

// ParseConfigureReportingResponse walks the payload of a configure reporting
// response. Devices that answer every attribute with a whole record, success or
// not, are understood when the answer is longer than one status.
func ParseConfigureReportingResponse(p []byte) iter.Seq2[ReportingStatus, error] {
	whole := len(p) > 1
	return records(p, func(r *reader) ReportingStatus {
		s := ReportingStatus{Status: Status(r.u8())}
		if s.Status != Success || whole {
			s.Expect, s.Attribute = r.direction(), r.u16()
		}
		return s
	})
}

// ReportingQuery asks how an attribute is reported (07-5123-08, 2.5.9).
type ReportingQuery struct {
	Expect    bool
	Attribute uint16
}

// AppendReadReporting appends a frame that asks how attributes are reported.
func AppendReadReporting(b []byte, seq uint8, queries ...ReportingQuery) []byte {
	b = AppendHeader(b, request(seq, CmdReadReporting))
	for _, q := range queries {
		b = appendU16(appendDirection(b, q.Expect), q.Attribute)
	}
	return b
}

// ParseReadReporting walks the payload of a read reporting configuration
// command.
func ParseReadReporting(p []byte) iter.Seq2[ReportingQuery, error] {
	return records(p, func(r *reader) ReportingQuery {
		return ReportingQuery{Expect: r.direction(), Attribute: r.u16()}
	})
}

// ReportingRecord is the answer for one attribute (07-5123-08, 2.5.10).
type ReportingRecord struct {
	Status    Status
	Reporting Reporting // without [Success], only Expect and Attribute
}

// AppendReportingRecord appends r to the payload of a read reporting
// configuration response.
func AppendReportingRecord(b []byte, r ReportingRecord) []byte {
	b = appendDirection(append(b, uint8(r.Status)), r.Reporting.Expect)
	b = appendU16(b, r.Reporting.Attribute)
	if r.Status == Success {
		b = appendReportingRest(b, r.Reporting)
	}
	return b
}

// ParseReadReportingResponse walks the payload of a read reporting configuration
// response.
func ParseReadReportingResponse(p []byte) iter.Seq2[ReportingRecord, error] {
	return records(p, func(r *reader) ReportingRecord {
		rec := ReportingRecord{Status: Status(r.u8())}
		expect, attribute := r.direction(), r.u16()
		if rec.Status == Success {
			rec.Reporting = r.reporting(expect, attribute)
		} else {
			rec.Reporting = Reporting{Expect: expect, Attribute: attribute}
		}
		return rec
	})
}
