-- +goose Up
-- What is kept of readings for years, made from the journal with them: for each device
-- a block of sums, in the form of package rollup.
CREATE TABLE rollups (
  project_id TEXT    NOT NULL,
  level      INTEGER NOT NULL, -- 0: the quarters of an hour of a day in UTC; 1: the days of a month, UTC
  device     INTEGER NOT NULL,
  period     INTEGER NOT NULL, -- 0: days since 1970-01-01; 1: months since January of the year 0
  sums       BLOB    NOT NULL,
  PRIMARY KEY (project_id, level, device, period)
) STRICT, WITHOUT ROWID;
-- How far the samples of a series are in the rollups.
ALTER TABLE readings_open ADD COLUMN began_ms INTEGER; -- the first sample in them; NULL for none
ALTER TABLE readings_open ADD COLUMN head_ms INTEGER; -- the last sample in them
ALTER TABLE readings_open ADD COLUMN head_value REAL;
ALTER TABLE readings_open ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0; -- samples after that one

-- +goose Down
ALTER TABLE readings_open DROP COLUMN waiting;
ALTER TABLE readings_open DROP COLUMN head_value;
ALTER TABLE readings_open DROP COLUMN head_ms;
ALTER TABLE readings_open DROP COLUMN began_ms;
DROP TABLE rollups;
