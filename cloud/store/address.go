package store

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"sconce"
)

// Addresses say where the three databases are on PostgreSQL. They may be on one
// server or on three, under one role or three.
type Addresses struct {
	Identity, Site, Journal Address
}

func (a Addresses) of(name string) Address {
	switch name {
	case "identity":
		return a.Identity
	case "site":
		return a.Site
	default:
		return a.Journal
	}
}

// Address is the URL of a database on PostgreSQL, with the role that works on it.
// It can hold a password, so it prints without.
type Address struct {
	url *url.URL
}

const addressForm = "expected a URL such as postgres://sconce@db.example.org/sconce_site?sslmode=verify-full"

// ParseAddress reads a URL of the form postgres://role:password@host:port/database
// with the parameters of libpq. The password can also be in ~/.pgpass. A server
// that is not on this machine has to prove who it is (sslmode=verify-full). The
// error does not repeat the URL.
func ParseAddress(s string) (Address, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return Address{}, sconce.Errorf(sconce.Invalid, "this is not the URL of a database; %s", addressForm)
	}
	if u.User.Username() == "" || strings.Trim(u.Path, "/") == "" {
		return Address{}, sconce.Errorf(sconce.Invalid, "the URL has to name the role and the database; %s", addressForm)
	}
	a := Address{u}
	config, err := a.config()
	if err != nil {
		return Address{}, sconce.Errorf(sconce.Invalid, "the URL cannot be used; %s", addressForm)
	}
	if !isPrivate(config.Host, config.TLSConfig) {
		return Address{}, errUnverified(config.Host)
	}
	for _, f := range config.Fallbacks {
		if !isPrivate(f.Host, f.TLSConfig) {
			return Address{}, errUnverified(f.Host)
		}
	}
	return a, nil
}

func errUnverified(host string) error {
	return sconce.Errorf(sconce.Invalid, "%s is another machine, which has to prove who it is: add sslmode=verify-full to the URL, and sslrootcert=FILE if its certificate is from an authority of your own", host)
}

// isPrivate reports whether nobody else can read or answer what is said to a host.
func isPrivate(host string, t *tls.Config) bool {
	if strings.HasPrefix(host, "/") || host == "localhost" { // a socket, or this machine
		return true
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	return t != nil && !t.InsecureSkipVerify
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAddress(string(text))
	return err
}

// IsZero reports whether no address was given.
func (a Address) IsZero() bool { return a.url == nil }

// String returns the URL without password and parameters.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	u := url.URL{Scheme: "postgres", User: url.User(a.url.User.Username()), Host: a.url.Host, Path: a.url.Path}
	return u.String()
}

// GoString returns the same as String.
func (a Address) GoString() string { return a.String() }

// LogValue implements [slog.LogValuer].
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// as returns the same database under another role, whose password is not in the
// URL.
func (a Address) as(role string) Address {
	u := *a.url
	u.User = url.User(role)
	return Address{&u}
}

// database returns the name of the database.
func (a Address) database() string { return strings.Trim(a.url.Path, "/") }

// How soon it shows that a connection is dead, and how long making one may take.
const (
	connectTime = 10 * time.Second
	aliveEvery  = 5 * time.Second
	aliveMisses = 3
)

// config returns how to connect, with the settings that all connections share.
func (a Address) config() (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(a.url.String())
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTime {
		config.ConnectTimeout = connectTime
	}
	alive := net.KeepAliveConfig{Enable: true, Idle: aliveEvery, Interval: aliveEvery, Count: aliveMisses}
	config.DialFunc = (&net.Dialer{KeepAliveConfig: alive}).DialContext
	seconds := fmt.Sprint(int(aliveEvery.Seconds()))
	for name, value := range map[string]string{
		"application_name":        "sconce",
		"search_path":             "public",
		"synchronous_commit":      "on", // what has been committed survives a loss of power
		"lock_timeout":            fmt.Sprint(busyTimeout.Milliseconds()),
		"tcp_keepalives_idle":     seconds, // the server, too, lets go of who is gone
		"tcp_keepalives_interval": seconds,
		"tcp_keepalives_count":    fmt.Sprint(aliveMisses),
	} {
		config.RuntimeParams[name] = value
	}
	return config, nil
}
