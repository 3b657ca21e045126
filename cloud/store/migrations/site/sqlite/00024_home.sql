-- +goose Up

-- The counter of what a device has taken in, in Wh, as it said it last; NULL for never.
ALTER TABLE device_states ADD COLUMN energy REAL;

-- Whether the project's devices are told to Home Assistant; package homeassistant.
ALTER TABLE projects ADD COLUMN home_assistant INTEGER NOT NULL DEFAULT 0;

CREATE INDEX projects_home_assistant ON projects (id) WHERE home_assistant = 1;

-- +goose Down
DROP INDEX projects_home_assistant;
ALTER TABLE projects DROP COLUMN home_assistant;
ALTER TABLE device_states DROP COLUMN energy;
