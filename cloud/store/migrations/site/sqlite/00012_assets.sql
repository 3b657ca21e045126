-- +goose Up

-- The colour temperature that a device said last; NULL for what it never said.
ALTER TABLE device_states ADD COLUMN kelvin INTEGER;

-- What a device said that it is; NULL before it did.
ALTER TABLE device_stages ADD COLUMN model TEXT;
ALTER TABLE device_stages ADD COLUMN manufacturer TEXT;
ALTER TABLE device_stages ADD COLUMN hardware INTEGER;
ALTER TABLE device_stages ADD COLUMN firmware TEXT;
ALTER TABLE device_stages ADD COLUMN serial TEXT;
ALTER TABLE device_stages ADD COLUMN rated_power REAL; -- watts; 0 when it does not say

-- +goose Down

ALTER TABLE device_stages DROP COLUMN rated_power;
ALTER TABLE device_stages DROP COLUMN serial;
ALTER TABLE device_stages DROP COLUMN firmware;
ALTER TABLE device_stages DROP COLUMN hardware;
ALTER TABLE device_stages DROP COLUMN manufacturer;
ALTER TABLE device_stages DROP COLUMN model;
ALTER TABLE device_states DROP COLUMN kelvin;
