-- name: Agreements :many
SELECT * FROM agreements WHERE account_id = @account_id ORDER BY at_ms DESC, kind, version DESC, text_sha256;

-- name: Agree :execrows
INSERT INTO agreements (account_id, kind, version, text_sha256, at_ms) VALUES (@account_id, @kind, @version, @text_sha256, @at_ms)
ON CONFLICT (account_id, kind, version, text_sha256) DO NOTHING;
