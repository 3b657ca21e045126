-- +goose Up

-- Offers to become a member. Whom they were sent to is in the identity database.
CREATE TABLE invitations (
  project_id   TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id           TEXT    NOT NULL,
  token_sha256 BLOB    NOT NULL UNIQUE,
  role         INTEGER NOT NULL CHECK (role BETWEEN 1 AND 4),
  account_id   TEXT    NOT NULL, -- who invited
  made_ms      INTEGER NOT NULL,
  expires_ms   INTEGER NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitation_groups (
  project_id    TEXT NOT NULL,
  invitation_id TEXT NOT NULL,
  group_id      TEXT NOT NULL,
  PRIMARY KEY (project_id, invitation_id, group_id),
  FOREIGN KEY (project_id, invitation_id) REFERENCES invitations (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, group_id) REFERENCES groups (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX invitation_groups_group ON invitation_groups (project_id, group_id);

-- +goose Down

DROP TABLE invitation_groups;
DROP TABLE invitations;
