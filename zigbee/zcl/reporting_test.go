package zcl

import (
	"testing"
	"time"
)

// reports runs the server to a time, each step at its own deadline, and returns
// when what was reported, in seconds and as text.
func reports(t *testing.T, s *Server, until time.Time) map[time.Duration]string {
	t.Helper()
	got := map[time.Duration]string{}
	take := func(now time.Time) {
		for o, ok := s.Next(); ok; o, ok = s.Next() {
			h, p, err := ParseHeader(o.Payload)
			if err != nil || h.Command != CmdReportAttributes || !o.Report {
				continue
			}
			for a, err := range ParseReport(p) {
				if err != nil {
					t.Fatal(err)
				}
				got[now.Sub(start)] += a.Value.String() + " "
			}
			s.Reported(now, o, true)
		}
	}
	for {
		at, ok := s.Deadline()
		if !ok || at.After(until) {
			break
		}
		s.Advance(at)
		take(at)
	}
	s.Advance(until)
	take(until)
	return got
}

func configure(t *testing.T, s *Server, cluster uint16, r Reporting) {
	t.Helper()
	s.Receive(start, unicast(cluster, AppendConfigureReporting(nil, 1, r)))
	if o, ok := s.Next(); !ok || o.Payload[len(o.Payload)-1] != uint8(Success) {
		t.Fatalf("configured %+v: answered %x", r, o.Payload)
	}
}

func level(minimum, maximum uint16, change uint8) Reporting {
	return Reporting{Attribute: AttrCurrentLevel, Type: TypeUint8, Min: minimum, Max: maximum, Change: Uint8(change)}
}

func TestReporting(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		name    string
		config  Reporting
		changes map[time.Duration]Reading
		until   time.Duration
		want    map[time.Duration]string
	}{
		{"first at once, then at the maximum interval", level(1, 60, 1), nil, 130 * s, map[time.Duration]string{0: "10 ", 60 * s: "10 ", 120 * s: "10 "}},
		{"a change at once after the minimum interval", level(5, 60, 1), map[time.Duration]Reading{20 * s: {Value: Uint8(11)}}, 70 * s, map[time.Duration]string{0: "10 ", 20 * s: "11 "}},
		{"a change within the minimum interval waits", level(5, 60, 1), map[time.Duration]Reading{2 * s: {Value: Uint8(11)}}, 60 * s, map[time.Duration]string{0: "10 ", 5 * s: "11 "}},
		{"a change back within the minimum interval is none", level(5, 60, 1), map[time.Duration]Reading{2 * s: {Value: Uint8(11)}, 3 * s: {Value: Uint8(10)}}, 59 * s, map[time.Duration]string{0: "10 "}},
		{"a change below the reportable one waits for the maximum", level(0, 60, 5), map[time.Duration]Reading{2 * s: {Value: Uint8(14)}, 4 * s: {Value: Uint8(6)}}, 61 * s, map[time.Duration]string{0: "10 ", 60 * s: "6 "}},
		{"a change of just the reportable one", level(0, 60, 5), map[time.Duration]Reading{2 * s: {Value: Uint8(5)}}, 30 * s, map[time.Duration]string{0: "10 ", 2 * s: "5 "}},
		{"changes only", level(0, NoPeriodicReports, 1), map[time.Duration]Reading{2 * s: {Value: Uint8(11)}}, 86400 * s, map[time.Duration]string{0: "10 ", 2 * s: "11 "}},
		{"to unknown is a change", level(0, 60, 250), map[time.Duration]Reading{2 * s: {Value: Uint8(0xff)}}, 30 * s, map[time.Duration]string{0: "10 ", 2 * s: "unknown "}},
		{"a moving value at most once a second", level(0, 60, 1), map[time.Duration]Reading{
			10 * s: {Uint8(11), true}, 10*s + 200*time.Millisecond: {Uint8(12), true}, 10*s + 400*time.Millisecond: {Uint8(13), true}, 12 * s: {Uint8(14), false},
		}, 30 * s, map[time.Duration]string{0: "10 ", 10 * s: "11 ", 11 * s: "13 ", 12 * s: "14 "}},
		{"the end of a movement does not wait for the second", level(0, 60, 1), map[time.Duration]Reading{
			10 * s: {Uint8(11), true}, 10*s + 300*time.Millisecond: {Uint8(12), false},
		}, 30 * s, map[time.Duration]string{0: "10 ", 10 * s: "11 ", 10*s + 300*time.Millisecond: "12 "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLamp()
			server := newServer(t, l)
			configure(t, server, ClusterLevel, test.config)
			got := map[time.Duration]string{}
			for at := time.Duration(0); at <= test.until; at += 100 * time.Millisecond {
				if r, ok := test.changes[at]; ok {
					l.values[[2]uint16{ClusterLevel, AttrCurrentLevel}] = r
				}
				for when, what := range reports(t, server, start.Add(at)) {
					got[when] += what
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("reported %v, want %v", got, test.want)
			}
			for when, what := range test.want {
				if got[when] != what {
					t.Errorf("reported %v, want %v", got, test.want)
				}
			}
		})
	}
}

func TestSignedChange(t *testing.T) {
	r := report{ReportingEntry: ReportingEntry{Reporting: Reporting{Change: Int16(10)}}}
	for _, test := range []struct {
		before, after int16
		want          bool
	}{{-3, 3, false}, {-5, 5, true}, {-32767, 32767, true}, {5, -4, false}} {
		r.value = Int16(test.before)
		if got := r.changed(Int16(test.after)); got != test.want {
			t.Errorf("from %d to %d: %v, want %v", test.before, test.after, got, test.want)
		}
	}
}

func TestReportsGoToWhoAsked(t *testing.T) {
	l := newLamp()
	s := newServer(t, l, ReportingEntry{Endpoint: 1, Cluster: ClusterOnOff, Reporting: Reporting{Type: TypeBool, Max: 60}, Dst: 0x1234, DstEndpoint: 3},
		ReportingEntry{Endpoint: 1, Cluster: ClusterLevel, Reporting: level(0, 60, 1), Dst: 0x1234, DstEndpoint: 3})
	s.Advance(start)
	for range 2 { // of two attributes
		if o, ok := s.Next(); !ok || o.Dst != 0x1234 || o.DstEndpoint != 3 || o.SrcEndpoint != 1 {
			t.Errorf("a report went to %+v, %v", o, ok)
		}
	}
	if o, ok := s.Next(); ok {
		t.Errorf("a third report: %+v", o)
	}
}

func TestLostReportsAreRepeated(t *testing.T) {
	l := newLamp()
	s := newServer(t, l)
	configure(t, s, ClusterLevel, level(0, NoPeriodicReports, 1))
	now := start
	for i, pause := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
		o, ok := s.Next()
		if !ok {
			t.Fatalf("report %d is missing", i)
		}
		s.Reported(now, o, false)
		at, ok := s.Deadline()
		if !ok || at.Sub(now) != pause {
			t.Fatalf("after %d failures, the next report is in %v, want %v", i+1, at.Sub(now), pause)
		}
		l.set(ClusterLevel, AttrCurrentLevel, Uint8(uint8(20+i)))
		now = at
		s.Advance(now)
	}
	o, _ := s.Next()
	if _, p, _ := ParseHeader(o.Payload); p[len(p)-1] != 22 {
		t.Errorf("repeated %x, want the value of now", o.Payload)
	}
	if s.Reported(now, o, true); s.Counters().Failed != 3 {
		t.Errorf("%d failures counted, want 3", s.Counters().Failed)
	}
	if at, ok := s.Deadline(); ok {
		t.Errorf("after it arrived, another is due at %v", at)
	}
	for range 40 {
		l.set(ClusterLevel, AttrCurrentLevel, Uint8(uint8(now.Unix())))
		s.Advance(now)
		if o, ok := s.Next(); ok {
			s.Reported(now, o, false)
		}
		at, _ := s.Deadline()
		if at.Sub(now) > retryLimit {
			t.Fatalf("the next attempt is in %v, want at most %v", at.Sub(now), retryLimit)
		}
		now = at
	}
}

func TestReportingTable(t *testing.T) {
	l := newLamp()
	s := newServer(t, l)
	configure(t, s, ClusterLevel, level(1, 60, 2))
	payloads(s)
	s.Receive(start, unicast(ClusterLevel, unhex(t, "10050800"+"0000")))
	if got := payloads(s); len(got) != 1 || got[0] != "180509"+"00000000"+"20"+"0100"+"3c00"+"02" {
		t.Errorf("reporting is %q", got)
	}
	if s.Changes() != 1 || len(s.Reporting()) != 1 {
		t.Errorf("%d changes, %+v", s.Changes(), s.Reporting())
	}
	again := newServer(t, l, s.Reporting()...)
	if got := reports(t, again, start.Add(time.Second)); got[time.Second] != "10 " || len(got) != 1 {
		t.Errorf("after a restart, reported %v; want the value at once", got)
	}
	again = newServer(t, l, s.Reporting()...)
	again.Defer(start, start.Add(5*time.Second))
	if got := reports(t, again, start.Add(4*time.Second)); len(got) != 0 {
		t.Errorf("after a restart, reported %v at once", got)
	}
	if got := reports(t, again, start.Add(7*time.Second)); len(got) != 1 {
		t.Errorf("after a restart, reported %v; want the value after 5 s", got)
	}
	again = newServer(t, l, s.Reporting()...)
	again.Defer(start, start.Add(time.Hour))
	again.Advance(start)
	l.values[[2]uint16{ClusterLevel, AttrCurrentLevel}] = Reading{Value: Uint8(20)}
	if got := reports(t, again, start.Add(2*time.Second)); len(got) != 1 {
		t.Errorf("after a restart, reported %v; want what has changed", got)
	}
	for name, r := range map[string]Reporting{
		"none":    {Type: TypeUint8, Max: NoReports},
		"default": {Type: TypeUint8, Min: DefaultReports, Max: NoPeriodicReports},
	} {
		configure(t, s, ClusterLevel, level(1, 60, 2))
		payloads(s)
		configure(t, s, ClusterLevel, r)
		if at, ok := s.Deadline(); ok || len(s.Reporting()) != 0 {
			t.Errorf("%s: reporting %+v, next at %v", name, s.Reporting(), at)
		}
		payloads(s)
	}
}

func TestReportsWaitForRoom(t *testing.T) {
	s := newServer(t, newLamp(), ReportingEntry{Endpoint: 1, Cluster: ClusterLevel, Reporting: level(0, 60, 1)})
	for range MaxOutgoing {
		x := exchange{Server: s, m: unicast(ClusterOnOff, nil)}
		x.answer(nil)
	}
	s.Advance(start)
	if got := payloads(s); len(got) != MaxOutgoing || s.Counters().Reports != 0 {
		t.Errorf("%d frames with %d reports among them", len(got), s.Counters().Reports)
	}
	if got := reports(t, s, start.Add(2*time.Second)); len(got) != 1 {
		t.Errorf("reported %v when there was room again", got)
	}
}

func TestTable(t *testing.T) {
	for _, c := range Clusters() {
		last := -1
		for _, a := range c.Attributes {
			if int(a.ID) <= last {
				t.Errorf("%s: attribute 0x%04x is not in order", c.Name, a.ID)
			}
			last = int(a.ID)
			if _, ok := a.Type.size(); !ok && a.Type.prefix() == 0 {
				t.Errorf("%s/%s: type 0x%02x", c.Name, a.Name, uint8(a.Type))
			}
			r, ok := DefaultReporting(c.ID, a.ID)
			if reportable := a.Access&Reportable != 0; reportable != ok || ok && (r.Type != a.Type || r.Min > r.Max) {
				t.Errorf("%s/%s: reportable %v, by default %+v, %v", c.Name, a.Name, reportable, r, ok)
			}
			if a.Clause == "" {
				t.Errorf("%s/%s has no clause", c.Name, a.Name)
			}
		}
	}
	if _, ok := FindAttribute(0xfc00, AttrClusterRevision); ok {
		t.Error("an unknown cluster has a revision")
	}
}

// A change that many report at once waits, but not for longer than at first, nor than what
// did not change would.
func TestReportsAreHeldBack(t *testing.T) {
	for name, c := range map[string]struct {
		longest uint16 // between two reports, in seconds
		want    map[time.Duration]string
	}{
		"until then":           {60, map[time.Duration]string{0: "10 ", 7 * time.Second: "11 ", 67 * time.Second: "11 "}},
		"not over the maximum": {4, map[time.Duration]string{0: "10 ", 4 * time.Second: "11 ", 8 * time.Second: "11 "}},
	} {
		l := newLamp()
		s := newServer(t, l)
		configure(t, s, ClusterLevel, level(0, c.longest, 1))
		got := reports(t, s, start)
		l.values[[2]uint16{ClusterLevel, AttrCurrentLevel}] = Reading{Value: Uint8(11)}
		s.Hold(start.Add(2*time.Second), start.Add(7*time.Second))
		s.Hold(start.Add(6*time.Second), start.Add(20*time.Second)) // is of no use
		s.Advance(start.Add(2 * time.Second))
		for when, what := range reports(t, s, start.Add(time.Duration(c.longest)*time.Second+8*time.Second)) {
			got[when] += what
		}
		for when, what := range c.want {
			if got[when] != what {
				t.Errorf("%s: reported %v, want %v", name, got, c.want)
			}
		}
	}
}

// A change that many report at once waits after a restart too, when nothing is known of the
// last report.
func TestReportsAreHeldBackAfterARestart(t *testing.T) {
	l := newLamp()
	before := newServer(t, l)
	configure(t, before, ClusterLevel, level(0, 60, 1))
	s, err := NewServer(l, 80, before.endpoints, before.Reporting())
	if err != nil {
		t.Fatal(err)
	}
	s.Defer(start, start.Add(50*time.Second))
	l.values[[2]uint16{ClusterLevel, AttrCurrentLevel}] = Reading{Value: Uint8(11)}
	s.Hold(start, start.Add(20*time.Second))
	s.Advance(start)
	if got := reports(t, s, start.Add(55*time.Second)); len(got) != 1 || got[20*time.Second] != "11 " {
		t.Errorf("reported %v", got)
	}
}
