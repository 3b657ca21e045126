-- +goose Up

-- What people configure: places, the devices in them, groups, commands.

CREATE TABLE positions (
  project_id   TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  network_id   TEXT    NOT NULL,
  name         TEXT    NOT NULL,
  device       INTEGER NOT NULL UNIQUE, -- a device hangs in one place
  kind         INTEGER NOT NULL,
  install_code BLOB    NOT NULL,        -- sealed by package vault
  made_ms      INTEGER NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, network_id) REFERENCES networks (project_id, id)
) STRICT;

CREATE INDEX positions_network ON positions (project_id, network_id);

CREATE TABLE groups (
  project_id TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  network_id TEXT    NOT NULL,
  number     INTEGER NOT NULL CHECK (number BETWEEN 1 AND 255), -- on the air
  name       TEXT    NOT NULL,
  made_ms    INTEGER NOT NULL,
  PRIMARY KEY (project_id, id),
  UNIQUE (project_id, network_id, number),
  FOREIGN KEY (project_id, network_id) REFERENCES networks (project_id, id)
) STRICT;

CREATE TABLE group_members (
  project_id  TEXT NOT NULL,
  group_id    TEXT NOT NULL,
  position_id TEXT NOT NULL,
  PRIMARY KEY (project_id, group_id, position_id),
  FOREIGN KEY (project_id, group_id) REFERENCES groups (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, position_id) REFERENCES positions (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX group_members_position ON group_members (project_id, position_id);

-- The version of the desired state of a network: grows by one with every change,
-- in the transaction of the change.
CREATE TABLE desired_versions (
  project_id TEXT    NOT NULL,
  network_id TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  PRIMARY KEY (project_id, network_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
  project_id  TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  network_id  TEXT    NOT NULL,
  account_id  TEXT    NOT NULL, -- who asked
  device      INTEGER,          -- one of device and group_id is set
  group_id    TEXT,
  switch_on   INTEGER,          -- one of switch_on and level is set
  level       INTEGER,
  fade_ms     INTEGER NOT NULL,
  targets     INTEGER NOT NULL, -- how many lights it was for
  made_ms     INTEGER NOT NULL,
  expires_ms  INTEGER NOT NULL, -- not begun after this
  deadline_ms INTEGER NOT NULL, -- no result is waited for after this
  status      INTEGER NOT NULL,
  confirmed   INTEGER NOT NULL DEFAULT 0,
  ended_ms    INTEGER,          -- NULL while pending
  PRIMARY KEY (project_id, id)
) STRICT;

CREATE INDEX commands_pending ON commands (deadline_ms) WHERE ended_ms IS NULL;

CREATE TABLE command_outcomes (
  project_id TEXT    NOT NULL,
  command_id TEXT    NOT NULL,
  device     INTEGER NOT NULL,
  status     INTEGER NOT NULL,
  PRIMARY KEY (project_id, command_id, device),
  FOREIGN KEY (project_id, command_id) REFERENCES commands (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE command_outcomes;
DROP TABLE commands;
DROP TABLE desired_versions;
DROP TABLE group_members;
DROP TABLE groups;
DROP TABLE positions;
