-- +goose Up

-- The accounts of the people who run this installation. Being one opens no project.
CREATE TABLE operators (
  account_id TEXT    PRIMARY KEY, -- opaque
  made_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What opens a project to an operator, for a time.
CREATE TABLE support_grants (
  project_id  TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id          TEXT    NOT NULL UNIQUE,
  operator_id TEXT    NOT NULL, -- opaque: whom it is for
  access      INTEGER NOT NULL CHECK (access BETWEEN 1 AND 2),
  reason      BLOB    NOT NULL, -- sealed: people write it
  length_ms   INTEGER NOT NULL,
  asked_by    TEXT    NOT NULL, -- opaque
  asked_ms    INTEGER NOT NULL,
  granted_by  TEXT    NOT NULL, -- opaque; '' while it is only asked for
  granted_ms  INTEGER NOT NULL,
  expires_ms  INTEGER NOT NULL, -- while it is only asked for: until when it can be granted
  ended_ms    INTEGER NOT NULL, -- 0 unless it was ended early
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX support_grants_operator ON support_grants (operator_id, expires_ms);
CREATE INDEX support_grants_expires ON support_grants (expires_ms);

-- +goose Down

DROP TABLE support_grants;
DROP TABLE operators;
