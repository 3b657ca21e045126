// Package access lets programs act for people: API tokens, each for one project and some
// of the actions that its maker may do there.
//
// A token is 256 random bits behind a prefix by which it is recognised (RFC 6750 bearer
// tokens, as scanners for leaked secrets look for them). Its digest is stored, so that a
// copy of the database opens nothing. What it lets somebody do is worked out anew each time,
// from the token and from what its maker may do at that moment: a token never outlives a
// right, and whoever loses a role loses what they gave away with it.
//
// A person makes a token and hands it to a program, or lets an app in, which gets tokens
// under a grant (package oauth). Both are the same to what they open.
//
// A token does not make, show or end tokens, and is not for an account as a whole: for
// that a person signs in. It outlives a change of the password: the panels of a building do
// not go dark because somebody chose another one, and who fears for their tokens ends all
// of them at once. It knows nothing of HTTP and MQTT, which carry it.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/vault"
)

// Prefix begins the text of every token.
const Prefix = "sconce_"

const (
	// MaxTokens is how many tokens an account may have.
	MaxTokens = 50
	// MaxLife is how long a token is good for at most.
	MaxLife = 366 * 24 * time.Hour
	// shown is how much of a token's text is kept to recognise it by: 36 of its 256 bits.
	shown = len(Prefix) + 6
	// touchEvery is how exactly the last use of a token is known.
	touchEvery = time.Minute
)

// ID names a token, and opens nothing.
type ID string

// GrantID names what somebody let an app do, and opens nothing.
type GrantID string

// Origin returns an app that was let in as the security log names it.
func (g GrantID) Origin() audit.Origin { return audit.Origin("grant:" + g) }

// Token is what is known of a token.
type Token struct {
	ID      ID
	Grant   GrantID          // of an app that was let in; "" of a token that a person made
	Account sconce.AccountID // whose rights it has some of
	Project sconce.ProjectID
	Actions project.Actions
	Name    string // given by its maker
	Shown   string // the beginning of its text
	Made    time.Time
	Expires time.Time
	Used    time.Time // last use, exact to a minute; zero for never
}

// Origin returns the token as the security log names it: that of an app, which gets a new
// one each hour, by its grant.
func (t Token) Origin() audit.Origin {
	if t.Grant != "" {
		return t.Grant.Origin()
	}
	return audit.Origin("token:" + t.ID)
}

func (t Token) valid(now time.Time) bool { return t.ID != "" && now.Before(t.Expires) }

// Stored is a token as it is kept.
type Stored struct {
	Token                     // without its name
	Digest  [sha256.Size]byte // of its text
	Sealed  []byte            // its name; empty of an app's, which has none
	Session audit.Origin      // where it was made; not kept, but in the security log
}

// Store keeps tokens. What changes something also writes it in the security log, in the
// same transaction.
type Store interface {
	// CreateToken stores a token, and removes those that have expired. It is a
	// [sconce.TooMany] when the account has max.
	CreateToken(ctx context.Context, t Stored, max int) error
	// Tokens returns those that an account made, in the order of their making.
	Tokens(ctx context.Context, who sconce.AccountID) ([]Stored, error)
	// TokensIn returns those that members of a project made for it, in the order of their
	// making.
	TokensIn(ctx context.Context, id sconce.ProjectID) ([]Stored, error)
	// Token returns the one of a digest, the zero value for none.
	Token(ctx context.Context, digest [sha256.Size]byte) (Stored, error)
	// TokensNamed returns those of the given tokens that are there, in any order.
	TokensNamed(ctx context.Context, ids []ID) ([]Stored, error)
	// TouchToken notes that a token was used.
	TouchToken(ctx context.Context, id ID, used time.Time) error
	// RevokeToken removes one of an account: a [sconce.NotFound] when it is not there.
	RevokeToken(ctx context.Context, who project.Caller, id ID, at time.Time) error
	// RevokeTokens removes all of an account.
	RevokeTokens(ctx context.Context, who project.Caller, at time.Time) error
	// RevokeTokenIn removes one that somebody made for a project: a [sconce.NotFound] when it
	// is not there.
	RevokeTokenIn(ctx context.Context, by project.Scope, id ID, at time.Time) error
}

// Sealer seals the names of tokens.
type Sealer interface {
	Seal(value []byte, at vault.Field) ([]byte, error)
	Open(sealed []byte, at vault.Field) ([]byte, error)
}

// Service holds the rules of tokens.
type Service struct {
	Store    Store
	Projects *project.Service
	Vault    Sealer
	Now      func() time.Time
}

// New is a token to make.
type New struct {
	Project sconce.ProjectID
	Actions project.Actions
	Name    string
	Life    time.Duration // at most [MaxLife]
}

// Make makes a token for somebody, and returns its text, which nobody can be shown again.
// A token gives nothing that its maker does not have: that is a [sconce.Forbidden].
func (s *Service) Make(ctx context.Context, who project.Caller, n New) (Token, Secret, error) {
	name, err := project.CheckName("token", n.Name)
	if err != nil {
		return Token{}, Secret{}, err
	}
	if n.Life < time.Minute || n.Life > MaxLife {
		return Token{}, Secret{}, sconce.Errorf(sconce.Invalid, "a token is good for at least a minute and at most %d days", int(MaxLife.Hours()/24))
	}
	scope, err := s.Projects.EnterLimited(ctx, who, n.Project, n.Actions)
	if err != nil {
		return Token{}, Secret{}, err
	}
	for _, a := range n.Actions.List() {
		if err := scope.Require(a); err != nil {
			return Token{}, Secret{}, err
		}
	}
	now, secret := s.Now(), newSecret()
	t := Token{
		ID: ID(rand.Text()), Account: who.Account, Project: scope.Project(), Actions: scope.May(), Name: name,
		Shown: secret.Reveal()[:shown], Made: now, Expires: now.Add(n.Life),
	}
	sealed, err := s.Vault.Seal([]byte(name), nameOf(t.ID))
	if err != nil {
		return Token{}, Secret{}, err
	}
	return t, secret, s.Store.CreateToken(ctx, Stored{Token: t, Digest: secret.digest(), Sealed: sealed, Session: who.Origin}, MaxTokens)
}

// List returns the tokens of somebody that are good, in the order of their making.
func (s *Service) List(ctx context.Context, who sconce.AccountID) ([]Token, error) {
	stored, err := s.Store.Tokens(ctx, who)
	if err != nil {
		return nil, err
	}
	var tokens []Token
	for _, t := range stored {
		if !t.valid(s.Now()) {
			continue
		}
		name, err := s.Vault.Open(t.Sealed, nameOf(t.ID))
		if err != nil {
			return nil, err
		}
		t.Name = string(name)
		tokens = append(tokens, t.Token)
	}
	return tokens, nil
}

// Revoke ends a token of somebody. Connections that were made with it end within five seconds.
func (s *Service) Revoke(ctx context.Context, who project.Caller, id ID) error {
	return s.Store.RevokeToken(ctx, who, id, s.Now())
}

// RevokeAll ends every token that somebody made.
func (s *Service) RevokeAll(ctx context.Context, who project.Caller) error {
	return s.Store.RevokeTokens(ctx, who, s.Now())
}

// In returns the good tokens that members made for a project, in the order of their making,
// without their names, which are their makers'.
func (s *Service) In(ctx context.Context, scope project.Scope) ([]Token, error) {
	if err := scope.Require(project.ManageMembers); err != nil {
		return nil, err
	}
	stored, err := s.Store.TokensIn(ctx, scope.Project())
	if err != nil {
		return nil, err
	}
	var tokens []Token
	for _, t := range stored {
		if t.valid(s.Now()) {
			tokens = append(tokens, t.Token)
		}
	}
	return tokens, nil
}

// RevokeIn ends a token that somebody made for a project.
func (s *Service) RevokeIn(ctx context.Context, scope project.Scope, id ID) error {
	if err := scope.Require(project.ManageMembers); err != nil {
		return err
	}
	return s.Store.RevokeTokenIn(ctx, scope, id, s.Now())
}

// ForApp returns a token for an app that was let in, to be stored with its grant, and its text.
// Who makes it has looked that the grant allows the actions.
func ForApp(t Token, now time.Time, life time.Duration) (Stored, Secret) {
	secret := newSecret()
	t.ID, t.Made, t.Expires, t.Shown = ID(rand.Text()), now, now.Add(life), secret.Reveal()[:shown]
	return Stored{Token: t, Digest: secret.digest(), Sealed: []byte{}}, secret
}

// DigestOf returns the digest of the text of a token; ok tells whether it may be one.
func DigestOf(text string) (digest [sha256.Size]byte, ok bool) {
	secret, err := parseSecret(text)
	if err != nil {
		return digest, false
	}
	return secret.digest(), true
}

// Authenticate returns the token with a text. For one that is wrong, has expired or was
// revoked the error is a [sconce.Unauthenticated].
func (s *Service) Authenticate(ctx context.Context, text string) (Token, error) {
	secret, err := parseSecret(text)
	if err != nil {
		return Token{}, err
	}
	t, err := s.Store.Token(ctx, secret.digest())
	if err != nil {
		return Token{}, err
	}
	now := s.Now()
	if !t.valid(now) {
		return Token{}, errWrong()
	}
	if now.Sub(t.Used) >= touchEvery {
		if err := s.Store.TouchToken(ctx, t.ID, now); err != nil {
			return Token{}, err
		}
		t.Used = now
	}
	return t.Token, nil
}

// Enter returns the scope of a token in a project: what both the token and its maker may do
// there. Every other project is a [sconce.NotFound], as one that is absent.
func (s *Service) Enter(ctx context.Context, t Token, id sconce.ProjectID) (project.Scope, error) {
	if id != t.Project {
		id = "" // there is none of that name
	}
	return s.Projects.EnterLimited(ctx, project.Caller{Account: t.Account, Origin: t.Origin()}, id, t.Actions)
}

// Ended returns the indices of those tokens that are no good any more: they were revoked,
// have expired, or their makers do not belong to their projects.
func (s *Service) Ended(ctx context.Context, tokens []Token) ([]int, error) {
	const batch = 500 // bound values in one statement
	good, now := make(map[ID]bool, len(tokens)), s.Now()
	for from := 0; from < len(tokens); from += batch {
		some := tokens[from:min(from+batch, len(tokens))]
		ids := make([]ID, len(some))
		for i, t := range some {
			ids[i] = t.ID
		}
		stored, err := s.Store.TokensNamed(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, t := range stored {
			good[t.ID] = t.valid(now)
		}
	}
	var ended []int
	for i, t := range tokens {
		if good[t.ID] {
			_, err := s.Enter(ctx, t, t.Project)
			if err != nil && sconce.KindOf(err) != sconce.NotFound {
				return nil, err
			}
			good[t.ID] = err == nil
		}
		if !good[t.ID] {
			ended = append(ended, i)
		}
	}
	return ended, nil
}

func nameOf(id ID) vault.Field {
	return vault.Field{Table: "api_tokens", Column: "name_sealed", Row: string(id)}
}

func errWrong() error {
	return sconce.Errorf(sconce.Unauthenticated, "this token is wrong, has expired or was revoked: make another in your account")
}

// IsToken reports whether a text looks like a token's. What looks like one is meant as one.
func IsToken(text string) bool { return strings.HasPrefix(text, Prefix) }
