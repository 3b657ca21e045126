// Package tshark holds captures of the air against an independent judge: the
// dissectors of Wireshark (tshark 4.0 or newer). It is for tests.
//
// What tshark does not check, this package cannot: replayed counters, the hash
// of Verify-Key, the integrity code of a link key on an acknowledgement, and whether a frame made sense to its receiver.
package tshark

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Key is a Zigbee key that tshark may try, with a name for its table. A
// trust-centre link key that is made by an install code is given hashed.
type Key struct {
	Name  string
	Value [16]byte

	GreenPower bool // of a Green Power device
}

// Report is what tshark says of a capture.
type Report struct {
	Frames   int
	Secured  int      // frame protections with an integrity code: a frame may have two
	Verified int      // of those, how many integrity codes a key was found for
	Empty    int      // not of those: APS acknowledgements under a link key, whose code is of headers alone, which tshark passes over
	Green    int      // of those that were verified, how many of Green Power devices
	Readable int      // frames whose application data or keys can be read
	Faults   []string // malformed frames and expert remarks, one a line
	Found    []Key    // that travelled in it, and could be read
}

// Err returns what is wrong with a capture that was read with all its keys, or
// nil. One without any protected frame proves nothing and is wrong.
func (r Report) Err() error {
	switch {
	case len(r.Faults) > 0:
		return fmt.Errorf("tshark finds fault with %d of %d frames:\n%s", len(r.Faults), r.Frames, strings.Join(r.Faults[:min(len(r.Faults), 20)], "\n"))
	case r.Secured != r.Verified:
		return fmt.Errorf("tshark verified %d of %d integrity codes", r.Verified, r.Secured)
	case r.Secured == 0:
		return fmt.Errorf("none of %d frames is protected", r.Frames)
	default:
		return nil
	}
}

// Read has tshark dissect a capture with the keys and those that travel in it,
// and no others: the configuration of who runs it is left aside.
func Read(ctx context.Context, capture string, keys ...Key) (Report, error) {
	r, found, err := read(ctx, capture, keys)
	r.Found = found
	if err != nil || r.Secured == r.Verified || len(found) == 0 {
		return r, err
	}
	// tshark uses a key that it found from there on; what was said before the
	// first device got the key needs another run.
	r, again, err := read(ctx, capture, append(slices.Clone(keys), found...))
	r.Found = found
	for _, k := range again {
		if !slices.Contains(found, k) {
			r.Found = append(r.Found, k)
		}
	}
	return r, err
}

func read(ctx context.Context, capture string, keys []Key) (r Report, found []Key, err error) {
	if _, err := exec.LookPath("tshark"); err != nil {
		return r, nil, errors.New("tshark is not here: install it with apt-get install --no-install-recommends tshark")
	}
	config, err := os.MkdirTemp("", "tshark")
	if err != nil {
		return r, nil, err
	}
	defer os.RemoveAll(config)
	for name, green := range map[string]bool{"zigbee_pc_keys": false, "zigbee_gp_keys": true} {
		if err := os.WriteFile(filepath.Join(config, name), table(keys, green), 0o600); err != nil {
			return r, nil, err
		}
	}
	lines, err := run(ctx, config, capture)
	if err != nil {
		return r, nil, err
	}
	r.Frames = len(lines)
	for i, line := range lines {
		if k, ok := r.add(i+1, strings.Split(line, "\t")); ok && !slices.Contains(found, k) {
			found = append(found, k)
		}
	}
	return r, found, nil
}

// The fields of a frame that are asked for, in the order of [Report.add].
var fields = []string{
	"zbee.sec.mic", "zbee.sec.key", "zbee_aps.type", "zbee_aps.cmd.key", "frame.protocols", "_ws.malformed", "_ws.expert.message",
	"zbee_nwk_gp.fc_ext_security_level", "zbee_nwk_gp.command_id",
}

// The security levels of Green Power frames (14-0563-18, A.1.4.1.3). The command of one that
// is encrypted can be read only by who verified its integrity code.
const (
	gpNone      = "0x00"
	gpEncrypted = "0x03"
)

// The values of zbee_aps.type for application data and acknowledgements.
const (
	apsData = "0x00"
	apsAck  = "0x02"
)

// add counts one frame, and returns the key that it carries.
func (r *Report) add(number int, f []string) (k Key, ok bool) {
	f = append(f, make([]string, len(fields))...)
	mic, key, apsType, apsKey, protocols, malformed, expert, gpLevel, gpCommand := f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
	r.Secured += values(mic)
	r.Verified += values(key)
	if apsType == apsAck && values(mic) == 2 && values(key) == 1 {
		r.Secured-- // the link-key protection of an acknowledgement, which has no payload: tshark does not look at it
		r.Empty++
	}
	if strings.Contains(protocols, "zbee_nwk_gp") && gpLevel != "" && gpLevel != gpNone {
		r.Secured++
		if gpLevel == gpEncrypted && gpCommand != "" {
			r.Verified++
			r.Green++
			r.Readable++
		}
	}
	if apsType == apsData || apsKey != "" || strings.Contains(protocols, "zbee_zcl") || strings.Contains(protocols, "zbee_zdp") {
		r.Readable++
	}
	if malformed != "" || expert != "" || strings.Contains(protocols, "_ws.malformed") {
		r.Faults = append(r.Faults, fmt.Sprintf("frame %d (%s): %s %s", number, protocols, malformed, expert))
	}
	b, err := hex.DecodeString(strings.ReplaceAll(apsKey, ":", ""))
	if err != nil || len(b) != len(k.Value) {
		return Key{}, false
	}
	return Key{Name: "found", Value: [16]byte(b)}, true
}

// table is Wireshark's table of keys: of those of Green Power devices, or of the others.
func table(keys []Key, green bool) []byte {
	var b bytes.Buffer
	for _, k := range keys {
		if k.GreenPower != green {
			continue
		}
		octets := strings.ReplaceAll(fmt.Sprintf("% x", k.Value), " ", ":")
		fmt.Fprintf(&b, "\"%s\",\"Normal\",%q\n", octets, k.Name)
	}
	return b.Bytes()
}

func values(list string) int {
	if list == "" {
		return 0
	}
	return strings.Count(list, ",") + 1
}

// run returns a line for each frame, with its fields separated by tabs, and
// several values of a field by commas.
func run(ctx context.Context, config, capture string) ([]string, error) {
	args := []string{
		"-r", capture, "-n",
		"-o", "wpan.fcs_format:ITU-T CRC-16", "-o", "wpan.802154_fcs_ok:FALSE",
		"-T", "fields", "-E", "separator=/t", "-E", "aggregator=,", "-E", "occurrence=a",
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.CommandContext(ctx, "tshark", args...) //nolint:gosec // a test's own capture
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "WIRESHARK_CONFIG_DIR="+config)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tshark -r %s: %w: %s", capture, err, strings.TrimSpace(complaint.String()))
	}
	text := strings.TrimSuffix(string(out), "\n")
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

// Gate fails the test unless tshark verifies and dissects every frame of a
// capture with the keys, and can read no application data and no key without
// them.
func Gate(t testing.TB, capture string, keys ...Key) Report {
	t.Helper()
	with, err := Read(t.Context(), capture, keys...)
	if err != nil {
		t.Fatal(err)
	}
	if err := with.Err(); err != nil {
		t.Error(err)
	}
	without, err := Read(t.Context(), capture)
	if err != nil {
		t.Fatal(err)
	}
	if without.Readable > 0 {
		t.Errorf("tshark reads application data or keys in %d of %d frames without any key", without.Readable, without.Frames)
	}
	return with
}
