package wire

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/internal/corpus"
)

const someDevice, someTime = sconce.EUI64(0x00124b0000000001), Time(1_790_000_000_000)

var (
	someCommand = sconce.MakeID[sconce.CommandID](time.UnixMilli(int64(someTime)), [10]byte{1, 2, 3})
	someProject = sconce.MakeID[sconce.ProjectID](time.UnixMilli(int64(someTime)), [10]byte{4})
	someNetwork = sconce.MakeID[sconce.NetworkID](time.UnixMilli(int64(someTime)), [10]byte{5})
)

func ptr[T any](v T) *T { return &v }

// ups and downs hold every kind of message twice: with all its fields, and with
// as few as it allows. Each must have a rule of its kind's name in sconce.cddl.
func ups() []Up {
	return []Up{
		Hello{"SG-1", "0.1.0", 3, &Network{0x1122334455667788, 0x1a62, 15}, 7, []Dropped{{KindReadings, 12, ClassMetering, someTime, someTime + 1}}, &Clock{1000, someTime}, true},
		Hello{Dropped: []Dropped{{Kind: KindLog, Count: 1}}}, // of a gateway that says no more
		Hello{},
		Readings{[]Reading{{Device: someDevice, Metric: sconce.ActivePower, At: someTime, Value: 11.25}}},
		Readings{[]Reading{}},
		Occupancy{someTime, 60, []Occupied{{Device: someDevice, Minutes: 60}, {Device: someDevice + 1}}},
		Occupancy{Minutes: 15, Sensors: []Occupied{}},
		Events{[]Event{{someDevice, someTime, EventJoined}}},
		Events{[]Event{}},
		State{[]DeviceState{{someDevice, someTime, true, someTime, ptr(true), ptr(sconce.Level(333)), sconce.CauseCommand, ptr(uint16(2700)), ptr(sconce.FaultLamp)}}},
		State{[]DeviceState{{Device: someDevice, At: someTime}}},
		Result{someCommand, someTime, []Outcome{{someDevice, Confirmed}, {someDevice + 1, Expired}}},
		Result{Command: someCommand, Outcomes: []Outcome{}},
		Report{7, []DeviceReport{
			{someDevice, StageFailed, "no answer", nil},
			{someDevice + 1, StageWaiting, "", &Asset{"Panel", "Sconce", 3, "1.2", "SN-7", 32.5}},
		}},
		Report{Devices: []DeviceReport{}},
		Log{[]LogLine{{someTime, -4, "started"}}},
		Log{[]LogLine{}},
	}
}

func downs() []Down {
	return []Down{
		Adopt{someProject, someNetwork, 30},
		Adopt{},
		Desired{3, []DesiredDevice{{someDevice, sconce.Luminaire, make([]byte, 18), []sconce.GroupNumber{1, 255}}}},
		Desired{Devices: []DesiredDevice{}},
		Command{ID: someCommand, Expires: someTime, Device: someDevice, On: ptr(false)},
		Command{ID: someCommand, Expires: someTime, Group: 9, Level: ptr(sconce.Level(500)), Fade: 400},
	}
}

// parse reads back the body that a kind names.
func parse(kind Kind, body []byte) (any, error) {
	switch kind {
	case KindHello:
		return ParseBody[Hello](body)
	case KindReadings:
		return ParseBody[Readings](body)
	case KindOccupancy:
		return ParseBody[Occupancy](body)
	case KindEvents:
		return ParseBody[Events](body)
	case KindState:
		return ParseBody[State](body)
	case KindResult:
		return ParseBody[Result](body)
	case KindReport:
		return ParseBody[Report](body)
	case KindLog:
		return ParseBody[Log](body)
	case KindAdopt:
		return ParseBody[Adopt](body)
	case KindDesired:
		return ParseBody[Desired](body)
	default:
		return ParseBody[Command](body)
	}
}

func TestUpMessages(t *testing.T) {
	s := parseSchema(schemaText)
	header := UpHeader{Version: Version, Boot: 77, Sequence: 12, Sent: someTime}
	for _, m := range ups() {
		payload, err := AppendUp(nil, header, m)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		conforms(t, s, "up-header", string(m.UpKind()), payload)
		h, body, err := ParseUpHeader(payload)
		if err != nil || h != header {
			t.Fatalf("%T: header %+v, %v", m, h, err)
		}
		got, err := parse(m.UpKind(), body)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("read back %+v, %v; want %+v", got, err, m)
		}
	}
}

func TestDownMessages(t *testing.T) {
	s := parseSchema(schemaText)
	header := DownHeader{Version: Version, Sent: someTime}
	for _, m := range downs() {
		payload, err := AppendDown(nil, header, m)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		conforms(t, s, "down-header", string(m.DownKind()), payload)
		h, body, err := ParseDownHeader(payload)
		if err != nil || h != header {
			t.Fatalf("%T: header %+v, %v", m, h, err)
		}
		got, err := parse(m.DownKind(), body)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("read back %+v, %v; want %+v", got, err, m)
		}
	}
}

// TestEveryFieldIsInTheSchema compares the keys of the Go types with those of
// the rules, both ways: full messages conform, so no Go key is missing in the
// schema; here, no key of the schema is missing in Go.
func TestEveryFieldIsInTheSchema(t *testing.T) {
	s := parseSchema(schemaText)
	for rule, v := range map[string]any{
		"hello": Hello{}, "network": Network{}, "dropped": Dropped{}, "clock": Clock{}, "asset": Asset{}, "readings": Readings{}, "occupancy": Occupancy{}, "events": Events{}, "event": Event{},
		"state": State{}, "device-state": DeviceState{}, "result": Result{}, "outcome": Outcome{}, "report": Report{},
		"device-report": DeviceReport{}, "log": Log{}, "log-line": LogLine{}, "adopt": Adopt{}, "desired": Desired{},
		"desired-device": DesiredDevice{}, "command": Command{},
	} {
		typ := reflect.TypeOf(v)
		if got, want := typ.NumField(), len(s[rule].(table)); got != want {
			t.Errorf("%s: %d fields in Go, %d keys in sconce.cddl", rule, got, want)
		}
		for i := range typ.NumField() {
			key, rest, _ := strings.Cut(typ.Field(i).Tag.Get("cbor"), ",")
			m, there := s[rule].(table)[number(key)]
			if !there {
				t.Errorf("%s: key %s (%s) is not in sconce.cddl", rule, key, typ.Field(i).Name)
			}
			if optional := strings.Contains(rest, "omitempty"); optional != m.optional {
				t.Errorf("%s: key %s: optional is %v in Go, %v in sconce.cddl", rule, key, optional, m.optional)
			}
		}
	}
}

func TestUnknownKeysAreIgnored(t *testing.T) {
	body := []byte{0xa2, 0x01, 0x80, 0x18, 0x63, 0xf5} // {1: [], 99: true}
	if _, err := ParseBody[Events](body); err != nil {
		t.Error(err)
	}
}

func TestBadMessagesAreRefused(t *testing.T) {
	header := UpHeader{Version: Version, Boot: 1, Sequence: 1}
	for name, m := range map[string]Up{
		"level over 1000":         State{[]DeviceState{{Device: someDevice, Level: ptr(sconce.Level(1001))}}},
		"state without device":    State{[]DeviceState{{}}},
		"reading without device":  Readings{[]Reading{{Metric: 1}}},
		"reading without metric":  Readings{[]Reading{{Device: someDevice}}},
		"reading that is NaN":     Readings{[]Reading{{Device: someDevice, Metric: 1, Value: math.NaN()}}},
		"occupancy of 61 minutes": Occupancy{Minutes: 60, Sensors: []Occupied{{Device: someDevice, Minutes: 61}}},
		"occupancy by the minute": Occupancy{Minutes: 1},
		"occupancy of nobody":     Occupancy{Minutes: 15, Sensors: []Occupied{{Minutes: 1}}},
		"event without kind":      Events{[]Event{{Device: someDevice}}},
		"result without id":       Result{},
		"outcome of no status":    Result{Command: someCommand, Outcomes: []Outcome{{someDevice, 0}}},
		"outcome of status 6":     Result{Command: someCommand, Outcomes: []Outcome{{someDevice, 6}}},
		"report of stage 5":       Report{1, []DeviceReport{{someDevice, 5, "", nil}}},
		"asset of long texts":     Report{1, []DeviceReport{{someDevice, 1, "", &Asset{Serial: strings.Repeat("x", 33)}}}},
		"asset of no power":       Report{1, []DeviceReport{{someDevice, 1, "", &Asset{RatedPower: math.Inf(1)}}}},
		"network on channel 27":   Hello{Network: &Network{Channel: 27}},
		"more than 1024 elements": Events{make([]Event, MaxItems+1)},
	} {
		payload, err := AppendUp(nil, header, m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, body, err := ParseUpHeader(payload)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := parse(m.UpKind(), body); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	good := Command{ID: someCommand, Device: someDevice, On: ptr(true)}
	for name, change := range map[string]func(*Command){
		"no target":      func(c *Command) { c.Device = 0 },
		"two targets":    func(c *Command) { c.Group = 1 },
		"no action":      func(c *Command) { c.On = nil },
		"two actions":    func(c *Command) { c.Level = ptr(sconce.Level(1)) },
		"group over 255": func(c *Command) { c.Device, c.Group = 0, 256 },
		"fade too long":  func(c *Command) { c.Fade = MaxFade + 1 },
		"no id":          func(c *Command) { c.ID = "" },
		"level too high": func(c *Command) { c.On, c.Level = nil, ptr(sconce.Level(1001)) },
	} {
		if err := good.check(); err != nil {
			t.Fatal(err)
		}
		c := good
		change(&c)
		if c.check() == nil {
			t.Errorf("command with %s: accepted", name)
		}
	}
	for name, d := range map[string]Desired{
		"short install code": {Devices: []DesiredDevice{{Device: someDevice, InstallCode: make([]byte, 16)}}},
		"group 0":            {Devices: []DesiredDevice{{Device: someDevice, InstallCode: make([]byte, 18), Groups: []sconce.GroupNumber{0}}}},
		"251 devices":        {Devices: make([]DesiredDevice, 251)},
	} {
		if d.check() == nil {
			t.Errorf("desired state with %s: accepted", name)
		}
	}
	if (&Adopt{Project: someProject}).check() == nil {
		t.Error("adopt without a network: accepted")
	}
	if (&Adopt{Project: someProject, Network: someNetwork, Occupancy: 1}).check() == nil {
		t.Error("adopt with occupancy by the minute: accepted")
	}
}

func TestBadHeadersAreRefused(t *testing.T) {
	for name, h := range map[string]UpHeader{
		"version 2":       {Version: 2, Boot: 1, Sequence: 1},
		"boot 0":          {Version: 1, Sequence: 1},
		"sequence 0":      {Version: 1, Boot: 1},
		"boot of 64 bits": {Version: 1, Boot: 1 << 63, Sequence: 1},
	} {
		payload, err := AppendUp(nil, h, Events{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ParseUpHeader(payload); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, _, err := ParseUpHeader(make([]byte, MaxPayload+1)); err == nil {
		t.Error("payload over the limit: accepted")
	}
	if _, err := AppendUp(nil, UpHeader{}, Log{[]LogLine{{Message: strings.Repeat("x", MaxPayload)}}}); err == nil {
		t.Error("payload over the limit: made")
	}
}

func TestTopics(t *testing.T) {
	if got, want := UpTopic(someDevice, KindState), "g/00124b0000000001/up/state"; got != want {
		t.Errorf("up topic %q, want %q", got, want)
	}
	if g, k, err := ParseUpTopic("g/00124b0000000001/up/anything"); g != someDevice || k != "anything" || err != nil {
		t.Error(g, k, err)
	}
	if g, k, err := ParseDownTopic(DownTopic(someDevice, KindCommand)); g != someDevice || k != KindCommand || err != nil {
		t.Error(g, k, err)
	}
	for _, topic := range []string{
		"", "g", "g/00124b0000000001/up", "g/00124b0000000001/up/", "g/00124b0000000001/down/state", "p/00124b0000000001/up/state",
		"g/00124B0000000001/up/state", "g/124b0000000001/up/state", "g/00124b0000000001/up/state/more", "/g/00124b0000000001/up/state",
	} {
		if _, _, err := ParseUpTopic(topic); err == nil {
			t.Errorf("topic %q: accepted", topic)
		}
	}
}

// FuzzUp checks the canonical form: a message that parses encodes to bytes that
// parse to a message of the same bytes. Unknown keys and longer forms of numbers
// are lost at the first encoding, nothing after it.
func FuzzUp(f *testing.F) {
	for _, m := range ups() {
		payload, err := AppendUp(nil, UpHeader{Version: Version, Boot: 1, Sequence: 1}, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(m.UpKind()), payload)
	}
	corpus.Fuzz(f, func(t *testing.T, kind string, payload []byte) {
		canonical := payload
		for range 2 {
			h, body, err := ParseUpHeader(canonical)
			if err != nil {
				unlessFirst(t, canonical, payload, err)
				return
			}
			m, err := parse(Kind(kind), body)
			up, ok := m.(Up)
			if err != nil || !ok {
				unlessFirst(t, canonical, payload, err)
				return
			}
			again, err := AppendUp(nil, h, up)
			canonical = settled(t, canonical, payload, again, err)
		}
	})
}

// FuzzDown is [FuzzUp] for the other direction.
func FuzzDown(f *testing.F) {
	for _, m := range downs() {
		payload, err := AppendDown(nil, DownHeader{Version: Version}, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(m.DownKind()), payload)
	}
	corpus.Fuzz(f, func(t *testing.T, kind string, payload []byte) {
		canonical := payload
		for range 2 {
			h, body, err := ParseDownHeader(canonical)
			if err != nil {
				unlessFirst(t, canonical, payload, err)
				return
			}
			m, err := parse(Kind(kind), body)
			down, ok := m.(Down)
			if err != nil || !ok {
				unlessFirst(t, canonical, payload, err)
				return
			}
			again, err := AppendDown(nil, h, down)
			canonical = settled(t, canonical, payload, again, err)
		}
	})
}

// unlessFirst allows a refusal of the fuzzer's own input, not of our encoding.
func unlessFirst(t *testing.T, canonical, input []byte, err error) {
	if !bytes.Equal(canonical, input) {
		t.Fatalf("our own encoding %x does not parse: %v", canonical, err)
	}
}

// settled returns the encoding, which after the first must not change.
func settled(t *testing.T, before, input, after []byte, err error) []byte {
	if err != nil {
		t.Fatalf("parsed but does not encode: %v", err)
	}
	if !bytes.Equal(before, input) && !bytes.Equal(before, after) {
		t.Fatalf("encoding is not stable: %x, then %x", before, after)
	}
	return after
}

// FuzzUpHeader holds the quick reader of headers to the decoder that knows all
// forms: what it reads, it reads the same.
func FuzzUpHeader(f *testing.F) {
	for _, h := range []UpHeader{{Version: 1, Boot: 1, Sequence: 23}, {Version: 24, Boot: 1<<63 - 1, Sequence: 1 << 40, Sent: someTime}, {Sent: -1}} {
		payload, err := AppendUp(nil, h, Events{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	corpus.Fuzz(f, func(t *testing.T, payload []byte) {
		var quick, slow UpHeader
		rest, ok := readUpHeader(payload, &quick)
		if !ok || len(payload) > MaxPayload {
			return
		}
		want, err := parseHeader(payload, &slow)
		if err != nil || quick != slow || !bytes.Equal(rest, want) {
			t.Fatalf("read %+v and %x; the decoder %+v and %x, %v", quick, rest, slow, want, err)
		}
	})
}

// TestUsualHeadersAreReadQuickly shows that the quick reader does the work.
func TestUsualHeadersAreReadQuickly(t *testing.T) {
	payload, err := AppendUp(nil, UpHeader{Version: Version, Boot: 1 << 62, Sequence: 70_000, Sent: someTime}, Events{})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _, err = ParseUpHeader(payload) }); n != 0 || err != nil {
		t.Errorf("%v allocations, %v", n, err)
	}
}

// FuzzReadings holds the quick reader of readings to the decoder that knows all
// forms: it takes and refuses the same, with the same words.
func FuzzReadings(f *testing.F) {
	for _, values := range [][]float64{{}, {0}, {12.3, 1.5, -0.25}, {math.Inf(1)}, {math.NaN()}, {1 << 60, 5.9e-8, math.SmallestNonzeroFloat64}, make([]float64, 300)} {
		f.Add(readingsBody(f, values...))
	}
	for _, b := range [][]byte{
		{0xa1, 0x01, 0x81, 0x84, 0x01, 0x01, 0x01, 0x05},             // the value is an integer
		{0xa1, 0x01, 0x81, 0x84, 0x18, 0x01, 0x01, 0x20, 0xf9, 0, 1}, // a longer form; a time before 1970
		{0xa2, 0x01, 0x80, 0x02, 0x00},                               // a key of a later version
		{0xa1, 0x01, 0x9f, 0xff},                                     // of indefinite length
		{0xa1, 0x01, 0xf6},
		{0xa0},
		{0xa1, 0x01, 0x99, 0x04, 0x01},
		{0xa1, 0x01, 0x81, 0x84, 0x01, 0x19, 0x01, 0x00, 0x01, 0xf9, 0x7e, 0x00}, // a metric beyond its range
		{0xa1, 0x01, 0x80, 0x00}, // with something after it
	} {
		f.Add(b)
	}
	var memory []Reading
	corpus.Fuzz(f, func(t *testing.T, body []byte) {
		quick, err := ParseReadings(body, memory)
		slow, want := ParseBody[Readings](body)
		if fmt.Sprint(err) != fmt.Sprint(want) {
			t.Fatalf("error %v, of the decoder %v", err, want)
		}
		if want != nil {
			return
		}
		if !slices.Equal(quick.Readings, slow.Readings) {
			t.Fatalf("read %+v, the decoder %+v", quick, slow)
		}
		memory = quick.Readings
	})
}

func readingsBody(tb testing.TB, values ...float64) []byte {
	tb.Helper()
	m := Readings{}
	for i, v := range values {
		m.Readings = append(m.Readings, Reading{Device: 0x00124b0000001001, Metric: sconce.ActivePower, At: someTime + Time(i), Value: v})
	}
	b, err := encode.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestHalf compares every number of half precision with what the decoder says.
func TestHalf(t *testing.T) {
	for bits := range 1 << 16 {
		var want float64
		if err := decode.Unmarshal([]byte{0xf9, byte(bits >> 8), byte(bits)}, &want); err != nil {
			t.Fatal(err)
		}
		got := half(uint16(bits))
		if math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%04x is %v, want %v", bits, got, want)
		}
	}
}

// TestUsualReadingsAreReadQuickly shows that the quick reader does the work.
func TestUsualReadingsAreReadQuickly(t *testing.T) {
	body := readingsBody(t, 12.3, 1.5, 0.1, float64(float32(0.1)), 0)
	memory := make([]Reading, 5)
	var err error
	if n := testing.AllocsPerRun(100, func() { _, err = ParseReadings(body, memory) }); n != 0 || err != nil {
		t.Errorf("%v allocations, %v", n, err)
	}
}

func BenchmarkParseReadings(b *testing.B) {
	body := readingsBody(b, 12.1, 12.2, 12.3, 12.4, 12.6, 12.7, 12.8, 12.9, 13.1, 13.2, 13.3, 13.4, 13.6, 13.7, 13.8, 13.9, 14.1, 14.2, 14.3, 14.4)
	b.Run("quick", func(b *testing.B) {
		var memory []Reading
		for b.Loop() {
			m, _ := ParseReadings(body, memory)
			memory = m.Readings
		}
	})
	b.Run("decoder", func(b *testing.B) {
		for b.Loop() {
			_, _ = ParseBody[Readings](body)
		}
	})
}
