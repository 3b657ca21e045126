package zcl

import (
	"bytes"
	"encoding/hex"
	"errors"
	"iter"
	"reflect"
	"testing"

	"sconce/internal/corpus"
)

// commands is one of every command of the table, with its payload, checked with
// tshark 4.0.17.
var commands = []struct {
	hex  string
	want Command
}{
	{"2c01", Identify{Time: 300}},
	{"", IdentifyQuery{}},
	{"0b01", TriggerEffect{Effect: EffectChannelChange, Variant: 1}},
	{"2b01", IdentifyQueryResponse{Remaining: 299}},
	{"0201064f6666696365", AddGroup{Group: 0x0102, Name: "Office"}},
	{"0201", ViewGroup{Group: 0x0102}},
	{"0201000201", GetGroupMembership{Groups: []uint16{1, 0x0102}}},
	{"0201", RemoveGroup{Group: 0x0102}},
	{"", RemoveAllGroups{}},
	{"020100", AddGroupIfIdentifying{Group: 0x0102}},
	{"890201", AddGroupResponse{Status: InsufficientSpace, Group: 0x0102}},
	{"000201064f6666696365", ViewGroupResponse{Group: 0x0102, Name: "Office"}},
	{"fe0201000201", GroupMembership{Capacity: CapacityUnknown, Groups: []uint16{1, 0x0102}}},
	{"8b0201", RemoveGroupResponse{Status: NotFound, Group: 0x0102}},
	{"", Off{}},
	{"", On{}},
	{"", Toggle{}},
	{"0102", OffWithEffect{Effect: DyingLight, Variant: 2}},
	{"", OnWithRecallGlobalScene{}},
	{"0158022c01", OnWithTimedOff{OnlyWhenOn: true, OnTime: 600, OffWaitTime: 300}},
	{"800a000101", MoveToLevel{Level: 128, Transition: 10, Options: Options{Mask: 1, Override: 1}}},
	{"01320000", Move{Down: true, Rate: 50}},
	{"002004000000", Step{Size: 32, Transition: 4}},
	{"0000", Stop{}},
	{"feffff0000", MoveToLevel{Level: 254, Transition: AsFastAsPossible, WithOnOff: true}},
	{"00ff0000", Move{Rate: DefaultRate, WithOnOff: true}},
	{"012004000000", Step{Down: true, Size: 32, Transition: 4, WithOnOff: true}},
	{"0000", Stop{WithOnOff: true}},

	{"0201030a000644696e6e6572060001010800017f", AddScene{SceneID: evening, Scene: Scene{Transition: 10, Name: "Dinner", Fields: sceneFields}}},
	{"020103", ViewScene{Scene: evening}},
	{"020103", RemoveScene{Scene: evening}},
	{"0201", RemoveAllScenes{Group: 0x0102}},
	{"020103", StoreScene{Scene: evening}},
	{"0201031400", RecallScene{Scene: evening, Transition: 20}},
	{"0201", GetSceneMembership{Group: 0x0102}},
	{"02010364000000030d00000000000000000000007201", AddScene{SceneID: evening, Scene: Scene{Transition: 100, Fields: whiteFields}, Enhanced: true}},
	{"020103", ViewScene{Scene: evening, Enhanced: true}},
	{"01020103040005", CopyScene{All: true, From: evening, To: SceneID{4, 5}}},
	{"89020103", AddSceneResponse{SceneStatus{InsufficientSpace, evening}, false}},
	{"000201030a000644696e6e6572060001010800017f", ViewSceneResponse{SceneStatus: SceneStatus{Success, evening}, Scene: Scene{Transition: 10, Name: "Dinner", Fields: sceneFields}}},
	{"8b020103", ViewSceneResponse{SceneStatus: SceneStatus{NotFound, evening}}},
	{"00020103", RemoveSceneResponse{SceneStatus{Success, evening}}},
	{"000201", RemoveAllScenesResponse{Group: 0x0102}},
	{"00020103", StoreSceneResponse{SceneStatus{Success, evening}}},
	{"000e0201020307", SceneMembership{Capacity: 14, Group: 0x0102, Scenes: []uint8{3, 7}}},
	{"850e0201", SceneMembership{Status: InvalidField, Capacity: 14, Group: 0x0102}},
	{"00020103", AddSceneResponse{SceneStatus{Success, evening}, true}},
	{"0002010364000000030d00000000000000000000007201", ViewSceneResponse{SceneStatus: SceneStatus{Success, evening}, Scene: Scene{Transition: 100, Fields: whiteFields}, Enhanced: true}},
	{"8b020103", CopySceneResponse{SceneStatus{NotFound, evening}}},

	{"72010a000101", MoveToColorTemperature{Mireds: 370, Transition: 10, Options: Options{1, 1}}},
	{"0000", StopMoveStep{}},
	{"030a00fa0072010000", MoveColorTemperature{Mode: MoveDown, Rate: 10, Min: 250, Max: 370}},
	{"0114000500000000000000", StepColorTemperature{Mode: MoveUp, Size: 20, Transition: 5}},

	{"0364f1ff040302010000", ImageNotify{Detail: 3, Jitter: 100, Image: image}},
	{"0032", ImageNotify{Jitter: 50}},
	{"01f1ff0403020100000500", QueryNextImage{Image: image, HasHardware: true, Hardware: 5}},
	{"00f1ff040302010000", QueryNextImage{Image: image}},
	{"00f1ff04030201000000000800", NextImage{Image: image, Size: 1 << 19}},
	{"98", NextImage{Status: NoImageAvailable}},
	{"03f1ff0403020100000001000030efcdab89674523012c01", ImageBlock{
		Image: image, Offset: 256, MaxSize: 48, HasRequester: true, Requester: 0x0123456789abcdef, HasBlockPeriod: true, BlockPeriod: 300,
	}},
	{"00f1ff0403020100000001000003aabbcc", ImageBlockResponse{Image: image, Offset: 256, Data: []byte{0xaa, 0xbb, 0xcc}}},
	{"97e8030000ec0300002c01", ImageBlockResponse{Status: WaitForData, Now: 1000, RequestAt: 1004, BlockPeriod: 300}},
	{"95", ImageBlockResponse{Status: Abort}},
	{"00f1ff040302010000", UpgradeEnd{Image: image}},
	{"f1ff040302010000e8030000ffffffff", UpgradeEndResponse{Image: image, Now: 1000, UpgradeAt: 0xffffffff}},

	{"", CheckIn{}},
	{"012800", CheckInResponse{StartFastPolling: true, FastPollTimeout: 40}},
	{"", FastPollStop{}},
	{"78000000", SetLongPollInterval{Interval: 120}},
	{"0200", SetShortPollInterval{Interval: 2}},
}

// Parts of the commands above.
var (
	evening     = SceneID{Group: 0x0102, Scene: 3}
	sceneFields = []FieldSet{{ClusterOnOff, []byte{1}}, {ClusterLevel, []byte{127}}}
	whiteFields = []FieldSet{{ClusterColor, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x72, 0x01}}}
	image       = ImageID{Manufacturer: 0xfff1, Type: 0x0304, Version: 0x00000102}
)

// frames is one of every shared command, checked with tshark 4.0.17.
var frames = []struct {
	name    string
	cluster uint16
	frame   []byte
	hex     string
}{
	{"read", ClusterLevel, AppendReadAttributes(nil, 1, AttrCurrentLevel, AttrOnLevel), "10010000001100"},
	{"read response", ClusterOnOff, AppendReadRecord(AppendReadRecord(answer(1, CmdReadAttributesResponse), ReadRecord{Attribute: AttrOnOff, Value: Bool(true)}), ReadRecord{Attribute: 0x4001, Status: UnsupportedAttribute}), "1801010000001001014086"},
	{"write", ClusterLevel, AppendWriteAttributes(nil, 2, Attribute{AttrOnLevel, Uint8(200)}, Attribute{AttrOnOffTransitionTime, Uint16(10)}), "100202110020c81000210a00"},
	{"write response", ClusterLevel, AppendWriteRecord(answer(2, CmdWriteAttributesResponse), WriteRecord{ReadOnly, AttrCurrentLevel}), "180204880000"},
	{"write response, success", ClusterLevel, AppendWriteRecord(answer(2, CmdWriteAttributesResponse), WriteRecord{}), "18020400"},
	{"configure", ClusterLevel, AppendConfigureReporting(nil, 3, Reporting{Attribute: AttrCurrentLevel, Type: TypeUint8, Min: 1, Max: 300, Change: Uint8(1)}), "1003060000002001002c0101"},
	{"configure, discrete", ClusterOnOff, AppendConfigureReporting(nil, 3, Reporting{Attribute: AttrOnOff, Type: TypeBool, Max: 300}), "1003060000001000002c01"},
	{"configure, expect", ClusterOnOff, AppendConfigureReporting(nil, 3, Reporting{Attribute: AttrOnOff, Expect: true, Timeout: 600}), "1003060100005802"},
	{"configure response", ClusterLevel, AppendReportingStatus(answer(3, CmdConfigureReportingRsp), ReportingStatus{Unreportable, false, AttrOnLevel}), "1803078c001100"},
	{"configure response, success", ClusterLevel, AppendReportingStatus(answer(3, CmdConfigureReportingRsp), ReportingStatus{}), "18030700"},
	{"read reporting", ClusterLevel, AppendReadReporting(nil, 4, ReportingQuery{Attribute: AttrCurrentLevel}), "100408000000"},
	{"read reporting response", ClusterLevel, AppendReportingRecord(answer(4, CmdReadReportingResponse), ReportingRecord{Reporting: Reporting{Attribute: AttrCurrentLevel, Type: TypeUint8, Min: 1, Max: 300, Change: Uint8(1)}}), "180409000000002001002c0101"},
	{"read reporting response, not found", ClusterLevel, AppendReportingRecord(answer(4, CmdReadReportingResponse), ReportingRecord{Status: NotFound, Reporting: Reporting{Attribute: AttrCurrentLevel}}), "1804098b000000"},
	{"report", ClusterElectrical, AppendAttribute(answer(5, CmdReportAttributes), Attribute{AttrActivePower, Int16(255)}), "18050a0b0529ff00"},
	{"default response", ClusterOnOff, AppendDefaultResponse(answer(6, CmdDefaultResponse), DefaultResponse{0x02, MalformedCommand}), "18060b0280"},
	{"discover", ClusterLevel, AppendDiscoverAttributes(nil, 8, 0x0010, 3), "10080c100003"},
	{"discover response", ClusterLevel, AppendDiscoveredAttributes(answer(8, CmdDiscoverAttributesRsp), DiscoveredAttributes{Attributes: []AttributeType{{AttrOnOffTransitionTime, TypeUint16}, {AttrOnLevel, TypeUint8}}}), "18080d00100021110020"},
	{"manufacturer specific read", ClusterBasic, AppendHeader(nil, Header{Manufacturer: 0x100b, Seq: 9, Command: CmdReadAttributes}), "040b100900"},
}

// answer begins a frame from a server.
func answer(seq, command uint8) []byte {
	return AppendHeader(nil, Header{FromServer: true, NoDefault: true, Seq: seq, Command: command})
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mayEndEarly are the clusters with commands whose last fields may be absent.
var mayEndEarly = map[uint16]bool{ClusterLevel: true, ClusterScenes: true, ClusterColor: true}

func TestCommands(t *testing.T) {
	seen := map[CommandID]bool{}
	for _, c := range commands {
		id := c.want.ID()
		seen[id] = true
		t.Run(id.String(), func(t *testing.T) {
			p := unhex(t, c.hex)
			if got := c.want.Append(nil); !bytes.Equal(got, p) {
				t.Errorf("encoded %x, want %x", got, p)
			}
			got, err := ParseCommand(id, p)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("parsed %+v, %v; want %+v", got, err, c.want)
			}
			if mayEndEarly[id.Cluster] {
				return
			}
			if got, err := ParseCommand(id, append(p, 1, 2, 3)); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("with fields of a later revision: %+v, %v", got, err)
			}
			for n := range p {
				if got, err := ParseCommand(id, p[:n]); err == nil {
					t.Errorf("the first %d bytes were read as %+v", n, got)
				}
			}
		})
	}
	for _, cluster := range Clusters() {
		for _, c := range cluster.Commands {
			if id := (CommandID{cluster.ID, c.FromServer, c.Command}); !seen[id] {
				t.Errorf("%s is in the table and not in this test", id)
			}
		}
	}
}

// Commands of before revision 6 of the library have no options.
func TestOptionsMayBeAbsent(t *testing.T) {
	got, err := ParseCommand(CommandID{Cluster: ClusterLevel, Command: 0x04}, []byte{0x80, 0x0a, 0x00})
	if want := (MoveToLevel{Level: 128, Transition: 10, WithOnOff: true}); err != nil || got != want {
		t.Errorf("without options: %+v, %v; want %+v", got, err, want)
	}
	if got, err := ParseCommand(CommandID{Cluster: ClusterLevel, Command: 0x04}, []byte{0x80, 0x0a, 0x00, 0x01}); !errors.Is(err, ErrMalformed) {
		t.Errorf("with half of the options: %+v, %v; want ErrMalformed", got, err)
	}
	if got := (Options{Mask: 1, Override: 3}).Apply(0x02); got != 0x03 {
		t.Errorf("options applied: %#x, want 0x03", got)
	}
}

func TestUnknownCommand(t *testing.T) {
	for _, id := range []CommandID{{Cluster: ClusterOnOff, Command: 0x77}, {Cluster: 0xfc00}, {Cluster: ClusterOnOff, FromServer: true}} {
		if _, err := ParseCommand(id, nil); !errors.Is(err, ErrUnknownCommand) {
			t.Errorf("%v: %v, want ErrUnknownCommand", id, err)
		}
	}
}

func TestFrames(t *testing.T) {
	for _, f := range frames {
		t.Run(f.name, func(t *testing.T) {
			if want := unhex(t, f.hex); !bytes.Equal(f.frame, want) {
				t.Errorf("encoded %x, want %x", f.frame, want)
			}
			again, err := recode(f.frame)
			if err != nil || !bytes.Equal(again, f.frame) {
				t.Errorf("%x parses and encodes to %x, %v", f.frame, again, err)
			}
		})
	}
}

// recode parses a frame of a shared command and encodes what it parsed.
func recode(frame []byte) ([]byte, error) {
	h, p, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	b := AppendHeader(nil, h)
	switch h.Command {
	case CmdReadAttributes:
		return each(b, ParseReadAttributes(p), appendU16)
	case CmdReadAttributesResponse:
		return each(b, ParseReadAttributesResponse(p), AppendReadRecord)
	case CmdWriteAttributes, CmdWriteAttributesUndivided, CmdWriteAttributesNoResponse:
		return each(b, ParseWriteAttributes(p), AppendAttribute)
	case CmdWriteAttributesResponse:
		return each(b, ParseWriteAttributesResponse(p), AppendWriteRecord)
	case CmdConfigureReporting:
		return each(b, ParseConfigureReporting(p), appendReporting)
	case CmdConfigureReportingRsp:
		return recodeStatuses(b, p)
	case CmdReadReporting:
		return each(b, ParseReadReporting(p), func(b []byte, q ReportingQuery) []byte {
			return appendU16(appendDirection(b, q.Expect), q.Attribute)
		})
	case CmdReadReportingResponse:
		return each(b, ParseReadReportingResponse(p), AppendReportingRecord)
	case CmdReportAttributes:
		return each(b, ParseReport(p), AppendAttribute)
	case CmdDefaultResponse:
		d, err := ParseDefaultResponse(p)
		return AppendDefaultResponse(b, d), err
	case CmdDiscoverAttributesRsp:
		d, err := ParseDiscoveredAttributes(p)
		return AppendDiscoveredAttributes(b, d), err
	}
	return append(b, p...), nil
}

// recodeStatuses writes the failures alone, and one success if there are none.
func recodeStatuses(b, p []byte) ([]byte, error) {
	start := len(b)
	for s, err := range ParseConfigureReportingResponse(p) {
		if err != nil {
			return nil, err
		}
		if s.Status != Success {
			b = AppendReportingStatus(b, s)
		}
	}
	if len(b) == start && len(p) > 0 {
		b = AppendReportingStatus(b, ReportingStatus{})
	}
	return b, nil
}

func each[T any](b []byte, records iter.Seq2[T, error], encode func([]byte, T) []byte) ([]byte, error) {
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		b = encode(b, r)
	}
	return b, nil
}

// Some devices answer every attribute with a whole record.
func TestWordyConfigureResponse(t *testing.T) {
	for p, want := range map[string][]ReportingStatus{
		"00":               {{}},
		"00000000":         {{}},
		"000000008c001100": {{}, {Status: Unreportable, Attribute: 0x0011}},
	} {
		got, ok := collect(ParseConfigureReportingResponse(unhex(t, p)))
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", p, got, ok, want)
		}
	}
}

func TestHeaderRefused(t *testing.T) {
	for _, frame := range []string{"", "00", "0001", "020100", "030100", "04", "040b1001", "0400000100"} {
		if h, _, err := ParseHeader(unhex(t, frame)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v; want ErrMalformed", frame, h, err)
		}
	}
}

// FuzzFrame holds the frames of shared commands and of clusters to the canonical
// form: what parses encodes to bytes that encode to themselves, and that differ
// from the first only in reserved and trailing bits.
func FuzzFrame(f *testing.F) {
	for _, v := range frames {
		f.Add(v.cluster, v.frame)
	}
	for _, c := range commands {
		f.Add(c.want.ID().Cluster, AppendRequest(nil, 1, c.want))
	}
	corpus.Fuzz(f, func(t *testing.T, cluster uint16, frame []byte) {
		h, p, err := ParseHeader(frame)
		if err != nil {
			return
		}
		if h.Specific {
			fuzzCommand(t, CommandID{cluster, h.FromServer, h.Command}, p)
			return
		}
		canonical, err := recode(frame)
		if err != nil {
			return
		}
		again, err := recode(canonical)
		if err != nil || !bytes.Equal(again, canonical) {
			t.Fatalf("%x encodes to %x, and that to %x, %v", frame, canonical, again, err)
		}
		if len(canonical) > len(frame) {
			t.Fatalf("%x grows to %x", frame, canonical)
		}
	})
}

func fuzzCommand(t *testing.T, id CommandID, p []byte) {
	first, err := ParseCommand(id, p)
	if err != nil {
		return
	}
	canonical := first.Append(nil)
	second, err := ParseCommand(id, canonical)
	if err != nil || !reflect.DeepEqual(first, second) || !bytes.Equal(second.Append(nil), canonical) {
		t.Fatalf("%v: %x parses to %+v, and its encoding %x to %+v, %v", id, p, first, canonical, second, err)
	}
}
