package vault

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sconce"
)

type memory struct{ ring Keyring }

func (m *memory) Keyring(context.Context) (Keyring, error) { return m.ring, nil }

func (m *memory) ReplaceKeyring(_ context.Context, was, next Keyring) error {
	if !m.ring.Equal(was) {
		return sconce.Errorf(sconce.Conflict, "there is another one")
	}
	m.ring = next
	return nil
}

func newVault(t *testing.T) (v *Vault, path string, store *memory) {
	t.Helper()
	path, store = filepath.Join(t.TempDir(), "master.key"), &memory{}
	if err := CreateMasterKey(t.Context(), path, store); err != nil {
		t.Fatal(err)
	}
	v, err := Open(t.Context(), path, store)
	if err != nil {
		t.Fatal(err)
	}
	return v, path, store
}

var codes = Field{Table: "devices", Column: "install_code", Row: "00124b0001020304"}

func TestSealedOpensOnlyInItsPlace(t *testing.T) {
	v, _, _ := newVault(t)
	sealed, err := v.Seal([]byte("secret"), codes)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("secret")) {
		t.Fatal("the sealed value shows the secret")
	}
	if got, err := v.Open(sealed, codes); err != nil || string(got) != "secret" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	places := map[string]Field{
		"another row":      {codes.Table, codes.Column, "00124b0001020305"},
		"another column":   {codes.Table, "name", codes.Row},
		"another table":    {"gateways", codes.Column, codes.Row},
		"shifted boundary": {codes.Table + codes.Column[:1], codes.Column[1:], codes.Row},
	}
	for name, at := range places {
		if _, err := v.Open(sealed, at); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := v.Open(bad, codes); err == nil {
			t.Errorf("opened with byte %d altered", i)
		}
	}
	if _, err := v.Open(sealed[:3], codes); err == nil {
		t.Error("opened a stump")
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	v, _, _ := newVault(t)
	a, _ := v.Seal([]byte("secret"), codes)
	b, _ := v.Seal([]byte("secret"), codes)
	if bytes.Equal(a, b) {
		t.Fatal("the same value sealed twice is the same: nonces repeat")
	}
}

func TestReopenedVaultOpensOldData(t *testing.T) {
	v, path, store := newVault(t)
	sealed, _ := v.Seal([]byte("secret"), codes)
	again, err := Open(t.Context(), path, store)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed, codes); err != nil || string(got) != "secret" {
		t.Fatalf("Open = %q, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	_, foreign, _ := newVault(t)
	_, path, store := newVault(t)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		store      Keysets
		want       string
	}{
		{"missing, data sealed", filepath.Join(dir, "none"), store, "restore the file from its backup"},
		{"missing, no data yet", filepath.Join(dir, "none"), &memory{}, "make one with sconce ctl master-key create"},
		{"of another store", foreign, store, "not the one that sealed this database"},
		{"readable by others", write("open", string(good), 0o640), store, "chmod 600"},
		{"not a key", write("junk", "hello", 0o600), store, "not a master key file"},
		{"empty", write("empty", "", 0o600), store, "not a master key file"},
		{"truncated", write("short", string(good[:len(good)/2]), 0o600), store, "not a master key file"},
		{"damaged keyset", path, &memory{Keyring{Data: []byte("junk"), Index: []byte("junk")}}, "not the one that sealed this database"},
	}
	for _, tt := range tests {
		_, err := Open(t.Context(), tt.path, tt.store)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hello") {
			t.Errorf("%s: the error quotes the file: %v", tt.name, err)
		}
	}
}

func TestCreateMasterKeyNeverReplaces(t *testing.T) {
	_, path, store := newVault(t)
	before, _ := os.ReadFile(path)
	if err := CreateMasterKey(t.Context(), path, &memory{}); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("over an existing file: %v", err)
	}
	other := filepath.Join(t.TempDir(), "master.key")
	if err := CreateMasterKey(t.Context(), other, store); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("for a store with sealed data: %v", err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("wrote a master key although sealed data exists")
	}
	after, _ := os.ReadFile(path)
	if !bytes.Equal(before, after) {
		t.Error("the existing file changed")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// quicker is a store in which another process stores its keyset first.
type quicker struct {
	memory
	first Keyring
}

func (q *quicker) ReplaceKeyring(context.Context, Keyring, Keyring) error {
	q.ring = q.first
	return sconce.Errorf(sconce.Conflict, "there is one")
}

func TestTwoProcessesShareTheFirstKeyset(t *testing.T) {
	v, path, store := newVault(t)
	sealed, _ := v.Seal([]byte("secret"), codes)
	other, err := Open(t.Context(), path, &quicker{first: store.ring})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed, codes); err != nil {
		t.Fatal("the second process does not use the keyset of the first")
	}
}
