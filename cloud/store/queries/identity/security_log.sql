-- name: SecurityLogHead :one
SELECT number, digest FROM security_log ORDER BY number DESC LIMIT 1;

-- name: AppendSecurityLog :exec
INSERT INTO security_log (number, at_ms, who, origin, action, target, detail, result, previous, digest)
VALUES (@number, @at_ms, @who, @origin, @action, @target, @detail, @result, @previous, @digest);

-- name: SecurityLog :many
SELECT * FROM security_log WHERE number > @after ORDER BY number LIMIT @max;

-- name: SecurityLogNewest :many
SELECT * FROM security_log WHERE number < @before ORDER BY number DESC LIMIT @max;

-- name: SecurityLogOf :many
SELECT * FROM security_log WHERE who = @subject OR target = @subject ORDER BY number DESC LIMIT @max;
