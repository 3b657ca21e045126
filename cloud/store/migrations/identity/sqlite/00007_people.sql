-- +goose Up

-- What is known of a person, each value sealed under a key that is theirs alone (package
-- vault): without the key, nobody reads it again.
CREATE TABLE people (
  account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  sealed_key BLOB NOT NULL,        -- secret
  email_hmac BLOB NOT NULL UNIQUE, -- finds the address
  email      BLOB NOT NULL,        -- personal
  name       BLOB NOT NULL,        -- personal
  country    BLOB NOT NULL         -- personal; of '' when not known
) STRICT, WITHOUT ROWID;

-- Whom invitations were sent to.
CREATE TABLE invitees (
  invitation_id TEXT PRIMARY KEY,
  email_hmac    BLOB NOT NULL, -- finds the address
  email         BLOB NOT NULL  -- personal
) STRICT, WITHOUT ROWID;

CREATE INDEX invitees_email ON invitees (email_hmac);

-- There is a row while profiles and invited, in which an earlier version kept the same in
-- clear, or free pages of the file, may hold something: until the first start with the
-- master key.
CREATE TABLE unsealed (
  id INTEGER PRIMARY KEY CHECK (id = 1)
) STRICT;

INSERT INTO unsealed (id) VALUES (1);

-- +goose Down

DROP TABLE unsealed;
DROP TABLE invitees;
DROP TABLE people;
