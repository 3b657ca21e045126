-- name: SecurityLogHead :one
SELECT number, digest FROM security_log WHERE project_id = @project_id ORDER BY number DESC LIMIT 1;

-- name: AppendSecurityLog :exec
INSERT INTO security_log (project_id, number, at_ms, who, origin, action, target, detail, result, previous, digest)
VALUES (@project_id, @number, @at_ms, @who, @origin, @action, @target, @detail, @result, @previous, @digest);

-- name: SecurityLog :many
SELECT * FROM security_log WHERE project_id = @project_id AND number > @after ORDER BY number LIMIT @max;

-- name: SecurityLogNewest :many
SELECT * FROM security_log WHERE project_id = @project_id AND number < @before ORDER BY number DESC LIMIT @max;

-- name: SecurityLogs :many
SELECT DISTINCT project_id FROM security_log ORDER BY project_id;

-- name: SecurityLogOf :many
SELECT * FROM security_log WHERE who = @subject OR target = @subject ORDER BY at_ms DESC, project_id, number DESC LIMIT @max;
