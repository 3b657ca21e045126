-- name: Bases :many
SELECT * FROM bases ORDER BY journal_id;

-- name: AnyGenerated :one
SELECT COUNT(*) FROM continuity WHERE generated = 1;

-- name: AddBase :exec
INSERT INTO bases (journal_id, made_ms, keep_ms) VALUES (@journal_id, @made_ms, @keep_ms);

-- name: RemoveBase :exec
DELETE FROM bases WHERE journal_id = @journal_id;

-- name: RemoveBaseRows :exec
DELETE FROM base_rows WHERE journal_id NOT IN (SELECT b.journal_id FROM bases AS b);

-- name: ProjectExists :one
SELECT COUNT(*) FROM projects WHERE id = @project_id;

-- name: AddBaseRows :exec
INSERT INTO base_rows (journal_id, n, project_id, of_table, of_columns, packed)
VALUES (@journal_id, @n, @project_id, @of_table, @of_columns, @packed);

-- name: BaseRows :many
SELECT n, of_table, of_columns, packed FROM base_rows
WHERE journal_id = @journal_id AND n > @after
ORDER BY n
LIMIT 16;
