-- +goose Up

-- What happened to one device, the newest first.
CREATE INDEX events_device ON events (project_id, device, at_ms);

-- +goose Down
DROP INDEX events_device;
