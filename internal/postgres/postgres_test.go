package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"sconce/internal/postgres"
)

func TestServer(t *testing.T) {
	s, err := postgres.Get()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), postgres.Superuser, "CREATE ROLE somebody LOGIN", "CREATE DATABASE something OWNER somebody"); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), s.URL("somebody", "something"))
	if err != nil {
		t.Fatal(err)
	}
	var sorted []string
	if err := c.QueryRow(t.Context(), "SELECT array_agg(w ORDER BY w) FROM unnest(ARRAY['b', 'B', 'a']) AS w").Scan(&sorted); err != nil {
		t.Fatal(err)
	}
	if sorted[2] != "B" {
		t.Errorf("words in the order %q; expected that of a language, not of bytes", sorted)
	}
	var listens string
	if err := c.QueryRow(t.Context(), "SHOW listen_addresses").Scan(&listens); err != nil || listens != "" {
		t.Errorf("it listens on %q, %v; expected nothing but its socket", listens, err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	again, err := postgres.Get()
	if err != nil || again != s {
		t.Errorf("a second call: %v, %v; expected the same server", again, err)
	}
}
