-- name: States :many
SELECT * FROM device_states WHERE project_id = @project_id AND network_id = @network_id
ORDER BY device;

-- name: State :one
SELECT * FROM device_states WHERE project_id = @project_id AND device = @device;

-- name: SetState :exec
INSERT INTO device_states (project_id, device, network_id, at_ms, reachable, heard_ms, is_on, level, cause, power_w, power_ms,
  faults, temperature, battery, occupied, occupied_ms, kelvin, signal, link_quality, burn_hours, illuminance, energy)
VALUES (@project_id, @device, @network_id, @at_ms, @reachable, @heard_ms, @is_on, @level, @cause, @power_w, @power_ms,
  @faults, @temperature, @battery, @occupied, @occupied_ms, @kelvin,
  @signal, @link_quality, @burn_hours, @illuminance, @energy)
ON CONFLICT (project_id, device) DO UPDATE SET
  network_id = excluded.network_id, at_ms = excluded.at_ms, reachable = excluded.reachable, heard_ms = excluded.heard_ms,
  is_on = excluded.is_on, level = excluded.level, cause = excluded.cause, power_w = excluded.power_w, power_ms = excluded.power_ms,
  faults = excluded.faults, temperature = excluded.temperature, battery = excluded.battery,
  occupied = excluded.occupied, occupied_ms = excluded.occupied_ms, kelvin = excluded.kelvin,
  signal = excluded.signal, link_quality = excluded.link_quality, burn_hours = excluded.burn_hours, illuminance = excluded.illuminance,
  energy = excluded.energy;

-- name: Stages :many
SELECT * FROM device_stages WHERE project_id = @project_id AND network_id = @network_id
ORDER BY device;

-- name: SetStage :exec
INSERT INTO device_stages (project_id, device, network_id, desired, stage, reason, at_ms, model, manufacturer, hardware, firmware, serial, rated_power)
VALUES (@project_id, @device, @network_id, @desired, @stage, @reason, @at_ms, @model, @manufacturer, @hardware, @firmware, @serial, @rated_power)
ON CONFLICT (project_id, device) DO UPDATE SET
  network_id = excluded.network_id, desired = excluded.desired, stage = excluded.stage, reason = excluded.reason, at_ms = excluded.at_ms,
  model = coalesce(excluded.model, device_stages.model), manufacturer = coalesce(excluded.manufacturer, device_stages.manufacturer),
  hardware = coalesce(excluded.hardware, device_stages.hardware), firmware = coalesce(excluded.firmware, device_stages.firmware),
  serial = coalesce(excluded.serial, device_stages.serial), rated_power = coalesce(excluded.rated_power, device_stages.rated_power);

-- name: Events :many
SELECT * FROM events WHERE project_id = @project_id AND at_ms < @before
ORDER BY at_ms DESC, journal_id DESC, n DESC
LIMIT @max;

-- name: DeviceEvents :many
SELECT * FROM events WHERE project_id = @project_id AND device = @device AND at_ms <= @until
ORDER BY at_ms DESC, journal_id DESC, n DESC
LIMIT @max;

-- name: AddEvent :exec
INSERT INTO events (project_id, at_ms, journal_id, n, device, kind)
VALUES (@project_id, @at_ms, @journal_id, @n, @device, @kind);

-- name: GatewayHello :one
SELECT * FROM gateway_hellos WHERE project_id = @project_id AND gateway = @gateway;

-- name: SetGatewayHello :exec
INSERT INTO gateway_hellos (project_id, gateway, network_id, model, firmware, boot_count, extended_pan_id, pan_id, channel, desired, dropped, at_ms)
VALUES (@project_id, @gateway, @network_id, @model, @firmware, @boot_count, @extended_pan_id, @pan_id, @channel, @desired, @dropped, @at_ms)
ON CONFLICT (project_id, gateway) DO UPDATE SET
  network_id = excluded.network_id, model = excluded.model, firmware = excluded.firmware, boot_count = excluded.boot_count,
  extended_pan_id = excluded.extended_pan_id, pan_id = excluded.pan_id, channel = excluded.channel,
  desired = excluded.desired, dropped = excluded.dropped, at_ms = excluded.at_ms;

-- name: ClaimedAt :one
SELECT claimed_ms FROM gateway_claims WHERE project_id = @project_id AND gateway = @gateway;

-- name: Accounts :many
SELECT * FROM continuity
WHERE gateway = @gateway AND last_ms >= @since
ORDER BY last_ms DESC, boot
LIMIT @max;

-- name: GeneratedUntil :one
SELECT CAST(COALESCE(MAX(k.last_ms), 0) AS BIGINT) FROM gateway_claims AS c
JOIN continuity AS k ON k.gateway = c.gateway
WHERE c.project_id = @project_id AND k.last_ms >= c.claimed_ms AND k.generated = 1;

-- name: Horizon :many
SELECT last_ms FROM readings
WHERE project_id = @project_id AND device = @device AND metric = @metric AND last_ms >= @since
ORDER BY last_ms, part
LIMIT 1 OFFSET @n;

-- name: Measured :many
SELECT device FROM readings_open
WHERE project_id = @project_id AND device > @after AND metric = @metric
ORDER BY device
LIMIT @max;

-- name: PartFrom :many
SELECT part FROM readings
WHERE project_id = @project_id AND device = @device AND metric = @metric AND last_ms >= @since
ORDER BY last_ms, part
LIMIT 1;

-- name: Chunks :many
SELECT part, minimum, maximum, sum, samples FROM readings
WHERE project_id = @project_id AND device = @device AND metric = @metric AND last_ms >= @since AND first_ms <= @until
ORDER BY part;

-- name: AddChunk :exec
INSERT INTO readings (project_id, device, metric, last_ms, part, first_ms, count, minimum, maximum, sum, samples)
VALUES (@project_id, @device, @metric, @last_ms, @part, @first_ms, @count, @minimum, @maximum, @sum, @samples);

-- name: OpenChunk :one
SELECT part, samples, began_ms, head_ms, head_value, waiting FROM readings_open
WHERE project_id = @project_id AND device = @device AND metric = @metric;

-- name: SetOpenChunk :exec
INSERT INTO readings_open (project_id, device, metric, part, samples, began_ms, head_ms, head_value, waiting)
VALUES (@project_id, @device, @metric, @part, @samples, @began_ms, @head_ms, @head_value, @waiting)
ON CONFLICT (project_id, device, metric) DO UPDATE SET
  part = excluded.part, samples = excluded.samples, began_ms = excluded.began_ms, head_ms = excluded.head_ms,
  head_value = excluded.head_value, waiting = excluded.waiting;

-- name: ChunksAcross :many
SELECT samples FROM readings
WHERE project_id = @project_id AND device = @device AND metric = @metric AND last_ms >= @at AND first_ms <= @at;

-- name: ChunksUntil :many
SELECT r.samples FROM readings AS r
WHERE r.project_id = @project_id AND r.device = @device AND r.metric = @metric AND r.last_ms = (
  SELECT s.last_ms FROM readings AS s
  WHERE s.project_id = @project_id AND s.device = @device AND s.metric = @metric AND s.last_ms < @at
  ORDER BY s.last_ms DESC
  LIMIT 1
);

-- name: ChunksFrom :many
SELECT r.samples FROM readings AS r
WHERE r.project_id = @project_id AND r.device = @device AND r.metric = @metric AND r.last_ms > @at AND r.first_ms = (
  SELECT s.first_ms FROM readings AS s
  WHERE s.project_id = @project_id AND s.device = @device AND s.metric = @metric AND s.last_ms > @at AND s.first_ms > @at
  ORDER BY s.first_ms
  LIMIT 1
);

-- name: Presences :many
SELECT gateway, online, since_ms FROM gateway_presence ORDER BY gateway;

-- name: SetPresence :exec
INSERT INTO gateway_presence (gateway, online, since_ms) VALUES (@gateway, @online, @since_ms)
ON CONFLICT (gateway) DO UPDATE SET online = excluded.online, since_ms = excluded.since_ms;
