-- +goose Up

-- Who people are at OpenID providers, through which they can sign in.
CREATE TABLE provider_links (
  subject_hmac BLOB    PRIMARY KEY, -- finds the person: of issuer and subject
  account_id   TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  issuer       TEXT    NOT NULL, -- which provider
  sealed       BLOB    NOT NULL, -- personal: the subject, which is the person there
  made_ms      INTEGER NOT NULL,
  used_ms      INTEGER NOT NULL, -- 0: not yet
  UNIQUE (account_id, issuer)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE provider_links;
