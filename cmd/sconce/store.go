package main

import (
	"context"
	"fmt"

	"sconce"
	"sconce/cloud/store"
)

type ctlStore struct {
	Prepare ctlStorePrepare `cmd:"" help:"Make the tables on PostgreSQL, or bring them up to date, and give the cloud its rights."`
	Copy    ctlStoreCopy    `cmd:"" help:"Copy the databases of a folder to PostgreSQL, and verify the copy. The cloud must not be running."`
}

type ctlStorePrepare struct {
	Owner string `required:"" help:"Role that owns the databases, and that the cloud does not use; its password can be in ~/.pgpass or PGPASSWORD."`
}

// Run prepares the databases.
func (c *ctlStorePrepare) Run(ctx context.Context, ctl *ctlCommand) error {
	config, err := ctl.postgres()
	if err != nil {
		return err
	}
	if err := store.Prepare(ctx, config.addresses(), c.Owner); err != nil {
		return err
	}
	fmt.Println("The databases are prepared.")
	return nil
}

type ctlStoreCopy struct {
	From string `required:"" help:"Folder with the databases, the data.dir of before." type:"existingdir"`
}

// Run copies the databases.
func (c *ctlStoreCopy) Run(ctx context.Context, ctl *ctlCommand) error {
	config, err := ctl.postgres()
	if err != nil {
		return err
	}
	err = store.Copy(ctx, c.From, config.addresses(), func(t store.Copied) {
		if t.Verified {
			fmt.Printf("%-8s  %-20s  %10d rows  verified, SHA-256 %x\n", t.Database, t.Table, t.Rows, t.SHA256[:8])
		} else {
			fmt.Printf("%-8s  %-20s  %10d rows  copied\n", t.Database, t.Table, t.Rows)
		}
	})
	if err != nil {
		return err
	}
	fmt.Printf("All is there, and the same. The cloud can run on it; keep %s until you are content.\n", c.From)
	return nil
}

// postgres returns the configuration of a cloud on PostgreSQL.
func (c *ctlCommand) postgres() (*cloudConfig, error) {
	config, err := c.config()
	if err == nil && config.Data.Dir != "" {
		err = sconce.Errorf(sconce.Invalid, "%s has data.dir; this is for a cloud on PostgreSQL, with data.postgres in its place", c.Config)
	}
	return config, err
}
