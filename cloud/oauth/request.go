package oauth

import (
	"encoding/base64"
	"net/url"
	"strings"

	"sconce/cloud/project"
)

// ErrorCode is a reason that OAuth has a word for (RFC 6749, 4.1.2.1 and 5.2).
type ErrorCode string

// The reasons.
const (
	InvalidRequest          ErrorCode = "invalid_request"
	InvalidClient           ErrorCode = "invalid_client"
	InvalidGrant            ErrorCode = "invalid_grant"
	InvalidScope            ErrorCode = "invalid_scope"
	AccessDenied            ErrorCode = "access_denied"
	UnsupportedGrantType    ErrorCode = "unsupported_grant_type"
	UnsupportedResponseType ErrorCode = "unsupported_response_type"
)

// Error is what is wrong with a message of an app. Its text is for whoever makes the app: it
// repeats nothing that was sent, and is ASCII without quotation marks (5.2).
type Error struct {
	Code ErrorCode
	Text string
}

// Error implements error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Text }

const (
	maxQuery = 4096 // bytes
	maxState = 1024
)

// Request is what an app asks for, in the browser of who is to let it in (RFC 6749, 4.1.1).
type Request struct {
	Client    ClientID
	Redirect  string
	State     string // "" for none
	Actions   project.Actions
	Challenge Digest
}

// Query returns the canonical form of the request.
func (r Request) Query() string {
	v := url.Values{
		"response_type": {"code"}, "client_id": {string(r.Client)}, "redirect_uri": {r.Redirect}, "scope": {r.Actions.String()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(r.Challenge[:])}, "code_challenge_method": {"S256"},
	}
	if r.State != "" {
		v.Set("state", r.State)
	}
	return v.Encode()
}

// ParseRequest reads the query of an address. With a fault, the client, the address to
// redirect to and the state are as far as they are there: by them the app is told.
func ParseRequest(query string) (Request, *Error) {
	if len(query) > maxQuery {
		return Request{}, &Error{InvalidRequest, "the request is too long"}
	}
	v, err := url.ParseQuery(query)
	if err != nil {
		return Request{}, &Error{InvalidRequest, "the request is not form-encoded"}
	}
	r := Request{Client: ClientID(single(v, "client_id")), Redirect: single(v, "redirect_uri")}
	state := single(v, "state")
	if len(state) > maxState || strings.ContainsFunc(state, func(c rune) bool { return c < ' ' || c > '~' }) {
		return r, &Error{InvalidRequest, "state: expected at most 1024 characters of ASCII"}
	}
	r.State = state
	if fault := once(v, "client_id", "redirect_uri", "state", "response_type", "response_mode", "scope", "code_challenge", "code_challenge_method"); fault != nil {
		return r, fault
	}
	return r, r.read(v)
}

// read takes in what an app wants, and how it proves that it is the same later.
func (r *Request) read(v url.Values) *Error {
	switch {
	case v.Get("response_type") == "":
		return &Error{InvalidRequest, "response_type: expected code"}
	case v.Get("response_type") != "code":
		return &Error{UnsupportedResponseType, "response_type: expected code"}
	case v.Get("response_mode") != "" && v.Get("response_mode") != "query":
		return &Error{InvalidRequest, "response_mode: expected query"}
	case v.Get("code_challenge_method") != "S256":
		return &Error{InvalidRequest, "code_challenge_method: expected S256 (RFC 7636)"}
	}
	challenge, err := base64.RawURLEncoding.Strict().DecodeString(v.Get("code_challenge"))
	if err != nil || len(challenge) != len(r.Challenge) || base64.RawURLEncoding.EncodeToString(challenge) != v.Get("code_challenge") {
		return &Error{InvalidRequest, "code_challenge: expected the SHA-256 of the verifier in base64url (RFC 7636)"}
	}
	copy(r.Challenge[:], challenge)
	var fault *Error
	r.Actions, fault = parseScope(v.Get("scope"))
	return fault
}

// parseScope reads the names of actions. Whoever may do anything sees the project.
func parseScope(scope string) (project.Actions, *Error) {
	actions := project.ActionsOf(project.ReadProject)
	if scope == "" {
		return actions, nil
	}
	asked, err := project.ParseActions(strings.Split(scope, " ")...)
	if err != nil {
		return 0, &Error{InvalidScope, "scope: expected names of actions with one space between them"}
	}
	return asked | actions, nil
}

// single returns a parameter that is there once, else "".
func single(v url.Values, name string) string {
	if len(v[name]) != 1 {
		return ""
	}
	return v[name][0]
}

// once refuses parameters that are there twice (RFC 6749, 3.1 and 3.2).
func once(v url.Values, names ...string) *Error {
	for _, name := range names {
		if len(v[name]) > 1 {
			return &Error{InvalidRequest, name + ": expected once"}
		}
	}
	return nil
}
