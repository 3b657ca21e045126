-- name: CreateAccount :exec
INSERT INTO accounts (id, password_hash, made_ms)
VALUES (@id, @password_hash, @made_ms);

-- name: AccountByEmail :one
SELECT sqlc.embed(p), a.password_hash, a.made_ms
FROM people AS p
JOIN accounts AS a ON a.id = p.account_id
WHERE p.email_hmac = @email_hmac;

-- name: Accounts :many
SELECT sqlc.embed(p), a.made_ms
FROM accounts AS a
JOIN people AS p ON p.account_id = a.id
WHERE a.id IN (sqlc.slice(ids));

-- name: CreateSession :exec
INSERT INTO sessions (token_sha256, account_id, made_ms, used_ms, proof, sealed)
VALUES (@token_sha256, @account_id, @made_ms, @used_ms, @proof, @sealed);

-- name: DeleteExpiredSessions :exec
DELETE FROM sessions WHERE made_ms <= @made_before OR used_ms <= @used_before;

-- name: DeleteOldestSessions :exec
DELETE FROM sessions
WHERE sessions.account_id = @account_id AND sessions.token_sha256 NOT IN (
  SELECT s.token_sha256 FROM sessions AS s
  WHERE s.account_id = @account_id
  ORDER BY s.made_ms DESC, s.token_sha256
  LIMIT @keep
);

-- name: Session :one
SELECT s.token_sha256, s.account_id, s.made_ms, s.used_ms, s.proof,
  sqlc.embed(p), a.made_ms AS account_made_ms
FROM sessions AS s
JOIN accounts AS a ON a.id = s.account_id
JOIN people AS p ON p.account_id = s.account_id
WHERE s.token_sha256 = @token_sha256;

-- name: TouchSession :exec
UPDATE sessions SET used_ms = @used_ms WHERE token_sha256 = @token_sha256 AND used_ms < @used_ms;

-- name: Sessions :many
SELECT * FROM sessions WHERE token_sha256 IN (sqlc.slice(tokens));

-- name: EndSession :one
DELETE FROM sessions WHERE token_sha256 = @token_sha256 RETURNING account_id;

-- name: EndSessions :exec
DELETE FROM sessions WHERE account_id = @account_id;

-- name: EndOtherSessions :exec
DELETE FROM sessions WHERE account_id = @account_id AND token_sha256 <> @token_sha256;
