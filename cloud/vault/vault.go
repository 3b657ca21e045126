// Package vault seals single secret fields before they are stored: install
// codes today. It is envelope encryption with Tink (AES-256-GCM with random
// nonces, NIST SP 800-38D): a data keyset, stored beside the data, seals the
// fields, and a master key, kept apart from the data in a file of its own,
// seals the data keyset.
//
// A sealed field is bound to its place: what was sealed for one row does not
// open in another. It will not hash passwords, and it will not make a new master
// key where sealed data already exists: that data would be lost.
package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"sconce"
)

// Keysets keeps the sealed data keyset, beside the data that it seals.
type Keysets interface {
	// SealedKeyset returns the keyset, nil when none was stored yet.
	SealedKeyset(ctx context.Context) ([]byte, error)
	// CreateSealedKeyset stores the first keyset. When there is one already it
	// changes nothing and returns a [sconce.Conflict].
	CreateSealedKeyset(ctx context.Context, sealed []byte) error
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
	data tink.AEAD
}

// dataKeyset binds a sealed data keyset to its purpose.
var dataKeyset = []byte("sconce data keyset 1")

// Open returns the vault of a store whose master key is in the file at path. For
// a store without sealed data it makes the data keyset. The error, fit for the
// operator, tells apart a file that is missing, a file that others may read, and
// a master key that does not belong to this store.
func Open(ctx context.Context, path string, store Keysets) (*Vault, error) {
	sealed, err := store.SealedKeyset(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the sealed data keyset: %w", err)
	}
	master, err := readMasterKey(path, sealed != nil)
	if err != nil {
		return nil, err
	}
	if sealed == nil {
		if sealed, err = createDataKeyset(ctx, master, store); err != nil {
			return nil, err
		}
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(sealed)), master, dataKeyset)
	if err != nil {
		return nil, sconce.Errorf(sconce.Invalid, "the master key in %s is not the one that sealed this database: "+
			"restore the file that belongs to it", path)
	}
	data, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("using the data keyset: %w", err)
	}
	return &Vault{data: data}, nil
}

// createDataKeyset makes and stores a data keyset, and returns it sealed. When
// another process was quicker, it returns that one's.
func createDataKeyset(ctx context.Context, master tink.AEAD, store Keysets) ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("making a data keyset: %w", err)
	}
	var buf bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), master, dataKeyset); err != nil {
		return nil, fmt.Errorf("sealing the data keyset: %w", err)
	}
	err = store.CreateSealedKeyset(ctx, buf.Bytes())
	switch {
	case err == nil:
		return buf.Bytes(), nil
	case sconce.KindOf(err) == sconce.Conflict:
		return store.SealedKeyset(ctx)
	default:
		return nil, fmt.Errorf("storing the sealed data keyset: %w", err)
	}
}

// Seal returns the value encrypted for its place.
func (v *Vault) Seal(value []byte, at Field) ([]byte, error) {
	sealed, err := v.data.Encrypt(value, at.associatedData())
	if err != nil {
		return nil, fmt.Errorf("sealing %s.%s: %w", at.Table, at.Column, err)
	}
	return sealed, nil
}

// Open returns the value that was sealed for this place. It fails when sealed
// was altered, was moved from another place or was sealed with other keys.
func (v *Vault) Open(sealed []byte, at Field) ([]byte, error) {
	value, err := v.data.Decrypt(sealed, at.associatedData())
	if err != nil {
		return nil, fmt.Errorf("opening %s.%s: altered, moved or sealed with another key", at.Table, at.Column)
	}
	return value, nil
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
