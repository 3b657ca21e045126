package nwk

import (
	"bytes"
	"errors"
	"testing"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

// The bytes were dissected by tshark 4.0.17, whose reading the structures repeat.
func TestRouteCommands(t *testing.T) {
	requests := map[string]RouteRequestCommand{
		"01202a3412050807060504030201": {ID: 42, Dst: 0x1234, Cost: 5, DstEUI64: 0x0102030405060708},
		"01002b341200":                 {ID: 43, Dst: 0x1234},
		"01082cfcff03":                 {ID: 44, Dst: 0xfffc, Cost: 3, ManyToOne: ManyToOneRecord},
		"01102dfcff03":                 {ID: 45, Dst: 0xfffc, Cost: 3, ManyToOne: ManyToOneNoRecord},
	}
	for s, want := range requests {
		c, err := ParseRouteRequest(unhex(t, s))
		if err != nil || c != want || !bytes.Equal(AppendRouteRequest(nil, c), unhex(t, s)) {
			t.Errorf("%s: %+v, %v", s, c, err)
		}
	}
	replies := map[string]RouteReplyCommand{
		"02302a01013412078877665544332211" + "0807060504030201": {
			ID: 42, Originator: 0x0101, Responder: 0x1234, Cost: 7,
			OriginatorEUI64: 0x1122334455667788, ResponderEUI64: 0x0102030405060708,
		},
		"02002a0101341207":                      {ID: 42, Originator: 0x0101, Responder: 0x1234, Cost: 7},
		"02202a0101341207" + "0807060504030201": {ID: 42, Originator: 0x0101, Responder: 0x1234, Cost: 7, ResponderEUI64: 0x0102030405060708},
	}
	for s, want := range replies {
		c, err := ParseRouteReply(unhex(t, s))
		if err != nil || c != want || !bytes.Equal(AppendRouteReply(nil, c), unhex(t, s)) {
			t.Errorf("%s: %+v, %v", s, c, err)
		}
	}
	record := unhex(t, "0503070706060505")
	r, err := ParseRouteRecord(record)
	if err != nil || r.Len() != 3 || r.At(0) != 0x0707 || r.At(1) != 0x0606 || r.At(2) != 0x0505 || !bytes.Equal(AppendRouteRecord(nil, r), record) {
		t.Errorf("%x, %v", r, err)
	}
	for s, want := range map[string]Status{
		"030c0000": {Code: StatusManyToOne, Dst: zigbee.Coordinator},
		"030d3412": {Code: StatusAddressConflict, Dst: 0x1234},
	} {
		if c, err := ParseStatus(unhex(t, s)); err != nil || c != want || !bytes.Equal(AppendStatus(nil, c), unhex(t, s)) {
			t.Errorf("%s: %+v, %v", s, c, err)
		}
	}
	// A frame that follows a source route from 0x0000 to 0x0808: to 0x0505 first.
	sourced := unhex(t, "080408080000"+"1e09"+"0302"+"070706060505")
	h, _, err := ParseHeader(sourced)
	if err != nil || !h.SourceRoute || h.RelayIndex != 2 || h.Relays.At(2) != 0x0505 || !bytes.Equal(AppendHeader(nil, h), sourced) {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestRouteCommandsRefuse(t *testing.T) {
	for _, s := range []string{
		"", "01", "01002b3412", "02002b341200", "01012b341200", "01402b341200", "01802b341200",
		"01182b341200",                 // no kind of many-to-one
		"01202b34120001020304050607",   // extended address cut
		"01202b3412000000000000000000", // of nobody
	} {
		if _, err := ParseRouteRequest(unhex(t, s)); !errors.Is(err, ErrMalformed) {
			t.Errorf("route request %s: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "02002a01013412", "01002a0101341207", "02012a0101341207", "02402a0101341207", "02802a0101341207",
		"02102a010134120701020304050607", "02202a0101341207", "02302a01013412070102030405060708",
		"02102a01013412070000000000000000",
	} {
		if _, err := ParseRouteReply(unhex(t, s)); !errors.Is(err, ErrMalformed) {
			t.Errorf("route reply %s: %v", s, err)
		}
	}
	for _, s := range []string{"", "05", "0501", "050111", "050211112222"[:10], "0300"} {
		if _, err := ParseRouteRecord(unhex(t, s)); !errors.Is(err, ErrMalformed) {
			t.Errorf("route record %s: %v", s, err)
		}
	}
}

// What parses comes out again as it was, but for what may follow it.
func FuzzParseRouteCommands(f *testing.F) {
	for _, s := range []string{
		"01202a3412050807060504030201", "01082cfcff03", "02302a010134120788776655443322110807060504030201",
		"0503070706060505", "030c0000", "086200003134127500",
	} {
		f.Add(unhex(f, s))
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		var again []byte
		if c, err := ParseRouteRequest(b); err == nil {
			again = AppendRouteRequest(nil, c)
		}
		if c, err := ParseRouteReply(b); err == nil {
			again = AppendRouteReply(nil, c)
		}
		if r, err := ParseRouteRecord(b); err == nil {
			again = AppendRouteRecord(nil, r)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
