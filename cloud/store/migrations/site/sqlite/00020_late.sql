-- +goose Up
-- Readings that came when readings of their time are kept no more: they were not kept.
ALTER TABLE continuity ADD COLUMN late INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE continuity DROP COLUMN late;
