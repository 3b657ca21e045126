package vault

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

var (
	keyOfAda  = Field{Table: "people", Column: "sealed_key", Row: "ada"}
	nameOfAda = Field{Table: "people", Column: "name", Row: "ada"}
)

func TestPersonOpensOnlyTheirOwn(t *testing.T) {
	v, _, _ := newVault(t)
	ada, sealedKey, err := v.NewPerson(keyOfAda)
	if err != nil {
		t.Fatal(err)
	}
	bob, _, err := v.NewPerson(Field{Table: "people", Column: "sealed_key", Row: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	sealed := ada.Seal([]byte("Ada"), nameOfAda)
	if bytes.Contains(sealed, []byte("Ada")) || bytes.Equal(sealed, ada.Seal([]byte("Ada"), nameOfAda)) {
		t.Error("the name shows, or is sealed the same way twice")
	}
	again, err := v.OpenPerson(sealedKey, keyOfAda)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed, nameOfAda); err != nil || string(got) != "Ada" {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := bob.Open(sealed, nameOfAda); err == nil {
		t.Error("another person's key opens it")
	}
	for _, at := range []Field{{"people", "email", "ada"}, {"people", "name", "bob"}, {"accounts", "name", "ada"}} {
		if _, err := ada.Open(sealed, at); err == nil {
			t.Errorf("it opens at %+v", at)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := ada.Open(bad, nameOfAda); err == nil {
			t.Errorf("opened with byte %d altered", i)
		}
	}
	for _, stump := range [][]byte{nil, {personFormat}, sealed[:12]} {
		if _, err := ada.Open(stump, nameOfAda); err == nil {
			t.Errorf("opened a stump of %d bytes", len(stump))
		}
	}
	if _, err := v.OpenPerson(sealedKey, nameOfAda); err == nil {
		t.Error("a key opens in another place")
	}
	name, err := v.Seal([]byte("Ada"), keyOfAda)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.OpenPerson(name, keyOfAda); err == nil {
		t.Error("something else is taken for a key")
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "person", ada)
	if s := fmt.Sprintf("%v %+v %#v", ada, ada, ada) + log.String(); strings.Count(s, "[redacted]") != 4 {
		t.Errorf("a person prints as %s", s)
	}
}

func TestDigest(t *testing.T) {
	v, path, store := newVault(t)
	d := v.Digest("ada@example.org", "people", "email")
	if !bytes.Equal(d, v.Digest("ada@example.org", "people", "email")) || len(d) != 32 {
		t.Error("the digest of the same value is not the same")
	}
	again, err := Open(t.Context(), path, store)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d, again.Digest("ada@example.org", "people", "email")) {
		t.Error("it is another one after a restart")
	}
	other, _, _ := newVault(t)
	for name, o := range map[string][]byte{
		"another value": v.Digest("bob@example.org", "people", "email"), "another column": v.Digest("ada@example.org", "people", "name"),
		"another vault": other.Digest("ada@example.org", "people", "email"),
	} {
		if bytes.Equal(d, o) {
			t.Errorf("%s has the same digest", name)
		}
	}
}

// TestEarlierKeyring: a store of a version without digests gets their key, and what it had
// sealed still opens; with a foreign master key it gets nothing.
func TestEarlierKeyring(t *testing.T) {
	v, path, store := newVault(t)
	sealed, _ := v.Seal([]byte("secret"), codes)
	store.ring.Index = nil
	_, foreign, _ := newVault(t)
	if _, err := Open(t.Context(), foreign, store); err == nil || store.ring.Index != nil {
		t.Errorf("with a foreign key: %v", err)
	}
	again, err := Open(t.Context(), path, store)
	if err != nil || store.ring.Index == nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed, codes); err != nil || string(got) != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
}
