package registry

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"log/slog"
	"time"

	"sconce"
)

// RefreshEvery is how often the registry looks for identities that were imported
// or revoked by another process.
const RefreshEvery = 2 * time.Second

// snapshot is what authentication needs of all gateways, at one version of the
// store. It is never changed.
type snapshot struct {
	version  int64
	gateways map[sconce.EUI64]credential
	revoked  []sconce.EUI64
}

type credential struct {
	certificate [sha256.Size]byte
	revoked     bool
}

// Authenticate returns which gateway a certificate belongs to. It asks for the
// very certificate that was issued to the device that its subject names, and for
// a gateway that is not revoked; anything else is a [sconce.Unauthenticated]. It
// reads memory only.
func (s *Service) Authenticate(_ context.Context, cert *x509.Certificate) (sconce.EUI64, error) {
	if cert == nil {
		return 0, sconce.Errorf(sconce.Unauthenticated, "expected the certificate of a gateway")
	}
	device, err := sconce.ParseEUI64(cert.Subject.CommonName)
	if err != nil || device.String() != cert.Subject.CommonName {
		return 0, sconce.Errorf(sconce.Unauthenticated, "the certificate names no device")
	}
	known, ok := s.gateways.Load().gateways[device]
	switch {
	case !ok:
		return 0, sconce.Errorf(sconce.Unauthenticated, "gateway %s is not in the registry", device)
	case known.certificate != sha256.Sum256(cert.Raw):
		return 0, sconce.Errorf(sconce.Unauthenticated, "the certificate is not the one that was issued to gateway %s", device)
	case known.revoked:
		return 0, sconce.Errorf(sconce.Unauthenticated, "gateway %s was revoked", device)
	}
	return device, nil
}

// Watch follows the store until ctx ends. It calls end every [RefreshEvery] with
// all gateways that are revoked, so that a connection which was just being made
// when its gateway was revoked is ended by the next call. end must not block.
//
// While the store cannot be read, the gateways known before stay admitted: their
// messages are not acknowledged meanwhile.
func (s *Service) Watch(ctx context.Context, end func(revoked []sconce.EUI64)) {
	tick := time.NewTicker(RefreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("refreshing the registry of devices", slog.Any("error", err))
		}
		if revoked := s.gateways.Load().revoked; len(revoked) > 0 {
			end(revoked)
		}
	}
}

func (s *Service) refresh(ctx context.Context) error {
	version, err := s.store.Version(ctx)
	if err != nil || version == s.gateways.Load().version {
		return err
	}
	return s.reload(ctx)
}

func (s *Service) reload(ctx context.Context) error {
	ids, version, err := s.store.Gateways(ctx)
	if err != nil {
		return err
	}
	next := &snapshot{version: version, gateways: make(map[sconce.EUI64]credential, len(ids))}
	for _, id := range ids {
		revoked := !id.Revoked.IsZero()
		next.gateways[id.Device] = credential{id.CertificateSHA256, revoked}
		if revoked {
			next.revoked = append(next.revoked, id.Device)
		}
	}
	for {
		old := s.gateways.Load()
		if old != nil && old.version > next.version {
			return nil // another reload was quicker and saw more
		}
		if s.gateways.CompareAndSwap(old, next) {
			return nil
		}
	}
}
