-- +goose Up

-- The security log of people: accounts and sessions, one chain (package audit). It
-- names people by opaque identifiers, so that it need not change when one is forgotten.
CREATE TABLE security_log (
  number     INTEGER NOT NULL, -- from 1, without gaps
  at_ms      INTEGER NOT NULL,
  who        TEXT    NOT NULL,
  origin     TEXT    NOT NULL,
  action     TEXT    NOT NULL,
  target     TEXT    NOT NULL,
  detail     TEXT    NOT NULL,
  result     TEXT    NOT NULL,
  previous   BLOB    NOT NULL, -- digest of the entry before
  digest     BLOB    NOT NULL,
  PRIMARY KEY (number)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER security_log_stays BEFORE UPDATE ON security_log
BEGIN SELECT RAISE(ABORT, 'entries of the security log are never changed'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER security_log_grows BEFORE DELETE ON security_log
BEGIN SELECT RAISE(ABORT, 'entries of the security log are never removed'); END;
-- +goose StatementEnd

-- +goose Down

DROP TABLE security_log;
