-- +goose Up

-- Requests that are done once, however often they are made (package once).
CREATE TABLE requests_once (
  key_sha256     BLOB    PRIMARY KEY, -- of the account and the key that it gave
  account_id     TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  content_sha256 BLOB    NOT NULL,
  status         INTEGER NOT NULL, -- of HTTP, 0 until it is answered
  answer_sealed  BLOB    NOT NULL,
  made_ms        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_once_account ON requests_once (account_id);
CREATE INDEX requests_once_made ON requests_once (made_ms);

-- +goose Down

DROP TABLE requests_once;
