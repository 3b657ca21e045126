package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// intro is what a reader of the API's description is told first. Each part becomes a
// paragraph.
const intro = `Connected lighting: projects, light networks, devices, groups, commands and readings. Times are RFC 3339 in UTC with milliseconds; levels are per mille of full output; units are SI. Names of fields and values do not change their meaning.

A program acts for a person by a token, which that person makes on the page of their account: for one project, for some of what they may do there, and for a limited time. It is sent as Authorization: Bearer, and does what both it and its maker may do at that moment. For what is about an account as a whole a person signs in, and their browser sends the cookie of their session.

An app of somebody else is let in by OAuth 2.0 (RFC 6749, authorisation code with PKCE): an owner registers it for their project, /.well-known/oauth-authorization-server says where it goes, and the names of actions are the scopes. Its tokens are good for an hour and are sent as others are. A refresh token is good once; with one that was used before, all that the person allowed ends.

With a token 600 requests a minute are answered; RateLimit says how many are left, and behind them is 429 with Retry-After. What did not succeed is told as a problem document (RFC 9457), whose type is the same for the same reason.

Lists come in pages: next_cursor, when there is one, is the cursor of the next. Answers to GET have an ETag, and with If-None-Match nothing but 304 is answered when nothing has changed. A PUT with If-Match changes nothing, and answers 412, when somebody else was faster. A POST with an Idempotency-Key is done once, however often it is made within a day.

Live data is had by MQTT over WebSocket (3.1.1 or 5), with a token as the password and any user name, at the host web.mqtt.<domain>: the topics p/<project>/device/<address>, p/<project>/gateway/<address>, p/<project>/command/<identifier> and p/<project>/alert/<identifier> carry the objects DeviceState, Gateway, Command and Alert of this description, the last without who acknowledged it. Where Home Assistant is on, a token has its topics below homeassistant/<project>/ too, and commands lights at homeassistant/<project>/<address>/set, with {"state":"ON","brightness":500,"transition":2} or {"state":"OFF"}. A webhook is sent, as JSON, id (the same when it is sent again), news (began or ended), project_id and alert, which is the same object.`

// tags returns the parts of the API, in the order in which they are read.
func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "projects", Description: "Projects and their light networks."},
		{Name: "devices", Description: "Lights, sensors and switches, with their confirmed states."},
		{Name: "groups", Description: "Lights that are controlled as one."},
		{Name: "commands", Description: "Switching and dimming, and what became of it."},
		{Name: "readings", Description: "What was measured."},
		{Name: "energy", Description: "What was used, what it cost, and how rooms and lights were used."},
		{Name: "export", Description: "What was measured, as files."},
		{Name: "alerts", Description: "What is wrong, and who is told."},
		{Name: "integrations", Description: "Other systems that are told of a project."},
		{Name: "gateways", Description: "What connects a light network."},
		{Name: "members", Description: "Who belongs to a project, and invitations."},
		{Name: "security", Description: "Who did what."},
		{Name: "live", Description: "Live data, by MQTT over WebSocket."},
		{Name: "tokens", Description: "What programs act with."},
		{Name: "apps", Description: "Apps of others that people let in, by OAuth 2.0."},
		{Name: "support", Description: "Letting operators in for a time."},
		{Name: "privacy", Description: "What is kept of a person, and what they can do about it."},
		{Name: "sessions", Description: "Signing in and out."},
		{Name: "accounts", Description: "Accounts of people."},
		{Name: "account", Description: "One's own account."},
	}
}

func (a *API) config() huma.Config {
	c := huma.DefaultConfig("Sconce", "1")
	c.Info.Description = intro
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.Info.Contact = &huma.Contact{Name: "Whoever operates this server"}
	c.Servers = []*huma.Server{{URL: Prefix, Description: "This server."}}
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", "" // ours, made once
	c.CreateHooks = nil                                   // no $schema in answers
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{a.transformProblem}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		sessionScheme: {Type: "apiKey", In: "cookie", Name: secureCookie, Description: "The session of a person who signed in."},
		tokenScheme:   {Type: "http", Scheme: "bearer", Description: "A token that a person made for a program, for one project."},
	}
	return c
}

// Document returns the OpenAPI document of the API, as every server serves it.
func Document() ([]byte, error) {
	a, err := New(Options{App: embed.FS{}})
	if err != nil {
		return nil, err
	}
	return a.document()
}

// complete adds to the description what is the same for many routes.
func (a *API) complete() {
	o := a.huma.OpenAPI()
	for _, name := range []string{"ErrorModel", "ErrorDetail"} { // of the library; ours is Problem
		delete(o.Components.Schemas.Map(), name)
	}
	used := map[string]bool{}
	for _, op := range operationsOf(o) {
		for _, tag := range op.Tags {
			used[tag] = true
		}
		op.Description = describe(op)
		for status, r := range op.Responses {
			r.Headers = headersOf(op, status, r.Headers)
		}
	}
	for _, t := range tags() {
		if used[t.Name] {
			o.Tags = append(o.Tags, t)
		}
	}
}

func (a *API) document() ([]byte, error) {
	document, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return document, nil
}

// operationsOf returns all operations, by path and method.
func operationsOf(o *huma.OpenAPI) []*huma.Operation {
	var all []*huma.Operation
	paths := make([]string, 0, len(o.Paths))
	for path := range o.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		p := o.Paths[path]
		for _, op := range []*huma.Operation{p.Get, p.Post, p.Put, p.Patch, p.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

// describe says who may ask.
func describe(op *huma.Operation) string {
	switch {
	case len(op.Security) == 0:
		return op.Summary + ". Nobody need be signed in."
	case takesTokens(op):
		return op.Summary + ". For people who are signed in, and for programs with a token."
	default:
		return op.Summary + ". For people who are signed in."
	}
}

func takesTokens(op *huma.Operation) bool {
	return slices.ContainsFunc(op.Security, func(s map[string][]string) bool { return s[tokenScheme] != nil })
}

// headersOf adds the headers that answers have beside those of their routes.
func headersOf(op *huma.Operation, status string, headers map[string]*huma.Param) map[string]*huma.Param {
	if headers == nil {
		headers = map[string]*huma.Param{}
	}
	add := func(name, description string) {
		if headers[name] == nil {
			headers[name] = &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
		}
	}
	if takesTokens(op) {
		add("RateLimit-Policy", "Of a program: how many requests in how many seconds.")
		add("RateLimit", "Of a program: how many are left, and in how many seconds there are all again.")
	}
	if op.Method == http.MethodGet && status == "200" && len(op.Security) > 0 && headers["Content-Disposition"] == nil {
		add("ETag", "Names the answer; for If-None-Match.")
	}
	if status == "default" {
		add("Retry-After", "With 429: after how many seconds to try again.")
	}
	return headers
}
