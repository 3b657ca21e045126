package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	"sconce"
	"sconce/cloud/audit"
)

type ctlAudit struct {
	Verify ctlAuditVerify `cmd:"" help:"Prove that no entry was altered, removed or put in; or name the first that was."`
	Export ctlAuditExport `cmd:"" help:"Write a log to standard output, one JSON object a line."`
}

type ctlAuditVerify struct {
	File   string `arg:"" optional:"" help:"An exported log; without it, every log of the cloud." type:"existingfile"`
	Log    string `help:"Which log: a project's identifier, installation or people." default:""`
	Expect string `help:"NUMBER:DIGEST that verify printed for this log at an earlier time, and that was kept elsewhere." placeholder:"HEAD"`
}

// Run verifies the logs.
func (c *ctlAuditVerify) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	expect, err := parseHead(c.Expect)
	if err != nil {
		return err
	}
	if c.File != "" {
		return c.verifyFile(expect)
	}
	if expect != nil && c.Log == "" {
		return sconce.Errorf(sconce.Invalid, "--expect is of one log: say which with --log")
	}
	s, _, err := ctl.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	chains := []audit.Chain{audit.Chain(c.Log)}
	if c.Log == "" {
		if chains, err = s.SecurityLogs(ctx); err != nil {
			return err
		}
	}
	var broken error
	for _, chain := range chains {
		broken = errors.Join(broken, report(chain, audit.All(ctx, s.SecurityLog(), chain), expect))
	}
	return broken
}

func (c *ctlAuditVerify) verifyFile(expect *audit.Head) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("opening an exported log: %w", err)
	}
	defer f.Close()
	chain := audit.Chain(c.Log)
	if chain == "" { // that of its first entry
		for e, err := range audit.Read(f) {
			if err != nil {
				return fmt.Errorf("%s: %w", c.File, err)
			}
			chain = e.Chain
			break
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading an exported log: %w", err)
		}
	}
	if err := report(chain, audit.Read(f), expect); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return nil
}

// report verifies a log, and prints its head.
func report(chain audit.Chain, entries iter.Seq2[audit.Entry, error], expect *audit.Head) error {
	head, err := audit.Verify(chain, entries, expect)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d entries are as they were written. Head %d:%s\n", chain, head.Number, head.Number, head.Digest)
	return nil
}

func parseHead(s string) (*audit.Head, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // nothing is expected
	}
	number, digest, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(number, 10, 64)
	h := audit.Head{Number: n}
	if !ok || err != nil || h.Digest.UnmarshalText([]byte(digest)) != nil {
		return nil, sconce.Errorf(sconce.Invalid, "--expect: expected NUMBER:DIGEST as verify prints them, with 64 hexadecimal digits")
	}
	return &h, nil
}

type ctlAuditExport struct {
	Log string `arg:"" help:"Which log: a project's identifier, installation or people."`
}

// Run exports a log.
func (c *ctlAuditExport) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	s, _, err := ctl.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	chain := audit.Chain(c.Log)
	n, err := audit.Write(os.Stdout, audit.All(ctx, s.SecurityLog(), chain))
	if err == nil && n == 0 {
		return sconce.Errorf(sconce.NotFound, "there is no security log %q: sconce ctl audit verify lists them", c.Log)
	}
	return err
}
