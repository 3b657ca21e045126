package zcl

import (
	"iter"
	"slices"
)

// collect reads all records of a list, at least one.
func collect[T any](records iter.Seq2[T, error]) ([]T, bool) {
	var list []T
	for v, err := range records {
		if err != nil {
			return nil, false
		}
		list = append(list, v)
	}
	return list, len(list) > 0
}

// configure answers a configure reporting command (07-5123-08, 2.5.7.3). Refusals
// that outgrow the answer's frame are left out.
func (x *exchange) configure() Status {
	configs, ok := collect(ParseConfigureReporting(x.payload))
	if !ok {
		return MalformedCommand
	}
	frame := x.begin(false, CmdConfigureReportingRsp)
	start := len(frame)
	for _, c := range configs {
		if status := x.setReporting(c); status != Success {
			frame = x.within(AppendReportingStatus(frame, ReportingStatus{status, c.Expect, c.Attribute}), frame)
		}
	}
	if len(frame) == start {
		frame = AppendReportingStatus(frame, ReportingStatus{Status: Success})
	}
	x.answerGlobal(frame)
	return Success
}

// setReporting makes, changes or removes the report of one attribute. As the
// device reports nothing that was not asked for, a return to the defaults
// removes it too.
func (x *exchange) setReporting(c Reporting) Status {
	info, _, ok := x.attribute(c.Attribute)
	remove := c.Max == NoReports || c.Min == DefaultReports && c.Max == NoPeriodicReports
	switch {
	case !ok || c.Expect:
		return UnsupportedAttribute
	case info.Access&Reportable == 0:
		return Unreportable
	case c.Type != info.Type:
		return InvalidDataType
	case !remove && c.Max != NoPeriodicReports && c.Min > c.Max:
		return InvalidValue
	}
	i := slices.IndexFunc(x.reports, func(r report) bool { return r.is(x.m.Endpoint, x.m.Cluster, c.Attribute) })
	switch {
	case remove && i < 0:
		return Success
	case remove:
		x.reports = slices.Delete(x.reports, i, i+1)
	case i < 0 && len(x.reports) == MaxReports:
		return InsufficientSpace
	case i < 0:
		x.reports = append(x.reports, x.newReport(c))
	default:
		x.reports[i] = x.newReport(c)
	}
	x.changes++
	return Success
}

// newReport returns a report to the sender of the frame. Its first is due at
// once: between what the sender last read and this moment the value may have
// changed.
func (x *exchange) newReport(c Reporting) report {
	return report{stale: true, ReportingEntry: ReportingEntry{
		Endpoint: x.m.Endpoint, Cluster: x.m.Cluster, Reporting: c,
		Dst: x.m.Src, DstEndpoint: x.m.SrcEndpoint,
	}}
}

// readReporting answers a read reporting configuration command (07-5123-08,
// 2.5.9.3). Records that outgrow the frame are left out.
func (x *exchange) readReporting() Status {
	queries, ok := collect(ParseReadReporting(x.payload))
	if !ok {
		return MalformedCommand
	}
	frame := x.begin(false, CmdReadReportingResponse)
	for _, q := range queries {
		frame = x.within(AppendReportingRecord(frame, x.reporting(q)), frame)
	}
	x.answerGlobal(frame)
	return Success
}

func (x *exchange) reporting(q ReportingQuery) ReportingRecord {
	rec := ReportingRecord{Reporting: Reporting{Expect: q.Expect, Attribute: q.Attribute}}
	info, _, ok := x.attribute(q.Attribute)
	i := slices.IndexFunc(x.reports, func(r report) bool { return r.is(x.m.Endpoint, x.m.Cluster, q.Attribute) })
	switch {
	case !ok || q.Expect:
		rec.Status = UnsupportedAttribute
	case info.Access&Reportable == 0:
		rec.Status = Unreportable
	case i < 0:
		rec.Status = NotFound
	default:
		rec.Reporting = x.reports[i].Reporting
	}
	return rec
}
