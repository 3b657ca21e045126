package consent

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sconce"
)

// The limits of a folder of texts.
const (
	MaxFiles = 200
	MaxBytes = 128 << 10 // of a text
)

var fileName = regexp.MustCompile(`^(terms|privacy)-(\d{4}-\d{2}-\d{2})\.txt$`)

// Read returns the newest text of each kind in a folder: of terms-YYYY-MM-DD.txt and
// privacy-YYYY-MM-DD.txt, plain texts in UTF-8. The earlier ones may stay beside them. What
// is not a text of this form is an error that says what was expected.
func Read(folder fs.FS) ([]Text, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the folder of texts: %w", err)
	}
	if len(entries) > MaxFiles {
		return nil, sconce.Errorf(sconce.Invalid, "there are %d files; expected at most %d", len(entries), MaxFiles)
	}
	newest := map[Kind]Text{}
	for _, e := range entries { // by their names, so that the newest comes last
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			return nil, sconce.Errorf(sconce.Invalid, "%q: expected files that are called terms-2026-01-31.txt and privacy-2026-01-31.txt, by their days", e.Name())
		}
		t, err := readText(folder, e.Name(), Kind(m[1]), m[2])
		if err != nil {
			return nil, err
		}
		newest[t.Kind] = t
	}
	var all []Text
	for _, kind := range []Kind{Terms, Privacy} {
		if t, ok := newest[kind]; ok {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return nil, sconce.Errorf(sconce.Invalid, "there is no text; expected one that is called terms-2026-01-31.txt or privacy-2026-01-31.txt, by its day")
	}
	return all, nil
}

func readText(folder fs.FS, name string, kind Kind, version string) (Text, error) {
	if _, err := time.Parse(time.DateOnly, version); err != nil {
		return Text{}, sconce.Errorf(sconce.Invalid, "%q: there is no such day", name)
	}
	b, err := fs.ReadFile(folder, name)
	if err != nil {
		return Text{}, fmt.Errorf("reading a text: %w", err)
	}
	odd := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	if len(b) > MaxBytes || !utf8.Valid(b) || strings.TrimSpace(string(b)) == "" || strings.ContainsFunc(string(b), odd) {
		return Text{}, sconce.Errorf(sconce.Invalid, "%q: expected plain text in UTF-8, of at most %d KiB", name, MaxBytes>>10)
	}
	return Text{Name{kind, version, sha256.Sum256(b)}, string(b)}, nil
}
