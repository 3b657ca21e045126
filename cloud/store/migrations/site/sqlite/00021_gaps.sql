-- +goose Up
-- When numbers were skipped that have not come since, as JSON; NULL for never.
ALTER TABLE continuity ADD COLUMN gaps TEXT;

-- +goose Down
ALTER TABLE continuity DROP COLUMN gaps;
