-- +goose Up

ALTER TABLE accounts ADD COLUMN country TEXT NOT NULL DEFAULT ''; -- personal

-- What a link that was sent to somebody opens, once.
CREATE TABLE links (
  token_sha256 BLOB    PRIMARY KEY,
  kind         INTEGER NOT NULL,
  account_id   TEXT    NOT NULL, -- '' of a registration
  sealed       BLOB    NOT NULL, -- personal; of a registration, else empty
  expires_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX links_expires ON links (expires_ms);
CREATE INDEX links_account ON links (account_id);

-- Letters that wait to be sent, sealed (package mail).
CREATE TABLE letters (
  id      TEXT    PRIMARY KEY,
  sealed  BLOB    NOT NULL, -- personal
  made_ms INTEGER NOT NULL,
  tries   INTEGER NOT NULL,
  next_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX letters_next ON letters (next_ms);

-- +goose Down

DROP TABLE letters;
DROP TABLE links;
ALTER TABLE accounts DROP COLUMN country;
