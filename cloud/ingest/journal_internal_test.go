package ingest

import (
	"testing"

	"sconce"
	"sconce/wire"
)

func TestKindOfSaysWhatTheWireSays(t *testing.T) {
	const gateway = sconce.EUI64(0x00124b0012ab34cd)
	for _, topic := range []string{
		wire.UpTopic(gateway, wire.KindReadings), wire.UpTopic(gateway, "later"), wire.UpTopic(gateway, ""),
		wire.UpTopic(gateway+1, wire.KindState), wire.DownTopic(gateway, wire.KindState), "g/00124B0012AB34CD/up/state",
		"g/00124b0012ab34cd/up/state/more", "g/00124b0012ab34cd/up", "x/00124b0012ab34cd/up/state", "", "g/00124b0012ab34cd/up//",
	} {
		g, kind, err := wire.ParseUpTopic(topic)
		want := err == nil && g == gateway
		if got, ok := kindOf(gateway, topic); ok != want || ok && got != kind {
			t.Errorf("kindOf(%q) = %q, %v; want %q, %v", topic, got, ok, kind, want)
		}
	}
}

func TestSeenForgetsTheOldestRun(t *testing.T) {
	s := seen{}
	for boot := uint64(1); boot <= maxBoots+1; boot++ {
		if !s.add(1, boot, 1) {
			t.Fatalf("message 1 of run %d was there before it came", boot)
		}
	}
	if s.add(1, maxBoots+1, 1) || s.add(1, 2, 1) {
		t.Error("one of the newest runs was forgotten")
	}
	if !s.add(1, 1, 1) {
		t.Error("the oldest run was not forgotten")
	}
	if len(*s[1]) != maxBoots {
		t.Errorf("%d runs are remembered, want %d", len(*s[1]), maxBoots)
	}
}

func BenchmarkAccept(b *testing.B) {
	payload, err := wire.AppendUp(nil, wire.UpHeader{Version: 1, Boot: 0x1122334455667788, Sequence: 77}, wire.Readings{
		Readings: make([]wire.Reading, 20),
	})
	if err != nil {
		b.Fatal(err)
	}
	const gateway = sconce.EUI64(0x00124b0012ab34cd)
	topic := wire.UpTopic(gateway, wire.KindReadings)
	buffer := make([]byte, 0, maxBatchBytes)
	b.ReportAllocs()
	for b.Loop() {
		e := read(gateway, topic, payload)
		buffer = e.Append(buffer[:0])
	}
}
