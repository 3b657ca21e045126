-- +goose Up

-- Where the building is: its days begin at midnight there.
ALTER TABLE projects ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC'; -- IANA name

-- What people decided about energy; package energy.
CREATE TABLE energy_settings (
  project_id TEXT PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  settings   TEXT NOT NULL -- JSON
) STRICT, WITHOUT ROWID;

-- Which device hung where, from when to when: what it took in belongs to that place, also
-- when the device hangs elsewhere by now, and when the place is there no more.
CREATE TABLE stays (
  project_id  TEXT    NOT NULL,
  device      INTEGER NOT NULL,
  from_ms     INTEGER NOT NULL,
  until_ms    INTEGER,          -- NULL while it hangs there
  position_id TEXT    NOT NULL,
  network_id  TEXT    NOT NULL,
  name        TEXT    NOT NULL, -- of the position
  kind        INTEGER NOT NULL, -- of the device
  PRIMARY KEY (project_id, device, from_ms)
) STRICT, WITHOUT ROWID;

INSERT INTO stays (project_id, device, from_ms, position_id, network_id, name, kind)
SELECT project_id, device, made_ms, id, network_id, name, kind FROM positions;

-- +goose Down
DROP TABLE stays;
DROP TABLE energy_settings;
ALTER TABLE projects DROP COLUMN time_zone;
