-- name: SecondStep :one
SELECT sealed, since_ms, last_step,
  (SELECT COUNT(*) FROM recovery_codes AS r WHERE r.account_id = s.account_id) AS recovery
FROM second_steps AS s
WHERE s.account_id = @account_id;

-- name: CreateSecondStep :execrows
INSERT INTO second_steps (account_id, sealed, since_ms, last_step)
VALUES (@account_id, @sealed, @since_ms, @last_step)
ON CONFLICT DO NOTHING;

-- name: RemoveSecondStep :execrows
DELETE FROM second_steps WHERE account_id = @account_id;

-- name: UseCode :execrows
UPDATE second_steps SET last_step = @step WHERE account_id = @account_id AND last_step < @step;

-- name: CreateRecoveryCode :exec
INSERT INTO recovery_codes (account_id, code_sha256) VALUES (@account_id, @code_sha256);

-- name: RemoveRecoveryCodes :exec
DELETE FROM recovery_codes WHERE account_id = @account_id;

-- name: UseRecoveryCode :execrows
DELETE FROM recovery_codes WHERE account_id = @account_id AND code_sha256 = @code_sha256;
