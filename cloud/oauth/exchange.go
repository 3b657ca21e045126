package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// Why a grant ends that nobody ended. The security log has it.
const (
	codeWrong    = "reason=code-wrong"     // by another app, for another address, or without its verifier
	codeAgain    = "reason=code-again"     // a code that was exchanged before
	refreshAgain = "reason=refresh-again"  // a refresh token that was used before
	ofAnother    = "reason=of-another-app" // a refresh token in the hands of another app
	noMember     = "reason=no-member"      // its person does not belong to the project any more
	byApp        = "reason=by-app"         // it was given back
)

// Issued is what an app gets. Their texts are shown once.
type Issued struct {
	Access  access.Secret
	Refresh RefreshToken
	Actions project.Actions // of the access token
	Life    time.Duration   // of the access token
}

// Exchange gives an app tokens for a code or for a refresh token. What is wrong with the
// request is an [*Error]. A code is used up by its first use, right or wrong, and what came
// of it ends with its second; a refresh token that was used before ends all that came of its
// grant, for one of the two who have it is not who it was given to.
func (s *Service) Exchange(ctx context.Context, r TokenRequest) (Issued, error) {
	c, err := s.authenticate(ctx, r.Credentials)
	if err != nil {
		return Issued{}, err
	}
	if r.Type == byCode {
		return s.redeem(ctx, c.Client, r)
	}
	return s.refresh(ctx, c.Client, r)
}

func (s *Service) redeem(ctx context.Context, c Client, r TokenRequest) (Issued, error) {
	digest, ok := parseCode(string(r.Code))
	if !ok {
		return Issued{}, errGrant()
	}
	g, err := s.Grants.GrantOfCode(ctx, digest)
	if err != nil {
		return Issued{}, err
	}
	verifier, redirect := sha256.Sum256([]byte(r.Verifier)), sha256.Sum256([]byte(r.Redirect))
	switch {
	case g.ID == "":
		return Issued{}, errGrant()
	case g.Client != c.ID, !equal(verifier, g.Challenge), !equal(redirect, g.Redirect):
		return Issued{}, s.endBecause(ctx, g.Grant, codeWrong)
	case !g.valid(s.Now()):
		return Issued{}, errGrant()
	}
	next := RefreshToken{family: identity.NewToken(), token: identity.NewToken()}
	issued, renewal, err := s.issue(ctx, g.Grant, g.Actions, next)
	if err != nil {
		return Issued{}, err
	}
	if ok, err = s.Grants.Redeem(ctx, renewal); err == nil && !ok { // it was exchanged before, or somebody else was faster
		err = s.endBecause(ctx, g.Grant, codeAgain)
	}
	return issued, err
}

func (s *Service) refresh(ctx context.Context, c Client, r TokenRequest) (Issued, error) {
	shown, ok := parseRefreshToken(string(r.Refresh))
	if !ok {
		return Issued{}, errGrant()
	}
	family, digest := shown.digests()
	g, err := s.Grants.GrantOfFamily(ctx, family)
	if err != nil {
		return Issued{}, err
	}
	switch {
	case g.ID == "" || !g.valid(s.Now()):
		return Issued{}, errGrant()
	case g.Client != c.ID:
		return Issued{}, s.endBecause(ctx, g.Grant, ofAnother)
	}
	actions, fault := r.narrowed(g.Actions)
	if fault != nil {
		return Issued{}, fault
	}
	issued, renewal, err := s.issue(ctx, g.Grant, actions, RefreshToken{family: shown.family, token: identity.NewToken()})
	if err != nil {
		return Issued{}, err
	}
	if ok, err = s.Grants.Renew(ctx, digest, renewal); err == nil && !ok { // as above
		err = s.endBecause(ctx, g.Grant, refreshAgain)
	}
	return issued, err
}

// issue makes new tokens of a grant, if its person still belongs to the project.
func (s *Service) issue(ctx context.Context, g Grant, actions project.Actions, next RefreshToken) (Issued, Renewal, error) {
	_, err := s.Projects.EnterLimited(ctx, project.Caller{Account: g.Account, Origin: g.ID.Origin()}, g.Project, actions)
	if sconce.KindOf(err) == sconce.NotFound {
		return Issued{}, Renewal{}, s.endBecause(ctx, g, noMember)
	}
	if err != nil {
		return Issued{}, Renewal{}, err
	}
	now := s.Now()
	ends := now.Add(Idle)
	if last := g.Made.Add(MaxLife); last.Before(ends) {
		ends = last
	}
	token, secret := access.ForApp(access.Token{Grant: g.ID, Account: g.Account, Project: g.Project, Actions: actions}, now, AccessLife)
	family, digest := next.digests()
	return Issued{Access: secret, Refresh: next, Actions: actions, Life: AccessLife},
		Renewal{Grant: g.ID, Family: family, Refresh: digest, Access: token, At: now, Expires: ends}, nil
}

// endBecause ends a grant that is not to be trusted any more, and returns what an app is told.
func (s *Service) endBecause(ctx context.Context, g Grant, why string) error {
	by := Ender{audit.Nobody, g.ID.Origin()}
	if err := s.Grants.EndGrant(context.WithoutCancel(ctx), g.ID, by, why, s.Now()); err != nil {
		return err
	}
	return errGrant()
}

// Revoke ends the grant that a token came of (RFC 7009). A text that is no token is no
// fault: there is nothing to end.
func (s *Service) Revoke(ctx context.Context, r Revocation) error {
	c, err := s.authenticate(ctx, r.Credentials)
	if err != nil {
		return err
	}
	g, err := s.grantOf(ctx, string(r.Token))
	if err != nil || g.ID == "" {
		return err
	}
	if g.Client != c.ID {
		return errGrant()
	}
	return s.Grants.EndGrant(ctx, g.ID, Ender{audit.Nobody, g.ID.Origin()}, byApp, s.Now())
}

// grantOf returns the grant that a token came of, the zero value for none.
func (s *Service) grantOf(ctx context.Context, text string) (StoredGrant, error) {
	if t, ok := parseRefreshToken(text); ok {
		family, _ := t.digests()
		return s.Grants.GrantOfFamily(ctx, family)
	}
	digest, ok := access.DigestOf(text)
	if !ok {
		return StoredGrant{}, nil
	}
	t, err := s.Tokens.Token(ctx, digest)
	if err != nil || t.Grant == "" {
		return StoredGrant{}, err
	}
	return s.Grants.Grant(ctx, t.Grant)
}

func equal(a, b Digest) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

func errGrant() error {
	return &Error{InvalidGrant, "this is wrong, was used before, has expired or was ended: the person has to let the app in again"}
}
