package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"slices"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
	"sconce/cloud/vault"
)

// NewClient is an app to register.
type NewClient struct {
	Name         string
	Redirects    []string
	Actions      project.Actions
	Confidential bool
}

// about is what of an app is sealed: people write it in their own words.
type about struct {
	Name      string   `json:"name"`
	Redirects []string `json:"redirects"`
}

// Register registers an app for the project of a scope, which has to be an owner's; the secret
// of one that is confidential is nowhere to be seen again.
func (s *Service) Register(ctx context.Context, scope project.Scope, n NewClient) (Client, ClientSecret, error) {
	if err := scope.Require(project.ManageMembers); err != nil {
		return Client{}, ClientSecret{}, err
	}
	name, err := project.CheckName("app", n.Name)
	if err != nil {
		return Client{}, ClientSecret{}, err
	}
	if len(n.Redirects) < 1 || len(n.Redirects) > MaxRedirects {
		return Client{}, ClientSecret{}, redirectError(fmt.Sprintf("1 to %d addresses", MaxRedirects))
	}
	for _, address := range n.Redirects {
		if err := CheckRedirect(address, n.Confidential); err != nil {
			return Client{}, ClientSecret{}, err
		}
	}
	c := StoredClient{Client: Client{
		ID: ClientID(rand.Text()), Project: scope.Project(), Name: name, Redirects: slices.Clone(n.Redirects),
		Actions: n.Actions | project.ActionsOf(project.ReadProject), Confidential: n.Confidential, By: scope.Account(), Made: s.Now(),
	}}
	var secret ClientSecret
	if n.Confidential {
		secret.token = identity.NewToken()
		c.Secret = secret.token.Digest()
	}
	text, err := json.Marshal(about{name, c.Redirects})
	if err != nil {
		return Client{}, ClientSecret{}, fmt.Errorf("writing what an app is called: %w", err)
	}
	if c.Sealed, err = s.Vault.Seal(text, aboutOf(c.ID)); err != nil {
		return Client{}, ClientSecret{}, err
	}
	return c.Client, secret, s.Clients.CreateClient(ctx, scope, c, MaxClients)
}

// List returns the apps of a project, in the order of their registration.
func (s *Service) List(ctx context.Context, scope project.Scope) ([]Client, error) {
	if err := scope.Require(project.ManageMembers); err != nil {
		return nil, err
	}
	stored, err := s.Clients.Clients(ctx, scope)
	if err != nil {
		return nil, err
	}
	all := make([]Client, len(stored))
	for i, c := range stored {
		if all[i], err = s.open(c); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Remove ends an app, and everything that people let it do. Its connections end within five
// seconds.
func (s *Service) Remove(ctx context.Context, scope project.Scope, id ClientID) error {
	if err := scope.Require(project.ManageMembers); err != nil {
		return err
	}
	c, err := s.Clients.Client(ctx, id)
	if err != nil {
		return err
	}
	if c.Project != scope.Project() {
		return errNoClient()
	}
	by := Ender{scope.Subject(), scope.Origin()}
	// Grants are in another database. What is interrupted before the app is gone can be done
	// again, and whom somebody let in in between goes after it.
	if err := s.Grants.EndGrantsTo(ctx, by, id, s.Now()); err != nil {
		return err
	}
	if err := s.Clients.RemoveClient(ctx, scope, id); err != nil {
		return err
	}
	return s.Grants.EndGrantsTo(ctx, by, id, s.Now())
}

// client returns the app of a name, the zero value for none.
func (s *Service) client(ctx context.Context, id ClientID) (Client, error) {
	c, err := s.Clients.Client(ctx, id)
	if err != nil || c.ID == "" {
		return Client{}, err
	}
	return s.open(c)
}

func (s *Service) open(c StoredClient) (Client, error) {
	text, err := s.Vault.Open(c.Sealed, aboutOf(c.ID))
	if err != nil {
		return Client{}, err
	}
	var a about
	if err := json.Unmarshal(text, &a); err != nil {
		return Client{}, fmt.Errorf("reading what an app is called: %w", err)
	}
	c.Name, c.Redirects = a.Name, a.Redirects
	return c.Client, nil
}

// authenticate returns the app that sends a message: one that keeps a secret has to show
// it, and one without has none to show.
func (s *Service) authenticate(ctx context.Context, by Credentials) (StoredClient, error) {
	c, err := s.Clients.Client(ctx, by.Client)
	if err != nil {
		return StoredClient{}, err
	}
	if c.ID == "" {
		return StoredClient{}, errClient()
	}
	right := by.Secret == ""
	if c.Confidential {
		shown, ok := parseClientSecret(string(by.Secret))
		right = subtle.ConstantTimeCompare(shown[:], c.Secret[:]) == 1 && ok
	}
	if !right {
		err := s.Refusals.Refuse(ctx, audit.OfProject(c.Project), audit.Nobody, "", "authenticate-app", c.Target())
		if err != nil {
			return StoredClient{}, err
		}
		return StoredClient{}, errClient()
	}
	return c, nil
}

func errClient() error {
	return &Error{InvalidClient, "there is no such app, or this is not its secret"}
}

func errNoClient() error {
	return sconce.Errorf(sconce.NotFound, "no such app, or it is for a project that you are not a member of")
}

func aboutOf(id ClientID) vault.Field {
	return vault.Field{Table: "oauth_clients", Column: "sealed", Row: string(id)}
}
