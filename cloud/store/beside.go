package store

import (
	"context"

	"sconce"
)

// OpenBeside opens the databases in a folder for a tool of its operator, whether
// the cloud is running or not. Beside a running one the journal is left alone,
// which has one writer, and tables are not brought up to date, which would be
// done under its feet: a tool of another version is refused.
func OpenBeside(ctx context.Context, dir string) (*Store, error) {
	return openBeside(ctx, folder{dir: dir}, folder{dir: dir, beside: true})
}

// OpenPostgresBeside is [OpenBeside] for databases of PostgreSQL.
func OpenPostgresBeside(ctx context.Context, a Addresses) (*Store, error) {
	return openBeside(ctx, a, a)
}

func openBeside(ctx context.Context, alone, beside engine) (*Store, error) {
	s, err := openHeld(ctx, alone)
	if sconce.KindOf(err) != sconce.Conflict {
		return s, err
	}
	return opened(ctx, beside, (*Store).openIdentity, (*Store).openSite)
}
