-- name: WatchedNetworks :many
SELECT project_id, network_id, gateway FROM gateway_claims ORDER BY project_id, network_id;

-- name: NetworkOfDevice :one
SELECT network_id FROM device_states WHERE project_id = @project_id AND device = @device;

-- name: WatchedDevices :many
SELECT p.device, p.kind, s.network_id AS state_network, s.reachable, s.heard_ms, s.faults, s.power_w, s.battery, s.temperature, s.occupied_ms, g.rated_power
FROM positions AS p
LEFT JOIN device_states AS s ON s.project_id = @project_id AND s.device = p.device
LEFT JOIN device_stages AS g ON g.project_id = @project_id AND g.device = p.device
WHERE p.project_id = @project_id AND p.network_id = @network_id;

-- name: WatchedGateway :one
SELECT c.gateway, g.online, g.since_ms FROM gateway_claims AS c
LEFT JOIN gateway_presence AS g ON g.gateway = c.gateway
WHERE c.project_id = @project_id AND c.network_id = @network_id;

-- name: AlertWatches :many
SELECT rule, device, watch FROM alert_watches WHERE project_id = @project_id AND network_id = @network_id;

-- name: SetAlertWatch :exec
INSERT INTO alert_watches (project_id, network_id, rule, device, watch) VALUES (@project_id, @network_id, @rule, @device, @watch)
ON CONFLICT (project_id, network_id, rule, device) DO UPDATE SET watch = excluded.watch;

-- name: ForgetAlertWatch :exec
DELETE FROM alert_watches WHERE project_id = @project_id AND network_id = @network_id AND rule = @rule AND device = @device;

-- name: OpenAlerts :many
SELECT * FROM alerts WHERE project_id = @project_id AND network_id = @network_id AND is_open = 1 ORDER BY id;

-- name: ClearedAlerts :many
SELECT * FROM alerts WHERE project_id = @project_id AND network_id = @network_id AND cleared_ms >= @since ORDER BY id;

-- name: CountOpenAlerts :one
SELECT COUNT(*) FROM alerts WHERE project_id = @project_id AND is_open = 1;

-- name: Alert :one
SELECT * FROM alerts WHERE project_id = @project_id AND id = @id;

-- name: Alerts :many
SELECT * FROM alerts
WHERE project_id = @project_id AND id < @before AND is_open >= @open_from AND is_open <= @open_to
  AND severity >= @least AND rule >= @rule_from AND rule <= @rule_to AND members LIKE @member
ORDER BY id DESC
LIMIT @max;

-- name: SetAlert :exec
INSERT INTO alerts (project_id, id, network_id, rule, severity, is_open, raised_ms, cleared_ms, joined_ms, times, members)
VALUES (@project_id, @id, @network_id, @rule, @severity, @is_open, @raised_ms, @cleared_ms, @joined_ms, @times, @members)
ON CONFLICT (project_id, id) DO UPDATE SET
  severity = excluded.severity, is_open = excluded.is_open, raised_ms = excluded.raised_ms, cleared_ms = excluded.cleared_ms, joined_ms = excluded.joined_ms, times = excluded.times, members = excluded.members;

-- name: AlertsBeyond :many
SELECT id FROM alerts WHERE project_id = @project_id AND is_open = 0
ORDER BY id DESC
LIMIT 100 OFFSET @keep;

-- name: ForgetAlert :exec
DELETE FROM alerts WHERE project_id = @project_id AND id = @id;

-- name: SeeAlert :execrows
UPDATE alerts SET seen_by = @seen_by, seen_ms = @seen_ms WHERE project_id = @project_id AND id = @id;

-- name: SetAlertTold :exec
UPDATE alerts SET told = @told WHERE project_id = @project_id AND id = @id;

-- name: AlertNotes :many
SELECT * FROM alert_notes WHERE project_id = @project_id AND alert_id = @alert_id ORDER BY id;

-- name: CountAlertNotes :one
SELECT COUNT(*) FROM alert_notes WHERE project_id = @project_id AND alert_id = @alert_id;

-- name: AddAlertNote :exec
INSERT INTO alert_notes (project_id, id, alert_id, account_id, at_ms, note) VALUES (@project_id, @id, @alert_id, @account_id, @at_ms, @note);

-- name: AlertSettings :one
SELECT settings FROM alert_settings WHERE project_id = @project_id;

-- name: SetAlertSettings :exec
INSERT INTO alert_settings (project_id, settings) VALUES (@project_id, @settings)
ON CONFLICT (project_id) DO UPDATE SET settings = excluded.settings;

-- name: AlertReaders :many
SELECT m.account_id, m.role, COALESCE(r.least, 0) AS least FROM members AS m
LEFT JOIN alert_readers AS r ON r.project_id = m.project_id AND r.account_id = m.account_id
WHERE m.project_id = @project_id;

-- name: SetAlertReader :exec
INSERT INTO alert_readers (project_id, account_id, least) VALUES (@project_id, @account_id, @least)
ON CONFLICT (project_id, account_id) DO UPDATE SET least = excluded.least;

-- name: AlertHooks :many
SELECT * FROM alert_hooks WHERE project_id = @project_id ORDER BY id;

-- name: AddAlertHook :exec
INSERT INTO alert_hooks (project_id, id, sealed, least, made_ms) VALUES (@project_id, @id, @sealed, @least, @made_ms);

-- name: RemoveAlertHook :execrows
DELETE FROM alert_hooks WHERE project_id = @project_id AND id = @id;

-- name: SetAlertHookFailing :exec
UPDATE alert_hooks SET failing_ms = @failing_ms WHERE project_id = @project_id AND id = @id;

-- name: AddAlertNotice :exec
INSERT INTO alert_notices (project_id, id, alert_id, hook_id, news, made_ms, due_ms, tries)
VALUES (@project_id, @id, @alert_id, @hook_id, @news, @made_ms, @due_ms, 0);

-- name: DueAlertNotices :many
SELECT * FROM alert_notices WHERE due_ms <= @now_ms ORDER BY due_ms LIMIT @max;

-- name: PostponeAlertNotice :exec
UPDATE alert_notices SET due_ms = @due_ms, tries = @tries WHERE project_id = @project_id AND id = @id;

-- name: DeferAlertNotices :exec
UPDATE alert_notices SET due_ms = @due_ms WHERE project_id = @project_id AND hook_id = @hook_id AND due_ms < @due_ms;

-- name: RemoveAlertNotice :exec
DELETE FROM alert_notices WHERE project_id = @project_id AND id = @id;

-- name: CountAlertNotices :one
SELECT COUNT(*) FROM alert_notices WHERE project_id = @project_id;
