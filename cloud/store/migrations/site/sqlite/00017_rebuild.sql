-- +goose Up
-- A rebuild that is under way: what was made of the batches after the first of the two is
-- made again, up to the second. NULL while there is none.
ALTER TABLE projector ADD COLUMN rebuild_after INTEGER;
ALTER TABLE projector ADD COLUMN rebuild_until INTEGER;

-- +goose Down
ALTER TABLE projector DROP COLUMN rebuild_until;
ALTER TABLE projector DROP COLUMN rebuild_after;
