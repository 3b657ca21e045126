-- +goose Up

-- People. The columns marked personal are the only ones of the product.

CREATE TABLE accounts (
  id            TEXT    PRIMARY KEY,
  email         TEXT    NOT NULL UNIQUE, -- personal
  name          TEXT    NOT NULL,        -- personal
  password_hash TEXT    NOT NULL,        -- secret: pbkdf2-sha256$iterations$salt$hash
  made_ms       INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
  token_sha256 BLOB    PRIMARY KEY,
  account_id   TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  made_ms      INTEGER NOT NULL,
  used_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_account ON sessions (account_id, made_ms);
CREATE INDEX sessions_made ON sessions (made_ms);
CREATE INDEX sessions_used ON sessions (used_ms);

-- +goose Down

DROP TABLE sessions;
DROP TABLE accounts;
