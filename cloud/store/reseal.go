package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"sconce/cloud/identity"
	"sconce/cloud/vault"
)

// sealedColumn is a column that the vault seals. A value is bound to the table, the column
// and the last column of the key, in text, or in hexadecimal digits where it is bytes.
type sealedColumn struct {
	database, table, column string
	key                     []string
	// place is what a value is bound to when it is something else; nil when it is not.
	place func(key []byte) vault.Field
}

// sealedColumns are those whose values are sealed under the vault's keyset directly; the
// keys of persons are so as well, and sealed anew with what they seal.
var sealedColumns = []sealedColumn{
	{"identity", "links", "sealed", []string{"token_sha256"}, nil},
	{"identity", "letters", "sealed", []string{"id"}, nil},
	{"identity", "sessions", "sealed", []string{"token_sha256"}, sessionPlace},
	{"identity", "sign_ins", "sealed", []string{"id"}, nil},
	{"identity", "second_steps", "sealed", []string{"account_id"}, nil},
	{"identity", "passkeys", "sealed", []string{"credential_sha256"}, nil},
	{"identity", "provider_links", "sealed", []string{"subject_hmac"}, nil},
	{"identity", "invitees", "email", []string{"invitation_id"}, nil},
	{"identity", "api_tokens", "name_sealed", []string{"id"}, nil},
	{"identity", "requests_once", "answer_sealed", []string{"key_sha256"}, nil},
	{"site", "oauth_clients", "sealed", []string{"project_id", "id"}, nil},
	{"site", "positions", "install_code", []string{"project_id", "id"}, nil},
	{"site", "support_grants", "reason", []string{"project_id", "id"}, nil},
	{"site", "alert_notes", "note", []string{"project_id", "id"}, nil},
	{"site", "alert_hooks", "sealed", []string{"project_id", "id"}, nil},
}

// people is the column that decides under which key of the vault a person is.
var people = sealedColumn{"identity", "people", "sealed_key", []string{"account_id"}, nil}

// changer is a database, whatever its statements are.
type changer interface {
	change(ctx context.Context, fn func(*sql.Tx) error) error
	look(ctx context.Context, fn func(*sql.Tx) error) error
}

func (s *Store) changer(name string) changer {
	switch name {
	case "identity":
		return s.identity
	case "journal":
		return s.journal
	default:
		return s.site.db
	}
}

// Reseal implements [vault.Rows].
func (s *Store) Reseal(ctx context.Context, v *vault.Vault, limit int, did func(rows int) error) error {
	ctx = withReach(ctx, reach{every: true})
	for _, c := range append([]sealedColumn{people}, sealedColumns...) {
		if err := c.reseal(ctx, s.changer(c.database), v, limit, did); err != nil {
			return fmt.Errorf("sealing %s.%s anew: %w", c.table, c.column, err)
		}
	}
	return nil
}

// Former implements [vault.Rows].
func (s *Store) Former(ctx context.Context, v *vault.Vault) (map[string]int, error) {
	ctx = withReach(ctx, reach{every: true})
	left := map[string]int{}
	for _, c := range append([]sealedColumn{people}, sealedColumns...) {
		var n int
		err := s.changer(c.database).look(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+c.table+" WHERE "+c.former(1), v.Mark()).Scan(&n)
		})
		if err != nil {
			return nil, fmt.Errorf("counting rows of %s: %w", c.table, err)
		}
		if n > 0 {
			left[c.database+"."+c.table] = n
		}
	}
	return left, nil
}

// former is the condition that a value was sealed with another key than the one whose mark
// is parameter n. What holds nothing is not sealed.
func (c sealedColumn) former(n int) string {
	return c.column + " IS NOT NULL AND length(" + c.column + ") > 0 AND substr(" + c.column + ", 1, 5) <> " + parameter(n)
}

// reseal goes once through the rows that former keys sealed, each bite of them in one
// transaction. A row that cannot be opened is passed over.
func (c sealedColumn) reseal(ctx context.Context, db changer, v *vault.Vault, limit int, did func(rows int) error) error {
	var after []any
	for {
		var rows []sealedRow
		resealed := 0
		err := db.change(ctx, func(tx *sql.Tx) (err error) {
			resealed = 0
			if rows, err = c.read(ctx, tx, v, after, limit); err != nil {
				return err
			}
			for _, r := range rows {
				done, err := c.resealRow(ctx, tx, v, r)
				if err != nil {
					return err
				}
				resealed += done
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		after = rows[len(rows)-1].key
		if err := did(resealed); err != nil {
			return err
		}
	}
}

// sealedRow is a value with the key of its row.
type sealedRow struct {
	key   []any
	value []byte
}

// read returns rows that former keys sealed, in the order of their keys.
func (c sealedColumn) read(ctx context.Context, tx *sql.Tx, v *vault.Vault, after []any, limit int) ([]sealedRow, error) {
	keys := strings.Join(c.key, ", ")
	query := "SELECT " + keys + ", " + c.column + " FROM " + c.table + " WHERE " + c.former(1) //nolint:gosec // names of ours
	args := []any{v.Mark()}
	if after != nil {
		query += " AND (" + keys + ") > (" + parameters(2, len(after)) + ")"
		args = append(args, after...)
	}
	query += " ORDER BY " + keys + " LIMIT " + strconv.Itoa(limit)
	found, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []sealedRow
	for found.Next() {
		r := sealedRow{key: make([]any, len(c.key))}
		into := make([]any, 0, len(c.key)+1)
		for i := range r.key {
			into = append(into, &r.key[i])
		}
		if err := found.Scan(append(into, &r.value)...); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, found.Err()
}

// sessionPlace is the place of where a session was opened: the same value is in the history
// of signing in, under the session's name.
func sessionPlace(key []byte) vault.Field {
	var id identity.SessionID
	copy(id[:], key)
	return vault.Field{Table: "sign_ins", Column: "sealed", Row: identity.Session{ID: id}.Name()}
}

// at returns where a value is sealed for.
func (c sealedColumn) at(key []any) vault.Field {
	f := vault.Field{Table: c.table, Column: c.column}
	switch k := key[len(key)-1].(type) {
	case string:
		f.Row = k
	case []byte:
		if c.place != nil {
			return c.place(k)
		}
		f.Row = hex.EncodeToString(k)
	}
	return f
}

// resealRow seals a value anew, and returns how many it did: none when it cannot be opened.
func (c sealedColumn) resealRow(ctx context.Context, tx *sql.Tx, v *vault.Vault, r sealedRow) (int, error) {
	if c.table == people.table {
		return resealPerson(ctx, tx, v, r)
	}
	value, err := v.Open(r.value, c.at(r.key))
	if err != nil {
		return 0, nil //nolint:nilerr // it is counted as not done, and stays as it is
	}
	sealed, err := v.Seal(value, c.at(r.key))
	if err != nil {
		return 0, err
	}
	query := "UPDATE " + c.table + " SET " + c.column + " = ?1 WHERE (" + strings.Join(c.key, ", ") + ") = (" + parameters(2, len(c.key)) + ")" //nolint:gosec // names of ours
	_, err = tx.ExecContext(ctx, query, append([]any{sealed}, r.key...)...)
	return 1, err
}

// personal are the columns that the key of a person seals.
var personal = []string{"email", "name", "country", "phone", "address", "contact"}

// resealPerson gives a person a new key, and seals with it what is known of them.
func resealPerson(ctx context.Context, tx *sql.Tx, v *vault.Vault, r sealedRow) (int, error) {
	id := people.at(r.key).Row
	was, err := v.OpenPerson(r.value, personAt("sealed_key", id))
	if err != nil {
		return 0, nil //nolint:nilerr // it is counted as not done, and stays as it is
	}
	is, key, err := v.NewPerson(personAt("sealed_key", id))
	if err != nil {
		return 0, err
	}
	values := make([][]byte, len(personal))
	into := make([]any, len(personal))
	for i := range values {
		into[i] = &values[i]
	}
	if err := tx.QueryRowContext(ctx, "SELECT "+strings.Join(personal, ", ")+" FROM people WHERE account_id = ?1", id).Scan(into...); err != nil {
		return 0, err
	}
	set, args := "sealed_key = ?2", []any{id, key}
	for i, column := range personal {
		if values[i] == nil {
			continue
		}
		value, err := was.Open(values[i], personAt(column, id))
		if err != nil {
			return 0, nil //nolint:nilerr // as above
		}
		args = append(args, is.Seal(value, personAt(column, id)))
		set += ", " + column + " = " + parameter(len(args))
	}
	_, err = tx.ExecContext(ctx, "UPDATE people SET "+set+" WHERE account_id = ?1", args...) //nolint:gosec // names of ours
	return 1, err
}

func parameter(n int) string { return "?" + strconv.Itoa(n) }

// parameters returns count of them, from n on.
func parameters(n, count int) string {
	all := make([]string, count)
	for i := range all {
		all[i] = parameter(n + i)
	}
	return strings.Join(all, ", ")
}
