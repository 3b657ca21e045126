-- name: TimeZone :one
SELECT time_zone FROM projects WHERE id = @project_id;

-- name: SetTimeZone :exec
UPDATE projects SET time_zone = @time_zone WHERE id = @project_id;

-- name: Discretion :one
SELECT time_zone, occupancy_aggregated FROM projects WHERE id = @project_id;

-- name: SetDiscretion :exec
UPDATE projects SET occupancy_aggregated = @occupancy_aggregated WHERE id = @project_id;

-- name: EnergySettings :one
SELECT settings FROM energy_settings WHERE project_id = @project_id;

-- name: SetEnergySettings :exec
INSERT INTO energy_settings (project_id, settings) VALUES (@project_id, @settings)
ON CONFLICT (project_id) DO UPDATE SET settings = excluded.settings;

-- name: Stays :many
SELECT device, from_ms, until_ms, position_id, network_id, name, kind FROM stays
WHERE project_id = @project_id
ORDER BY device, from_ms;

-- name: StaysOfDevice :many
SELECT from_ms, until_ms, position_id, name FROM stays
WHERE project_id = @project_id AND device = @device
ORDER BY from_ms;

-- name: BeginStay :exec
INSERT INTO stays (project_id, device, from_ms, position_id, network_id, name, kind)
VALUES (@project_id, @device, @from_ms, @position_id, @network_id, @name, @kind)
ON CONFLICT (project_id, device, from_ms) DO UPDATE
SET until_ms = NULL, position_id = excluded.position_id, network_id = excluded.network_id, name = excluded.name, kind = excluded.kind;

-- name: EndStay :exec
UPDATE stays SET until_ms = @until_ms
WHERE project_id = @project_id AND device = @device AND until_ms IS NULL;

-- name: StaysBeyond :many
SELECT device, from_ms FROM stays
WHERE project_id = @project_id AND until_ms IS NOT NULL
ORDER BY until_ms DESC
LIMIT 100 OFFSET @keep;

-- name: ForgetStay :exec
DELETE FROM stays WHERE project_id = @project_id AND device = @device AND from_ms = @from_ms;

-- name: GroupsOfProject :many
SELECT id, network_id, name FROM groups WHERE project_id = @project_id
ORDER BY network_id, number;

-- name: MembersOfGroups :many
SELECT group_id, position_id FROM group_members WHERE project_id = @project_id
ORDER BY group_id, position_id;

-- name: AlertsRaised :many
SELECT rule, members FROM alerts
WHERE project_id = @project_id AND joined_ms >= @since AND raised_ms < @until;

-- name: DevicesOfStays :many
SELECT DISTINCT device FROM stays WHERE project_id = @project_id;
