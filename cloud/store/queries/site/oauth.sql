-- name: CountOAuthClients :one
SELECT COUNT(*) FROM oauth_clients WHERE project_id = @project_id;

-- name: CreateOAuthClient :exec
INSERT INTO oauth_clients (project_id, id, secret_sha256, sealed, actions, account_id, made_ms)
VALUES (@project_id, @id, @secret_sha256, @sealed, @actions, @account_id, @made_ms);

-- name: OAuthClients :many
SELECT * FROM oauth_clients WHERE project_id = @project_id ORDER BY made_ms, id;

-- name: OAuthClient :one
SELECT * FROM oauth_clients WHERE id = @id;

-- name: RemoveOAuthClient :execrows
DELETE FROM oauth_clients WHERE project_id = @project_id AND id = @id;
