// Package registry knows every device identity that the factory issued: which
// certificates open a connection, which were revoked, and which gateway serves
// which network. What it does not know does not exist for this cloud.
//
// A device certificate follows IEEE 802.1AR and RFC 5280. That it is signed by
// the factory's authority and is fit for a client is checked in the TLS
// handshake by package edge; this package then says whether it is the one that
// was issued. It will not accept a device on its address alone, neither for a
// connection nor for a claim.
package registry

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync/atomic"
	"time"

	"sconce"
	"sconce/cloud/attempts"
	"sconce/cloud/audit"
	"sconce/cloud/project"
)

// Identity is what the registry knows of one device.
type Identity struct {
	Device            sconce.EUI64
	Kind              sconce.DeviceKind
	Model             string
	Serial            string
	CertificateSHA256 [sha256.Size]byte  // of the DER
	ClaimCodeSHA256   *[sha256.Size]byte // gateways: of the claim code as on the label
	Issued            time.Time
	Revoked           time.Time // zero while it is valid
}

// Store keeps identities and claims.
type Store interface {
	// Import stores identities, all or none, and returns how many were new. One
	// that is there already and equal is left as it is; one that contradicts what is
	// there is a [sconce.Conflict] that names the device. The event is what the security
	// log says of it, when any was new; how many is added to it.
	Import(ctx context.Context, ids []Identity, e audit.Event) (added int, err error)
	// Identities returns those of the given devices that are known, in any order.
	Identities(ctx context.Context, devices []sconce.EUI64) ([]Identity, error)
	// Version returns a number that changes with every change of the identities.
	Version(ctx context.Context) (int64, error)
	// Gateways returns the device, certificate and revocation of every gateway, and
	// the version at which they were so.
	Gateways(ctx context.Context) ([]Identity, int64, error)
	// Revoke marks an identity as revoked at the time of the event, which is what the
	// security log says of it. It is a [sconce.NotFound] when the device is not known,
	// and no error when it was revoked before.
	Revoke(ctx context.Context, device sconce.EUI64, e audit.Event) error
	// Claim assigns a gateway to a network of the project. It is a [sconce.NotFound]
	// when the network is not there, and a [sconce.Conflict] when the gateway is
	// assigned already or the network has one.
	Claim(ctx context.Context, s project.Scope, gateway sconce.EUI64, network sconce.NetworkID, at time.Time) error
	// Release ends the assignment of a gateway of the project: a [sconce.NotFound]
	// when the project has no such gateway.
	Release(ctx context.Context, s project.Scope, gateway sconce.EUI64) error
}

// Service holds the rules of identities and claims.
type Service struct {
	store    Store
	now      func() time.Time
	log      *slog.Logger
	assigned func(gateway sconce.EUI64)
	claims   *attempts.Limiter
	gateways atomic.Pointer[snapshot]
}

// New returns a Service that keeps its data in store and reads the time from now.
// assigned is called after each claim or release of a gateway: what it serves has
// changed.
func New(ctx context.Context, store Store, now func() time.Time, log *slog.Logger, assigned func(gateway sconce.EUI64)) (*Service, error) {
	s := &Service{
		store: store, now: now, log: log, assigned: assigned,
		claims: attempts.New(claimAttempts, claimWindow, claimAccounts),
	}
	if err := s.reload(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Describe returns what is known of some devices. A device that the factory did
// not issue, such as a light of another maker, is absent from the answer. It
// holds nothing of any project, so that it needs no scope.
func (s *Service) Describe(ctx context.Context, devices []sconce.EUI64) (map[sconce.EUI64]Identity, error) {
	ids, err := s.store.Identities(ctx, devices)
	if err != nil {
		return nil, err
	}
	known := make(map[sconce.EUI64]Identity, len(ids))
	for _, id := range ids {
		known[id.Device] = id
	}
	return known, nil
}

// Revoke ends the validity of a device's identity for ever. Its live connections
// end within [RefreshEvery] and a moment, in whichever process they are.
func (s *Service) Revoke(ctx context.Context, device sconce.EUI64) error {
	if err := s.store.Revoke(ctx, device, s.event(audit.IdentityRevoked, "device:"+device.String())); err != nil {
		return err
	}
	return s.reload(ctx)
}

// event returns what the security log says of a change of identities: operators alone
// make them, at the console.
func (s *Service) event(action audit.Action, target string) audit.Event {
	return audit.Event{
		At: s.now(), Who: audit.Operator, Origin: audit.Console, Action: action, Target: target, Result: audit.Done,
	}
}
