package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"sconce/internal/tshark"
	"sconce/zigbee"
)

// judge shows a capture of a whole run to tshark. With the keys of the labels it
// must find every frame well formed and verify every integrity code. Without
// them, and with the default link key that everybody knows, it must be able to
// read no application frame and no key.
func judge(t *testing.T, s *system) {
	t.Helper()
	capture := filepath.Join(t.TempDir(), "air.pcap")
	if err := os.WriteFile(capture, s.air.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var labels []tshark.Key
	for _, l := range s.Lights {
		code, err := zigbee.ParseInstallCode(l.Secret)
		if err != nil {
			t.Fatal(err)
		}
		labels = append(labels, tshark.Key{Name: l.EUI64.String(), Value: code.LinkKey().Bytes()})
	}
	report := tshark.Gate(t, capture, labels...)
	if least := 20 * len(s.Lights); report.Readable < least {
		t.Errorf("%d frames can be read with the keys; expected at least %d", report.Readable, least)
	}
	stranger, err := tshark.Read(t.Context(), capture, tshark.Key{Name: "default", Value: [16]byte([]byte("ZigBeeAlliance09"))})
	if err != nil {
		t.Fatal(err)
	}
	if stranger.Readable != 0 || stranger.Verified != 0 {
		t.Errorf("without the keys, %d frames can be read and %d are verified", stranger.Readable, stranger.Verified)
	}
}
