package zcl

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"sconce/internal/corpus"
)

// lamp is an application with a few attributes that the tests set.
type lamp struct {
	values map[[2]uint16]Reading
	did    []string
	status Status
}

func newLamp() *lamp {
	return &lamp{values: map[[2]uint16]Reading{
		{ClusterBasic, AttrModel}:                  {Value: Text("a model of thirty-two bytes, all")},
		{ClusterBasic, AttrManufacturer}:           {Value: Text("a maker of thirty-two bytes, all")},
		{ClusterOnOff, AttrOnOff}:                  {Value: Bool(false)},
		{ClusterOnOff, AttrStartUpOnOff}:           {Value: Enum8(0xff)},
		{ClusterLevel, AttrCurrentLevel}:           {Value: Uint8(10)},
		{ClusterLevel, AttrLevelOptions}:           {Value: Map8(0)},
		{ClusterLevel, AttrOnLevel}:                {Value: Uint8(0xff)},
		{ClusterElectrical, AttrActivePower}:       {Value: Int16(3)},
		{ClusterElectrical, AttrACPowerDivisor}:    {Value: Uint16(10)},
		{ClusterLevel, AttrOnOffTransitionTime}:    {Value: Uint16(0)},
		{ClusterElectrical, AttrMeasurementType}:   {Value: Map32(1)},
		{ClusterIdentify, AttrIdentifyTime}:        {Value: Uint16(0)},
		{ClusterElectrical, AttrACPowerMultiplier}: {Value: Uint16(1)},
		{ClusterLevel, AttrRemainingTime}:          {Value: Uint16(0)},
	}}
}

func (l *lamp) set(cluster, attribute uint16, v Value) {
	l.values[[2]uint16{cluster, attribute}] = Reading{Value: v}
}

func (l *lamp) Attribute(_ time.Time, _ uint8, cluster, attribute uint16) (Reading, bool) {
	r, ok := l.values[[2]uint16{cluster, attribute}]
	return r, ok
}

func (l *lamp) Write(_ time.Time, _ uint8, cluster uint16, a Attribute) {
	l.did = append(l.did, fmt.Sprintf("write %d/%d=%s", cluster, a.ID, a.Value))
	l.set(cluster, a.ID, a.Value)
}

func (l *lamp) Command(_ time.Time, _ Message, c Command) (Command, Status) {
	l.did = append(l.did, c.ID().String())
	if v, ok := c.(ViewGroup); ok {
		return ViewGroupResponse{Status: NotFound, Group: v.Group}, NotFound
	}
	return nil, l.status
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newServer(t *testing.T, l *lamp, resume ...ReportingEntry) *Server {
	t.Helper()
	s, err := NewServer(l, 64, []Endpoint{{
		ID: 1, Profile: ProfileHomeAutomation,
		Clusters: []uint16{ClusterBasic, ClusterIdentify, ClusterGroups, ClusterOnOff, ClusterLevel, ClusterElectrical},
	}}, resume)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// unicast is a frame from endpoint 3 of the coordinator to endpoint 1.
func unicast(cluster uint16, frame []byte) Message {
	return Message{SrcEndpoint: 3, Endpoint: 1, Unicast: true, Profile: ProfileHomeAutomation, Cluster: cluster, Payload: frame}
}

// payloads drains the server.
func payloads(s *Server) []string {
	var list []string
	for o, ok := s.Next(); ok; o, ok = s.Next() {
		list = append(list, fmt.Sprintf("%x", o.Payload))
	}
	return list
}

// TestAnswers holds the server to the default response rules and the statuses of
// the library. Frames are written in bytes: control, sequence number, command,
// payload.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		cluster uint16
		frame   string
		want    string // the answer; "" for none
	}{
		{"command without a response, default wanted", ClusterOnOff, "010501", "18050b0100"},
		{"command without a response, default not wanted", ClusterOnOff, "110501", ""},
		{"command with its own response", ClusterGroups, "0105010200", "190501" + "8b020000"},
		{"command with its own response, default not wanted", ClusterGroups, "1105010200", "190501" + "8b020000"},
		{"unknown command", ClusterOnOff, "010577", "18050b7781"},
		{"unknown command, default not wanted", ClusterOnOff, "110577", "18050b7781"},
		{"command too short", ClusterLevel, "0105048000", "18050b0480"},
		{"move mode out of range", ClusterLevel, "0105010205", "18050b0180"},
		{"unknown shared command", ClusterOnOff, "00053f", "18050b3f81"},
		{"cluster not there", 0x0300, "010500", "18050b00c3"},
		{"command of a server, to a server", ClusterOnOff, "090500", "10050b00c3"},
		{"command of a maker", ClusterOnOff, "050b10050100", "1c0b10050b0181"},
		{"default response", ClusterOnOff, "18050b0100", ""},
		{"default response, asking for one", ClusterOnOff, "00050b0186", ""},
		{"no header", ClusterOnOff, "01", ""},

		{"read", ClusterLevel, "10050000001100", "180501" + "000000200a" + "11000020ff"},
		{"read what is not there", ClusterLevel, "10050077770000", "180501" + "777786" + "000000200a"},
		{"read the revision", ClusterLevel, "100500fdff", "180501" + "fdff00210300"},
		{"read nothing", ClusterLevel, "100500", "18050b0080"},
		{"read half an identifier", ClusterLevel, "1005000000ff", "18050b0080"},
		{"read more than fits", ClusterBasic, "10050004000500", "180501" + "04000042" + "20" + fmt.Sprintf("%x", "a maker of thirty-two bytes, all") + "050089"},

		{"write", ClusterLevel, "1005021100" + "20c8", "18050400"},
		{"write the non-value", ClusterOnOff, "1005020340" + "30ff", "18050400"},
		{"write what is not there", ClusterLevel, "1005027777" + "20c8", "180504" + "867777"},
		{"write another type", ClusterLevel, "1005021100" + "21c800", "180504" + "8d1100"},
		{"write what is read only", ClusterLevel, "1005020000" + "2001", "180504" + "880000"},
		{"write out of range", ClusterOnOff, "1005020340" + "3003", "180504" + "870340"},
		{"write the non-value where there is one", ClusterLevel, "1005021100" + "20ff", "18050400"},
		{"write the non-value where there is none", ClusterLevel, "1005021000" + "21ffff", "180504" + "871000"},
		{"write less than the least", ClusterLevel, "1005021100" + "2000", "180504" + "871100"},
		{"write one of two", ClusterLevel, "1005021100" + "20c8" + "0000" + "2001", "180504" + "880000"},
		{"write an unknown type", ClusterLevel, "1005021100" + "3500", "18050b0280"},
		{"write half a value", ClusterLevel, "1005021000" + "2105", "18050b0280"},
		{"write without response", ClusterLevel, "0005051100" + "20c8", ""},
		{"write without response, in vain", ClusterLevel, "0005050000" + "20c8", ""},
		{"write undivided, in vain", ClusterLevel, "1005031100" + "20c8" + "0000" + "2001", "180504" + "880000"},

		{"configure", ClusterElectrical, "10050600" + "0b05" + "29" + "0a00" + "2c01" + "0500", "18050700"},
		{"configure what is not there", ClusterElectrical, "10050600" + "7777" + "29" + "0a00" + "2c01" + "0500", "180507" + "86007777"},
		{"configure what is not reportable", ClusterLevel, "10050600" + "1100" + "20" + "0a00" + "2c01" + "05", "180507" + "8c001100"},
		{"configure another type", ClusterLevel, "10050600" + "0000" + "21" + "0a00" + "2c01" + "0500", "180507" + "8d000000"},
		{"configure min above max", ClusterOnOff, "10050600" + "0000" + "10" + "0a00" + "0900", "180507" + "87000000"},
		{"configure to expect", ClusterOnOff, "10050601" + "0000" + "0900", "180507" + "86010000"},
		{"configure without the change", ClusterLevel, "10050600" + "0000" + "20" + "0a00" + "2c01", "18050b0680"},
		{"configure in a third direction", ClusterOnOff, "10050602" + "0000" + "10" + "0000" + "0900", "18050b0680"},
		{"configure no reports", ClusterOnOff, "10050600" + "0000" + "10" + "0000" + "ffff", "18050700"},

		{"read reporting of nothing configured", ClusterOnOff, "10050800" + "0000", "180509" + "8b000000"},
		{"read reporting of what is not reportable", ClusterLevel, "10050800" + "1100", "180509" + "8c001100"},
		{"read reporting of what is not there", ClusterLevel, "10050800" + "7777", "180509" + "86007777"},
		{"read reporting, too short", ClusterLevel, "1005080000", "18050b0880"},

		{"discover", ClusterLevel, "10050c" + "0000" + "02", "18050d" + "00" + "000020" + "010021"},
		{"discover the rest", ClusterLevel, "10050c" + "1000" + "09", "18050d" + "01" + "100021" + "110020" + "fdff21"},
		{"discover, too short", ClusterLevel, "10050c" + "1000", "18050b0c80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			s := newServer(t, newLamp())
			s.Receive(start, unicast(test.cluster, unhex(t, test.frame)))
			got := payloads(s)
			if test.name == "configure" { // the first report follows
				got = got[:1]
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("answered %q, want %q", got, want)
			}

			// The same for a group or for all is never answered, unless by the
			// cluster itself.
			s = newServer(t, newLamp())
			m := unicast(test.cluster, unhex(t, test.frame))
			m.Unicast, m.Endpoint = false, 0xff
			s.Receive(start, m)
			for o, ok := s.Next(); ok; o, ok = s.Next() {
				if h, _, _ := ParseHeader(o.Payload); !h.Specific && !o.Report {
					t.Errorf("answered a groupcast: %x", o.Payload)
				}
			}
		})
	}
}

func TestStatusOfApplication(t *testing.T) {
	l := newLamp()
	l.status = InvalidValue
	s := newServer(t, l)
	s.Receive(start, unicast(ClusterOnOff, unhex(t, "110501")))
	if got := payloads(s); !reflect.DeepEqual(got, []string{"18050b0187"}) {
		t.Errorf("an error with default responses disabled: %q, want it told", got)
	}
}

// A maker's cluster is spoken to with the maker's code, and with no other.
func TestMakersCluster(t *testing.T) {
	s, err := NewServer(newLamp(), 64, []Endpoint{{ID: 1, Profile: ProfileHomeAutomation, Clusters: []uint16{ClusterBehaviour}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for frame, want := range map[string]string{
		"14f1ff0500fdff": "1cf1ff0501" + "fdff00210100",
		"100500fdff":     "18050b0081",
		"140b100500fdff": "1c0b10050b0081",
	} {
		s.Receive(start, unicast(ClusterBehaviour, unhex(t, frame)))
		if got := payloads(s); len(got) != 1 || got[0] != want {
			t.Errorf("%s was answered with %q, want %q", frame, got, want)
		}
	}
}

func TestUndividedWriteIsAllOrNothing(t *testing.T) {
	for command, want := range map[string]int{"02": 1, "03": 0, "05": 1} {
		l := newLamp()
		s := newServer(t, l)
		s.Receive(start, unicast(ClusterLevel, unhex(t, "1005"+command+"1100"+"20c8"+"0000"+"2001")))
		if len(l.did) != want {
			t.Errorf("command %s wrote %q, want %d attributes", command, l.did, want)
		}
	}
}

func TestAddressing(t *testing.T) {
	for _, test := range []struct {
		name     string
		endpoint uint8
		profile  uint16
		heard    bool
	}{
		{"own", 1, ProfileHomeAutomation, true},
		{"all endpoints", 0xff, ProfileHomeAutomation, true},
		{"any profile", 1, 0xffff, true},
		{"another endpoint", 2, ProfileHomeAutomation, false},
		{"another profile", 1, 0x0109, false},
	} {
		l := newLamp()
		s := newServer(t, l)
		m := unicast(ClusterOnOff, unhex(t, "010501"))
		m.Endpoint, m.Profile, m.Src = test.endpoint, test.profile, 0x1234
		s.Receive(start, m)
		o, answered := s.Next()
		if answered != test.heard || len(l.did) > 0 != test.heard {
			t.Errorf("%s: answered %v, did %q", test.name, answered, l.did)
		}
		if test.heard && (o.Dst != 0x1234 || o.DstEndpoint != 3 || o.SrcEndpoint != 1 || o.Profile != ProfileHomeAutomation || o.Cluster != ClusterOnOff) {
			t.Errorf("%s: answered to %+v", test.name, o)
		}
		if ignored := s.Counters().Ignored == 1; ignored == test.heard {
			t.Errorf("%s: counted as ignored: %v", test.name, ignored)
		}
	}
}

func TestOutgoingIsBounded(t *testing.T) {
	s := newServer(t, newLamp())
	for range MaxOutgoing + 3 {
		s.Receive(start, unicast(ClusterOnOff, unhex(t, "010501")))
	}
	if got := len(payloads(s)); got != MaxOutgoing || s.Counters().Dropped != 3 {
		t.Errorf("%d frames, %d dropped; want %d and 3", got, s.Counters().Dropped, MaxOutgoing)
	}
}

func TestAnswersFitAFrame(t *testing.T) {
	for name, frame := range map[string][]byte{
		"read":           AppendReadAttributes(nil, 1, make([]uint16, 30)...),
		"read unknown":   AppendReadAttributes(nil, 1, slices.Repeat([]uint16{0x7777}, 30)...),
		"read reporting": AppendReadReporting(nil, 1, slices.Repeat([]ReportingQuery{{Attribute: 0x7777}}, 24)...),
		"write":          append([]byte{0x00, 1, CmdWriteAttributesUndivided}, bytes.Repeat([]byte{0x77, 0x77, byte(TypeUint8), 1}, 24)...),
		"configure":      AppendConfigureReporting(nil, 1, slices.Repeat([]Reporting{{Attribute: 0x7777, Type: TypeBool}}, 12)...),
		"discover":       AppendDiscoverAttributes(nil, 1, 0, 255),
	} {
		s := newServer(t, newLamp())
		s.maxFrame = 16
		s.Receive(start, unicast(ClusterLevel, frame))
		o, ok := s.Next()
		if !ok || len(o.Payload) > 16 || len(o.Payload) < 10 {
			t.Errorf("%s: answered with %d bytes, want at most 16", name, len(o.Payload))
		}
	}
}

func TestReportsAreBounded(t *testing.T) {
	var endpoints []Endpoint
	for i := range uint8(MaxReports + 1) {
		endpoints = append(endpoints, Endpoint{ID: i + 1, Profile: ProfileHomeAutomation, Clusters: []uint16{ClusterOnOff}})
	}
	s, err := NewServer(newLamp(), 64, endpoints, nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := AppendConfigureReporting(nil, 1, Reporting{Type: TypeBool})
	for _, e := range endpoints {
		payloads(s)
		m := unicast(ClusterOnOff, frame)
		m.Endpoint = e.ID
		s.Receive(start, m)
	}
	if got := payloads(s); len(got) != 1 || got[0] != "180107"+"89000000" || len(s.Reporting()) != MaxReports {
		t.Errorf("%d reports, the last answered %q; want %d, and insufficient space", len(s.Reporting()), got, MaxReports)
	}
	if _, err := NewServer(newLamp(), 64, endpoints, append(s.Reporting(), s.Reporting()[0])); err == nil {
		t.Errorf("resumed %d reports, want at most %d", MaxReports+1, MaxReports)
	}
}

func TestNewServerRefuses(t *testing.T) {
	good := ReportingEntry{Endpoint: 1, Cluster: ClusterOnOff, Reporting: Reporting{Type: TypeBool}}
	for name, make := range map[string]func() (*Server, error){
		"no application": func() (*Server, error) { return NewServer(nil, 64, nil, nil) },
		"tiny frames":    func() (*Server, error) { return NewServer(newLamp(), 15, nil, nil) },
		"unknown cluster": func() (*Server, error) {
			return NewServer(newLamp(), 64, []Endpoint{{ID: 1, Clusters: []uint16{0xfc00}}}, nil)
		},
		"report of another endpoint": func() (*Server, error) { return NewServer(newLamp(), 64, nil, []ReportingEntry{good}) },
		"report of another type": func() (*Server, error) {
			bad := good
			bad.Reporting.Type = TypeUint8
			return NewServer(newLamp(), 64, []Endpoint{{ID: 1, Clusters: []uint16{ClusterOnOff}}}, []ReportingEntry{bad})
		},
	} {
		if s, err := make(); err == nil {
			t.Errorf("%s: got %+v, want an error", name, s)
		}
	}
}

// FuzzServer: no frame stops the server, and every answer is a frame of the
// library that fits.
func FuzzServer(f *testing.F) {
	for _, v := range frames {
		f.Add(v.cluster, v.frame, true)
	}
	for _, c := range commands {
		f.Add(c.want.ID().Cluster, AppendRequest(nil, 1, c.want), false)
	}
	corpus.Fuzz(f, func(t *testing.T, cluster uint16, frame []byte, unicastTo bool) {
		s := newServer(t, newLamp())
		m := unicast(cluster, bytes.Clone(frame))
		m.Unicast = unicastTo
		s.Receive(start, m)
		for o, ok := s.Next(); ok; o, ok = s.Next() {
			if _, _, err := ParseHeader(o.Payload); err != nil || len(o.Payload) > 64 {
				t.Fatalf("%x was answered with %x", frame, o.Payload)
			}
		}
		if at, ok := s.Deadline(); ok && !at.After(start) {
			t.Fatalf("%x: the deadline %v is not after %v", frame, at, start)
		}
	})
}
