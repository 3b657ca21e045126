package sconce

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestParseEUI64(t *testing.T) {
	const want = EUI64(0x00124b0001ab22ef)
	for _, s := range []string{"00124b0001ab22ef", "00124B0001AB22EF", "00:12:4b:00:01:ab:22:ef", "00-12-4b-00-01-ab-22-ef"} {
		if got, err := ParseEUI64(s); got != want || err != nil {
			t.Errorf("ParseEUI64(%q) = %v, %v", s, got, err)
		}
	}
	if got := want.String(); got != "00124b0001ab22ef" {
		t.Errorf("String() = %q", got)
	}
	for _, s := range []string{"", "124b0001ab22ef", "00124b0001ab22ef0", "00124b0001ab22eg", "0000000000000000", "+0124b0001ab22ef", "0x124b0001ab22ef"} {
		if got, err := ParseEUI64(s); err == nil || KindOf(err) != Invalid {
			t.Errorf("ParseEUI64(%q) = %v, %v; want an Invalid error", s, got, err)
		}
	}
}

// enumeration is what every small enumeration's pointer offers.
type enumeration interface {
	fmt.Stringer
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

func ptr[T any](v T) *T { return &v }

func TestEnumerationsReadBackTheirText(t *testing.T) {
	for text, v := range map[string]struct{ value, other enumeration }{
		"luminaire":    {ptr(Luminaire), new(DeviceKind)},
		"sensor":       {ptr(Sensor), new(DeviceKind)},
		"switch":       {ptr(Switch), new(DeviceKind)},
		"gateway":      {ptr(Gateway), new(DeviceKind)},
		"active_power": {ptr(ActivePower), new(Metric)},
		"link_quality": {ptr(LinkQuality), new(Metric)},
		"energy":       {ptr(Energy), new(Metric)},
		"illuminance":  {ptr(Illuminance), new(Metric)},
		"occupancy":    {ptr(Occupancy), new(Metric)},
		"temperature":  {ptr(Temperature), new(Metric)},
		"battery":      {ptr(Battery), new(Metric)},
		"command":      {ptr(CauseCommand), new(Cause)},
		"power_up":     {ptr(CausePowerUp), new(Cause)},
		"owner":        {ptr(Owner), new(Role)},
		"expert":       {ptr(Expert), new(Role)},
		"user":         {ptr(User), new(Role)},
		"viewer":       {ptr(Viewer), new(Role)},
	} {
		b, err := v.value.MarshalText()
		if string(b) != text || err != nil || v.value.String() != text {
			t.Errorf("%q: text %q, %q, %v", text, b, v.value.String(), err)
		}
		if err := v.other.UnmarshalText(b); err != nil || v.other.String() != text {
			t.Errorf("%q: read back %v, %v", text, v.other, err)
		}
		err = v.other.UnmarshalText([]byte("nonsense"))
		if KindOf(err) != Invalid || !strings.Contains(err.Error(), text) {
			t.Errorf("nonsense where %q is possible: %v", text, err)
		}
	}
	if b, err := Role(0).MarshalText(); err == nil {
		t.Errorf("role 0 has the text %q", b)
	}
}

func TestUnits(t *testing.T) {
	for m, want := range map[Metric]string{
		ActivePower: "W", LinkQuality: "", Energy: "Wh", Illuminance: "lx", Occupancy: "", Temperature: "°C", Battery: "%",
	} {
		if got := m.Unit(); got != want {
			t.Errorf("%s is in %q, want %q", m, got, want)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	early := MakeID[ProjectID](time.UnixMilli(1_790_000_000_000), [10]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	late := MakeID[ProjectID](time.UnixMilli(1_790_000_000_001), [10]byte{})
	if early >= late {
		t.Errorf("%s is not before %s", early, late)
	}
	if early[14] != '7' || early[19] != 'b' {
		t.Errorf("%s: expected version 7 and the variant of RFC 9562", early)
	}
	if got, err := ParseID[ProjectID](string(early)); got != early || err != nil {
		t.Errorf("read back %q, %v", got, err)
	}
	for _, s := range []string{"", "x", strings.ToUpper(string(early)), "{" + string(early) + "}", "urn:uuid:" + string(early), string(early) + " "} {
		if _, err := ParseID[ProjectID](s); KindOf(err) != Invalid {
			t.Errorf("ParseID(%q): %v; want an Invalid error", s, err)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	err := fmt.Errorf("adding a light: %w", Errorf(Conflict, "the light is in another project: %w", io.EOF))
	if KindOf(err) != Conflict {
		t.Errorf("kind %v", KindOf(err))
	}
	if !errors.Is(err, io.EOF) {
		t.Error("the cause is lost")
	}
	if KindOf(io.EOF) != Internal || KindOf(nil) != Internal {
		t.Error("an error without a kind is not Internal")
	}
}
