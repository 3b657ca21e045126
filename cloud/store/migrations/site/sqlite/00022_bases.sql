-- +goose Up
-- What had been made of the journal up to a batch, so that what came after it can be made again
-- when the journal before it is gone.
CREATE TABLE bases (
  journal_id INTEGER PRIMARY KEY, -- the batch
  made_ms    INTEGER NOT NULL,
  keep_ms    INTEGER NOT NULL     -- how old readings could be that were kept
) STRICT;

CREATE TABLE base_rows (
  journal_id INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  project_id TEXT REFERENCES projects (id) ON DELETE CASCADE, -- NULL for rows of no project
  of_table   TEXT    NOT NULL, -- which table's rows they are
  of_columns TEXT    NOT NULL, -- which columns they have
  packed     BLOB    NOT NULL, -- the rows, compressed with S2 (one block)
  PRIMARY KEY (journal_id, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX base_rows_project ON base_rows (project_id);

-- +goose Down
DROP TABLE base_rows;
DROP TABLE bases;
