-- +goose Up

-- What is made from the journal. Everything in these tables, but for
-- gateway_presence, can be dropped and made again from it.

CREATE TABLE projector (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  journal_id INTEGER NOT NULL -- the last batch whose results are in the tables
) STRICT;

INSERT INTO projector (id, journal_id) VALUES (1, 0);

-- The account of one run of one gateway: which sequence numbers have come.
CREATE TABLE continuity (
  gateway    INTEGER NOT NULL,
  boot       INTEGER NOT NULL,
  first_ms   INTEGER NOT NULL, -- the cloud's clock
  last_ms    INTEGER NOT NULL,
  received   INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  unknown    INTEGER NOT NULL, -- received, of a kind that was not known
  malformed  INTEGER NOT NULL, -- received, and set aside in poison
  highest    INTEGER NOT NULL, -- the highest sequence number
  missing    INTEGER NOT NULL, -- how many below the highest have not come
  ranges     BLOB    NOT NULL, -- the numbers that have come, in the form of package ingest
  PRIMARY KEY (gateway, boot)
) STRICT, WITHOUT ROWID;

CREATE INDEX continuity_last ON continuity (last_ms, gateway, boot);

-- Messages that could not be understood, as they came.
CREATE TABLE poison (
  journal_id  INTEGER NOT NULL,
  n           INTEGER NOT NULL, -- place in the batch
  gateway     INTEGER NOT NULL,
  kind        TEXT    NOT NULL,
  received_ms INTEGER NOT NULL,
  reason      TEXT    NOT NULL,
  payload     BLOB    NOT NULL,
  PRIMARY KEY (journal_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_states (
  project_id TEXT    NOT NULL,
  device     INTEGER NOT NULL,
  network_id TEXT    NOT NULL,
  at_ms      INTEGER, -- NULL until the first confirmed state
  reachable  INTEGER NOT NULL DEFAULT 0,
  heard_ms   INTEGER, -- NULL for never
  is_on      INTEGER,
  level      INTEGER,
  cause      INTEGER NOT NULL DEFAULT 0,
  power_w    REAL,
  power_ms   INTEGER,
  PRIMARY KEY (project_id, device)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_states_network ON device_states (project_id, network_id);

-- Where each device stands against the desired state.
CREATE TABLE device_stages (
  project_id TEXT    NOT NULL,
  device     INTEGER NOT NULL,
  network_id TEXT    NOT NULL,
  desired    INTEGER NOT NULL, -- version that the report spoke of
  stage      INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  at_ms      INTEGER NOT NULL,
  PRIMARY KEY (project_id, device)
) STRICT, WITHOUT ROWID;

-- What a gateway said of itself when it last connected.
CREATE TABLE gateway_hellos (
  project_id      TEXT    NOT NULL,
  gateway         INTEGER NOT NULL,
  network_id      TEXT    NOT NULL,
  model           TEXT    NOT NULL,
  firmware        TEXT    NOT NULL,
  boot_count      INTEGER NOT NULL,
  extended_pan_id INTEGER, -- NULL before it has formed a network
  pan_id          INTEGER,
  channel         INTEGER,
  desired         INTEGER NOT NULL,
  dropped         INTEGER NOT NULL, -- messages that its buffer gave up since its start
  at_ms           INTEGER NOT NULL,
  PRIMARY KEY (project_id, gateway)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  project_id TEXT    NOT NULL,
  at_ms      INTEGER NOT NULL,
  journal_id INTEGER NOT NULL,
  n          INTEGER NOT NULL, -- counts the events of a batch
  device     INTEGER NOT NULL,
  kind       INTEGER NOT NULL,
  PRIMARY KEY (project_id, at_ms, journal_id, n)
) STRICT, WITHOUT ROWID;

-- A chunk is a number of readings of one series, in the order of their times; the
-- last ones of a series are in readings_open until there are enough of them.
CREATE TABLE readings (
  project_id TEXT    NOT NULL,
  device     INTEGER NOT NULL,
  metric     INTEGER NOT NULL,
  last_ms    INTEGER NOT NULL,
  part       INTEGER NOT NULL, -- counts the chunks of the series
  first_ms   INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  minimum    REAL    NOT NULL,
  maximum    REAL    NOT NULL,
  sum        REAL    NOT NULL,
  samples    BLOB    NOT NULL, -- in the form of package telemetry
  PRIMARY KEY (project_id, device, metric, last_ms, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE readings_open (
  project_id TEXT    NOT NULL,
  device     INTEGER NOT NULL,
  metric     INTEGER NOT NULL,
  part       INTEGER NOT NULL,
  samples    BLOB    NOT NULL, -- in the order in which they came
  PRIMARY KEY (project_id, device, metric)
) STRICT, WITHOUT ROWID;

-- Whether a gateway is connected: not from the journal.
CREATE TABLE gateway_presence (
  gateway  INTEGER PRIMARY KEY,
  online   INTEGER NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT;

-- +goose Down

DROP TABLE gateway_presence;
DROP TABLE readings_open;
DROP TABLE readings;
DROP TABLE events;
DROP TABLE gateway_hellos;
DROP TABLE device_stages;
DROP TABLE device_states;
DROP TABLE poison;
DROP TABLE continuity;
DROP TABLE projector;
