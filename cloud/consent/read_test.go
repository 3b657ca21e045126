package consent_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"testing/fstest"

	"sconce"
	"sconce/cloud/consent"
)

func folder(files ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		all[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return all
}

// TestRead takes the newest text of each kind.
func TestRead(t *testing.T) {
	all, err := consent.Read(folder(
		"privacy-2025-12-31.txt", "What we know", "terms-2026-01-02.txt", "New terms\n", "terms-2026-01-01.txt", "Old terms", "terms-2025-12-31.txt", "Oldest",
	))
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	want := consent.Text{Name: consent.Name{Kind: consent.Terms, Version: "2026-01-02", Digest: sha256.Sum256([]byte("New terms\n"))}, Body: "New terms\n"}
	if all[0] != want || all[1].Kind != consent.Privacy {
		t.Errorf("%+v", all)
	}
}

// TestReadRefuses what is no folder of texts: an operator who believes that people are asked
// has to know that they are not.
func TestReadRefuses(t *testing.T) {
	for name, f := range map[string]fstest.MapFS{
		"nothing":       folder(),
		"another name":  folder("terms.txt", "x"),
		"another kind":  folder("imprint-2026-01-01.txt", "x"),
		"another form":  folder("terms-2026-01-01.md", "x"),
		"no day":        folder("terms-2026-02-30.txt", "x"),
		"empty":         folder("terms-2026-01-01.txt", " \n"),
		"no text":       folder("terms-2026-01-01.txt", "a\x00b"),
		"no UTF-8":      folder("terms-2026-01-01.txt", "a\xff"),
		"too large":     folder("terms-2026-01-01.txt", strings.Repeat("x", consent.MaxBytes+1)),
		"a folder":      folder("terms-2026-01-01.txt/terms-2026-01-01.txt", "x"),
		"a stray file":  folder("terms-2026-01-01.txt", "x", "notes", "x"),
		"too many days": folder(many()...),
	} {
		if all, err := consent.Read(f); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%s: %+v, %v", name, all, err)
		}
	}
}

func many() (files []string) {
	for i := range consent.MaxFiles + 1 {
		files = append(files, "terms-2026-01-01.txt"+strings.Repeat("x", i), "x")
	}
	return files
}
