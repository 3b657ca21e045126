-- +goose Up

-- With what programs act for people (package access).
CREATE TABLE api_tokens (
  id           TEXT    PRIMARY KEY,
  token_sha256 BLOB    NOT NULL UNIQUE,
  account_id   TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  project_id   TEXT    NOT NULL,
  actions      TEXT    NOT NULL, -- their names, with spaces between them
  shown        TEXT    NOT NULL, -- the beginning of its text
  name_sealed  BLOB    NOT NULL,
  made_ms      INTEGER NOT NULL,
  expires_ms   INTEGER NOT NULL,
  used_ms      INTEGER NOT NULL  -- 0 for never
) STRICT, WITHOUT ROWID;

CREATE INDEX api_tokens_account ON api_tokens (account_id, made_ms);
CREATE INDEX api_tokens_expires ON api_tokens (expires_ms);

-- +goose Down

DROP TABLE api_tokens;
