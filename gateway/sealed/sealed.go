// Package sealed keeps one small document on disk so that it can be read only
// with its key, is never half written, and is never mistaken for absent.
//
// The document is AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D,
// 8.2.2), bound to the name and version of the format. At one write a second the
// bound of 2^32 nonces for one key lasts for 136 years. The key is a file of its
// own, so that it can be put on other storage than the document, or be replaced
// by a hardware-backed one.
//
// It protects against a reader of the document, not against somebody who
// holds both files, and not against an old document put back in place of a new one.
package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"sconce"
)

// MaxSize is the largest document in bytes.
const MaxSize = 16 << 20

// magic begins every sealed file, and is authenticated with it.
const magic = "sconce sealed state 1\n"

const keySize = 32

// File is an opened sealed document. It holds a lock on its key until
// [File.Close], so that no two programs write the same document.
type File struct {
	path string
	key  *os.File
	aead cipher.AEAD
}

// Open opens the document at path under the key at keyPath, and returns what it
// holds. When neither file exists, it makes a key and seals initial under it.
//
// It returns an error of kind [sconce.Conflict] that says what to do when one of
// the two files is missing, when the document is damaged or belongs to another
// key, when the key can be read by others, and when another program has it open:
// to begin anew in such a case is a decision for a person.
func Open(path, keyPath string, initial []byte) (*File, []byte, error) {
	haveState, err := exists(path)
	if err != nil {
		return nil, nil, err
	}
	haveKey, err := exists(keyPath)
	switch {
	case err != nil:
		return nil, nil, err
	case haveState && !haveKey:
		return nil, nil, sconce.Errorf(sconce.Conflict,
			"the state %s is there but its key %s is not: put the key back, or restore both from a backup", path, keyPath)
	case haveKey && !haveState:
		return nil, nil, sconce.Errorf(sconce.Conflict,
			"the key %s is there but the state %s is not: restore the state from a backup, or delete the key to begin a new network (every light must then be reset and joined again)", keyPath, path)
	case !haveKey:
		if err := makeKey(keyPath); err != nil {
			return nil, nil, err
		}
	}
	f, err := openKey(path, keyPath)
	if err != nil {
		return nil, nil, err
	}
	if !haveKey {
		if err := f.Write(initial); err != nil {
			_ = f.Close()
			return nil, nil, err
		}
	}
	document, err := f.read()
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, document, nil
}

// Write replaces the document. When it returns, the new one survives a loss of
// power; when it fails, the old one is still there.
func (f *File) Write(document []byte) error {
	if len(document) > MaxSize {
		return fmt.Errorf("sealing the state: %d bytes, at most %d allowed", len(document), MaxSize)
	}
	staged, err := f.stage(document)
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	if err := commit(staged, f.path); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}

// Close lets go of the lock. It is idempotent.
func (f *File) Close() error { return f.key.Close() }

// stage writes the sealed document beside the old one.
func (f *File) stage(document []byte) (string, error) {
	staged := f.path + ".new"
	sealed := f.aead.Seal([]byte(magic), nil, document, []byte(magic)) //nolint:gosec // the nil nonce is right: this cipher draws its own
	return staged, writeDurably(staged, sealed)
}

// commit puts a staged file in the place of the old one.
func commit(staged, path string) error {
	if err := os.Rename(staged, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func (f *File) read() ([]byte, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	if info.Size() > MaxSize+1024 {
		return nil, f.damaged("it is too large")
	}
	sealed, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	body, ok := strings.CutPrefix(string(sealed), magic)
	if !ok {
		return nil, f.damaged("it does not begin like one")
	}
	document, err := f.aead.Open(nil, nil, []byte(body), []byte(magic))
	if err != nil {
		return nil, f.damaged("it does not open with the key " + f.key.Name())
	}
	return document, nil
}

func (f *File) damaged(why string) error {
	return sconce.Errorf(sconce.Conflict,
		"the state %s is damaged or belongs to another key (%s): restore the state and its key from a backup", f.path, why)
}

func openKey(path, keyPath string) (*File, error) {
	k, err := os.Open(keyPath)
	if err != nil {
		return nil, fmt.Errorf("opening the key of the state: %w", err)
	}
	f := &File{path: path, key: k}
	if err := f.useKey(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// useKey locks the key file and makes the cipher from it.
func (f *File) useKey() error {
	if err := syscall.Flock(int(f.key.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return sconce.Errorf(sconce.Conflict, "another program uses the key %s: stop it first", f.key.Name())
		}
		return fmt.Errorf("locking the key %s: %w", f.key.Name(), err)
	}
	info, err := f.key.Stat()
	if err != nil {
		return fmt.Errorf("reading the key of the state: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return sconce.Errorf(sconce.Conflict, "the key %s can be read by others (mode %#o): chmod 600 it", f.key.Name(), info.Mode().Perm())
	}
	text := make([]byte, 2*keySize+2)
	n, _ := f.key.Read(text) // a short or failed read leaves no valid key
	key, err := hex.DecodeString(strings.TrimSpace(string(text[:n])))
	if err != nil || len(key) != keySize {
		return sconce.Errorf(sconce.Conflict, "the key %s is damaged: expected %d hexadecimal digits; restore it from a backup", f.key.Name(), 2*keySize)
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("making the cipher of the state: %w", err)
	}
	f.aead, err = cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return fmt.Errorf("making the cipher of the state: %w", err)
	}
	return nil
}

func makeKey(path string) error {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	text := append([]byte(hex.EncodeToString(key)), '\n')
	if err := writeDurably(path, text); err != nil {
		return fmt.Errorf("making the key of the state: %w", err)
	}
	return nil
}

// writeDurably writes a file that only its owner may read, and waits until it is
// on the disk.
func writeDurably(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), syncDir(filepath.Dir(path)))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", path, err)
	}
	return true, nil
}
