package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/store/sitedb"
)

// Registry returns where device identities and claims are kept.
func (s *Store) Registry() registry.Store { return identitiesIssued{s.site} }

type identitiesIssued struct{ site }

func (s identitiesIssued) Import(ctx context.Context, ids []registry.Identity, e audit.Event) (added int, err error) {
	err = s.outside().update(ctx, func(q *sitedb.Queries) error {
		added = 0
		for _, id := range ids {
			isNew, err := importOne(ctx, q, id)
			if err != nil {
				return err
			}
			if isNew {
				added++
			}
		}
		if added == 0 {
			return nil
		}
		if err := q.GrowRegistryVersion(ctx); err != nil {
			return doing("counting a change of the registry", err)
		}
		e.Detail = "count=" + strconv.Itoa(added)
		return record(ctx, q, audit.Installation, e)
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

// importOne stores one identity, and reports whether it was new.
func importOne(ctx context.Context, q *sitedb.Queries, id registry.Identity) (bool, error) {
	known, err := q.IssuedIdentity(ctx, int64(id.Device))
	switch {
	case err == nil:
		was := identityOf(known)
		was.Revoked = time.Time{} // an import neither revokes nor restores
		if !equalIdentity(was, id) {
			return false, sconce.Errorf(sconce.Conflict, "device %s is in the registry with another certificate, serial or claim code; a device keeps its identity for life", id.Device)
		}
		return false, nil
	case !errors.Is(err, sql.ErrNoRows):
		return false, doing("reading an identity", err)
	}
	var claim []byte
	if id.ClaimCodeSHA256 != nil {
		claim = id.ClaimCodeSHA256[:]
	}
	err = q.ImportIdentity(ctx, sitedb.ImportIdentityParams{
		Device: int64(id.Device), Kind: int64(id.Kind), Model: id.Model, Serial: id.Serial,
		CertificateSha256: id.CertificateSHA256[:], ClaimCodeSha256: claim, IssuedMs: id.Issued.UnixMilli(),
	})
	if violatesUnique(err) {
		return false, sconce.Errorf(sconce.Conflict, "device %s has the serial or the certificate of another device in the registry", id.Device)
	}
	return true, doing("storing an identity", err)
}

func equalIdentity(a, b registry.Identity) bool {
	if (a.ClaimCodeSHA256 == nil) != (b.ClaimCodeSHA256 == nil) ||
		a.ClaimCodeSHA256 != nil && *a.ClaimCodeSHA256 != *b.ClaimCodeSHA256 {
		return false
	}
	return a.Device == b.Device && a.Kind == b.Kind && a.Model == b.Model && a.Serial == b.Serial &&
		a.CertificateSHA256 == b.CertificateSHA256 && a.Issued.UnixMilli() == b.Issued.UnixMilli()
}

func identityOf(r sitedb.IssuedIdentity) registry.Identity {
	id := registry.Identity{
		Device: sconce.EUI64(r.Device), Kind: sconce.DeviceKind(r.Kind), Model: r.Model, Serial: r.Serial,
		Issued: momentOf(r.IssuedMs),
	}
	copy(id.CertificateSHA256[:], r.CertificateSha256)
	if r.ClaimCodeSha256 != nil {
		id.ClaimCodeSHA256 = new([sha256.Size]byte)
		copy(id.ClaimCodeSHA256[:], r.ClaimCodeSha256)
	}
	if r.RevokedMs != nil {
		id.Revoked = momentOf(*r.RevokedMs)
	}
	return id
}

func (s identitiesIssued) Identities(ctx context.Context, devices []sconce.EUI64) ([]registry.Identity, error) {
	const batch = 500 // bound values in one statement
	var all []registry.Identity
	for some := range slices.Chunk(devices, batch) {
		keys := make([]int64, len(some))
		for i, d := range some {
			keys[i] = int64(d)
		}
		rows, err := s.outside().reading.IssuedIdentities(ctx, keys)
		if err != nil {
			return nil, doing("reading identities", err)
		}
		for _, r := range rows {
			all = append(all, identityOf(r))
		}
	}
	return all, nil
}

func (s identitiesIssued) Version(ctx context.Context) (int64, error) {
	v, err := s.outside().reading.RegistryVersion(ctx)
	return v, doing("reading the version of the registry", err)
}

func (s identitiesIssued) Gateways(ctx context.Context) (all []registry.Identity, version int64, err error) {
	err = s.outside().view(ctx, func(q *sitedb.Queries) error {
		if version, err = q.RegistryVersion(ctx); err != nil {
			return doing("reading the version of the registry", err)
		}
		rows, err := q.IdentitiesOfKind(ctx, int64(sconce.Gateway))
		for _, r := range rows {
			all = append(all, identityOf(sitedb.IssuedIdentity{
				Device: r.Device, Kind: int64(sconce.Gateway), CertificateSha256: r.CertificateSha256, RevokedMs: r.RevokedMs,
			}))
		}
		return doing("reading the gateways of the registry", err)
	})
	return all, version, err
}

func (s identitiesIssued) Revoke(ctx context.Context, device sconce.EUI64, e audit.Event) error {
	return s.outside().update(ctx, func(q *sitedb.Queries) error {
		ms := e.At.UnixMilli()
		n, err := q.RevokeIdentity(ctx, sitedb.RevokeIdentityParams{Device: int64(device), RevokedMs: &ms})
		if err != nil {
			return doing("revoking an identity", err)
		}
		if n == 0 { // unknown, or revoked before
			_, err := q.IssuedIdentity(ctx, int64(device))
			return found(err, "device in the registry")
		}
		if err := q.GrowRegistryVersion(ctx); err != nil {
			return doing("counting a change of the registry", err)
		}
		return record(ctx, q, audit.Installation, e)
	})
}

func (s identitiesIssued) Claim(ctx context.Context, scope project.Scope, gateway sconce.EUI64, network sconce.NetworkID, at time.Time) error {
	return s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		err := q.ClaimGateway(ctx, sitedb.ClaimGatewayParams{
			Gateway: int64(gateway), ProjectID: string(scope.Project()), NetworkID: string(network),
			AccountID: string(scope.Account()), ClaimedMs: at.UnixMilli(),
		})
		switch {
		case violatesReference(err):
			return sconce.Errorf(sconce.NotFound, "there is no such network")
		case violatesUnique(err):
			return sconce.Errorf(sconce.Conflict, "the gateway is claimed already, or the network has a gateway: release it first")
		case err != nil:
			return doing("storing a claim", err)
		}
		return note(ctx, q, scope, audit.GatewayClaimed, string(audit.Gateway(gateway)), "network:"+string(network))
	})
}

func (s identitiesIssued) Release(ctx context.Context, scope project.Scope, gateway sconce.EUI64) error {
	return s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.ReleaseGateway(ctx, sitedb.ReleaseGatewayParams{ProjectID: string(scope.Project()), Gateway: int64(gateway)})
		if err == nil && n == 0 {
			return sconce.Errorf(sconce.NotFound, "there is no such gateway")
		}
		if err != nil {
			return doing("releasing a gateway", err)
		}
		return note(ctx, q, scope, audit.GatewayReleased, string(audit.Gateway(gateway)), "")
	})
}
