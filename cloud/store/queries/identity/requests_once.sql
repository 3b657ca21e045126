-- name: RequestOnce :one
SELECT * FROM requests_once WHERE key_sha256 = @key_sha256;

-- name: BeginRequestOnce :exec
INSERT INTO requests_once (key_sha256, account_id, content_sha256, status, answer_sealed, made_ms)
VALUES (@key_sha256, @account_id, @content_sha256, 0, @nothing, @made_ms);

-- name: CountRequestsOnce :one
SELECT COUNT(*) FROM requests_once WHERE account_id = @account_id;

-- name: DeleteRequestsOnceBefore :exec
DELETE FROM requests_once WHERE made_ms <= @before_ms;

-- name: EndRequestOnce :exec
UPDATE requests_once SET status = @status, answer_sealed = @answer_sealed WHERE key_sha256 = @key_sha256;

-- name: ForgetRequestOnce :exec
DELETE FROM requests_once WHERE key_sha256 = @key_sha256;
