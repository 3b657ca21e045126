-- name: Keyring :one
SELECT sealed_keyset, sealed_index_key, rotated_ms FROM vault WHERE id = 1;

-- name: SetKeyring :exec
INSERT INTO vault (id, sealed_keyset, sealed_index_key, rotated_ms)
VALUES (1, @sealed_keyset, @sealed_index_key, @rotated_ms)
ON CONFLICT (id) DO UPDATE SET sealed_keyset = excluded.sealed_keyset, sealed_index_key = excluded.sealed_index_key,
  rotated_ms = excluded.rotated_ms;

-- name: MemberRole :one
SELECT role FROM members WHERE project_id = @project_id AND account_id = @account_id;

-- name: Memberships :many
SELECT p.id, p.name, p.made_ms, m.role
FROM members AS m
JOIN projects AS p ON p.id = m.project_id
WHERE m.account_id = @account_id AND m.project_id > @after
ORDER BY m.project_id
LIMIT @max;

-- name: CountMemberships :one
SELECT COUNT(*) FROM members WHERE account_id = @account_id;

-- name: CreateProject :exec
INSERT INTO projects (id, name, made_ms, time_zone, days_zone, occupancy_aggregated)
VALUES (@project_id, @name, @made_ms, @time_zone, @time_zone, @occupancy_aggregated);

-- name: SetMember :exec
INSERT INTO members (project_id, account_id, role) VALUES (@project_id, @account_id, @role)
ON CONFLICT (project_id, account_id) DO UPDATE SET role = excluded.role;

-- name: RemoveMember :execrows
DELETE FROM members WHERE project_id = @project_id AND account_id = @account_id;

-- name: Members :many
SELECT account_id, role FROM members WHERE project_id = @project_id ORDER BY account_id;

-- name: CountMembers :one
SELECT COUNT(*) FROM members WHERE project_id = @project_id;

-- name: CountOwners :one
SELECT COUNT(*) FROM members WHERE project_id = @project_id AND role = 1;

-- name: MemberGrants :many
SELECT group_id FROM grants WHERE project_id = @project_id AND account_id = @account_id ORDER BY group_id;

-- name: Grants :many
SELECT account_id, group_id FROM grants WHERE project_id = @project_id ORDER BY account_id, group_id;

-- name: Grant :exec
INSERT INTO grants (project_id, account_id, group_id) VALUES (@project_id, @account_id, @group_id);

-- name: RevokeGrants :exec
DELETE FROM grants WHERE project_id = @project_id AND account_id = @account_id;

-- name: Project :one
SELECT id, name, made_ms, occupancy_aggregated FROM projects WHERE id = @project_id;

-- name: Networks :many
SELECT n.id, n.name, n.made_ms, c.gateway
FROM networks AS n
LEFT JOIN gateway_claims AS c ON c.project_id = n.project_id AND c.network_id = n.id
WHERE n.project_id = @project_id
ORDER BY n.id;

-- name: CountNetworks :one
SELECT COUNT(*) FROM networks WHERE project_id = @project_id;

-- name: CreateNetwork :exec
INSERT INTO networks (project_id, id, name, made_ms) VALUES (@project_id, @id, @name, @made_ms);
