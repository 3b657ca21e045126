-- +goose Up

-- What the gateways said, as it came: one row for every committed batch.
-- messages holds count messages one after the other in the form of package ingest,
-- compressed with S2 (one block).
CREATE TABLE journal (
  id          INTEGER PRIMARY KEY, -- given by the journal, without gaps, never reused
  received_ms INTEGER NOT NULL,
  count       INTEGER NOT NULL,
  messages    BLOB    NOT NULL
) STRICT;

-- Which network a gateway served from one batch on. It is no result of the
-- journal but belongs to it: without it the journal could not be read again.
CREATE TABLE placements (
  gateway    INTEGER NOT NULL, -- EUI-64, as the 64-bit two's complement
  journal_id INTEGER NOT NULL, -- the first batch that this holds for
  project_id TEXT    NOT NULL, -- '' for none
  network_id TEXT    NOT NULL,
  PRIMARY KEY (gateway, journal_id)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE placements;
DROP TABLE journal;
