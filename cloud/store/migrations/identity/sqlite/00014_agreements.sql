-- +goose Up

-- Which texts of the operator's people agreed to.
CREATE TABLE agreements (
  account_id  TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind        TEXT    NOT NULL,
  version     TEXT    NOT NULL, -- the day that the text is of
  text_sha256 BLOB    NOT NULL,
  at_ms       INTEGER NOT NULL,
  PRIMARY KEY (account_id, kind, version, text_sha256)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE agreements;
