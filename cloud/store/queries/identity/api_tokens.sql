-- name: CreateAPIToken :exec
INSERT INTO api_tokens (id, token_sha256, account_id, project_id, actions, shown, name_sealed, made_ms, expires_ms, used_ms)
VALUES (@id, @token_sha256, @account_id, @project_id, @actions, @shown, @name_sealed, @made_ms, @expires_ms, 0);

-- name: DeleteExpiredAPITokens :exec
DELETE FROM api_tokens WHERE expires_ms <= @now_ms;

-- name: CountAPITokens :one
SELECT COUNT(*) FROM api_tokens WHERE account_id = @account_id;

-- name: APITokens :many
SELECT * FROM api_tokens WHERE account_id = @account_id ORDER BY made_ms, id;

-- name: APIToken :one
SELECT * FROM api_tokens WHERE token_sha256 = @token_sha256;

-- name: APITokensNamed :many
SELECT * FROM api_tokens WHERE id IN (sqlc.slice(ids));

-- name: TouchAPIToken :exec
UPDATE api_tokens SET used_ms = @used_ms WHERE id = @id AND used_ms < @used_ms;

-- name: RevokeAPIToken :execrows
DELETE FROM api_tokens WHERE id = @id AND account_id = @account_id;
