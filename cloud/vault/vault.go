// Package vault seals single fields before they are stored: what is secret, and what is
// personal. It is envelope encryption with Tink (AES-256-GCM with random
// nonces, NIST SP 800-38D): a data keyset, stored beside the data, seals secret
// fields and the keys of persons, which seal what is known of each; and a master key,
// kept apart from the data in a file of its own, seals the data keyset. A value
// that has to be found again has a keyed digest beside it (HMAC-SHA-256, FIPS 198-1).
//
// A sealed field is bound to its place: what was sealed for one row does not
// open in another. It will not hash passwords, and it will not make a new master
// key where sealed data already exists: that data would be lost.
package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"sconce"
)

// Keyring is the keys of a vault, each sealed with the master key.
type Keyring struct {
	Data    []byte    // data keyset, which seals; nil before the first start
	Index   []byte    // key of digests; nil in a store of an earlier version
	Rotated time.Time // when Data was last changed; zero for never
}

// Equal reports whether two keyrings are the same keys.
func (k Keyring) Equal(o Keyring) bool {
	return bytes.Equal(k.Data, o.Data) && bytes.Equal(k.Index, o.Index)
}

// Keysets keeps the keyring, beside the data that it seals.
type Keysets interface {
	// Keyring returns the keyring, the zero value when none was stored yet.
	Keyring(ctx context.Context) (Keyring, error)
	// ReplaceKeyring stores next in the place of was. When another one is there it
	// changes nothing and returns a [sconce.Conflict].
	ReplaceKeyring(ctx context.Context, was, next Keyring) error
}

// Field is the place of a sealed value. The names are those of the schema and
// are part of what is sealed: they outlive a renaming.
type Field struct {
	Table  string
	Column string
	Row    string // the primary key, in its text form
}

// Vault seals and opens fields. It is safe for concurrent use.
type Vault struct {
	store  Keysets
	path   string // of the master key
	master tink.AEAD
	keys   atomic.Pointer[keys]
}

// keys is what a vault works with, until it is changed.
type keys struct {
	ring   Keyring
	handle *keyset.Handle
	data   tink.AEAD
	index  []byte
}

// What binds each sealed key to its purpose.
var (
	dataKeyset = []byte("sconce data keyset 1")
	indexKey   = []byte("sconce index key 1")
)

// Open returns the vault of a store whose master key is in the file at path. Keys that
// the store does not have yet it makes. The error, fit for the operator, tells apart a
// file that is missing, a file that others may read, and a master key that does not
// belong to this store.
func Open(ctx context.Context, path string, store Keysets) (*Vault, error) {
	ring, err := store.Keyring(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the keyring: %w", err)
	}
	master, err := readMasterKey(path, ring.Data != nil)
	if err != nil {
		return nil, err
	}
	v := &Vault{store: store, path: path, master: master}
	if ring, err = v.complete(ctx, ring); err != nil {
		return nil, err
	}
	k, err := v.load(ring)
	if err != nil {
		return nil, err
	}
	v.keys.Store(k)
	return v, nil
}

// load opens a keyring.
func (v *Vault) load(ring Keyring) (*keys, error) {
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(ring.Data)), v.master, dataKeyset)
	if err != nil {
		return nil, errForeign(v.path)
	}
	index, err := v.master.Decrypt(ring.Index, indexKey)
	if err != nil {
		return nil, errForeign(v.path)
	}
	data, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("using the data keyset: %w", err)
	}
	return &keys{ring, handle, data, index}, nil
}

func errForeign(path string) error {
	return sconce.Errorf(sconce.Invalid, "the master key in %s is not the one that sealed this database: "+
		"restore the file that belongs to it", path)
}

// complete makes and stores the keys that a keyring does not have, and returns it. When
// another process was quicker, it returns that one's.
func (v *Vault) complete(ctx context.Context, was Keyring) (Keyring, error) {
	if was.Data != nil && was.Index != nil {
		return was, nil
	}
	ring := was
	if ring.Data == nil {
		handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
		if err != nil {
			return Keyring{}, fmt.Errorf("making a data keyset: %w", err)
		}
		if ring.Data, err = sealKeyset(handle, v.master); err != nil {
			return Keyring{}, err
		}
	} else if _, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(ring.Data)), v.master, dataKeyset); err != nil {
		return Keyring{}, errForeign(v.path) // and nothing of ours goes beside it
	}
	var key [sha256.Size]byte
	rand.Read(key[:]) // never fails (crypto/rand)
	var err error
	if ring.Index, err = v.master.Encrypt(key[:], indexKey); err != nil {
		return Keyring{}, fmt.Errorf("sealing the key of digests: %w", err)
	}
	err = v.store.ReplaceKeyring(ctx, was, ring)
	switch {
	case err == nil:
		return ring, nil
	case sconce.KindOf(err) == sconce.Conflict:
		return v.store.Keyring(ctx)
	default:
		return Keyring{}, fmt.Errorf("storing the keyring: %w", err)
	}
}

func sealKeyset(handle *keyset.Handle, master tink.AEAD) ([]byte, error) {
	var buf bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), master, dataKeyset); err != nil {
		return nil, fmt.Errorf("sealing the data keyset: %w", err)
	}
	return buf.Bytes(), nil
}

// Digest returns what a value is found by that is stored sealed: a keyed digest, which is
// the same for the same value in the same column, and from which nobody without the key
// can tell even by guessing. The key stays as long as the installation.
func (v *Vault) Digest(value string, table, column string) []byte {
	h := hmac.New(sha256.New, v.keys.Load().index)
	h.Write(Field{Table: table, Column: column}.associatedData())
	h.Write([]byte(value))
	return h.Sum(nil)
}

// Mark returns what everything begins with that is sealed now, so that what former
// keys sealed can be found.
func (v *Vault) Mark() []byte {
	return binary.BigEndian.AppendUint32([]byte{tinkFormat}, v.keys.Load().handle.KeysetInfo().GetPrimaryKeyId())
}

// tinkFormat begins what Tink seals, before the identifier of the key: its "TINK" prefix.
const tinkFormat = 1

// Seal returns the value encrypted for its place.
func (v *Vault) Seal(value []byte, at Field) ([]byte, error) {
	sealed, err := v.keys.Load().data.Encrypt(value, at.associatedData())
	if err != nil {
		return nil, fmt.Errorf("sealing %s.%s: %w", at.Table, at.Column, err)
	}
	return sealed, nil
}

// Open returns the value that was sealed for this place. It fails when sealed
// was altered, was moved from another place or was sealed with other keys.
func (v *Vault) Open(sealed []byte, at Field) ([]byte, error) {
	value, err := v.keys.Load().data.Decrypt(sealed, at.associatedData())
	if err != nil {
		return nil, errSealed(at)
	}
	return value, nil
}

func errSealed(at Field) error {
	return fmt.Errorf("opening %s.%s: altered, moved or sealed with another key", at.Table, at.Column)
}

// associatedData encodes the place without ambiguity: each part behind its length.
func (f Field) associatedData() []byte {
	var b []byte
	for _, part := range []string{f.Table, f.Column, f.Row} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}
