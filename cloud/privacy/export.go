package privacy

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
)

// Source is one part of what is known of a person.
type Source struct {
	File   string   // its name in the copy, without .json
	About  string   // what it is, for the one who reads it
	Tables []string // database.table of the inventory that it covers
	// Read returns the part, to be written as JSON.
	Read func(ctx context.Context, who Person) (any, error)
}

// Export returns a ZIP file with all that is known of somebody who proves who they are: a
// JSON file from each source, and a text that explains them. It is recorded in the security
// log, and limited to a few a day: a [sconce.TooMany].
func (s *Service) Export(ctx context.Context, who Person, p identity.Password, from identity.Client) ([]byte, error) {
	if err := s.People.Prove(ctx, who.Session, who.Account, p, from); err != nil {
		return nil, err
	}
	now := s.Now()
	if !s.exports.Take(now, string(who.Account.ID)) {
		return nil, sconce.LaterErrorf(sconce.TooMany, exportsWindow, "you took %d copies in the last day: try again tomorrow", exportsPerAccount)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	write := func(name string, text []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: now})
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		return nil
	}
	if err := write("README.txt", s.readme(now)); err != nil {
		return nil, err
	}
	for _, source := range s.Sources {
		part, err := source.Read(ctx, who)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", source.File, err)
		}
		text, err := json.MarshalIndent(part, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", source.File, err)
		}
		if err := write(source.File+".json", append(text, '\n')); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("writing a copy: %w", err)
	}
	if err := s.Log.Append(ctx, audit.People, who.event(now, audit.AccountExported)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (s *Service) readme(now time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "What this service knows of you, as of %s.\n\nEach file is JSON in UTF-8. Times are UTC.\n\n", now.UTC().Format("2 January 2006, 15:04 UTC"))
	for _, source := range s.Sources {
		fmt.Fprintf(&b, "%s.json\n    %s\n", source.File, source.About)
	}
	b.WriteString(`
Not in here is what would let somebody act as you: your password, tokens, codes and keys are kept as digests
or sealed, and nobody reads them. Letters to you are kept until they are sent, a day at most. What lights and
sensors measured belongs to a project: its owners can export it.
`)
	return []byte(b.String())
}
