-- +goose Up

-- What people let apps do (package oauth). Before its code was exchanged, a grant has no
-- family and no refresh token.
CREATE TABLE oauth_grants (
  id              TEXT    PRIMARY KEY,
  account_id      TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  project_id      TEXT    NOT NULL,
  client_id       TEXT    NOT NULL,
  actions         TEXT    NOT NULL, -- their names, with spaces between them
  code_sha256     BLOB    NOT NULL UNIQUE,
  challenge       BLOB    NOT NULL,
  redirect_sha256 BLOB    NOT NULL,
  family_sha256   BLOB    UNIQUE,
  refresh_sha256  BLOB,
  made_ms         INTEGER NOT NULL,
  used_ms         INTEGER NOT NULL, -- 0 for never
  expires_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_grants_account ON oauth_grants (account_id, made_ms);
CREATE INDEX oauth_grants_project ON oauth_grants (project_id, made_ms);
CREATE INDEX oauth_grants_client ON oauth_grants (client_id);
CREATE INDEX oauth_grants_expires ON oauth_grants (expires_ms);

-- NULL of a token that a person made.
ALTER TABLE api_tokens ADD COLUMN grant_id TEXT REFERENCES oauth_grants (id) ON DELETE CASCADE;

CREATE INDEX api_tokens_grant ON api_tokens (grant_id);
CREATE INDEX api_tokens_project ON api_tokens (project_id, made_ms);

-- +goose Down

DROP INDEX api_tokens_project;
DROP INDEX api_tokens_grant;
ALTER TABLE api_tokens DROP COLUMN grant_id;
DROP TABLE oauth_grants;
