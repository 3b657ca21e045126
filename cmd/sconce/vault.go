package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sconce/cloud/vault"
)

type ctlVault struct {
	Rotate ctlVaultRotate `cmd:"" help:"Make a new key; the cloud seals everything with it, in the background."`
	Status ctlVaultStatus `cmd:"" help:"Say which keys there are, and what former ones still seal."`
}

type ctlVaultRotate struct{}

// Run makes the key.
func (*ctlVaultRotate) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	s, config, err := ctl.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	key, err := vault.Rotate(ctx, config.Data.MasterKeyFile, s.Keysets(), time.Now())
	if err != nil {
		return err
	}
	fmt.Printf("Made key %s. The cloud, when it runs, seals everything with it, and removes the former key an hour later at the earliest.\n", key)
	fmt.Println("sconce ctl vault status says how far it is. Backups made before still need the former key, which is in them, and the master key.")
	return nil
}

type ctlVaultStatus struct{}

// Run prints the keys.
func (*ctlVaultStatus) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	s, config, err := ctl.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Unlock(ctx, config.Data.MasterKeyFile); err != nil {
		return err
	}
	keys := s.Vault().Keys()
	for _, k := range keys {
		fmt.Printf("key %s  %s\n", k, k.State)
	}
	if at := s.Vault().Rotated(); !at.IsZero() {
		fmt.Printf("changed %s\n", at.UTC().Format(time.RFC3339))
	}
	left, err := s.Former(ctx, s.Vault())
	if err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(left)) {
		fmt.Printf("%-24s %8d rows are under a former key\n", table, left[table])
	}
	if len(left) == 0 && keys[len(keys)-1].State == vault.Sealing {
		fmt.Println("Everything is sealed with the key of now.")
	}
	return nil
}
