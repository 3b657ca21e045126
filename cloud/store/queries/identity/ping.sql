-- name: Ping :one
SELECT CAST(1 AS INTEGER) AS ok;
