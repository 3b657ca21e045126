-- name: CreatePerson :exec
INSERT INTO people (account_id, sealed_key, email_hmac, email, name, country)
VALUES (@account_id, @sealed_key, @email_hmac, @email, @name, @country);

-- name: Person :one
SELECT * FROM people WHERE account_id = @account_id;

-- name: CorrectPerson :exec
UPDATE people SET name = @name, country = @country, phone = @phone, address = @address, contact = @contact
WHERE account_id = @account_id;

-- name: SetEmail :exec
UPDATE people SET email = @email, email_hmac = @email_hmac WHERE account_id = @account_id;

-- name: RemoveAccount :execrows
DELETE FROM accounts WHERE id = @id;

-- name: ForgetInvitationsTo :exec
DELETE FROM invitees WHERE email_hmac = @email_hmac;

-- name: SaveInvited :exec
INSERT INTO invitees (invitation_id, email_hmac, email) VALUES (@invitation_id, @email_hmac, @email);

-- name: Invited :many
SELECT * FROM invitees WHERE invitation_id IN (sqlc.slice(ids));

-- name: ForgetInvited :exec
DELETE FROM invitees WHERE invitation_id = @invitation_id;

-- name: Unsealed :one
SELECT COUNT(*) FROM unsealed;

-- name: AllIsSealed :exec
DELETE FROM unsealed;

-- name: UnsealedProfiles :many
SELECT * FROM profiles ORDER BY account_id LIMIT @max;

-- name: RemoveUnsealedProfile :exec
DELETE FROM profiles WHERE account_id = @account_id;

-- name: UnsealedInvited :many
SELECT * FROM invited ORDER BY invitation_id LIMIT @max;

-- name: RemoveUnsealedInvited :exec
DELETE FROM invited WHERE invitation_id = @invitation_id;

-- name: InvitationsTo :many
SELECT invitation_id FROM invitees WHERE email_hmac = @email_hmac ORDER BY invitation_id;

-- name: Invitees :many
SELECT invitation_id FROM invitees WHERE invitation_id > @after ORDER BY invitation_id LIMIT @max;
