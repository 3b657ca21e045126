-- name: ImportIdentity :exec
INSERT INTO issued_identities (device, kind, model, serial, certificate_sha256, claim_code_sha256, issued_ms)
VALUES (@device, @kind, @model, @serial, @certificate_sha256, @claim_code_sha256, @issued_ms);

-- name: IssuedIdentity :one
SELECT * FROM issued_identities WHERE device = @device;

-- name: IssuedIdentities :many
SELECT * FROM issued_identities WHERE device IN (sqlc.slice(devices));

-- name: RegistryVersion :one
SELECT version FROM registry_version;

-- name: GrowRegistryVersion :exec
UPDATE registry_version SET version = version + 1;

-- name: IdentitiesOfKind :many
SELECT device, certificate_sha256, revoked_ms FROM issued_identities WHERE kind = @kind;

-- name: RevokeIdentity :execrows
UPDATE issued_identities SET revoked_ms = @revoked_ms WHERE device = @device AND revoked_ms IS NULL;

-- name: ClaimOfGateway :one
SELECT project_id, network_id FROM gateway_claims WHERE gateway = @gateway;

-- name: ClaimGateway :exec
INSERT INTO gateway_claims (gateway, project_id, network_id, account_id, claimed_ms)
VALUES (@gateway, @project_id, @network_id, @account_id, @claimed_ms);

-- name: ReleaseGateway :execrows
DELETE FROM gateway_claims WHERE project_id = @project_id AND gateway = @gateway;
