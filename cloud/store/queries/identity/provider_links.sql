-- name: CreateProviderLink :exec
INSERT INTO provider_links (subject_hmac, account_id, issuer, sealed, made_ms, used_ms)
VALUES (@subject_hmac, @account_id, @issuer, @sealed, @made_ms, @used_ms);

-- name: UseProviderLink :one
UPDATE provider_links SET used_ms = @used_ms WHERE subject_hmac = @subject_hmac RETURNING account_id;

-- name: ProviderLinks :many
SELECT * FROM provider_links WHERE account_id = @account_id ORDER BY issuer;

-- name: RemoveProviderLinks :execrows
DELETE FROM provider_links WHERE account_id = @account_id;
