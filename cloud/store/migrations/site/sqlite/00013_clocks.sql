-- +goose Up

-- How far the cloud's time is ahead of the times that the gateway sent in the run, by
-- which they were put right; NULL for a gateway that does not tell.
ALTER TABLE continuity ADD COLUMN ahead_ms INTEGER;
-- What the gateway's buffer had to drop in the run, as JSON; NULL for nothing.
ALTER TABLE continuity ADD COLUMN dropped TEXT;

-- +goose Down

ALTER TABLE continuity DROP COLUMN dropped;
ALTER TABLE continuity DROP COLUMN ahead_ms;
