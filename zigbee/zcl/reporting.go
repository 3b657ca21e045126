package zcl

import (
	"fmt"
	"slices"
	"time"

	"sconce/zigbee"
)

// Pacing of reports beyond what was configured.
const (
	// movingInterval is the least time between two reports of a value that is
	// on its way, so that a slow fade does not fill the air.
	movingInterval = time.Second
	// retryInterval is the time before a report that did not arrive is sent
	// again; it doubles with every failure, up to retryLimit.
	retryInterval = 2 * time.Second
	retryLimit    = 5 * time.Minute
)

// A ReportingEntry is a configured report: what has to survive a restart.
type ReportingEntry struct {
	Endpoint    uint8
	Cluster     uint16
	Reporting   Reporting
	Dst         zigbee.ShortAddr
	DstEndpoint uint8
}

// report is an entry, and where its reports stand.
type report struct {
	ReportingEntry
	at       time.Time // of the last report; zero before the first
	waits    time.Time // the first after a restart, until then; zero for no wait
	value    Value     // last reported
	stale    bool      // the value was not reported, or may not have arrived
	failures uint8     // in a row
}

// key is what at most one report is for.
func (r *report) is(endpoint uint8, cluster, attribute uint16) bool {
	return r.Endpoint == endpoint && r.Cluster == cluster && r.Reporting.Attribute == attribute
}

// due returns when the attribute is to be reported next, if it stays as it is,
// and false for never (07-5123-08, 2.5.11.2).
func (r *report) due(v Reading) (time.Time, bool) {
	pause := time.Duration(r.Reporting.Min) * time.Second
	if v.Moving {
		pause = max(pause, movingInterval)
	}
	if r.failures > 0 {
		pause = max(pause, min(retryInterval<<(r.failures-1), retryLimit))
	}
	if !r.waits.IsZero() && v.Value == r.value {
		return r.waits, true
	}
	if r.stale || r.changed(v.Value) {
		return r.at.Add(pause), true
	}
	if r.Reporting.Max == NoPeriodicReports {
		return time.Time{}, false
	}
	return r.at.Add(max(pause, time.Duration(r.Reporting.Max)*time.Second)), true
}

// changed reports whether v is so different from what was last reported that it
// is to be reported. To or from an unknown value is always a change.
func (r *report) changed(v Value) bool {
	if v == r.value {
		return false
	}
	if !v.Type().Analog() || v.Type() != r.value.Type() || !v.Valid() || !r.value.Valid() || v.Type().float() {
		return true
	}
	change := r.Reporting.Change.Uint()
	if v.Type().signed() {
		return distance(v.Int(), r.value.Int()) >= change
	}
	return max(v.Uint(), r.value.Uint())-min(v.Uint(), r.value.Uint()) >= change
}

func distance(a, b int64) uint64 { return uint64(max(a, b)) - uint64(min(a, b)) }

// Deadline returns when [Server.Advance] is to be called for the next report.
func (s *Server) Deadline() (time.Time, bool) { return s.next, !s.next.IsZero() }

// Advance reports what is due, each attribute in a frame of its own.
func (s *Server) Advance(now time.Time) {
	s.next = time.Time{}
	for i := range s.reports {
		r := &s.reports[i]
		_, v, ok := s.attribute(now, r.Endpoint, r.Cluster, r.Reporting.Attribute)
		if !ok {
			continue
		}
		at, ok := r.due(v)
		if ok && r.changed(v.Value) && at.Before(s.held) {
			at = r.held(s.held)
		}
		if ok && !at.After(now) {
			if len(s.out) == MaxOutgoing {
				s.wake(now.Add(movingInterval))
				continue
			}
			s.send(now, r, v.Value)
			at, ok = r.due(v)
		}
		if ok {
			s.wake(at)
		}
	}
}

// Hold keeps reports of changes back until a time: many others have the same to
// report now. While they are kept back, it cannot be put off.
func (s *Server) Hold(now, until time.Time) {
	if !s.held.After(now) {
		s.held = until
	}
}

// held returns when a change is reported that is kept back until a time: no later than
// what did not change. After a restart nothing is known of the last report.
func (r *report) held(until time.Time) time.Time {
	if r.at.IsZero() {
		return until
	}
	latest := r.at.Add(time.Duration(r.Reporting.Max) * time.Second)
	if r.Reporting.Max != NoPeriodicReports && latest.Before(until) {
		return latest
	}
	return until
}

func (s *Server) wake(at time.Time) {
	if s.next.IsZero() || at.Before(s.next) {
		s.next = at
	}
}

// send reports a value.
func (s *Server) send(now time.Time, r *report, v Value) {
	s.seq++
	frame := AppendHeader(nil, Header{FromServer: true, NoDefault: true, Seq: s.seq, Command: CmdReportAttributes})
	r.at, r.value, r.stale, r.waits = now, v, false, time.Time{}
	s.counters.Reports++
	s.out = append(s.out, Outgoing{
		Dst: r.Dst, DstEndpoint: r.DstEndpoint, SrcEndpoint: r.Endpoint,
		Profile: s.profile(r.Endpoint), Cluster: r.Cluster, Report: true,
		Payload: AppendAttribute(frame, Attribute{r.Reporting.Attribute, v}),
	})
}

func (s *Server) profile(endpoint uint8) uint16 {
	for _, e := range s.endpoints {
		if e.ID == endpoint {
			return e.Profile
		}
	}
	return ProfileHomeAutomation
}

// Reported tells the end of a frame with Report set. One that did not arrive is
// sent again, with the values of then.
func (s *Server) Reported(now time.Time, o Outgoing, arrived bool) {
	_, payload, err := ParseHeader(o.Payload)
	if !o.Report || err != nil {
		return
	}
	if !arrived {
		s.counters.Failed++
	}
	for a, err := range ParseReport(payload) {
		for i := range s.reports {
			if r := &s.reports[i]; err == nil && r.is(o.SrcEndpoint, o.Cluster, a.ID) {
				r.end(arrived)
			}
		}
	}
	s.Advance(now)
}

func (r *report) end(arrived bool) {
	if arrived {
		r.failures = 0
		return
	}
	r.stale = true
	r.failures = min(r.failures+1, 10)
}

// Reporting returns the configured reports.
func (s *Server) Reporting() []ReportingEntry {
	entries := make([]ReportingEntry, len(s.reports))
	for i := range s.reports {
		entries[i] = s.reports[i].ReportingEntry
	}
	return entries
}

// ForgetReporting removes all configured reports.
func (s *Server) ForgetReporting() {
	s.reports, s.next = nil, time.Time{}
	s.changes++
}

// Changes counts the changes of [Server.Reporting], for an owner that makes it
// durable.
func (s *Server) Changes() uint64 { return s.changes }

// Defer has what was reported before a restart, and has not changed since now, be
// reported later: the power of many devices comes back at a time.
func (s *Server) Defer(now, until time.Time) {
	for i := range s.reports {
		r := &s.reports[i]
		if _, v, ok := s.attribute(now, r.Endpoint, r.Cluster, r.Reporting.Attribute); ok && r.at.IsZero() {
			r.value, r.waits = v.Value, until
		}
	}
}

// resume takes up a report from before a restart. Its value is reported at once,
// or after [Server.Defer]: whoever waits for it may have missed what happened meanwhile.
func (s *Server) resume(e ReportingEntry) error {
	known := slices.ContainsFunc(s.endpoints, func(p Endpoint) bool { return p.ID == e.Endpoint && p.has(e.Cluster) })
	info, ok := FindAttribute(e.Cluster, e.Reporting.Attribute)
	if !known || !ok || info.Type != e.Reporting.Type || len(s.reports) == MaxReports {
		return fmt.Errorf("zcl server: reporting of attribute 0x%04x of cluster 0x%04x does not fit endpoint %d",
			e.Reporting.Attribute, e.Cluster, e.Endpoint)
	}
	s.reports = append(s.reports, report{ReportingEntry: e, stale: true})
	return nil
}
