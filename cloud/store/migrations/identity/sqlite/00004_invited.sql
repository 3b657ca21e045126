-- +goose Up

-- Whom invitations were sent to.
CREATE TABLE invited (
  invitation_id TEXT PRIMARY KEY,
  email         TEXT NOT NULL -- personal
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE invited;
