-- +goose Up

-- The keyset that seals secret fields, itself sealed with the master key
-- (package vault).
CREATE TABLE vault (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  sealed_keyset BLOB    NOT NULL
) STRICT;

CREATE TABLE projects (
  id      TEXT    PRIMARY KEY,
  name    TEXT    NOT NULL,
  made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
  project_id TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  account_id TEXT    NOT NULL, -- opaque: people are in the identity database
  role       INTEGER NOT NULL CHECK (role BETWEEN 1 AND 4),
  PRIMARY KEY (project_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_account ON members (account_id, project_id);

CREATE TABLE networks (
  project_id TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id         TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  made_ms    INTEGER NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

-- Every device identity that the factory issued: the only devices that exist for
-- this cloud.
CREATE TABLE issued_identities (
  device             INTEGER PRIMARY KEY,  -- EUI-64, as the 64-bit two's complement
  kind               INTEGER NOT NULL,
  model              TEXT    NOT NULL,
  serial             TEXT    NOT NULL UNIQUE,
  certificate_sha256 BLOB    NOT NULL UNIQUE,
  claim_code_sha256  BLOB,                 -- of gateways
  issued_ms          INTEGER NOT NULL,
  revoked_ms         INTEGER               -- NULL while it is valid
) STRICT;

-- Grows with every change of issued_identities, in the transaction of the change.
CREATE TABLE registry_version (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL
) STRICT;

INSERT INTO registry_version (id, version) VALUES (1, 1);

-- Which network a gateway serves: one each.
CREATE TABLE gateway_claims (
  gateway    INTEGER PRIMARY KEY REFERENCES issued_identities (device),
  project_id TEXT    NOT NULL,
  network_id TEXT    NOT NULL,
  account_id TEXT    NOT NULL, -- who claimed it
  claimed_ms INTEGER NOT NULL,
  UNIQUE (project_id, network_id),
  FOREIGN KEY (project_id, network_id) REFERENCES networks (project_id, id) ON DELETE CASCADE
) STRICT;

-- +goose Down

DROP TABLE gateway_claims;
DROP TABLE registry_version;
DROP TABLE issued_identities;
DROP TABLE networks;
DROP TABLE members;
DROP TABLE projects;
DROP TABLE vault;
