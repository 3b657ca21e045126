-- +goose Up

-- The groups that a member of the role user may control.
CREATE TABLE grants (
  project_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  group_id   TEXT NOT NULL,
  PRIMARY KEY (project_id, account_id, group_id),
  FOREIGN KEY (project_id, account_id) REFERENCES members (project_id, account_id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, group_id) REFERENCES groups (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_group ON grants (project_id, group_id);

-- +goose Down

DROP TABLE grants;
