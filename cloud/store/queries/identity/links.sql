-- name: CreateLink :exec
INSERT INTO links (token_sha256, kind, account_id, sealed, expires_ms)
VALUES (@token_sha256, @kind, @account_id, @sealed, @expires_ms);

-- name: DeleteExpiredLinks :exec
DELETE FROM links WHERE expires_ms <= @now_ms;

-- name: Link :one
SELECT * FROM links WHERE token_sha256 = @token_sha256;

-- name: UseLink :execrows
DELETE FROM links WHERE token_sha256 = @token_sha256;

-- name: DeleteLinksOfAccount :exec
DELETE FROM links WHERE account_id = @account_id;

-- name: RevokeLinks :exec
DELETE FROM links WHERE account_id = @account_id AND (kind <> @but OR expires_ms >= @from_ms);

-- name: SetPassword :execrows
UPDATE accounts SET password_hash = @password_hash WHERE id = @id;

-- name: CountLetters :one
SELECT COUNT(*) FROM letters;

-- name: CreateLetter :exec
INSERT INTO letters (id, sealed, made_ms, tries, next_ms) VALUES (@id, @sealed, @made_ms, @tries, @next_ms);

-- name: DueLetters :many
SELECT * FROM letters WHERE next_ms <= @now_ms ORDER BY next_ms LIMIT @max;

-- name: PostponeLetter :exec
UPDATE letters SET tries = @tries, next_ms = @next_ms WHERE id = @id;

-- name: RemoveLetter :exec
DELETE FROM letters WHERE id = @id;
