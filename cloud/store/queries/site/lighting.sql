-- name: Devices :many
SELECT id, network_id, name, device, kind, made_ms FROM positions
WHERE project_id = @project_id AND network_id = @network_id
ORDER BY id;

-- name: DeviceGroups :many
SELECT m.position_id, m.group_id, g.number
FROM group_members AS m
JOIN groups AS g ON g.project_id = m.project_id AND g.id = m.group_id
WHERE m.project_id = @project_id AND g.network_id = @network_id
ORDER BY m.position_id, g.number;

-- name: Device :one
SELECT id, network_id, name, device, kind, made_ms FROM positions
WHERE project_id = @project_id AND device = @device;

-- name: GroupsOfPosition :many
SELECT m.group_id
FROM group_members AS m
JOIN groups AS g ON g.project_id = m.project_id AND g.id = m.group_id
WHERE m.project_id = @project_id AND m.position_id = @position_id
ORDER BY g.number;

-- name: CountDevices :one
SELECT COUNT(*) FROM positions WHERE project_id = @project_id AND network_id = @network_id;

-- name: AddPosition :exec
INSERT INTO positions (project_id, id, network_id, name, device, kind, install_code, made_ms)
VALUES (@project_id, @id, @network_id, @name, @device, @kind, @install_code, @made_ms);

-- name: ReplaceDevice :one
UPDATE positions SET device = @device, install_code = @install_code
WHERE project_id = @project_id AND device = @old
RETURNING id, network_id, name, kind, made_ms;

-- name: RemovePosition :one
DELETE FROM positions WHERE project_id = @project_id AND device = @device
RETURNING network_id;

-- name: SealedDevices :many
SELECT id, device, kind, install_code FROM positions
WHERE project_id = @project_id AND network_id = @network_id
ORDER BY id;

-- name: Groups :many
SELECT id, network_id, number, name, made_ms FROM groups
WHERE project_id = @project_id AND network_id = @network_id
ORDER BY number;

-- name: Group :one
SELECT id, network_id, number, name, made_ms FROM groups
WHERE project_id = @project_id AND id = @id;

-- name: GroupMembers :many
SELECT position_id FROM group_members
WHERE project_id = @project_id AND group_id = @group_id
ORDER BY position_id;

-- name: CountGroupMembers :one
SELECT COUNT(*) FROM group_members WHERE project_id = @project_id AND group_id = @group_id;

-- name: CountGroupsOfPosition :one
SELECT COUNT(*) FROM group_members WHERE project_id = @project_id AND position_id = @position_id;

-- name: GroupNumbers :many
SELECT number FROM groups
WHERE project_id = @project_id AND network_id = @network_id
ORDER BY number;

-- name: CreateGroup :exec
INSERT INTO groups (project_id, id, network_id, number, name, made_ms)
VALUES (@project_id, @id, @network_id, @number, @name, @made_ms);

-- name: RenameGroup :execrows
UPDATE groups SET name = @name WHERE project_id = @project_id AND id = @id;

-- name: DeleteGroup :one
DELETE FROM groups WHERE project_id = @project_id AND id = @id
RETURNING network_id;

-- name: EmptyGroup :exec
DELETE FROM group_members WHERE project_id = @project_id AND group_id = @group_id;

-- name: AddMember :execrows
INSERT INTO group_members (project_id, group_id, position_id)
SELECT g.project_id, g.id, p.id
FROM groups AS g
JOIN positions AS p ON p.project_id = g.project_id AND p.network_id = g.network_id
WHERE g.project_id = @project_id AND g.id = @group_id AND p.id = @position_id;

-- name: DesiredVersion :one
SELECT version FROM desired_versions WHERE project_id = @project_id AND network_id = @network_id;

-- name: NextDesiredVersion :exec
INSERT INTO desired_versions (project_id, network_id, version) VALUES (@project_id, @network_id, 1)
ON CONFLICT (project_id, network_id) DO UPDATE SET version = desired_versions.version + 1;

-- name: GatewayOfNetwork :one
SELECT gateway FROM gateway_claims WHERE project_id = @project_id AND network_id = @network_id;

-- name: CreateCommand :exec
INSERT INTO commands (project_id, id, network_id, account_id, device, group_id, switch_on, level, fade_ms, targets,
  made_ms, expires_ms, deadline_ms, status)
VALUES (@project_id, @id, @network_id, @account_id, @device, @group_id, @switch_on, @level, @fade_ms, @targets,
  @made_ms, @expires_ms, @deadline_ms, @status);

-- name: Command :one
SELECT * FROM commands WHERE project_id = @project_id AND id = @id;

-- name: Outcomes :many
SELECT device, status FROM command_outcomes
WHERE project_id = @project_id AND command_id = @command_id
ORDER BY device;

-- name: PendingCommands :one
SELECT COUNT(*) FROM commands WHERE project_id = @project_id AND ended_ms IS NULL;

-- name: EndCommand :execrows
UPDATE commands SET status = @status, confirmed = @confirmed, ended_ms = @ended_ms
WHERE project_id = @project_id AND id = @id;

-- name: FailCommand :execrows
UPDATE commands SET status = @status, ended_ms = @ended_ms
WHERE project_id = @project_id AND id = @id AND ended_ms IS NULL;

-- name: ForgetOutcomes :exec
DELETE FROM command_outcomes WHERE project_id = @project_id AND command_id = @command_id;

-- name: AddOutcome :exec
INSERT INTO command_outcomes (project_id, command_id, device, status)
VALUES (@project_id, @command_id, @device, @status)
ON CONFLICT (project_id, command_id, device) DO UPDATE SET status = excluded.status;

-- name: ExpireCommands :many
UPDATE commands SET status = @status, ended_ms = @now
WHERE ended_ms IS NULL AND deadline_ms <= @now
RETURNING *;

-- name: NextDeadline :one
SELECT deadline_ms FROM commands WHERE ended_ms IS NULL
ORDER BY deadline_ms
LIMIT 1;

-- name: CommandsOf :many
SELECT * FROM commands WHERE account_id = @account_id ORDER BY made_ms DESC, project_id, id LIMIT @max;
