package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"sconce"
)

// CreateMasterKey writes a new master key to a file at path that only its owner
// may read (mode 0600). It returns a [sconce.Conflict], and writes nothing, when
// the file exists or when the store already holds sealed data: that data can
// only be opened with the master key it was sealed with.
func CreateMasterKey(ctx context.Context, path string, store Keysets) error {
	ring, err := store.Keyring(ctx)
	if err != nil {
		return fmt.Errorf("reading the keyring: %w", err)
	}
	if ring.Data != nil {
		return sconce.Errorf(sconce.Conflict, "the database already holds data sealed with a master key: "+
			"restore that key to %s instead of making a new one", path)
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("making a master key: %w", err)
	}
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&buf)); err != nil {
		return fmt.Errorf("encoding the master key: %w", err)
	}
	return writeNew(path, buf.Bytes())
}

// writeNew writes a file that must not exist, and returns when it is on the disk.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return sconce.Errorf(sconce.Conflict, "%s exists already and is not overwritten", path)
	}
	if err != nil {
		return fmt.Errorf("writing the master key: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncDirectory(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the master key: %w", err), os.Remove(path))
	}
	return nil
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readMasterKey reads a file written by [CreateMasterKey]. needed says that data
// exists which only this key opens.
func readMasterKey(path string, needed bool) (tink.AEAD, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && needed:
		return nil, sconce.Errorf(sconce.Unavailable, "the master key file %s is missing, and the database holds data "+
			"that only it opens: restore the file from its backup", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, sconce.Errorf(sconce.Unavailable, "the master key file %s is missing: make one with sconce ctl master-key create before the first start", path)
	case err != nil:
		return nil, fmt.Errorf("reading the master key: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return nil, sconce.Errorf(sconce.Invalid, "others may read the master key file %s (mode %#o): run chmod 600 on it",
			path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err == nil {
		var master tink.AEAD
		if master, err = aead.New(handle); err == nil {
			return master, nil
		}
	}
	// The parser's own words may quote the file, so they are left out.
	return nil, sconce.Errorf(sconce.Invalid, "%s is not a master key file: restore it from its backup", path)
}
