package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sconce/cloud/ingest"
)

type ctlJournal struct {
	Rebuild ctlJournalRebuild `cmd:"" help:"Make states, readings and all else from the journal again. The cloud must not be running; run it again if it was stopped."`
}

type ctlJournalRebuild struct{}

// progressEvery is how often a rebuild says how far it is.
const progressEvery = 2 * time.Second

// Run makes the results of the journal again.
func (*ctlJournalRebuild) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	config, err := ctl.config()
	if err != nil {
		return err
	}
	s, err := config.openStore(ctx) // alone: beside a cloud it is refused
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	began, said, batches := time.Now(), time.Time{}, int64(0)
	err = ingest.Rebuilder{
		Journal: s.Journal(), Results: s.Results(), Keep: config.Retention.kept().Readings, Now: time.Now, Log: slog.Default(),
		Progress: func(r ingest.Rebuild, position int64) {
			batches = r.Until - r.After
			if now := time.Now(); now.Sub(said) >= progressEvery || position == r.Until {
				said = now
				fmt.Printf("batch %d; after batch %d, until batch %d: %d %%\n", position, r.After, r.Until, 100*(position-r.After)/batches)
			}
		},
	}.Run(ctx)
	if err != nil {
		return err
	}
	if batches == 0 {
		fmt.Println("Nothing has been made from the journal yet.")
		return nil
	}
	fmt.Printf("The results of %d batches are made again, in %s. The cloud can run.\n", batches, time.Since(began).Round(time.Second))
	return nil
}
