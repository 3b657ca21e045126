-- +goose Up

-- The key of digests, by which sealed values are found, and when the keyset was changed.
ALTER TABLE vault ADD COLUMN sealed_index_key BLOB;
ALTER TABLE vault ADD COLUMN rotated_ms INTEGER;

-- +goose Down

ALTER TABLE vault DROP COLUMN rotated_ms;
ALTER TABLE vault DROP COLUMN sealed_index_key;
