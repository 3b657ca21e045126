-- name: AppendBatch :exec
INSERT INTO journal (id, received_ms, count, messages)
VALUES (@id, @received_ms, @count, @messages);

-- name: LastBatch :one
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS id FROM journal;

-- name: BatchesAfter :many
SELECT id, received_ms, count, messages FROM journal
WHERE id > @after
ORDER BY id
LIMIT @max;

-- name: CountBatches :one
SELECT COUNT(*) FROM journal WHERE id > @after AND id <= @until;

-- name: DeleteBatches :execrows
DELETE FROM journal
WHERE id IN (
  SELECT j.id FROM journal AS j
  WHERE j.id <= @until AND j.received_ms < @before
  ORDER BY j.id
  LIMIT @max
);

-- name: Placements :many
SELECT gateway, journal_id, project_id, network_id FROM placements
ORDER BY gateway, journal_id;

-- name: AddPlacement :exec
INSERT INTO placements (gateway, journal_id, project_id, network_id)
VALUES (@gateway, @journal_id, @project_id, @network_id)
ON CONFLICT (gateway, journal_id) DO UPDATE SET project_id = excluded.project_id, network_id = excluded.network_id;
