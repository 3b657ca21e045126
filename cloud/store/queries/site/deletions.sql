-- name: Deletion :one
SELECT * FROM project_deletions WHERE project_id = @project_id;

-- name: AskDeletion :exec
INSERT INTO project_deletions (project_id, account_id, asked_ms, due_ms) VALUES (@project_id, @account_id, @asked_ms, @due_ms);

-- name: TakeDeletionBack :execrows
DELETE FROM project_deletions WHERE project_id = @project_id AND begun_ms IS NULL;

-- name: DueDeletions :many
SELECT * FROM project_deletions
WHERE due_ms <= @now AND (due_ms, project_id) > (@after_ms, CAST(@after AS TEXT))
ORDER BY due_ms, project_id LIMIT @max;

-- name: BeginDeletion :execrows
UPDATE project_deletions SET begun_ms = @begun_ms WHERE project_id = @project_id AND begun_ms IS NULL;

-- name: FenceDeletion :exec
UPDATE project_deletions SET journal_id = @journal_id WHERE project_id = @project_id;

-- name: ReleaseGateways :many
DELETE FROM gateway_claims WHERE project_id = @project_id RETURNING gateway;

-- name: RemoveInvitations :exec
DELETE FROM invitations WHERE project_id = @project_id;

-- name: RemoveMembers :exec
DELETE FROM members WHERE project_id = @project_id;

-- name: DeleteProject :exec
DELETE FROM projects WHERE id = @project_id;
