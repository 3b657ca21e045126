// Package postgres runs a PostgreSQL server of its own for the tests of a
// process: in a temporary folder, on a Unix socket there and nowhere else.
//
// The programs have to be installed (Debian's package postgresql, version 15 or
// later). The server ends, and its folder goes, when the process ends, however it
// does. That of [Get] gives up what makes data survive a loss of power, so it is for tests
// only; measurements are to use a server that somebody runs in earnest. One of [StartDurable]
// gives up nothing, and can be stopped, killed and held up, which is what it is for.
package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Superuser is the role that may do everything on the server.
const Superuser = "postgres"

// oldest is the first version that Sconce works with.
const oldest = 15

// Server is a running server.
type Server struct {
	dir   string
	alive io.WriteCloser // the server ends when this is closed, by the process or its end; a line starts it again
	said  *bufio.Reader
	ended func() error
}

// fast are the settings of a server that need not survive anything.
const fast = "-c fsync=off -c full_page_writes=off"

// Get returns the server of this process, which the first call starts. The error
// says what to install where there is no PostgreSQL.
var Get = sync.OnceValues(func() (*Server, error) { return start(fast) })

// StartDurable starts a server of the caller's own that keeps what it committed, as one that
// somebody runs in earnest.
func StartDurable() (*Server, error) { return start("") }

// Close ends the server and removes its folder.
func (s *Server) Close() error { return errors.Join(s.alive.Close(), s.ended()) }

// URL returns where a role reaches a database of the server, without a password.
func (s *Server) URL(role, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: url.Values{"host": {s.dir}}.Encode()}
	return u.String()
}

// Run runs statements one after the other on a database as the superuser, whose
// own database is always there.
func (s *Server) Run(ctx context.Context, database string, statements ...string) error {
	c, err := pgx.Connect(ctx, s.URL(Superuser, database))
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := c.Exec(ctx, statement); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", statement, err), c.Close(ctx))
		}
	}
	return c.Close(ctx)
}

// script runs the server in folder $2 with the programs of folder $1 and the settings $3
// until its standard input ends; each line of it starts the server again. The collation of a language, which is not the order of
// bytes, shows what relies on the order that a database happens to have.
const script = `
set -eu
bin=$1 dir=$2 settings=$3
trap 'rm -rf "$dir"' EXIT
"$bin/initdb" -D "$dir/data" -U ` + Superuser + ` --auth=trust --encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en --no-sync >"$dir/log" 2>&1 ||
  { cat "$dir/log"; exit 1; }
"$bin/pg_ctl" start -w -t 60 -D "$dir/data" -l "$dir/log" -o "-k '$dir' -c listen_addresses= -c max_connections=300 $settings" >/dev/null 2>&1 ||
  { cat "$dir/log"; exit 1; }
echo ready
while read -r _; do
  if "$bin/pg_ctl" start -w -t 60 -D "$dir/data" -l "$dir/log" -o "-k '$dir' -c listen_addresses= -c max_connections=300 $settings" >/dev/null 2>&1; then
    echo ready
  else
    echo failed
  fi
done
"$bin/pg_ctl" stop -m immediate -t 20 -D "$dir/data" >/dev/null 2>&1
`

func start(settings string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sconce-postgres-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", script, "sh", bin, dir, settings) //nolint:gosec,noctx // a test runs its own peer, for as long as the process lives
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is for the tests
	if err := giveToOther(cmd, dir); err != nil {
		return nil, err
	}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	said := bufio.NewReader(out)
	if line, _ := said.ReadString('\n'); line != "ready\n" { // what went wrong is in what it says
		rest, _ := io.ReadAll(said)
		return nil, fmt.Errorf("PostgreSQL did not start (%w): %s%s", cmd.Wait(), line, rest)
	}
	return &Server{dir, alive, said, cmd.Wait}, nil
}

// programs returns the folder of the newest PostgreSQL of the machine.
func programs() (string, error) {
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's place
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, err := strconv.Atoi(strings.Split(path, "/")[4])
		if err != nil {
			return 0
		}
		return n
	}
	all = slices.DeleteFunc(all, func(path string) bool { return version(path) < oldest })
	if len(all) > 0 {
		return filepath.Dir(slices.MaxFunc(all, func(a, b string) int { return version(a) - version(b) })), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL %d or later is missing: install the package postgresql (Debian: apt-get install postgresql)", oldest)
	}
	return filepath.Dir(path), nil
}

// giveToOther lets somebody without rights run the command when root runs the
// tests, whom PostgreSQL refuses.
func giveToOther(cmd *exec.Cmd, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	other, err := user.Lookup("postgres")
	if err != nil {
		if other, err = user.Lookup("nobody"); err != nil {
			return fmt.Errorf("PostgreSQL does not run as root, and there is nobody else: %w", err)
		}
	}
	uid, err := strconv.ParseUint(other.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(other.Gid, 10, 32)
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(dir, int(uid), int(gid))
}
