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
