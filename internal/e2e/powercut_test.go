package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
	"sconce/internal/installation"
	"sconce/internal/powercut"
)

// cuts is how often TestPowerCut loses the power.
var cuts = flag.Int("cuts", 12, "at how many moments TestPowerCut loses the power")

// TestPowerCut records all that the cloud writes while gateways publish, and makes of it what is
// on the disk when the power is lost at some moment: what was synced, and by chance something of
// the rest. Whatever was acknowledged by then is there, once. The same record with the syncs of the
// journal left out shows that this finds what is lost.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	t.Run("whole", func(t *testing.T) { testPowerCut(t) })
	// Now and then a sync fails, and what it was to keep is lost.
	t.Run("failing", func(t *testing.T) { testPowerCut(t, "-e", "inject=fsync,fdatasync:error=EIO:when=8+8") })
}

func testPowerCut(t *testing.T, options ...string) {
	s := install(t, 1)
	in := s.prepareIngest(2)
	if err := s.cloud.Stop(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.Dir, "cloud")
	before, err := powercut.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "record")
	traced, err := s.StartCloud(t.Context(), s.under(powercut.Command(path, options...)...), s.log("cloud"))
	if err != nil {
		t.Fatal(err)
	}
	in.start()
	in.awaitMore(uint64(100 * *cuts))
	traced.Kill()
	killed := time.Now()
	s.await(time.Minute, "the end of the record", func() bool { return ends(t, path, fmt.Sprintf("%d ", traced.PID())) })
	s.startCloud()
	in.end()

	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	record, err := powercut.Read(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	moments := in.momentsBefore(killed, *cuts)
	if lost := in.cut(powercut.New(record, before, ""), moments); len(lost) > 0 {
		t.Errorf("at %d of %d moments something was lost: %v", len(lost), len(moments), lost[0])
	}
	few := moments[:min(len(moments), 20)]
	lost := in.cut(powercut.New(record, before, "journal.db-wal"), few)
	if len(lost) == 0 {
		t.Error("nothing is lost without the syncs of the journal: the test proves nothing")
	}
	t.Logf("the power was lost at %d moments; without the syncs of the journal something was lost at %d of %d", len(moments), len(lost), len(few))
}

// under returns the programs, of which the cloud is started by a command.
func (s *system) under(command ...string) installation.Programs {
	s.t.Helper()
	script := "#!/bin/sh\nexec"
	for _, word := range append(command, s.programs.Sconce) {
		script += " '" + word + "'"
	}
	path := filepath.Join(s.t.TempDir(), "sconce")
	if err := os.WriteFile(path, []byte(script+" \"$@\"\n"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	return installation.Programs{Sconce: path, Gateway: s.programs.Gateway}
}

// ends reports whether the end of a process is in a record of strace.
func ends(t *testing.T, path, process string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text[max(0, len(text)-10_000):]) {
		if strings.HasPrefix(string(line), process) && bytes.Contains(line, []byte("+++ killed by")) {
			return true
		}
	}
	return false
}

// momentsBefore returns moments at which something had just been acknowledged, in order.
func (in *load) momentsBefore(end time.Time, n int) []time.Time {
	var all []time.Time
	for _, g := range in.senders {
		for _, at := range g.acked {
			if at.Before(end) {
				all = append(all, at)
			}
		}
	}
	luck := rand.New(rand.NewPCG(3, 4))
	luck.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:min(n, len(all))]
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// cut loses the power at each moment, and returns what was wrong then.
func (in *load) cut(disk *powercut.Disk, moments []time.Time) (wrong []error) {
	luck := rand.New(rand.NewPCG(5, 6))
	for _, at := range moments {
		disk.Until(at)
		dir, err := os.MkdirTemp(in.t.TempDir(), "cut")
		if err != nil {
			in.t.Fatal(err)
		}
		for name, text := range disk.Lose(luck) {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				in.t.Fatal(err)
			}
		}
		if err := in.check(dir, at); err != nil {
			wrong = append(wrong, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			in.t.Fatal(err)
		}
	}
	return wrong
}

// check opens a folder as the cloud does, and holds it against what was acknowledged before a
// moment.
func (in *load) check(dir string, moment time.Time) error {
	ctx := in.t.Context()
	kept, err := store.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer kept.Close()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	p := ingest.NewProjector(kept.Journal(), kept.Results(), kept.Presence(), nobody{}, 0, quiet)
	for more := true; more; {
		if more, err = p.Step(ctx); err != nil {
			return err
		}
	}
	messages, err := messagesIn(ctx, kept.Journal())
	if err != nil {
		return err
	}
	for _, g := range in.senders {
		for n, at := range g.acked {
			times := messages[message{g.id.Record.EUI64, uint64(n + 1)}]
			if times > 1 || times == 0 && !at.IsZero() && at.Before(moment) {
				return fmt.Errorf("message %d of %s, acknowledged at %s, is there %d times at %s", n+1, g.id.Record.EUI64, at, times, moment)
			}
			if times > 0 {
				messages[message{gateway: g.id.Record.EUI64}]++
			}
		}
	}
	err = kept.Results().Runs(ctx, func(r ingest.Run) {
		if want := messages[message{gateway: r.Gateway}]; r.Received != uint64(want) {
			err = fmt.Errorf("the journal has %d messages of %s, the account %d", want, r.Gateway, r.Received)
		}
	})
	return errors.Join(err, whole(ctx, dir))
}

type message struct {
	gateway sconce.EUI64
	number  uint64
}

// messagesIn returns how often the journal has each message, copies that it knows as such aside.
func messagesIn(ctx context.Context, log ingest.Log) (map[message]int, error) {
	all := map[message]int{}
	for last := int64(0); ; {
		batches, err := log.After(ctx, last, 1<<20)
		if err != nil || len(batches) == 0 {
			return all, err
		}
		for _, b := range batches {
			for rest := b.Messages; len(rest) > 0; {
				var e ingest.Entry
				if e, rest, err = ingest.ParseEntry(rest); err != nil {
					return nil, err
				}
				if !e.Duplicate {
					all[message{e.Gateway, e.Sequence}]++
				}
			}
			last = b.ID
		}
	}
}

// whole asks SQLite whether the databases of a folder are as they should be.
func whole(ctx context.Context, dir string) error {
	for _, name := range []string{"identity", "site", "journal"} {
		db, err := sql.Open("sqlite", filepath.Join(dir, name+".db"))
		if err != nil {
			return err
		}
		var said string
		err = db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&said)
		if err == nil && said != "ok" {
			err = fmt.Errorf("%s.db: %s", name, said)
		}
		if err = errors.Join(err, db.Close()); err != nil {
			return err
		}
	}
	return nil
}

// nobody is told nothing.
type nobody struct{}

func (nobody) StateChanged(sconce.ProjectID, telemetry.DeviceState) {}
func (nobody) CommandEnded(lighting.Command)                        {}
