-- +goose Up

-- Passkeys (Web Authentication): what checks that whoever signs in has one.
CREATE TABLE passkeys (
  credential_sha256 BLOB    PRIMARY KEY,
  account_id        TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  sealed            BLOB    NOT NULL, -- personal: name, public key, kind of authenticator
  made_ms           INTEGER NOT NULL,
  used_ms           INTEGER NOT NULL, -- 0: not yet
  sign_count        INTEGER NOT NULL,
  suspect           INTEGER NOT NULL  -- 1 or 0
) STRICT, WITHOUT ROWID;

CREATE INDEX passkeys_account ON passkeys (account_id, made_ms);

-- +goose Down

DROP TABLE passkeys;
