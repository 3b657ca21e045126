package vault

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Rows is everything that the vault has sealed.
type Rows interface {
	// Reseal goes once through what former keys sealed, and seals it with the key of now, up
	// to limit rows in one transaction. After each it says how many were done, and ends
	// with the error of did. A row that cannot be opened stays as it is.
	Reseal(ctx context.Context, v *Vault, limit int, did func(rows int) error) error
	// Former returns how many rows of which table former keys sealed; none are left out.
	Former(ctx context.Context, v *Vault) (map[string]int, error)
}

// Resealer brings a change of the key to its end, in the background: there is one, in the
// cloud.
type Resealer struct {
	Vault *Vault
	Rows  Rows
	Now   func() time.Time
	Log   *slog.Logger
}

const (
	resealEvery = 30 * time.Second       // how soon a change is noticed
	resealBite  = 100                    // rows in one transaction, so that others are not kept waiting
	resealPause = 100 * time.Millisecond // between two of them
)

// Run works until ctx ends.
func (r *Resealer) Run(ctx context.Context) {
	for {
		if err := r.Step(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("the change of the vault's key does not go on now", slog.Any("error", err))
		}
		if !pause(ctx, resealEvery) {
			return
		}
	}
}

// Step does what there is to do now: nothing while no change of the key is under way.
func (r *Resealer) Step(ctx context.Context) error {
	if err := r.Vault.Refresh(ctx); err != nil {
		return err
	}
	if len(r.Vault.Keys()) < 2 {
		return nil
	}
	if err := r.Vault.Advance(ctx, r.Now()); err != nil {
		return err
	}
	done := 0
	err := r.Rows.Reseal(ctx, r.Vault, resealBite, func(rows int) error {
		if done += rows; !pause(ctx, resealPause) {
			return ctx.Err()
		}
		return nil
	})
	if done > 0 {
		r.Log.Info("sealed with the new key of the vault", slog.Int("rows", done))
	}
	if err != nil {
		return err
	}
	if r.Now().Sub(r.Vault.Rotated()) < Settle {
		return nil
	}
	left, err := r.Rows.Former(ctx, r.Vault)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("rows that no key opens keep the former keys: %v", left)
	}
	if err := r.Vault.Retire(ctx, r.Now()); err != nil {
		return err
	}
	r.Log.Info("the former keys of the vault are removed")
	return nil
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
