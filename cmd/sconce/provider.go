package main

import (
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sconce"
	"sconce/cloud/identity"
	"sconce/cloud/provider"
	"sconce/internal/config"
)

// singleSignOnConfig is the installation's own OpenID provider.
type singleSignOnConfig struct {
	Issuer           string        `yaml:"issuer"`
	ClientID         string        `yaml:"client_id"`
	ClientSecretFile string        `yaml:"client_secret_file"`
	Label            string        `yaml:"label"`             // on the button
	MakeAccounts     bool          `yaml:"make_accounts"`     // at the first sign-in
	EmailDomains     []string      `yaml:"email_domains"`     // for whose addresses
	TrustSecondStep  bool          `yaml:"trust_second_step"` // the provider asks for one
	MaxAge           time.Duration `yaml:"max_age"`           // of what the provider knows of the person
	CAFile           string        `yaml:"ca_file"`
}

// The longest of what is told to browsers and shown on buttons.
const (
	maxProviderLabel = 40 // characters
	maxClientID      = 200
	maxSignOnAge     = 30 * 24 * time.Hour
)

func (c *singleSignOnConfig) validate(k *config.Checker) {
	const at = "single_sign_on."
	k.Text(at+"issuer", c.Issuer, "the issuer of the OpenID provider, such as https://login.example.org")
	if c.Issuer != "" && !isIssuer(c.Issuer) {
		k.Refuse(at+"issuer", "%q; expected a URL that begins with https:, without a query, as the provider's discovery document has it "+
			"(http: for a provider on this machine)", c.Issuer)
	}
	k.Text(at+"client_id", c.ClientID, "the client identifier that the provider gave to this installation")
	if len(c.ClientID) > maxClientID {
		k.Refuse(at+"client_id", "it is too long; expected up to %d bytes", maxClientID)
	}
	k.File(at+"client_secret_file", &c.ClientSecretFile, "the file with the client secret in its first line")
	k.Text(at+"label", c.Label, "what people call it, such as Example account")
	if utf8.RuneCountInString(c.Label) > maxProviderLabel || strings.ContainsFunc(c.Label, unicode.IsControl) {
		k.Refuse(at+"label", "expected up to %d characters on one line", maxProviderLabel)
	}
	switch {
	case c.MakeAccounts && len(c.EmailDomains) == 0:
		k.Refuse(at+"email_domains", "accounts are made for addresses that the provider gives out; expected their domains, such as [example.org]")
	case !c.MakeAccounts && len(c.EmailDomains) > 0:
		k.Refuse(at+"email_domains", "no accounts are made; expected make_accounts: true as well")
	}
	for i, domain := range c.EmailDomains {
		if !hostName.MatchString(domain) {
			k.Refuse(at+"email_domains["+strconv.Itoa(i)+"]", "%q is not a domain; expected lower case and a dot, such as example.org", domain)
		}
	}
	if k.Has(at + "max_age") {
		config.Range(k, at+"max_age", c.MaxAge, time.Minute, maxSignOnAge)
	}
	if k.Has(at + "ca_file") {
		k.File(at+"ca_file", &c.CAFile, "the file with the certificates of those who sign for the provider's, in PEM")
	}
}

// isIssuer reports whether a text names a provider (OpenID Connect Discovery, 3) to which one
// can connect in confidence.
func isIssuer(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, " ?#\t\r\n") {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && provider.IsThisMachine(u.Hostname())
}

// provider returns the OpenID provider, nil when there is none, and what it is trusted with.
func (c *cloud) provider() (identity.Provider, identity.ProviderRules, error) {
	s := c.config.SingleSignOn
	if s.Issuer == "" {
		return nil, identity.ProviderRules{}, nil
	}
	secret, err := os.ReadFile(s.ClientSecretFile)
	if err != nil {
		return nil, identity.ProviderRules{}, sconce.Errorf(sconce.Invalid, "the client secret of the OpenID provider cannot be read: %w", err)
	}
	p, err := provider.New(provider.Config{
		Issuer: s.Issuer, ClientID: s.ClientID, Secret: provider.NewSecret(firstLine(secret)), Label: s.Label,
		Redirect: c.base.String() + "sign-in/provider", Roots: s.CAFile, MaxAge: s.MaxAge, Now: time.Now, Log: c.log,
	})
	if err != nil {
		return nil, identity.ProviderRules{}, err
	}
	return p, identity.ProviderRules{Domains: slices.Clone(s.EmailDomains), SecondStep: s.TrustSecondStep}, nil
}

// firstLine returns the secret of a file that holds one.
func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r")
}
