package main

import (
	"context"
	"fmt"

	"sconce"
	"sconce/cloud/store"
)

type ctlStore struct {
	Prepare ctlStorePrepare `cmd:"" help:"Make the tables on PostgreSQL, or bring them up to date, and give the cloud its rights."`
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

// postgres returns the configuration of a cloud on PostgreSQL.
func (c *ctlCommand) postgres() (*cloudConfig, error) {
	config, err := c.config()
	if err == nil && config.Data.Dir != "" {
		err = sconce.Errorf(sconce.Invalid, "%s has data.dir; this is for a cloud on PostgreSQL, with data.postgres in its place", c.Config)
	}
	return config, err
}
