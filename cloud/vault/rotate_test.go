package vault

import (
	"bytes"
	"testing"
	"time"

	"sconce"
)

var day0 = time.Unix(1_700_000_000, 0).UTC()

// TestRotate goes through a change of the key as the cloud and a tool beside it do.
func TestRotate(t *testing.T) {
	ctx := t.Context()
	cloud, path, store := newVault(t)
	old, _ := cloud.Seal([]byte("old"), codes)
	opens := func(v *Vault, sealed []byte, want string) {
		t.Helper()
		if got, err := v.Open(sealed, codes); err != nil || string(got) != want {
			t.Errorf("opened %q, %v; want %q", got, err, want)
		}
	}
	was := cloud.Mark()
	added, err := Rotate(ctx, path, store, day0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(ctx, path, store, day0); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("another one at once: %v", err)
	}
	tool, err := Open(ctx, path, store)
	if err != nil {
		t.Fatal(err)
	}
	between, _ := tool.Seal([]byte("between"), codes)
	opens(cloud, between, "between") // before it has loaded the new key
	if err := cloud.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if all := cloud.Keys(); len(all) != 2 || all[0].State != Sealing || all[1] != added {
		t.Errorf("keys %v", all)
	}
	if err := cloud.Advance(ctx, day0.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if all := cloud.Keys(); len(all) != 2 || all[0].State != Former || all[1].State != Sealing || all[1].ID != added.ID {
		t.Errorf("keys %v", all)
	}
	if !cloud.Rotated().Equal(day0.Add(time.Second)) || !store.ring.Rotated.Equal(cloud.Rotated()) {
		t.Errorf("changed at %v", cloud.Rotated())
	}
	fresh, _ := cloud.Seal([]byte("new"), codes)
	if !bytes.HasPrefix(fresh, cloud.Mark()) || !bytes.HasPrefix(old, was) || bytes.HasPrefix(old, cloud.Mark()) {
		t.Errorf("what is sealed begins with %x and began with %x", fresh[:5], old[:5])
	}
	opens(cloud, old, "old")
	late, _ := tool.Seal([]byte("late"), codes) // with the key that it has
	opens(cloud, late, "late")
	later, err := Open(ctx, path, store)
	if err != nil {
		t.Fatal(err)
	}
	opens(later, fresh, "new")
	digest := cloud.Digest("x", "t", "c")
	if err := cloud.Retire(ctx, day0.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if all := cloud.Keys(); len(all) != 1 || all[0].ID != added.ID {
		t.Errorf("keys %v", all)
	}
	opens(cloud, fresh, "new")
	if _, err := cloud.Open(old, codes); err == nil {
		t.Error("a key that was removed opens")
	}
	if !bytes.Equal(digest, cloud.Digest("x", "t", "c")) {
		t.Error("digests changed with the key")
	}
	if _, err := Rotate(ctx, path, store, day0); err != nil {
		t.Errorf("the next change: %v", err)
	}
}

// TestRotateTogether: of two processes one changes the keys, and neither loses any.
func TestRotateTogether(t *testing.T) {
	ctx := t.Context()
	cloud, path, store := newVault(t)
	other, err := Open(ctx, path, store)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(ctx, path, store, day0); err != nil {
		t.Fatal(err)
	}
	if err := other.Retire(ctx, day0); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("with keys of before: %v", err)
	}
	if err := cloud.Refresh(ctx); err != nil || len(cloud.Keys()) != 2 {
		t.Errorf("keys %v, %v", cloud.Keys(), err)
	}
}
