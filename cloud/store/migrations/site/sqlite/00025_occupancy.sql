-- +goose Up

-- Whether gateways tell occupancy of whole periods alone. Projects that are there keep what
-- they have; new ones begin with it.
ALTER TABLE projects ADD COLUMN occupancy_aggregated INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE projects DROP COLUMN occupancy_aggregated;
