package vault

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"sconce"
)

// Settle is how long nothing was sealed with a former key before it is removed.
//
// A change of the key goes in steps, each of which is stored before the next, so that it
// goes on wherever it was interrupted, and that no process meets a value whose key it
// does not have:
//
//  1. [Rotate] adds a key that only opens.
//  2. [Vault.Advance], in the cloud, which has loaded it, lets it seal.
//  3. What former keys sealed is sealed anew.
//  4. [Vault.Retire] removes the former keys after Settle: a tool that was started before
//     may seal with them until then.
const Settle = time.Hour

// State is what a key is there for.
type State string

// The states.
const (
	Next    State = "next"    // it will seal soon
	Sealing State = "sealing" // it seals
	Former  State = "former"  // it opens what was not sealed anew yet
)

// Key is a key of the vault, without its secret.
type Key struct {
	ID    uint32
	State State
}

// String returns the identifier as it stands in what the key sealed.
func (k Key) String() string { return fmt.Sprintf("%08x", k.ID) }

// Rotate adds a key to the vault of a store whose master key is in the file at path; it
// will seal everything from soon on. It is a [sconce.Conflict] while an earlier change
// is not over.
func Rotate(ctx context.Context, path string, store Keysets, now time.Time) (Key, error) {
	v, err := Open(ctx, path, store)
	if err != nil {
		return Key{}, err
	}
	if all := v.Keys(); len(all) > 1 {
		return Key{}, sconce.Errorf(sconce.Conflict, "the last change of the key is not over: sconce ctl vault status says how far it is")
	}
	var id uint32
	err = v.change(ctx, now, func(m *keyset.Manager) (err error) {
		id, err = m.Add(aead.AES256GCMKeyTemplate())
		return err
	})
	return Key{id, Next}, err
}

// Keys returns the keys of the vault, in the order of their making.
func (v *Vault) Keys() []Key {
	info := v.keys.Load().handle.KeysetInfo()
	var all []Key
	state := Former
	for _, k := range info.GetKeyInfo() {
		switch {
		case k.GetKeyId() == info.GetPrimaryKeyId():
			all = append(all, Key{k.GetKeyId(), Sealing})
			state = Next
		default:
			all = append(all, Key{k.GetKeyId(), state})
		}
	}
	return all
}

// Rotated returns when the keys were last changed, the zero time for never.
func (v *Vault) Rotated() time.Time { return v.keys.Load().ring.Rotated }

// Refresh takes up keys that another process has added.
func (v *Vault) Refresh(ctx context.Context) error {
	ring, err := v.store.Keyring(ctx)
	if err != nil {
		return fmt.Errorf("reading the keyring: %w", err)
	}
	if bytes.Equal(ring.Data, v.keys.Load().ring.Data) {
		return nil
	}
	k, err := v.load(ring)
	if err == nil {
		v.keys.Store(k)
	}
	return err
}

// Advance lets the newest key seal, when there is one that does not yet. Only the process
// that seals may call it: all others open values with the keys that are stored when
// they start.
func (v *Vault) Advance(ctx context.Context, now time.Time) error {
	all := v.Keys()
	if len(all) == 0 || all[len(all)-1].State != Next {
		return nil
	}
	return v.change(ctx, now, func(m *keyset.Manager) error { return m.SetPrimary(all[len(all)-1].ID) })
}

// Retire removes the former keys. Nothing must be sealed with them any more.
func (v *Vault) Retire(ctx context.Context, now time.Time) error {
	return v.change(ctx, now, func(m *keyset.Manager) error {
		for _, k := range v.Keys() {
			if k.State == Former {
				if err := m.Delete(k.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// change stores other keys, and then uses them.
func (v *Vault) change(ctx context.Context, now time.Time, do func(*keyset.Manager) error) error {
	was := v.keys.Load()
	m := keyset.NewManagerFromHandle(was.handle)
	if err := do(m); err != nil {
		return fmt.Errorf("changing the data keyset: %w", err)
	}
	handle, err := m.Handle()
	if err != nil {
		return fmt.Errorf("changing the data keyset: %w", err)
	}
	ring := Keyring{Index: was.ring.Index, Rotated: now}
	if ring.Data, err = sealKeyset(handle, v.master); err != nil {
		return err
	}
	if err := v.store.ReplaceKeyring(ctx, was.ring, ring); err != nil {
		return fmt.Errorf("storing the keyring: %w", err)
	}
	k, err := v.load(ring)
	if err == nil {
		v.keys.Store(k)
	}
	return err
}
