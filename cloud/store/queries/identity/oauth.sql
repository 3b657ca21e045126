-- name: DeleteExpiredOAuthGrants :exec
DELETE FROM oauth_grants WHERE expires_ms <= @now_ms;

-- name: CountOAuthGrants :one
SELECT COUNT(*) FROM oauth_grants WHERE account_id = @account_id;

-- name: CreateOAuthGrant :exec
INSERT INTO oauth_grants (id, account_id, project_id, client_id, actions, code_sha256, challenge, redirect_sha256, made_ms, used_ms, expires_ms)
VALUES (@id, @account_id, @project_id, @client_id, @actions, @code_sha256, @challenge, @redirect_sha256, @made_ms, 0, @expires_ms);

-- name: OAuthGrantOfCode :one
SELECT * FROM oauth_grants WHERE code_sha256 = @code_sha256;

-- name: OAuthGrant :one
SELECT * FROM oauth_grants WHERE id = @id;

-- name: OAuthGrantOfFamily :one
SELECT * FROM oauth_grants WHERE family_sha256 = @family_sha256;

-- name: RedeemOAuthGrant :execrows
UPDATE oauth_grants SET family_sha256 = @family_sha256, refresh_sha256 = @refresh_sha256, used_ms = @used_ms, expires_ms = @expires_ms
WHERE id = @id AND family_sha256 IS NULL;

-- name: RenewOAuthGrant :execrows
UPDATE oauth_grants SET refresh_sha256 = @refresh_sha256, used_ms = @used_ms, expires_ms = @expires_ms
WHERE id = @id AND refresh_sha256 = @was_sha256;

-- name: OAuthGrants :many
SELECT * FROM oauth_grants WHERE account_id = @account_id ORDER BY made_ms, id;

-- name: OAuthGrantsIn :many
SELECT * FROM oauth_grants WHERE project_id = @project_id ORDER BY made_ms, id;

-- name: EndOAuthGrant :many
DELETE FROM oauth_grants WHERE id = @id RETURNING *;

-- name: EndOAuthGrantsTo :many
DELETE FROM oauth_grants WHERE client_id = @client_id RETURNING *;

-- name: EndOAuthGrantsOf :many
DELETE FROM oauth_grants WHERE account_id = @account_id RETURNING *;
