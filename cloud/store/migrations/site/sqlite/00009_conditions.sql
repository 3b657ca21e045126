-- +goose Up

-- What else a device said of itself last; NULL for what it never said.
ALTER TABLE device_states ADD COLUMN faults INTEGER;
ALTER TABLE device_states ADD COLUMN temperature REAL;
ALTER TABLE device_states ADD COLUMN battery REAL;
ALTER TABLE device_states ADD COLUMN occupied INTEGER;
ALTER TABLE device_states ADD COLUMN occupied_ms INTEGER; -- when that last changed

-- +goose Down

ALTER TABLE device_states DROP COLUMN occupied_ms;
ALTER TABLE device_states DROP COLUMN occupied;
ALTER TABLE device_states DROP COLUMN battery;
ALTER TABLE device_states DROP COLUMN temperature;
ALTER TABLE device_states DROP COLUMN faults;
