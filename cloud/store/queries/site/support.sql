-- name: IsOperator :one
SELECT COUNT(*) FROM operators WHERE account_id = @account_id;

-- name: Operators :many
SELECT * FROM operators ORDER BY made_ms, account_id;

-- name: AddOperator :execrows
INSERT INTO operators (account_id, made_ms) VALUES (@account_id, @made_ms) ON CONFLICT DO NOTHING;

-- name: RemoveOperator :execrows
DELETE FROM operators WHERE account_id = @account_id;

-- name: CreateSupportGrant :exec
INSERT INTO support_grants (project_id, id, operator_id, access, reason, length_ms, asked_by, asked_ms, granted_by, granted_ms, expires_ms, ended_ms)
VALUES (@project_id, @id, @operator_id, @access, @reason, @length_ms, @asked_by, @asked_ms, @granted_by, @granted_ms, @expires_ms, 0);

-- name: CountOpenSupportGrants :one
SELECT COUNT(*) FROM support_grants WHERE project_id = @project_id AND ended_ms = 0 AND expires_ms > @now_ms;

-- name: ForgetSupportGrants :exec
DELETE FROM support_grants WHERE project_id = @project_id AND expires_ms <= @before_ms;

-- name: SupportGrants :many
SELECT * FROM support_grants WHERE project_id = @project_id ORDER BY asked_ms DESC, id LIMIT @max;

-- name: SupportGrantByID :one
SELECT * FROM support_grants WHERE id = @id;

-- name: OpenSupportGrants :many
SELECT * FROM support_grants
WHERE ended_ms = 0 AND expires_ms > @now_ms AND (operator_id = @operator_id OR granted_by = '')
  AND (asked_ms < @after_ms OR asked_ms = @after_ms AND id > @after_id)
ORDER BY asked_ms DESC, id
LIMIT @max;

-- name: GrantSupport :execrows
UPDATE support_grants SET granted_by = @granted_by, granted_ms = @granted_ms, expires_ms = @granted_ms + length_ms
WHERE project_id = @project_id AND id = @id AND granted_by = '' AND ended_ms = 0 AND expires_ms > @granted_ms;

-- name: EndSupportGrant :execrows
UPDATE support_grants SET ended_ms = @ended_ms
WHERE project_id = @project_id AND id = @id AND ended_ms = 0 AND expires_ms > @ended_ms;

-- name: Support :one
SELECT s.id, s.access, s.expires_ms
FROM support_grants AS s
JOIN operators AS o ON o.account_id = s.operator_id
WHERE s.project_id = @project_id AND s.operator_id = @operator_id AND s.granted_by <> '' AND s.ended_ms = 0 AND s.expires_ms > @now_ms
ORDER BY s.access DESC, s.expires_ms DESC
LIMIT 1;

-- name: SupportedProjects :many
SELECT DISTINCT s.project_id
FROM support_grants AS s
JOIN operators AS o ON o.account_id = s.operator_id
WHERE s.operator_id = @operator_id AND s.granted_by <> '' AND s.ended_ms = 0 AND s.expires_ms > @now_ms
ORDER BY s.project_id;

-- name: Owners :many
SELECT account_id FROM members WHERE project_id = @project_id AND role = 1 ORDER BY account_id LIMIT @max;

-- name: SupportGrantsOf :many
SELECT * FROM support_grants
WHERE operator_id = @account_id OR asked_by = @account_id OR granted_by = @account_id
ORDER BY asked_ms DESC, id;
