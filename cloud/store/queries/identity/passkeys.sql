-- name: CreatePasskey :exec
INSERT INTO passkeys (credential_sha256, account_id, sealed, made_ms, used_ms, sign_count, suspect)
VALUES (@credential_sha256, @account_id, @sealed, @made_ms, 0, @sign_count, 0);

-- name: CountPasskeys :one
SELECT COUNT(*) FROM passkeys WHERE account_id = @account_id;

-- name: Passkeys :many
SELECT * FROM passkeys WHERE account_id = @account_id ORDER BY made_ms DESC, credential_sha256;

-- name: Passkey :one
SELECT * FROM passkeys WHERE credential_sha256 = @credential_sha256;

-- name: UsePasskey :execrows
UPDATE passkeys SET used_ms = @used_ms, sign_count = @sign_count
WHERE credential_sha256 = @credential_sha256 AND suspect = 0
  AND (sign_count < @sign_count OR sign_count = 0 AND @sign_count = 0);

-- name: SuspectPasskey :execrows
UPDATE passkeys SET suspect = 1 WHERE credential_sha256 = @credential_sha256;

-- name: RemovePasskey :execrows
DELETE FROM passkeys WHERE credential_sha256 = @credential_sha256 AND account_id = @account_id;
