package zdo

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

// codec is a message with its two directions, for tables of all of them.
type codec struct {
	name  string
	parse func(p []byte) (message, error)
	hex   string  // of the message, checked with tshark 4.0.17 where it dissects it
	want  message // that hex stands for
}

type message interface{ Append(b []byte) []byte }

func parser[T message](f func([]byte) (T, error)) func([]byte) (message, error) {
	return func(p []byte) (message, error) { return f(p) }
}

var luminaire = SimpleDescriptor{
	Endpoint: 1, Profile: 0x0104, Device: 0x0101, Version: 1,
	In: []uint16{0x0000, 0x0003, 0x0004, 0x0006, 0x0008, 0x0b04}, Out: []uint16{0x0019},
}

var codecs = []codec{
	{"NWK_addr_req", parser(ParseNWKAddrReq), "01a04dc324004b12000102", NWKAddrReq{Seq: 1, Device: 0x00124b0024c34da0, RequestType: ExtendedResponse, StartIndex: 2}},
	{"IEEE_addr_req", parser(ParseIEEEAddrReq), "02a2f00000", IEEEAddrReq{Seq: 2, Addr: 0xf0a2}},
	{"NWK_addr_rsp, single", parser(ParseAddrRsp), "0300a04dc324004b1200a2f0", AddrRsp{Seq: 3, Device: 0x00124b0024c34da0, Addr: 0xf0a2}},
	{"NWK_addr_rsp, extended", parser(ParseAddrRsp), "0300a04dc324004b1200a2f0020134127856", AddrRsp{Seq: 3, Device: 0x00124b0024c34da0, Addr: 0xf0a2, Extended: true, StartIndex: 1, Associated: []zigbee.ShortAddr{0x1234, 0x5678}}},
	{"NWK_addr_rsp, extended, nobody", parser(ParseAddrRsp), "0300a04dc324004b1200a2f000", AddrRsp{Seq: 3, Device: 0x00124b0024c34da0, Addr: 0xf0a2, Extended: true}},
	{"NWK_addr_rsp, not found", parser(ParseAddrRsp), "0381a04dc324004b1200fdff", AddrRsp{Seq: 3, Status: DeviceNotFound, Device: 0x00124b0024c34da0, Addr: 0xfffd}},
	{"Node_Desc_req", parser(ParseDescReq), "04a2f0", DescReq{Seq: 4, Addr: 0xf0a2}},
	{"Simple_Desc_req", parser(ParseSimpleDescReq), "05a2f001", SimpleDescReq{Seq: 5, Addr: 0xf0a2, Endpoint: 1}},
	{"Match_Desc_req", parser(ParseMatchDescReq), "06fdff04010106000219000a00", MatchDescReq{Seq: 6, Addr: 0xfffd, Profile: 0x0104, In: []uint16{0x0006}, Out: []uint16{0x0019, 0x000a}}},
	{"Node_Desc_rsp", parser(ParseNodeDescRsp), "0700a2f001408ef1ff525200402c520000", NodeDescRsp{Seq: 7, Addr: 0xf0a2, Descriptor: NodeDescriptor{
		Logical: Router, Bands: Band2400MHz, Capability: zigbee.RouterCapability, Manufacturer: 0xfff1,
		MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82, ServerMask: 22<<StackRevisionShift | ServerNetworkManager,
	}}},
	{"Node_Desc_rsp, not found", parser(ParseNodeDescRsp), "0781a2f0", NodeDescRsp{Seq: 7, Status: DeviceNotFound, Addr: 0xf0a2}},
	{"Power_Desc_rsp", parser(ParsePowerDescRsp), "0800a2f010c1", PowerDescRsp{Seq: 8, Addr: 0xf0a2, Descriptor: PowerDescriptor{Available: PowerMains, Current: PowerMains, Level: PowerLevelFull}}},
	{"Simple_Desc_rsp", parser(ParseSimpleDescRsp), "0900a2f0160104010101010600000300040006000800040b011900", SimpleDescRsp{Seq: 9, Addr: 0xf0a2, Descriptor: luminaire}},
	{"Simple_Desc_rsp, not active", parser(ParseSimpleDescRsp), "0983a2f000", SimpleDescRsp{Seq: 9, Status: NotActive, Addr: 0xf0a2}},
	{"Active_EP_rsp", parser(ParseEndpointsRsp), "0a00a2f00201f2", EndpointsRsp{Seq: 10, Addr: 0xf0a2, Endpoints: []uint8{1, 242}}},
	{"Active_EP_rsp, no descriptor", parser(ParseEndpointsRsp), "0a89a2f000", EndpointsRsp{Seq: 10, Status: NoDescriptor, Addr: 0xf0a2}},
	{"Device_annce", parser(ParseAnnounce), "0ba2f0a04dc324004b12008e", Announce{Seq: 11, Addr: 0xf0a2, Device: 0x00124b0024c34da0, Capability: zigbee.RouterCapability}},
	{"Parent_annce", parser(ParseParentAnnounce), "0c02a04dc324004b12000100000000000000", ParentAnnounce{Seq: 12, Children: []zigbee.EUI64{0x00124b0024c34da0, 1}}},
	{"Parent_annce_rsp", parser(ParseParentAnnounceRsp), "0c0001a04dc324004b1200", ParentAnnounceRsp{Seq: 12, Children: []zigbee.EUI64{0x00124b0024c34da0}}},
	{"Bind_req, device", parser(ParseBindReq), "0da04dc324004b12000106000373b9a4feff504b8001", BindReq{Seq: 13, Source: 0x00124b0024c34da0, SrcEndpoint: 1, Cluster: 6, Device: 0x804b50fffea4b973, DstEndpoint: 1}},
	{"Bind_req, group", parser(ParseBindReq), "0da04dc324004b1200010600010201", BindReq{Seq: 13, Source: 0x00124b0024c34da0, SrcEndpoint: 1, Cluster: 6, ToGroup: true, Group: 0x0102}},
	{"Bind_rsp", parser(ParseStatusRsp), "0d84", StatusRsp{Seq: 13, Status: NotSupported}},
	{"Mgmt_NWK_Update_req, channel", parser(ParseMgmtNWKUpdateReq), "2a00001000fe09", MgmtNWKUpdateReq{Seq: 42, Channels: zigbee.Channels(20), Duration: ChangeChannel, UpdateID: 9}},
	{"Mgmt_NWK_Update_req, manager", parser(ParseMgmtNWKUpdateReq), "2a00f8ff07ff090000", MgmtNWKUpdateReq{Seq: 42, Channels: zigbee.AllChannels, Duration: ChangeManager, UpdateID: 9}},
	{"Mgmt_NWK_Update_req, scan", parser(ParseMgmtNWKUpdateReq), "2a00f8ff070301", MgmtNWKUpdateReq{Seq: 42, Channels: zigbee.AllChannels, Duration: 3, Count: 1}},
	{"Mgmt_NWK_Update_notify", parser(ParseMgmtNWKUpdateNotify), "2a0000f8ff07050002000310ff00", MgmtNWKUpdateNotify{Seq: 42, Channels: zigbee.AllChannels, Transmissions: 5, Failures: 2, Energy: []uint8{16, 255, 0}}},
	{"Mgmt_Bind_req", parser(ParseMgmtBindReq), "1203", MgmtBindReq{Seq: 18, StartIndex: 3}},
	{"Mgmt_Bind_rsp", parser(ParseMgmtBindRsp), "1200050302a04dc324004b12000106000373b9a4feff504b8001a04dc324004b120001060001f2f1", MgmtBindRsp{Seq: 18, Total: 5, StartIndex: 3, Entries: []BindEntry{
		{Source: 0x00124b0024c34da0, SrcEndpoint: 1, Cluster: 6, Device: 0x804b50fffea4b973, DstEndpoint: 1},
		{Source: 0x00124b0024c34da0, SrcEndpoint: 1, Cluster: 6, ToGroup: true, Group: 0xf1f2},
	}}},
	{"Mgmt_Bind_rsp, not supported", parser(ParseMgmtBindRsp), "1284000000", MgmtBindRsp{Seq: 18, Status: NotSupported}},
	{"Mgmt_Lqi_req", parser(ParseMgmtLqiReq), "0e03", MgmtLqiReq{Seq: 14, StartIndex: 3}},
	{"Mgmt_Lqi_rsp", parser(ParseMgmtLqiRsp), "0e000503018877665544332211a04dc324004b1200a2f025020fc8", MgmtLqiRsp{Seq: 14, Total: 5, StartIndex: 3, Neighbours: []Neighbour{{
		ExtendedPANID: 0x1122334455667788, Device: 0x00124b0024c34da0, Addr: 0xf0a2,
		Type: 1, RxOnWhenIdle: 1, Relationship: 2, PermitJoining: 2, Depth: 15, LQI: 200,
	}}}},
	{"Mgmt_Lqi_rsp, not supported", parser(ParseMgmtLqiRsp), "0e84000000", MgmtLqiRsp{Seq: 14, Status: NotSupported}},
	{"Mgmt_Rtg_req", parser(ParseMgmtRtgReq), "1102", MgmtRtgReq{Seq: 17, StartIndex: 2}},
	{"Mgmt_Rtg_rsp", parser(ParseMgmtRtgRsp), "1100030202000030a2f034120c7856", MgmtRtgRsp{Seq: 17, Total: 3, StartIndex: 2, Routes: []Route{
		{ManyToOne: true, RecordRequired: true, NextHop: 0xf0a2}, {Dst: 0x1234, Status: 4, MemoryConstrained: true, NextHop: 0x5678},
	}}},
	{"Mgmt_Rtg_rsp, not supported", parser(ParseMgmtRtgRsp), "1184000000", MgmtRtgRsp{Seq: 17, Status: NotSupported}},
	{"Mgmt_Leave_req", parser(ParseMgmtLeaveReq), "0fa04dc324004b120080", MgmtLeaveReq{Seq: 15, Device: 0x00124b0024c34da0, Rejoin: true}},
	{"Mgmt_Permit_Joining_req", parser(ParseMgmtPermitJoiningReq), "10b401", MgmtPermitJoiningReq{Seq: 16, Duration: 180, TCSignificance: 1}},
}

func TestCodecs(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			p, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.want.Append(nil); !bytes.Equal(got, p) {
				t.Errorf("encoded %x, want %x", got, p)
			}
			got, err := c.parse(p)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("parsed %+v, %v; want %+v", got, err, c.want)
			}
			for _, tail := range [][]byte{{0x47, 0x01, 0x00, 0x00}, {0}} {
				if _, extended := got.(AddrRsp); extended {
					break // there, more bytes mean an extended answer
				}
				if got, err := c.parse(append(bytes.Clone(p), tail...)); err != nil || !reflect.DeepEqual(got, c.want) {
					t.Errorf("followed by a TLV: parsed %+v, %v; want %+v", got, err, c.want)
				}
			}
		})
	}
}

// TestTruncated: what is cut off is refused, except where it is a shorter answer.
func TestTruncated(t *testing.T) {
	for _, c := range codecs {
		p := c.want.Append(nil)
		for n := range p {
			got, err := c.parse(p[:n])
			if err == nil && !bytes.Equal(got.Append(nil), p[:n]) && statusOf(got) == Success {
				t.Errorf("%s: the first %d of %d bytes were read as %+v", c.name, n, len(p), got)
			}
		}
	}
}

// statusOf returns the status of a response, and Success for requests.
func statusOf(m message) Status {
	v := reflect.ValueOf(m).FieldByName("Status")
	if !v.IsValid() {
		return Success
	}
	return Status(v.Uint())
}

// Payloads out of sniffed networks: Nerivec/zigbee-on-host, test/data.ts,
// decrypted with tshark 4.0.17.
func TestSniffed(t *testing.T) {
	p, _ := hex.DecodeString("008fa1df0f289b6d38c1a48e")
	announce, err := ParseAnnounce(p)
	if want := (Announce{Addr: 0xa18f, Device: 0xa4c1386d9b280fdf, Capability: zigbee.RouterCapability}); err != nil || announce != want {
		t.Errorf("announcement: %+v, %v; want %+v", announce, err, want)
	}
	request, err := ParseDescReq([]byte{0x00, 0x00, 0x00})
	if err != nil || request != (DescReq{}) {
		t.Errorf("node descriptor request: %+v, %v", request, err)
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		name string
		req  MatchDescReq
		want bool
	}{
		{"server cluster", MatchDescReq{Profile: 0x0104, In: []uint16{0x0300, 0x0006}}, true},
		{"client cluster", MatchDescReq{Profile: 0x0104, Out: []uint16{0x0019}}, true},
		{"wrong side", MatchDescReq{Profile: 0x0104, Out: []uint16{0x0006}}, false},
		{"other profile", MatchDescReq{Profile: 0x0105, In: []uint16{0x0006}}, false},
		{"nothing asked", MatchDescReq{Profile: 0x0104}, false},
	} {
		if got := test.req.Matches(luminaire); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestSimpleDescriptorOfAnotherLength(t *testing.T) {
	p := SimpleDescRsp{Addr: 0xf0a2, Descriptor: luminaire}.Append(nil)
	for _, d := range []int{-1, 1} {
		wrong := append(bytes.Clone(p), 0, 0)
		wrong[4] = uint8(int(p[4]) + d)
		if got, err := ParseSimpleDescRsp(wrong); err == nil {
			t.Errorf("a length that is wrong by %d was read as %+v", d, got)
		}
	}
}

func TestSimpleDescriptorCheck(t *testing.T) {
	fits := SimpleDescriptor{In: make([]uint16, 123)}
	if err := fits.Check(); err != nil {
		t.Errorf("123 clusters: %v", err)
	}
	fits.Out = []uint16{1}
	if fits.Check() == nil {
		t.Error("124 clusters do not fit 255 bytes, and were accepted")
	}
}

// FuzzParse holds every parser to the canonical form: what parses encodes to
// bytes that parse to the same, and encode to themselves. Reserved bits and
// trailing bytes are what may differ.
func FuzzParse(f *testing.F) {
	for i, c := range codecs {
		f.Add(uint8(i), c.want.Append(nil))
	}
	corpus.Fuzz(f, func(t *testing.T, which uint8, p []byte) {
		c := codecs[int(which)%len(codecs)]
		first, err := c.parse(p)
		if err != nil {
			return
		}
		canonical := first.Append(nil)
		second, err := c.parse(canonical)
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("%s: %x parses to %+v, and its encoding %x to %+v, %v", c.name, p, first, canonical, second, err)
		}
		if again := second.Append(nil); !bytes.Equal(again, canonical) {
			t.Fatalf("%s: %x encodes to %x, then to %x", c.name, p, canonical, again)
		}
	})
}
