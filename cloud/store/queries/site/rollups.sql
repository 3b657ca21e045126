-- name: KeptRollups :many
SELECT z.zone, r.level, r.period, r.sums FROM rollup_zones AS z
LEFT JOIN rollups AS r ON r.project_id = z.project_id AND r.level = 0 AND r.device = z.device
  AND r.period >= CAST(@first_day AS BIGINT) AND r.period <= CAST(@last_day AS BIGINT)
WHERE z.project_id = @project_id AND z.device = @device
UNION ALL
SELECT '' AS zone, r.level, r.period, r.sums FROM rollups AS r
WHERE r.project_id = @project_id AND r.level = 1 AND r.device = @device AND r.period >= CAST(@first_month AS BIGINT) AND r.period <= CAST(@last_month AS BIGINT)
UNION ALL
SELECT '' AS zone, r.level, r.period, r.sums FROM rollups AS r
WHERE r.project_id = @project_id AND r.level = 2 AND r.device = @device AND r.period >= CAST(@first_year AS BIGINT) AND r.period <= CAST(@last_year AS BIGINT);

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
WHERE project_id = @project_id AND waiting > 0 AND head_ms >= CAST(@since AS BIGINT) AND head_ms < CAST(@until AS BIGINT) AND device IN (sqlc.slice(devices))
ORDER BY device, metric;

-- name: SetRollupCalendar :exec
INSERT INTO rollup_zones (project_id, device, zone) VALUES (@project_id, @device, @zone)
ON CONFLICT (project_id, device) DO UPDATE SET zone = excluded.zone;

-- name: OtherCalendars :many
SELECT device, zone FROM rollup_zones WHERE project_id = @project_id AND zone <> @zone
ORDER BY device
LIMIT @max;

-- name: CalendarsInUse :many
SELECT DISTINCT project_id, zone FROM rollup_zones ORDER BY project_id, zone;

-- name: RollupsOf :many
SELECT period, sums FROM rollups
WHERE project_id = @project_id AND level = @level AND device = @device
ORDER BY period;

-- name: RemoveRollups :exec
DELETE FROM rollups WHERE project_id = @project_id AND level = @level AND device = @device;

-- name: ZonesToSettle :many
SELECT id FROM projects WHERE days_zone <> time_zone AND id > @after ORDER BY id LIMIT @max;

-- name: SettleZone :exec
UPDATE projects SET days_zone = time_zone WHERE id = @project_id;

-- name: UnsettleZone :exec
UPDATE projects SET days_zone = '' WHERE id = @project_id;
