-- +goose Up

-- What is wrong in a project, and who is told.

-- What was remembered at the last look at a network; packages alert and rules.
CREATE TABLE alert_watches (
  project_id TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  network_id TEXT    NOT NULL,
  rule       INTEGER NOT NULL,
  device     INTEGER NOT NULL,
  watch      TEXT    NOT NULL, -- JSON
  PRIMARY KEY (project_id, network_id, rule, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
  project_id TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id         TEXT    NOT NULL,
  network_id TEXT    NOT NULL,
  rule       INTEGER NOT NULL,
  severity   INTEGER NOT NULL,
  is_open    INTEGER NOT NULL,
  raised_ms  INTEGER NOT NULL,
  cleared_ms INTEGER,          -- NULL while it is open
  joined_ms  INTEGER NOT NULL, -- when its last member came
  times      INTEGER NOT NULL, -- how often it was raised
  members    TEXT    NOT NULL, -- JSON: the devices
  seen_by    TEXT    NOT NULL DEFAULT '', -- opaque: who acknowledged it
  seen_ms    INTEGER,
  told       INTEGER NOT NULL DEFAULT 0, -- whether a letter said that it was raised
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_network ON alerts (project_id, network_id, is_open, cleared_ms);
CREATE INDEX alerts_open ON alerts (project_id, is_open, id);
CREATE INDEX alerts_cleared ON alerts (cleared_ms);

CREATE TABLE alert_notes (
  project_id TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  alert_id   TEXT    NOT NULL,
  account_id TEXT    NOT NULL, -- opaque
  at_ms      INTEGER NOT NULL,
  note       BLOB    NOT NULL, -- sealed: people write it
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, alert_id) REFERENCES alerts (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_notes_alert ON alert_notes (project_id, alert_id);

-- What people changed of the rules and of when they are told.
CREATE TABLE alert_settings (
  project_id TEXT PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  settings   TEXT NOT NULL -- JSON
) STRICT, WITHOUT ROWID;

-- From which severity on somebody gets letters, who decided so; 4 for never.
CREATE TABLE alert_readers (
  project_id TEXT    NOT NULL,
  account_id TEXT    NOT NULL,
  least      INTEGER NOT NULL,
  PRIMARY KEY (project_id, account_id),
  FOREIGN KEY (project_id, account_id) REFERENCES members (project_id, account_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Programs elsewhere that are told.
CREATE TABLE alert_hooks (
  project_id TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id         TEXT    NOT NULL,
  sealed     BLOB    NOT NULL, -- address and secret
  least      INTEGER NOT NULL, -- severity
  made_ms    INTEGER NOT NULL,
  failing_ms INTEGER,          -- since when it takes nothing; NULL while it does
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

-- Who is to be told of what; stored in the transaction of the news.
CREATE TABLE alert_notices (
  project_id TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  alert_id   TEXT    NOT NULL,
  hook_id    TEXT    NOT NULL, -- '' for letters
  news       INTEGER NOT NULL,
  made_ms    INTEGER NOT NULL,
  due_ms     INTEGER NOT NULL,
  tries      INTEGER NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, alert_id) REFERENCES alerts (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_notices_due ON alert_notices (due_ms);
CREATE INDEX alert_notices_alert ON alert_notices (project_id, alert_id);

-- +goose Down

DROP TABLE alert_notices;
DROP TABLE alert_hooks;
DROP TABLE alert_readers;
DROP TABLE alert_settings;
DROP TABLE alert_notes;
DROP TABLE alerts;
DROP TABLE alert_watches;
