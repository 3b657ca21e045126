-- +goose Up

-- In which time zone the days of a device are in the rollups: that of its project, or the one
-- before, until they have been made again.
CREATE TABLE rollup_zones (
  project_id TEXT    NOT NULL,
  device     INTEGER NOT NULL,
  zone       TEXT    NOT NULL, -- IANA name
  PRIMARY KEY (project_id, device)
) STRICT, WITHOUT ROWID;

INSERT INTO rollup_zones (project_id, device, zone)
SELECT DISTINCT project_id, device, 'UTC' FROM rollups WHERE level = 1;

-- The zone that the days of all its devices are in, or were before they are made again.
ALTER TABLE projects ADD COLUMN days_zone TEXT NOT NULL DEFAULT 'UTC';

CREATE INDEX projects_zone ON projects (id) WHERE days_zone <> time_zone;

-- +goose Down
DROP INDEX projects_zone;
ALTER TABLE projects DROP COLUMN days_zone;
DROP TABLE rollup_zones;
