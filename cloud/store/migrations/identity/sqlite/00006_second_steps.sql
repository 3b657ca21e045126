-- +goose Up

-- How a session was opened, and where.
ALTER TABLE sessions ADD COLUMN proof TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN sealed BLOB; -- personal: on which device and in which network; NULL before

-- The second step of signing in with a password: the key of an authenticator app.
CREATE TABLE second_steps (
  account_id TEXT    PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  sealed     BLOB    NOT NULL, -- secret
  since_ms   INTEGER NOT NULL,
  last_step  INTEGER NOT NULL  -- of the last code that was used
) STRICT, WITHOUT ROWID;

-- The recovery codes that were not used yet.
CREATE TABLE recovery_codes (
  account_id  TEXT NOT NULL REFERENCES second_steps (account_id) ON DELETE CASCADE,
  code_sha256 BLOB NOT NULL,
  PRIMARY KEY (account_id, code_sha256)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE recovery_codes;
DROP TABLE second_steps;
ALTER TABLE sessions DROP COLUMN sealed;
ALTER TABLE sessions DROP COLUMN proof;
