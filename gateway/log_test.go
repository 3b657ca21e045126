package gateway

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sconce/wire"
)

// logRig is a logger whose warnings go to a list in the place of the cloud.
func logRig() (*slog.Logger, *strings.Builder, *[]wire.Log, *time.Time) {
	var own strings.Builder
	var sent []wire.Log
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	f := &forwarder{now: func() time.Time { return now }, send: func(m wire.Up) { sent = append(sent, m.(wire.Log)) }}
	h := teeHandler{slog.NewTextHandler(&own, &slog.HandlerOptions{Level: slog.LevelInfo}), f}
	return slog.New(h), &own, &sent, &now
}

func TestWarningsGoToTheCloud(t *testing.T) {
	log, own, sent, _ := logRig()
	log.Info("all is well")
	log.Warn("the radio is lost", "err", "unplugged")
	log.With("part", "x").Error("worse")
	if len(*sent) != 2 {
		t.Fatalf("%d messages were sent, want 2", len(*sent))
	}
	if l := (*sent)[0].Lines; len(l) != 1 || l[0].Level != 4 || l[0].Message != "the radio is lost err=unplugged" || l[0].At == 0 {
		t.Errorf("sent %+v", l)
	}
	if strings.Count(own.String(), "\n") != 3 {
		t.Errorf("the gateway's own log:\n%s", own)
	}
}

func TestAStormOfWarningsIsCountedInstead(t *testing.T) {
	log, _, sent, now := logRig()
	for range 1000 {
		log.Warn("again")
	}
	if len(*sent) != logBurst {
		t.Fatalf("%d messages were sent, want %d", len(*sent), logBurst)
	}
	*now = now.Add(logPause)
	log.Warn("later")
	last := (*sent)[len(*sent)-1].Lines
	if len(*sent) != logBurst+1 || len(last) != 2 || last[0].Message != "later" || !strings.HasSuffix(last[1].Message, "count=980") {
		t.Errorf("then %+v", last)
	}
}

func TestLongLinesAreCutBetweenCharacters(t *testing.T) {
	log, _, sent, _ := logRig()
	log.Warn(strings.Repeat("é", 2000) + "\xff")
	if m := (*sent)[0].Lines[0].Message; len(m) > logLineMax || !utf8.ValidString(m) {
		t.Errorf("%d bytes, valid %v", len(m), utf8.ValidString(m))
	}
}
