package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sconce"
)

// writers is the largest number of connections that write one database of
// PostgreSQL.
const writers = 4

// The defaults of the transactions of each pool.
var (
	writing = map[string]string{"default_transaction_isolation": "serializable"}
	reading = map[string]string{"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}
)

// connect implements engine. It refuses tables of another version, and a role for
// which the policies of the tables would not hold.
func (a Addresses) connect(ctx context.Context, name string) (p pools, err error) {
	address := a.of(name)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("opening database %s: %w", address, err), p.close())
		}
	}()
	if p.write, err = openPostgres(address, writers, writing); err != nil {
		return p, err
	}
	if p.read, err = openPostgres(address, readers, reading); err != nil {
		return p, err
	}
	p.passing, p.wipe = passing, wipeTables
	p.settle = func(context.Context, *sql.DB) error { return nil } // its own log is its server's
	if err = isCurrent(ctx, goose.DialectPostgres, p.read, name); err != nil {
		if sconce.KindOf(err) == sconce.Conflict {
			err = sconce.Errorf(sconce.Conflict, "%w; `sconce ctl store prepare` brings them up to date", err)
		}
		return p, err
	}
	return p, checkRole(ctx, p.read, name)
}

// wipeTables gives tables new files. What PostgreSQL's own log holds of them goes when
// it recycles its files.
func wipeTables(ctx context.Context, db *sql.DB, tables ...string) error {
	for _, t := range tables {
		if _, err := db.ExecContext(ctx, "TRUNCATE "+quoted(t)); err != nil {
			return err
		}
	}
	return nil
}

func openPostgres(a Address, connections int, settings map[string]string) (*sql.DB, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	maps.Copy(config.RuntimeParams, settings)
	db := sql.OpenDB(connector{stdlib.GetConnector(*config)})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// checkRole refuses a role that row-level security does not bind, and tables that
// it does not guard.
func checkRole(ctx context.Context, db *sql.DB, name string) error {
	var role string
	var free, owner, reaching bool
	err := db.QueryRowContext(ctx, `
		SELECT r.rolname, r.rolsuper OR r.rolbypassrls,
		  COALESCE(current_setting($1, true), '') || COALESCE(current_setting($2, true), '') <> '',
		  EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
		FROM pg_roles AS r WHERE r.rolname = current_user`, settingProject, settingAcross).Scan(&role, &free, &reaching, &owner)
	if err != nil {
		return fmt.Errorf("looking at the role: %w", err)
	}
	if free || owner {
		return sconce.Errorf(sconce.Invalid, "role %s owns the tables or is not bound by their policies; use a role without rights of its own, and give it its rights with `sconce ctl store prepare`", role)
	}
	if reaching {
		return sconce.Errorf(sconce.Invalid, "connections of role %s begin with the setting %s or %s, which opens what policies guard; reset it", role, settingProject, settingAcross)
	}
	if name != "site" {
		return nil
	}
	open, err := unguarded(ctx, db)
	if err == nil && len(open) > 0 {
		err = sconce.Errorf(sconce.Conflict, "the rows of %s are not guarded by policies; `sconce ctl store prepare` sets them", strings.Join(open, ", "))
	}
	return err
}

// hold takes a lock in each database. PostgreSQL lets go of it when the connection
// ends.
func (a Addresses) hold(ctx context.Context) (hold, error) {
	var all advisoryLocks
	for _, address := range []Address{a.Identity, a.Site, a.Journal} {
		c, err := takeAdvisoryLock(ctx, address)
		if err != nil {
			return nil, errors.Join(err, all.release())
		}
		all = append(all, advisoryLock{address, c})
	}
	return all, nil
}

// advisoryKey is the lock of a database of ours: "sconce" in ASCII.
const advisoryKey = 0x73636f6e6365

func takeAdvisoryLock(ctx context.Context, a Address) (*pgx.Conn, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("locking database %s: %w", a, err)
	}
	var taken bool
	if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(advisoryKey)).Scan(&taken); err != nil {
		return nil, errors.Join(fmt.Errorf("locking database %s: %w", a, err), c.Close(ctx))
	}
	if !taken {
		return nil, errors.Join(
			sconce.Errorf(sconce.Conflict, "the database %s is in use by another sconce; stop it or choose another database", a), c.Close(ctx))
	}
	return c, nil
}

type advisoryLock struct {
	address Address
	conn    *pgx.Conn
}

type advisoryLocks []advisoryLock

// watch implements hold: a connection that breaks has lost its lock, and somebody
// else may have it.
func (all advisoryLocks) watch(ctx context.Context) error {
	locks, inner := errgroup.WithContext(ctx)
	for _, l := range all {
		locks.Go(func() error {
			for {
				if _, err := l.conn.WaitForNotification(inner); err != nil { // nobody notifies
					return fmt.Errorf("the lock of database %s is lost: %w", l.address, err)
				}
			}
		})
	}
	if err := locks.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

func (all advisoryLocks) release() error {
	var errs []error
	for _, l := range all {
		ctx, cancel := context.WithTimeout(context.Background(), connectTime)
		if !l.conn.IsClosed() {
			// Left to the end of the connection, the lock outlasts it by the moment that the
			// server takes to notice.
			_, _ = l.conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(advisoryKey))
		}
		errs = append(errs, l.conn.Close(ctx))
		cancel()
	}
	return errors.Join(errs...)
}

// passing reports whether a transaction failed because of others at the same time:
// it could not be put in an order with them, or they waited for each other.
func passing(err error) bool {
	switch code(err) {
	case "40001", "40P01":
		return true
	}
	return false
}

// code returns the SQLSTATE of an error of PostgreSQL, or "".
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isAway reports whether err says that a server of PostgreSQL cannot be reached, or
// takes nobody in: it ends, starts or has too many connections.
func isAway(err error) bool {
	if connect := (*pgconn.ConnectError)(nil); errors.As(err, &connect) || errors.Is(err, driver.ErrBadConn) {
		return true
	}
	switch c := code(err); {
	case strings.HasPrefix(c, "08"), strings.HasPrefix(c, "57P"), c == "53300":
		return true
	}
	return false
}

// Away reports whether err says that databases cannot be had now and may be later, without
// anybody doing something about this program: their server cannot be reached, or takes nobody in.
func Away(err error) bool {
	c := code(err)
	return isAway(err) && !strings.HasPrefix(c, "28") && c != "3D000" // who we are, and the name of the database, are configured
}

// violatesUnique reports whether err is a broken UNIQUE or PRIMARY KEY constraint.
func violatesUnique(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY) ||
		code(err) == "23505"
}

// violatesReference reports whether err is a broken foreign key.
func violatesReference(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY || code(err) == "23503"
}
