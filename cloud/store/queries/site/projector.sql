-- The results of the journal: their position, the account of what came, and what
-- could not be understood.

-- name: Position :one
SELECT journal_id FROM projector WHERE id = 1;

-- name: SetPosition :exec
UPDATE projector SET journal_id = @journal_id WHERE id = 1;

-- name: Rebuilding :one
SELECT rebuild_after, rebuild_until FROM projector WHERE id = 1;

-- name: SetRebuilding :exec
UPDATE projector SET rebuild_after = @rebuild_after, rebuild_until = @rebuild_until WHERE id = 1;

-- name: Runs :many
SELECT * FROM continuity
WHERE (last_ms, gateway, boot) > (@last_ms, @gateway, @boot)
ORDER BY last_ms, gateway, boot
LIMIT @max;

-- name: Run :one
SELECT * FROM continuity WHERE gateway = @gateway AND boot = @boot;

-- name: SetRun :exec
INSERT INTO continuity (gateway, boot, first_ms, last_ms, received, duplicates, unknown, malformed, highest, missing, ranges, ahead_ms, dropped, late, gaps, generated)
VALUES (@gateway, @boot, @first_ms, @last_ms, @received, @duplicates, @unknown, @malformed, @highest, @missing, @ranges, @ahead_ms, @dropped, @late, @gaps, @generated)
ON CONFLICT (gateway, boot) DO UPDATE SET
  last_ms = excluded.last_ms, received = excluded.received, duplicates = excluded.duplicates, unknown = excluded.unknown,
  malformed = excluded.malformed, highest = excluded.highest, missing = excluded.missing, ranges = excluded.ranges,
  ahead_ms = excluded.ahead_ms, dropped = excluded.dropped, late = excluded.late,
  gaps = excluded.gaps, generated = excluded.generated;

-- name: AddPoison :exec
INSERT INTO poison (journal_id, n, gateway, kind, received_ms, reason, payload)
VALUES (@journal_id, @n, @gateway, @kind, @received_ms, @reason, @payload);

-- name: PrunePoison :exec
DELETE FROM poison WHERE journal_id < (
  SELECT p.journal_id FROM poison AS p
  ORDER BY p.journal_id DESC, p.n DESC
  LIMIT 1 OFFSET @keep
);

-- name: Poisons :many
SELECT * FROM poison ORDER BY journal_id DESC, n DESC LIMIT @max;
