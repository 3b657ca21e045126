// Package bench measures the product: the figures that docs/PERFORMANCE.md
// explains. Every figure stands beside a floor that is measured in the same run:
// what the same thing costs at least, or what it costs others. What is measured
// is the true programs as processes on loopback; beside them run the servers of
// this package that do less, and mosquitto.
//
// It needs Linux, whose /proc says what a process used. It finds no faults and
// fails no build: it prints figures, and says which miss their aim.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sconce"
	"sconce/internal/installation"
)

// Options says what to measure, and how.
type Options struct {
	Programs installation.Programs
	Only     []string // names of figures; empty for all
	Rounds   int      // of every measurement, at least 1
	Readings int      // how many are stored beside what questions are answered from
	Out      io.Writer
	Progress io.Writer
}

// group is figures that are measured together.
type group struct {
	figures []string
	measure func(*bench, context.Context) ([]Figure, error)
}

// groups returns all groups, in the order in which they are measured.
func groups() []group {
	return []group{
		{[]string{"ccm_seal_60B_ns", "ccm_seal_60B_allocs"}, (*bench).ccm},
		{[]string{"relay_frame_ns", "relay_frame_allocs"}, (*bench).relay},
		{[]string{"sim_seconds_per_second", "sim_ns_per_frame", "sim_kib_per_node"}, (*bench).sim},
		{[]string{"sim_ns_per_frame_1000"}, (*bench).simSmall},
		{[]string{"sim_ns_per_frame_4000"}, (*bench).simLarge},
		{[]string{"command_ms_p50", "command_ms_p99"}, (*bench).commands},
		{[]string{"authorise_ns", "authorise_spread_ns", "api_p99_ms", "api_p99_10000_ms"}, (*bench).apiSQLite},
		{[]string{"authorise_postgres_ns", "authorise_spread_postgres_ns", "api_p99_postgres_ms", "api_p99_10000_postgres_ms"}, (*bench).apiPostgres},
		{[]string{"bytes_per_reading", "chunk_scan_readings_per_s"}, (*bench).chunksSQLite},
		{[]string{"bytes_per_reading_postgres", "chunk_scan_readings_postgres_per_s"}, (*bench).chunksPostgres},
		{queryNames(""), (*bench).queriesSQLite},
		{queryNames("_postgres"), (*bench).queriesPostgres},
		{[]string{"ingest_acked_msgs_per_s", "ingest_cpu_us_per_msg", "ingest_ack_cpu_us_per_msg"}, (*bench).ingest},
		{[]string{"ingest_readings_per_s", "ingest_ack_ms_p99"}, (*bench).durableSQLite},
		{[]string{"ingest_readings_postgres_per_s", "ingest_ack_postgres_ms_p99"}, (*bench).durablePostgres},
		{[]string{"ingest_growth_10000"}, (*bench).ingestGrowth},
		{[]string{"idle_kib_per_connection", "connect_cpu_ms", "connect_p256_cpu_ms"}, (*bench).connections},
		{[]string{"storm_10k_s"}, (*bench).storm},
		{[]string{"stalled_p99_ms"}, (*bench).stalled},
	}
}

// Run measures and prints the figures, a line each as soon as it is known. A
// group that fails does not keep the others from being measured.
func Run(ctx context.Context, o Options) (err error) {
	chosen, err := choose(o.Only)
	if err != nil {
		return err
	}
	if o.Rounds < 1 {
		return sconce.Errorf(sconce.Invalid, "at least one round is needed, not %d", o.Rounds)
	}
	dir, err := os.MkdirTemp("", "sconce-bench-")
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{Options: o, dir: dir, luck: rand.New(rand.NewPCG(1, 2)), machine: machine()} //nolint:gosec // it only shuffles
	if inMemory(dir) {
		b.say("%s is in memory: a commit costs less than on a disk; choose another folder with TMPDIR", os.TempDir())
	}
	var errs []error
	for _, g := range chosen {
		b.say("measuring %s", strings.Join(g.figures, ", "))
		figures, err := g.measure(b, ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("measuring %s: %w", strings.Join(g.figures, ", "), err))
		}
		for _, f := range figures {
			if len(o.Only) > 0 && !slices.Contains(o.Only, f.Name) {
				continue
			}
			f.Machine = b.machine
			if !f.Met {
				b.say("%s misses its aim", f.Name)
			}
			if err := f.write(o.Out); err != nil {
				return err
			}
		}
	}
	return errors.Join(errs...)
}

// choose returns the groups that the named figures are in.
func choose(only []string) (chosen []group, err error) {
	all, known := groups(), []string(nil)
	for _, g := range all {
		known = append(known, g.figures...)
		if len(only) == 0 || slices.ContainsFunc(g.figures, func(f string) bool { return slices.Contains(only, f) }) {
			chosen = append(chosen, g)
		}
	}
	for _, name := range only {
		if !slices.Contains(known, name) {
			return nil, sconce.Errorf(sconce.Invalid, "there is no figure %q; there are: %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// bench is a run.
type bench struct {
	Options
	dir     string
	luck    *rand.Rand // the order of what is compared; the same in every run
	machine string
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.Progress, format+"\n", args...)
}

// install makes an installation in a folder of its own, with nothing running.
func (b *bench) install(ctx context.Context, name string, lights int) (*installation.Installation, error) {
	plan := installation.Plan{
		Dir: filepath.Join(b.dir, name), Domain: "sconce.localhost", Seed: 1, Groups: []string{"Office"}, LightCount: lights,
	}
	if err := plan.FreePorts(ctx); err != nil {
		return nil, err
	}
	return installation.Prepare(plan)
}

// signIn returns a client of a running cloud with the owner signed in, and the
// owner's project.
func signIn(ctx context.Context, i *installation.Installation) (*installation.Client, sconce.ProjectID, error) {
	client, err := i.NewClient()
	if err != nil {
		return nil, "", err
	}
	if err := client.SignIn(ctx, i.Email, i.Password); err != nil {
		return nil, "", err
	}
	project, err := i.SetUp(ctx, client, "Bench")
	return client, project, err
}

// inMemory reports whether a folder is on a file system without a disk.
func inMemory(dir string) bool {
	const tmpfs = 0x01021994 // linux/magic.h
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && s.Type == tmpfs
}
