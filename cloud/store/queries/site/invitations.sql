-- name: CreateInvitation :exec
INSERT INTO invitations (project_id, id, token_sha256, role, account_id, made_ms, expires_ms)
VALUES (@project_id, @id, @token_sha256, @role, @account_id, @made_ms, @expires_ms);

-- name: OfferGroup :exec
INSERT INTO invitation_groups (project_id, invitation_id, group_id) VALUES (@project_id, @invitation_id, @group_id);

-- name: DeleteExpiredInvitations :exec
DELETE FROM invitations WHERE project_id = @project_id AND expires_ms <= @now_ms;

-- name: CountInvitations :one
SELECT COUNT(*) FROM invitations WHERE project_id = @project_id;

-- name: Invitations :many
SELECT * FROM invitations WHERE project_id = @project_id ORDER BY made_ms, id;

-- name: OfferedGroups :many
SELECT invitation_id, group_id FROM invitation_groups WHERE project_id = @project_id ORDER BY invitation_id, group_id;

-- name: InvitationByToken :one
SELECT * FROM invitations WHERE token_sha256 = @token_sha256;

-- name: RemoveInvitation :execrows
DELETE FROM invitations WHERE project_id = @project_id AND id = @id;

-- name: OpenInvitations :many
SELECT id FROM invitations WHERE id IN (sqlc.slice(ids));
