-- +goose Up

-- What a device said last of itself and of where it is; NULL for what it never said.
ALTER TABLE device_states ADD COLUMN signal REAL; -- dBm
ALTER TABLE device_states ADD COLUMN link_quality REAL;
ALTER TABLE device_states ADD COLUMN burn_hours REAL;
ALTER TABLE device_states ADD COLUMN illuminance REAL; -- lux

-- +goose Down

ALTER TABLE device_states DROP COLUMN illuminance;
ALTER TABLE device_states DROP COLUMN burn_hours;
ALTER TABLE device_states DROP COLUMN link_quality;
ALTER TABLE device_states DROP COLUMN signal;
