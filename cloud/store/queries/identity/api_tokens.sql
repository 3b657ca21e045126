-- name: CreateAPIToken :exec
INSERT INTO api_tokens (id, token_sha256, account_id, project_id, actions, shown, name_sealed, made_ms, expires_ms, used_ms, grant_id)
VALUES (@id, @token_sha256, @account_id, @project_id, @actions, @shown, @name_sealed, @made_ms, @expires_ms, 0, @grant_id);

-- name: DeleteExpiredAPITokens :exec
DELETE FROM api_tokens WHERE expires_ms <= @now_ms;

-- name: CountAPITokens :one
SELECT COUNT(*) FROM api_tokens WHERE account_id = @account_id AND grant_id IS NULL;

-- name: APITokens :many
SELECT * FROM api_tokens WHERE account_id = @account_id AND grant_id IS NULL ORDER BY made_ms, id;

-- name: APIToken :one
SELECT * FROM api_tokens WHERE token_sha256 = @token_sha256;

-- name: APITokensNamed :many
SELECT * FROM api_tokens WHERE id IN (sqlc.slice(ids));

-- name: TouchAPIToken :exec
UPDATE api_tokens SET used_ms = @used_ms WHERE id = @id AND used_ms < @used_ms;

-- name: RevokeAPIToken :execrows
DELETE FROM api_tokens WHERE id = @id AND account_id = @account_id AND grant_id IS NULL;

-- name: APITokensIn :many
SELECT * FROM api_tokens WHERE project_id = @project_id AND grant_id IS NULL ORDER BY made_ms, id;

-- name: RevokeAPITokenIn :one
DELETE FROM api_tokens WHERE id = @id AND project_id = @project_id AND grant_id IS NULL RETURNING account_id;

-- name: RevokeAPITokensOf :many
DELETE FROM api_tokens WHERE account_id = @account_id AND grant_id IS NULL RETURNING id;

-- name: LeaveNewestAPITokenOfGrant :exec
DELETE FROM api_tokens WHERE api_tokens.grant_id = @grant_id AND api_tokens.id NOT IN (
  SELECT newest.id FROM api_tokens AS newest WHERE newest.grant_id = @grant_id ORDER BY newest.made_ms DESC, newest.id LIMIT 1
);
