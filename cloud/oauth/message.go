package oauth

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"sconce/cloud/project"
)

// text is a part of a message that may open something. It prints as [redacted].
type text string

// Format implements [fmt.Formatter] for every verb.
func (text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (text) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Credentials are what an app says of who it is.
type Credentials struct {
	Client ClientID
	Secret text // "" for none
	Basic  bool // it said so in the header Authorization, and is answered there
}

// The grants that an app gets tokens by.
const (
	byCode    = "authorization_code"
	byRefresh = "refresh_token"
)

// TokenRequest is what an app sends to get tokens (RFC 6749, 4.1.3 and 6).
type TokenRequest struct {
	Credentials

	Type     string // authorization_code or refresh_token
	Code     text
	Redirect string
	Verifier text
	Refresh  text
	Scope    string // of a refresh: less than was granted; "" for as much
}

// ParseTokenRequest reads the header Authorization ("" for none) and the body of a request
// for tokens. With a fault, the credentials are as far as they could be read.
func ParseTokenRequest(authorization, body string) (TokenRequest, *Error) {
	v, c, fault := parseForm(authorization, body, "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope")
	if fault != nil {
		return TokenRequest{Credentials: c}, fault
	}
	r := TokenRequest{
		Credentials: c, Type: v.Get("grant_type"), Code: text(v.Get("code")), Redirect: v.Get("redirect_uri"),
		Verifier: text(v.Get("code_verifier")), Refresh: text(v.Get("refresh_token")), Scope: v.Get("scope"),
	}
	return r, r.fault()
}

func (r TokenRequest) fault() *Error {
	switch {
	case r.Type == byCode && (r.Code == "" || r.Redirect == ""):
		return &Error{InvalidRequest, "expected code and redirect_uri"}
	case r.Type == byCode && !isVerifier(string(r.Verifier)):
		return &Error{InvalidRequest, "code_verifier: expected 43 to 128 letters, digits and -._~ (RFC 7636)"}
	case r.Type == byRefresh && r.Refresh == "":
		return &Error{InvalidRequest, "expected refresh_token"}
	case r.Type == "":
		return &Error{InvalidRequest, "expected grant_type"}
	case r.Type != byCode && r.Type != byRefresh:
		return &Error{UnsupportedGrantType, "grant_type: expected authorization_code or refresh_token"}
	}
	_, fault := r.narrowed(^project.Actions(0))
	return fault
}

// narrowed returns what of the granted actions an app wants in its next access token.
func (r TokenRequest) narrowed(granted project.Actions) (project.Actions, *Error) {
	if r.Type == byCode || r.Scope == "" {
		return granted, nil
	}
	asked, fault := parseScope(r.Scope)
	if fault == nil && asked.And(granted) != asked {
		fault = &Error{InvalidScope, "scope: expected no more than was granted"}
	}
	return asked, fault
}

// isVerifier reports whether a text is a verifier (RFC 7636, 4.1).
func isVerifier(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	return len(s) >= 43 && len(s) <= 128 && strings.Trim(s, allowed) == ""
}

// Revocation is what an app sends to end what it was given (RFC 7009, 2.1).
type Revocation struct {
	Credentials

	Token text
}

// ParseRevocation reads the header Authorization ("" for none) and the body of a revocation.
func ParseRevocation(authorization, body string) (Revocation, *Error) {
	v, c, fault := parseForm(authorization, body, "token", "token_type_hint")
	r := Revocation{Credentials: c, Token: text(v.Get("token"))}
	if fault == nil && r.Token == "" {
		fault = &Error{InvalidRequest, "expected token"}
	}
	return r, fault
}

// parseForm reads a form, of which the named parameters may be there once, and who sends it.
func parseForm(authorization, body string, names ...string) (url.Values, Credentials, *Error) {
	v, err := url.ParseQuery(body)
	if err != nil {
		return nil, Credentials{}, &Error{InvalidRequest, "expected a form-encoded body"}
	}
	if fault := once(v, append(names, "client_id", "client_secret")...); fault != nil {
		return nil, Credentials{}, fault
	}
	inBody := Credentials{Client: ClientID(v.Get("client_id")), Secret: text(v.Get("client_secret"))}
	if authorization == "" {
		if inBody.Client == "" {
			return v, inBody, &Error{InvalidClient, "expected client_id"}
		}
		return v, inBody, nil
	}
	c, ok := parseBasic(authorization)
	switch {
	case !ok:
		return v, Credentials{Basic: true}, &Error{InvalidClient, "Authorization: expected Basic, with the client and its secret form-encoded (RFC 6749, 2.3.1)"}
	case inBody.Secret != "" || inBody.Client != "" && inBody.Client != c.Client:
		return v, c, &Error{InvalidRequest, "expected the client in the header or in the body, not in both"}
	}
	return v, c, nil
}

// parseBasic reads the header Authorization (RFC 7617; RFC 6749, 2.3.1).
func parseBasic(authorization string) (Credentials, bool) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	plain, err := base64.StdEncoding.Strict().DecodeString(encoded)
	name, secret, found := strings.Cut(string(plain), ":")
	if err != nil || !found || !strings.EqualFold(scheme, "Basic") {
		return Credentials{}, false
	}
	id, err := url.QueryUnescape(name)
	if err != nil || id == "" {
		return Credentials{}, false
	}
	s, err := url.QueryUnescape(secret)
	return Credentials{Client: ClientID(id), Secret: text(s), Basic: true}, err == nil
}
