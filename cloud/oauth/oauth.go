// Package oauth lets apps of others act for people who let them in: OAuth 2.0, the
// authorisation code grant with PKCE and nothing else.
//
// It follows RFC 6749 (sections 4.1, 5 and 6), RFC 7636 (S256 only), RFC 8252 (loopback and
// private-use redirection of native apps), RFC 7009 (revocation), RFC 9207 (the issuer in
// answers) and the best current practice RFC 9700: redirection addresses match to the letter,
// a code is good once, for a minute, for one client, address and challenge; a refresh
// token is good once, and one that comes back ends everything that came of its grant.
//
// An app is registered by an owner, for their own project: it can be let into that project
// and no other, by its members, for some of the actions that the owner named and that the
// member has. So somebody who registers an app with bad intent gains nothing, as they may do
// everything there already. What an app gets are API tokens (package access) that are good
// for an hour.
//
// Whatever happens is in the security log: registrations in the project's chain, what people
// did with their grants in that of people, and refusals in the chain that they are of.
//
// There is no implicit grant, no password grant, no device grant, no identity token, no
// dynamic registration, and no answer to scripts of other web sites. It knows nothing of HTTP
// but the form of its messages.
package oauth

import (
	"context"
	"crypto/sha256"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/vault"
)

const (
	// CodeLife is how long a code is good for.
	CodeLife = time.Minute
	// AccessLife is how long an access token is good for.
	AccessLife = time.Hour
	// Idle is how long a grant lasts that is not used.
	Idle = 30 * 24 * time.Hour
	// MaxLife is how long one lasts at most.
	MaxLife = access.MaxLife
	// MaxClients is how many apps a project may have.
	MaxClients = 50
	// MaxGrants is how many apps an account may have let in.
	MaxGrants = 100
	// MaxRedirects is how many addresses an app may be called back at.
	MaxRedirects = 10
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// ClientID names an app, and opens nothing.
type ClientID string

// Client is an app as an owner registered it.
type Client struct {
	ID           ClientID
	Project      sconce.ProjectID
	Name         string
	Redirects    []string        // where it is called back ([CheckRedirect])
	Actions      project.Actions // the most that it may ask for
	Confidential bool            // it keeps a secret, by which it is known
	By           sconce.AccountID
	Made         time.Time
}

// Target returns the app as the security log names it.
func (c Client) Target() string { return "app:" + string(c.ID) }

// StoredClient is an app as it is kept.
type StoredClient struct {
	Client        // without its name and addresses
	Secret Digest // of one that is confidential
	Sealed []byte // its name and addresses
}

// Clients keeps apps with their projects. What changes something also writes it in the
// security log, in the same transaction.
type Clients interface {
	// CreateClient stores an app. It is a [sconce.TooMany] when the project has max.
	CreateClient(ctx context.Context, s project.Scope, c StoredClient, max int) error
	// Clients returns those of the project, in the order of their registration.
	Clients(ctx context.Context, s project.Scope) ([]StoredClient, error)
	// Client returns the one of a name, the zero value for none.
	Client(ctx context.Context, id ClientID) (StoredClient, error)
	// RemoveClient removes one: a [sconce.NotFound] when it is not there.
	RemoveClient(ctx context.Context, s project.Scope, id ClientID) error
}

// Grant is what somebody lets an app do.
type Grant struct {
	ID      access.GrantID
	Account sconce.AccountID
	Project sconce.ProjectID
	Client  ClientID
	Actions project.Actions
	Made    time.Time
	Used    time.Time // when it last got tokens; zero before its code was exchanged
	Expires time.Time
}

func (g Grant) valid(now time.Time) bool { return g.ID != "" && now.Before(g.Expires) }

// StoredGrant is a grant as it is kept.
type StoredGrant struct {
	Grant
	Code      Digest
	Challenge Digest // the SHA-256 of the verifier: RFC 7636, 4.2
	Redirect  Digest // of the address that the code was sent to
	Refresh   Digest // of the refresh token that is good; zero before the code was exchanged
}

// Renewal is what a grant has from an exchange on.
type Renewal struct {
	Grant   access.GrantID
	Family  Digest // of what all refresh tokens of the grant have in common
	Refresh Digest
	Access  access.Stored
	At      time.Time
	Expires time.Time
}

// Grants keeps what people let apps do. What changes something also writes it in the
// security log, in the same transaction, but for the renewals of each hour. With a grant
// go its tokens.
type Grants interface {
	// CreateGrant stores a grant before its code is exchanged, and removes those that have
	// expired. It is a [sconce.TooMany] when the account has max.
	CreateGrant(ctx context.Context, g StoredGrant, origin audit.Origin, max int) error
	// GrantOfCode, GrantOfFamily and Grant return one, the zero value for none.
	GrantOfCode(ctx context.Context, code Digest) (StoredGrant, error)
	GrantOfFamily(ctx context.Context, family Digest) (StoredGrant, error)
	Grant(ctx context.Context, id access.GrantID) (StoredGrant, error)
	// Redeem stores what a code was exchanged for. It is false when it was exchanged already,
	// or the grant has ended.
	Redeem(ctx context.Context, r Renewal) (bool, error)
	// Renew stores what a refresh token was exchanged for, and keeps one access token of
	// before. It is false when was is not the good one any more.
	Renew(ctx context.Context, was Digest, r Renewal) (bool, error)
	// Grants returns those of an account, and GrantsIn those of a project, in the order of
	// their making.
	Grants(ctx context.Context, who sconce.AccountID) ([]Grant, error)
	GrantsIn(ctx context.Context, id sconce.ProjectID) ([]Grant, error)
	// EndGrant ends one that is there; why says it when neither its person nor an owner did.
	EndGrant(ctx context.Context, id access.GrantID, by Ender, why string, at time.Time) error
	// EndGrants ends all of an account.
	EndGrants(ctx context.Context, by Ender, who sconce.AccountID, at time.Time) error
	// EndGrantsTo ends all that people gave to an app.
	EndGrantsTo(ctx context.Context, by Ender, id ClientID, at time.Time) error
}

// Ender is who ends something, and from where.
type Ender struct {
	Who    audit.Subject
	Origin audit.Origin
}

// Tokens finds access tokens.
type Tokens interface {
	// Token returns the one of a digest, the zero value for none.
	Token(ctx context.Context, digest [sha256.Size]byte) (access.Stored, error)
}

// Refusals writes what is refused.
type Refusals interface {
	Refuse(ctx context.Context, chain audit.Chain, who audit.Subject, origin audit.Origin, operation, detail string) error
}

// Sealer seals what apps are called.
type Sealer interface {
	Seal(value []byte, at vault.Field) ([]byte, error)
	Open(sealed []byte, at vault.Field) ([]byte, error)
}

// Service holds the rules of apps.
type Service struct {
	Clients  Clients
	Grants   Grants
	Tokens   Tokens
	Projects *project.Service
	Refusals Refusals
	Vault    Sealer
	Now      func() time.Time
}
