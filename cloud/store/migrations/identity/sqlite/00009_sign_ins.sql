-- +goose Up

-- The history of signing in, for who did it: what was tried with an account, by what, from where.
CREATE TABLE sign_ins (
  id         TEXT    PRIMARY KEY,
  account_id TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  at_ms      INTEGER NOT NULL,
  proof      TEXT    NOT NULL, -- what was right, or of a refused one what was wrong
  refused    INTEGER NOT NULL, -- 1 or 0
  sealed     BLOB    NOT NULL  -- personal: on which device and in which network
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_ins_account ON sign_ins (account_id, refused, at_ms);
CREATE INDEX sign_ins_at ON sign_ins (at_ms);

-- +goose Down

DROP TABLE sign_ins;
