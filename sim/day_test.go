//go:build proof

package sim

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sconce/internal/tshark"
)

var day = flag.Duration("day", 24*time.Hour, "how long the building is watched, on its own clock")

// part is how long a capture is at most: Wireshark's memory grows with the frames
// of a file.
const part = time.Hour

// parts writes a capture in parts, and has each judged when it is full.
type parts struct {
	t      *testing.T
	keys   []tshark.Key
	dir    string
	file   *os.File
	w      *bufio.Writer
	pcap   *Pcap
	end    time.Time
	number int

	frames, secured, verified, green int
	bytes                            int64
}

func (p *parts) tap(at time.Time, channel uint8, psdu []byte) {
	if p.file == nil || !at.Before(p.end) {
		p.judge()
		p.number++
		var err error
		if p.file, err = os.Create(filepath.Join(p.dir, fmt.Sprintf("part-%03d.pcap", p.number))); err != nil {
			p.t.Fatal(err)
		}
		p.w = bufio.NewWriter(p.file)
		p.pcap, p.end = NewPcap(p.w), at.Add(part)
	}
	p.pcap.Tap(at, channel, psdu)
}

// judge shows the part that is being written to Wireshark, which has the keys of
// the labels and those that it found in earlier parts; then without them, but with the
// link key that everybody knows.
func (p *parts) judge() {
	if p.file == nil {
		return
	}
	if err := p.w.Flush(); err != nil || p.pcap.Err() != nil {
		p.t.Fatal(err, p.pcap.Err())
	}
	path := p.file.Name()
	info, err := p.file.Stat()
	if err != nil {
		p.t.Fatal(err)
	}
	p.bytes += info.Size()
	if err := p.file.Close(); err != nil {
		p.t.Fatal(err)
	}
	r, err := tshark.Read(p.t.Context(), path, p.keys...)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		p.t.Errorf("part %d: %v", p.number, err)
	}
	p.keys = append(p.keys, r.Found...)
	stranger, err := tshark.Read(p.t.Context(), path, tshark.Key{Name: "default", Value: [16]byte([]byte("ZigBeeAlliance09"))})
	if err != nil {
		p.t.Fatal(err)
	}
	if stranger.Readable+stranger.Verified > 0 {
		p.t.Errorf("part %d: with the key that everybody knows, %d frames can be read and %d integrity codes verified", p.number, stranger.Readable, stranger.Verified)
	}
	p.frames, p.secured, p.verified, p.green = p.frames+r.Frames, p.secured+r.Secured, p.verified+r.Verified, p.green+r.Green
	p.t.Logf("part %d: %d frames in %d bytes, %d of %d integrity codes verified", p.number, r.Frames, info.Size(), r.Verified, r.Secured)
	if err := os.Remove(path); err != nil {
		p.t.Fatal(err)
	}
}

// A day of a building of 250 devices and 50 switches without batteries, in which people work,
// from the first join on: Wireshark verifies every frame of it with the keys of the labels,
// and reads nothing without.
func TestDay(t *testing.T) {
	const seed = 7
	cfg := TrialConfig{
		Seed: seed, Lights: 210, Sensors: 25, Switches: 15, GPSwitches: 50, People: 120, Duration: *day, Shadowing: 3, ReplayEvery: 10 * time.Second, Start: monday,
	}.withDefaults()
	p := &parts{t: t, keys: labels(t, cfg), dir: t.TempDir()}
	cfg.Tap = p.tap
	begun := time.Now()
	s := runTrial(t, cfg)
	p.judge()
	if s.Joined != cfg.Lights || s.SleepersJoined != cfg.Sensors+cfg.Switches || s.GPPaired != cfg.GPSwitches {
		t.Errorf("seed %d: %+v are on the network", seed, s.Population)
	}
	t.Logf("seed %d: %v of a building in %v: %d frames in %d bytes, %d of %d integrity codes verified, %d of them of Green Power switches; delivered: %+v",
		seed, *day, time.Since(begun).Round(time.Second), p.frames, p.bytes, p.verified, p.secured, p.green, s.Delivery)
}
