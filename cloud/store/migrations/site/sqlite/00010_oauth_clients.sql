-- +goose Up

-- Apps that owners have registered, for their own projects (package oauth).
CREATE TABLE oauth_clients (
  project_id    TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id            TEXT    NOT NULL UNIQUE,
  secret_sha256 BLOB,             -- NULL of an app that cannot keep one
  sealed        BLOB    NOT NULL, -- its name, and where it is called back
  actions       TEXT    NOT NULL, -- the most that it may ask for
  account_id    TEXT    NOT NULL, -- who registered it
  made_ms       INTEGER NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE oauth_clients;
