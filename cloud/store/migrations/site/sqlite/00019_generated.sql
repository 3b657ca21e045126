-- +goose Up

-- Whether the gateway said in the run that a program made up what it tells.
ALTER TABLE continuity ADD COLUMN generated INTEGER NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE continuity DROP COLUMN generated;
