-- name: CreateSignIn :exec
INSERT INTO sign_ins (id, account_id, at_ms, proof, refused, sealed)
VALUES (@id, @account_id, @at_ms, @proof, @refused, @sealed);

-- name: DeleteOldSignIns :exec
DELETE FROM sign_ins WHERE at_ms <= @before;

-- name: DeleteOldestSignIns :exec
DELETE FROM sign_ins
WHERE sign_ins.account_id = @account_id AND sign_ins.refused = @refused AND sign_ins.id NOT IN (
  SELECT s.id FROM sign_ins AS s
  WHERE s.account_id = @account_id AND s.refused = @refused
  ORDER BY s.at_ms DESC, s.id
  LIMIT @keep
);

-- name: SignIns :many
SELECT * FROM sign_ins WHERE account_id = @account_id ORDER BY at_ms DESC, id;

-- name: SessionsOf :many
SELECT * FROM sessions WHERE account_id = @account_id ORDER BY used_ms DESC, made_ms DESC, token_sha256;
