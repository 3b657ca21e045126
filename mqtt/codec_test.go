package mqtt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"sconce/internal/corpus"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectors are packets as others made them. Those marked mosquitto were recorded
// from mosquitto_pub and mosquitto_sub 2.0.11; the others stand in the standards.
var vectors = []struct {
	name string
	v    Version
	hex  string
	want Packet
}{
	{
		"mosquitto CONNECT 3.1.1 with will", V311,
		"102500044d51545404ee003c000263310003772f740004676f6e65000475736572000470617373",
		&Connect{
			Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c1", HasUsername: true, Username: "user",
			HasPassword: true, Password: Secret("pass"), Will: &Will{Topic: "w/t", Payload: []byte("gone"), QoS: 1, Retain: true},
		},
	},
	{
		"mosquitto CONNECT 5 with will and properties", V5,
		"103400044d51545405c6003c08110000003c210014000263310518000000050003772f740004676f6e65000475736572000470617373",
		&Connect{
			Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "c1", HasUsername: true, Username: "user",
			HasPassword: true, Password: Secret("pass"),
			Properties: Properties(nil).AppendNumber(SessionExpiry, 60).AppendNumber(ReceiveMaximum, 20),
			Will: &Will{
				Topic: "w/t", Payload: []byte("gone"),
				Properties: Properties(nil).AppendNumber(WillDelay, 5),
			},
		},
	},
	{
		"mosquitto CONNECT 3.1.1 without identifier", V311, "100c00044d5154540402003c0000",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60},
	},
	{"mosquitto PUBLISH 3.1.1", V311, "32090003612f6200016869", &Publish{Topic: "a/b", QoS: 1, ID: 1, Payload: []byte("hi")}},
	{"mosquitto PUBLISH 3.1.1 QoS 0", V311, "30070003612f626869", &Publish{Topic: "a/b", Payload: []byte("hi")}},
	{
		"mosquitto PUBLISH 5 with properties", V5, "33230003612f620001192600016b000176020000001e03000a746578742f706c61696e6869",
		&Publish{
			Topic: "a/b", QoS: 1, ID: 1, Retain: true, Payload: []byte("hi"),
			Properties: append(Properties{byte(UserProperty), 0, 1, 'k', 0, 1, 'v'},
				Properties(nil).AppendNumber(MessageExpiry, 30).AppendText(ContentType, "text/plain")...),
		},
	},
	{
		"mosquitto SUBSCRIBE 5", V5, "820f0001000003612f2b090003622f2309",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a/+", QoS: 1, RetainAsPublished: true}, {Filter: "b/#", QoS: 1, RetainAsPublished: true}}},
	},
	{
		"mosquitto SUBSCRIBE 3.1.1", V311, "820e00010003612f2b010003622f2301",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a/+", QoS: 1}, {Filter: "b/#", QoS: 1}}},
	},
	{"mosquitto UNSUBSCRIBE 3.1.1", V311, "a2050002000178", &Unsubscribe{ID: 2, Filters: []string{"x"}}},
	{"mosquitto DISCONNECT", V5, "e000", &Disconnect{}},
	{
		"SUBSCRIBE of 3.1.1, figure 3.22", V311, "820e 000a 0003 612f62 01 0003 632f64 02",
		&Subscribe{ID: 10, Filters: []Subscription{{Filter: "a/b", QoS: 1}, {Filter: "c/d", QoS: 2}}},
	},
	{
		"SUBACK of 3.1.1, figure 3.27", V311, "9005 000a 00 02 80",
		&Grants{Type: TypeSuback, ID: 10, Codes: []Reason{Success, GrantedQoS2, Unspecified}},
	},
	{
		"UNSUBSCRIBE of 3.1.1, figure 3.30", V311, "a20c 000a 0003 612f62 0003 632f64",
		&Unsubscribe{ID: 10, Filters: []string{"a/b", "c/d"}},
	},
	{"CONNACK 3.1.1", V311, "20020100", &Connack{SessionPresent: true}},
	{"CONNACK 3.1.1 refused", V311, "20020005", &Connack{Code: 5}},
	{"CONNACK 5", V5, "2006 0000 03 210014", &Connack{Properties: Properties(nil).AppendNumber(ReceiveMaximum, 20)}},
	{"PUBACK 5 short", V5, "40020001", &Ack{Type: TypePuback, ID: 1}},
	{"PUBACK 5 with reason", V5, "4003000110", &Ack{Type: TypePuback, ID: 1, Reason: NoMatchingSubs}},
	{"PUBREL", V5, "6203000192", &Ack{Type: TypePubrel, ID: 1, Reason: PacketIDNotFound}},
	{"UNSUBACK 5", V5, "b0050001001100", &Grants{Type: TypeUnsuback, ID: 1, Codes: []Reason{NoSubscription, Success}}},
	{"UNSUBACK 3.1.1", V311, "b0020001", &Grants{Type: TypeUnsuback, ID: 1}},
	{"PINGREQ", V311, "c000", &Ping{TypePingreq}},
	{"PINGRESP", V5, "d000", &Ping{TypePingresp}},
	{"DISCONNECT 5 with reason", V5, "e0018e", &Disconnect{Reason: SessionTakenOver}},
	{
		"DISCONNECT 5 with expiry", V5, "e007 00 05 1100000000",
		&Disconnect{Properties: Properties(nil).AppendNumber(SessionExpiry, 0)},
	},
	{"AUTH", V5, "f006 19 04 15 0001 78", &Auth{Reason: Reauthenticate, Properties: Properties(nil).AppendText(AuthMethod, "x")}},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			b := unhex(t, v.hex)
			p, err := Parse(b, v.v)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprintf("%#v", normal(p)), fmt.Sprintf("%#v", normal(v.want)); got != want {
				t.Errorf("parsed\n%s, expected\n%s", got, want)
			}
			if got := v.want.Append(nil, v.v); !bytes.Equal(got, b) {
				t.Errorf("encoded %x, expected %x", got, b)
			}
		})
	}
}

// normal makes packets comparable: empty properties are nil, passwords plain, wills by value.
func normal(p Packet) any {
	v := reflect.ValueOf(p).Elem()
	if f := v.FieldByName("Properties"); f.IsValid() && f.Len() == 0 {
		f.SetZero()
	}
	c, ok := p.(*Connect)
	if !ok {
		return v.Interface()
	}
	will := Will{}
	if c.Will != nil {
		will = *c.Will
		if len(will.Properties) == 0 {
			will.Properties = nil
		}
	}
	plain := *c
	plain.Will, plain.Password = nil, nil
	return []any{plain, []byte(c.Password), will}
}

func TestRefusesPackets(t *testing.T) {
	for _, c := range []struct {
		name string
		v    Version
		hex  string
		want Reason
	}{
		{"type 0", V5, "0000", Malformed},
		{"flags of CONNECT", V5, "1100", Malformed},
		{"flags of SUBSCRIBE", V5, "80080001000003612f2b", Malformed},
		{"flags of PUBREL", V5, "60020001", Malformed},
		{"flags of UNSUBSCRIBE", V5, "a0060001000001 61", Malformed},
		{"flags of PINGREQ", V5, "c100", Malformed},
		{"flags of DISCONNECT", V5, "e100", Malformed},
		{"flags of AUTH", V5, "f100", Malformed},
		{"AUTH for another reason", V5, "f00104", ProtocolError},
		{"user name promised", V5, "100d 0004 4d515454 05 82 003c 00 0000", Malformed},
		{"user name not promised", V5, "100f 0004 4d515454 05 02 003c 00 0000 0000", Malformed},
		{"password promised", V5, "100d 0004 4d515454 05 42 003c 00 0000", Malformed},
		{"will promised", V5, "100d 0004 4d515454 05 06 003c 00 0000", Malformed},
		{"will not promised", V5, "1012 0004 4d515454 05 02 003c 00 0000 00 0000 0000", Malformed},
		{"user property not UTF-8", V5, "300b 0001 61 07 26 0001 61 0001 ff", Malformed},
		{"content type not UTF-8", V5, "3008 0001 61 04 03 0001 ff", Malformed},
		{"filter to leave not UTF-8", V5, "a206 0001 00 0001 ff", Malformed},
		{"length too long by a byte", V5, "c0 8000", Malformed},
		{"length of five bytes", V5, "c0 8080808001", Malformed},
		{"length beyond the bytes", V5, "c001", Malformed},
		{"bytes after PINGREQ", V5, "c00100", Malformed},
		{"protocol name", V5, "100c 0004 4d515458 05 02 003c 00 0000", Malformed},
		{"MQTT 3.1", V5, "1010 0006 4d5149736470 03 02 003c 0002 6332", UnsupportedVersion},
		{"version 6", V5, "100d 0004 4d515454 06 02 003c 00 0000", UnsupportedVersion},
		{"reserved connect flag", V5, "100d 0004 4d515454 05 03 003c 00 0000", Malformed},
		{"will QoS without will", V5, "100d 0004 4d515454 05 0a 003c 00 0000", Malformed},
		{"will QoS 3", V5, "1012 0004 4d515454 05 1e 003c 00 0000 00 0000", Malformed},
		{"password without user in 3.1.1", V311, "100e 0004 4d515454 04 42 003c 0000 0000", Malformed},
		{"text with NUL", V5, "100e 0004 4d515454 05 02 003c 00 0001 00", Malformed},
		{"text with surrogate", V5, "1010 0004 4d515454 05 02 003c 00 0003 eda080", Malformed},
		{"text beyond the packet", V5, "100d 0004 4d515454 05 02 003c 00 0001", Malformed},
		{"property unknown", V5, "100f 0004 4d515454 05 02 003c 02 0500 0000", Malformed},
		{"property of another packet", V5, "100f 0004 4d515454 05 02 003c 02 2401 0000", Malformed},
		{"property twice", V5, "1013 0004 4d515454 05 02 003c 06 210001 210001 0000", ProtocolError},
		{"receive maximum 0", V5, "1010 0004 4d515454 05 02 003c 03 210000 0000", ProtocolError},
		{"authentication data alone", V5, "1010 0004 4d515454 05 02 003c 03 160000 0000", ProtocolError},
		{"properties beyond the packet", V5, "100d 0004 4d515454 05 02 003c 05 0000", Malformed},
		{"will topic with wildcard", V5, "1013 0004 4d515454 05 06 003c 00 0000 00 0001 23 0000", InvalidTopic},
		{"QoS 3", V5, "3606 0001 61 0001 00", Malformed},
		{"DUP at QoS 0", V5, "3804 0001 61 00", Malformed},
		{"identifier 0", V5, "3206 0001 61 0000 00", ProtocolError},
		{"topic with wildcard", V5, "3004 0001 2b 00", InvalidTopic},
		{"no topic", V5, "3003 0000 00", ProtocolError},
		{"no topic in 3.1.1", V311, "3002 0000", ProtocolError},
		{"payload format 2", V5, "3006 0001 61 02 0102", ProtocolError},
		{"response topic with wildcard", V5, "3008 0001 61 04 08000123", ProtocolError},
		{"reason of another packet", V5, "400300018e", ProtocolError},
		{"PUBACK too long in 3.1.1", V311, "4003000100", Malformed},
		{"no filter", V5, "8203 0001 00", ProtocolError},
		{"bad filter", V5, "8208 0001 00 0002 2361 00", InvalidFilter},
		{"reserved option", V5, "8207 0001 00 0001 61 40", Malformed},
		{"option of 5 in 3.1.1", V311, "8206 0001 0001 61 04", Malformed},
		{"filter QoS 3", V5, "8207 0001 00 0001 61 03", Malformed},
		{"retain handling 3", V5, "8207 0001 00 0001 61 30", ProtocolError},
		{"no local and shared", V5, "8210 0001 00 000a 2473686172652f612f62 04", ProtocolError},
		{"subscription identifier 0", V5, "8209 0001 02 0b00 0001 61 00", ProtocolError},
		{"no filter to leave", V5, "a203 0001 00", ProtocolError},
		{"AUTH in 3.1.1", V311, "f000", Malformed},
		{"DISCONNECT too long in 3.1.1", V311, "e00100", Malformed},
		{"session present in a refusal", V5, "2003018700", ProtocolError},
		{"return code 6 in 3.1.1", V311, "20020006", ProtocolError},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse(unhex(t, c.hex), c.v)
			var fault *Error
			if !errors.As(err, &fault) || fault.Reason != c.want {
				t.Fatalf("got %+v, %v; expected %v", p, err, c.want)
			}
		})
	}
}

func TestVariableByteInteger(t *testing.T) {
	// The limits of each length (5.0, table 1-1).
	for _, c := range []struct {
		v   uint32
		hex string
	}{
		{0, "00"},
		{127, "7f"},
		{128, "8001"},
		{16_383, "ff7f"},
		{16_384, "808001"},
		{2_097_151, "ffff7f"},
		{2_097_152, "80808001"},
		{268_435_455, "ffffff7f"},
	} {
		b := unhex(t, c.hex)
		if got := appendVarint(nil, c.v); !bytes.Equal(got, b) || varintSize(int(c.v)) != len(b) {
			t.Errorf("%d encodes to %x", c.v, got)
		}
		if v, n, err := parseVarint(b); v != c.v || n != len(b) || err != nil {
			t.Errorf("%x parses to %d, %d, %v", b, v, n, err)
		}
		if _, n, err := parseVarint(b[:len(b)-1]); n != 0 || err != nil {
			t.Errorf("%x cut short parses to %d, %v", b, n, err)
		}
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	c := &Connect{Password: Secret("hunter2")}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", c.Password, "c", *c)
	text, err := c.Password.MarshalText()
	for _, s := range []string{
		log.String(), string(text), fmt.Sprint(*c), fmt.Sprintf("%+v %#v %x %d %s", *c, *c, c.Password, c.Password, c.Password),
	} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74") || strings.Contains(s, "104 117") || err != nil {
			t.Errorf("printed: %s, %v", s, err)
		}
	}
}

func TestFilters(t *testing.T) {
	for _, s := range []string{"#", "+", "a", "a/#", "+/+", "/", "/+", "a//b", "$SYS/#", "sport/+/player1"} {
		if !ValidFilter(s) {
			t.Errorf("%q was refused", s)
		}
	}
	for _, s := range []string{"", "a#", "a/#/b", "#/", "a+", "a/+b/c", "++", "a\x00", "\xff"} {
		if ValidFilter(s) {
			t.Errorf("%q was taken", s)
		}
	}
}

// FuzzParse holds the codec to the canonical form: what parses and is encoded
// again parses to the same packet, and its encoding is then the same bytes.
// Encoded is the input itself unless the input spelt out what may be left out.
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.hex), v.v == V5)
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte, five bool) {
		v := V311
		if five {
			v = V5
		}
		p, err := Parse(b, v)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || !fault.Reason.Failed() {
				t.Fatalf("error %v is no fault with a reason", err)
			}
			return
		}
		again := p.Append(nil, v)
		q, err := Parse(again, v)
		if err != nil {
			t.Fatalf("%x parses, and its canonical form %x does not: %v", b, again, err)
		}
		if third := q.Append(nil, v); !bytes.Equal(third, again) {
			t.Fatalf("canonical form %x encodes to %x", again, third)
		}
		if len(again) > len(b) || len(again) == len(b) && !bytes.Equal(again, b) {
			t.Fatalf("%x encodes to %x", b, again)
		}
		if len(again) < len(b) && !abbreviates(p) {
			t.Fatalf("%x encodes to the shorter %x", b, again)
		}
	})
}

// abbreviates reports whether a packet may leave out what says nothing (3.4.2.1).
func abbreviates(p Packet) bool {
	switch p.(type) {
	case *Ack, *Disconnect, *Auth:
		return true
	}
	return false
}
