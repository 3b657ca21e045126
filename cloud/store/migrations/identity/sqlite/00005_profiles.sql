-- +goose Up

-- What is personal of an account gets a table of its own: it can be sealed there, and
-- forgotten, apart from what others refer to.
CREATE TABLE profiles (
  account_id TEXT PRIMARY KEY,
  email      TEXT NOT NULL UNIQUE, -- personal
  name       TEXT NOT NULL,        -- personal
  country    TEXT NOT NULL         -- personal
) STRICT, WITHOUT ROWID;

INSERT INTO profiles (account_id, email, name, country)
SELECT id, email, name, country FROM accounts;

CREATE TABLE accounts_next (
  id            TEXT    PRIMARY KEY,
  password_hash TEXT    NOT NULL, -- secret: pbkdf2-sha256$iterations$salt$hash
  made_ms       INTEGER NOT NULL
) STRICT;

INSERT INTO accounts_next (id, password_hash, made_ms)
SELECT id, password_hash, made_ms FROM accounts;

CREATE TABLE sessions_next (
  token_sha256 BLOB    PRIMARY KEY,
  account_id   TEXT    NOT NULL REFERENCES accounts_next (id) ON DELETE CASCADE,
  made_ms      INTEGER NOT NULL,
  used_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO sessions_next (token_sha256, account_id, made_ms, used_ms)
SELECT token_sha256, account_id, made_ms, used_ms FROM sessions;

DROP TABLE sessions;
DROP TABLE accounts;
ALTER TABLE accounts_next RENAME TO accounts;
ALTER TABLE sessions_next RENAME TO sessions;

CREATE INDEX sessions_account ON sessions (account_id, made_ms);
CREATE INDEX sessions_made ON sessions (made_ms);
CREATE INDEX sessions_used ON sessions (used_ms);
