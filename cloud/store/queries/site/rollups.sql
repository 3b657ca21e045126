-- name: Rollup :one
SELECT sums FROM rollups
WHERE project_id = @project_id AND level = @level AND device = @device AND period = @period;

-- name: SetRollup :exec
INSERT INTO rollups (project_id, level, device, period, sums)
VALUES (@project_id, @level, @device, @period, @sums)
ON CONFLICT (project_id, level, device, period) DO UPDATE SET sums = excluded.sums;

-- name: Rollups :many
SELECT device, period, sums FROM rollups
WHERE project_id = @project_id AND level = @level AND period >= @since AND period <= @until AND device IN (sqlc.slice(devices))
ORDER BY device, period;

-- name: WaitingForRollups :many
SELECT device, metric, samples, began_ms, head_ms, head_value, waiting FROM readings_open
WHERE project_id = @project_id AND waiting > 0 AND device IN (sqlc.slice(devices))
ORDER BY device, metric;

-- name: RollupZone :one
SELECT zone FROM rollup_zones WHERE project_id = @project_id AND device = @device;

-- name: SetRollupZone :exec
INSERT INTO rollup_zones (project_id, device, zone) VALUES (@project_id, @device, @zone)
ON CONFLICT (project_id, device) DO UPDATE SET zone = excluded.zone;

-- name: InOtherZones :many
SELECT device FROM rollup_zones WHERE project_id = @project_id AND zone <> @zone
ORDER BY device
LIMIT @max;

-- name: RollupsOf :many
SELECT period, sums FROM rollups
WHERE project_id = @project_id AND level = @level AND device = @device
ORDER BY period;

-- name: RemoveRollups :exec
DELETE FROM rollups WHERE project_id = @project_id AND level = @level AND device = @device;

-- name: ZonesToSettle :many
SELECT id, time_zone FROM projects WHERE days_zone <> time_zone AND id > @after ORDER BY id LIMIT @max;

-- name: SettleZone :exec
UPDATE projects SET days_zone = @zone WHERE id = @project_id AND time_zone = @zone;
