package registry

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/project"
)

// How often one account may try a wrong claim code. A claim code holds 100 random
// bits: the limit keeps a guesser from costing us work, it is not what protects
// the code, and it counts nobody's attempts but the guesser's own.
const (
	claimAttempts = 20
	claimWindow   = 15 * time.Minute
	claimAccounts = 1 << 14 // accounts counted
)

// ClaimCode is the secret on the label of a gateway. It can be read in (JSON,
// text) but not written out, prints as [redacted], and cannot be compared with ==.
type ClaimCode struct {
	_    [0]func()
	text string
}

// NewClaimCode returns the claim code with a text as typed or scanned: case,
// spaces and hyphens do not matter.
func NewClaimCode(text string) ClaimCode {
	return ClaimCode{text: strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))}
}

// UnmarshalText implements [encoding.TextUnmarshaler] as [NewClaimCode].
func (c *ClaimCode) UnmarshalText(b []byte) error {
	*c = NewClaimCode(string(b))
	return nil
}

// Format implements [fmt.Formatter] for every verb.
func (c ClaimCode) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (c ClaimCode) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText refuses: a claim code is never written out.
func (c ClaimCode) MarshalText() ([]byte, error) {
	return nil, fmt.Errorf("encoding a claim code: refused")
}

// Claim assigns a gateway to a network of the project, on proof of its claim code.
// The answer for a gateway that does not exist, one that was revoked, and a wrong
// code is the same [sconce.Invalid]; only who holds the code learns that the
// gateway is claimed already, and not by whom: [sconce.Conflict]. Too many wrong
// codes are a [sconce.TooMany].
func (s *Service) Claim(ctx context.Context, scope project.Scope, gateway sconce.EUI64, code ClaimCode, network sconce.NetworkID) error {
	if err := scope.Require(project.ManageNetworks); err != nil {
		return err
	}
	now, who := s.now(), string(scope.Account())
	if !s.claims.Take(now, who) {
		return sconce.LaterErrorf(sconce.TooMany, claimWindow, "too many claim codes were wrong: try again in %d minutes", int(claimWindow.Minutes()))
	}
	ids, err := s.store.Identities(ctx, []sconce.EUI64{gateway})
	if err != nil {
		return err
	}
	if !proven(ids, code) {
		return sconce.FieldErrorf("claim_code", "the address and the claim code do not belong to one gateway: scan the label again")
	}
	s.claims.Undo(who)
	if err := s.store.Claim(ctx, scope, gateway, network, now); err != nil {
		return err
	}
	s.assigned(gateway)
	return nil
}

// proven reports whether the one identity found is that of a valid gateway, which
// alone have claim codes, with this one. It compares a digest in any case.
func proven(found []Identity, code ClaimCode) bool {
	var want [sha256.Size]byte
	ok := len(found) == 1 && found[0].Revoked.IsZero() && found[0].ClaimCodeSHA256 != nil
	if ok {
		want = *found[0].ClaimCodeSHA256
	}
	got := sha256.Sum256([]byte(code.text))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && ok
}

// Release ends the assignment of a gateway of the project, which is then free to
// be claimed again. It is a [sconce.NotFound] when the project has no such gateway.
func (s *Service) Release(ctx context.Context, scope project.Scope, gateway sconce.EUI64) error {
	if err := scope.Require(project.ManageNetworks); err != nil {
		return err
	}
	if err := s.store.Release(ctx, scope, gateway); err != nil {
		return err
	}
	s.assigned(gateway)
	return nil
}
