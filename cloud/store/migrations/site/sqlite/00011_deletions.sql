-- +goose Up

-- Projects that will be deleted.
CREATE TABLE project_deletions (
  project_id TEXT    PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  account_id TEXT    NOT NULL, -- opaque: who asked
  asked_ms   INTEGER NOT NULL,
  due_ms     INTEGER NOT NULL, -- until then it can be taken back
  begun_ms   INTEGER,          -- NULL until then
  journal_id INTEGER           -- the last batch before the gateways were released; NULL until that is known
) STRICT, WITHOUT ROWID;

CREATE INDEX project_deletions_due ON project_deletions (due_ms);

-- +goose Down

DROP TABLE project_deletions;
