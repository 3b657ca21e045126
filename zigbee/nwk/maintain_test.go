package nwk

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

// maintenance is a command of network maintenance, parsed and encoded.
type maintenance struct {
	name  string
	want  string // as Wireshark 4.0 reads it
	value any
	parse func([]byte) (any, error)
	build func(any) []byte
}

func codec[T any](name, want string, v T, parse func([]byte) (T, error), build func([]byte, T) []byte) maintenance {
	return maintenance{
		name, want, v,
		func(b []byte) (any, error) { return parse(b) },
		func(v any) []byte { return build(nil, v.(T)) },
	}
}

func maintenances() []maintenance {
	return []maintenance{
		codec("rejoin request, 3.4.6", "0680", zigbee.SleepyCapability, ParseRejoinRequest, AppendRejoinRequest),
		codec("rejoin response, 3.4.7", "07341200", RejoinAnswer{Short: 0x1234}, ParseRejoinResponse, AppendRejoinResponse),
		codec("end device timeout request, 3.4.11", "0b0800", DefaultTimeout, ParseTimeoutRequest, AppendTimeoutRequest),
		codec("end device timeout response, 3.4.12", "0c0003", TimeoutAnswer{Parent: KeepAliveByPoll | KeepAliveByTimeout}, ParseTimeoutResponse, AppendTimeoutResponse),
		codec("network report, 3.4.9", "09028877665544332211621a4444", Report{Extended: 0x1122334455667788, PANs: []zigbee.PANID{0x1a62, 0x4444}}, ParseReport, AppendReport),
		codec("network update, 3.4.10", "0a018877665544332211094444", Update{Extended: 0x1122334455667788, UpdateID: 9, PAN: 0x4444}, ParseUpdate, AppendUpdate),
	}
}

func TestMaintenanceCommands(t *testing.T) {
	for _, c := range maintenances() {
		want := unhex(t, c.want)
		if got := c.build(c.value); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", c.name, got, want)
		}
		if got, err := c.parse(want); err != nil || !reflect.DeepEqual(got, c.value) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		for n := range want {
			if _, err := c.parse(want[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s of %d bytes: %v", c.name, n, err)
			}
		}
		want[0] ^= 0x40
		if _, err := c.parse(want); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with another identifier: %v", c.name, err)
		}
	}
	if b := AppendReport(nil, Report{PANs: make([]zigbee.PANID, 40)}); len(b) != 10+2*maxReported {
		t.Errorf("a report of %d bytes", len(b))
	}
}

func FuzzMaintenance(f *testing.F) {
	for i, c := range maintenances() {
		f.Add(uint8(i), unhex(f, c.want))
	}
	corpus.Fuzz(f, func(t *testing.T, which uint8, b []byte) {
		c := maintenances()[int(which)%len(maintenances())]
		v, err := c.parse(b)
		if err != nil {
			return
		}
		if again := c.build(v); !bytes.HasPrefix(b, again) {
			t.Fatalf("%s: %x became %x", c.name, b, again)
		}
	})
}

func TestTimeouts(t *testing.T) {
	for d, want := range map[time.Duration]Timeout{
		time.Second: 0, 10 * time.Second: 0, 11 * time.Second: 1, 2 * time.Minute: 1, 3 * time.Minute: 2,
		256 * time.Minute: 8, 16384 * time.Minute: 14, 100_000 * time.Minute: 14,
	} {
		if got := TimeoutOf(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
	if Timeout(15).Valid() || !MaxTimeout.Valid() || MaxTimeout.Duration() != 16384*time.Minute {
		t.Error("the enumeration ends elsewhere")
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		a, b uint8
		want bool
	}{{1, 0, true}, {0, 1, false}, {0, 255, true}, {255, 0, false}, {7, 7, false}} {
		if Newer(c.a, c.b) != c.want {
			t.Errorf("%d after %d", c.a, c.b)
		}
	}
}
