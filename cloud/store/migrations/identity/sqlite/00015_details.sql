-- +goose Up

-- What somebody may say of how to reach them; NULL when not given.
ALTER TABLE people ADD COLUMN phone   BLOB; -- personal
ALTER TABLE people ADD COLUMN address BLOB; -- personal
ALTER TABLE people ADD COLUMN contact BLOB; -- personal

-- +goose Down

ALTER TABLE people DROP COLUMN contact;
ALTER TABLE people DROP COLUMN address;
ALTER TABLE people DROP COLUMN phone;
