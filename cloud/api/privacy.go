package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce/cloud/privacy"
)

// Correction is what somebody is called, and where.
type Correction struct {
	Name    string `json:"name" minLength:"1" maxLength:"100"`
	Country string `json:"country" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1, two capital letters."`
}

// copyAnswer is a file with what is known of somebody.
type copyAnswer struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte `contentType:"application/zip"`
}

// farewell is a Proof, and what takes the cookie of the session back.
type farewell struct {
	proofRequest

	ended string
}

// Resolve implements [huma.Resolver].
func (f *farewell) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	f.ended = sessionCookie(r, "", -time.Second)
	return f.client.Resolve(ctx)
}

func (c caller) asPerson() privacy.Person {
	return privacy.Person{Session: c.session, Account: c.account}
}

func (a *API) privacyRoutes() {
	signedIn(a, route{
		id: "correct-account", method: http.MethodPut, path: "/account", status: http.StatusOK,
		summary: "Change the name and the country of the account", tag: "account",
	}, func(ctx context.Context, who caller, in *struct{ Body Correction }) (*struct{ Body OwnAccount }, error) {
		account, err := a.Identity.Correct(ctx, who.session, who.account, in.Body.Name, in.Body.Country)
		if err != nil {
			return nil, err
		}
		who.account = account
		return a.ownAccount(ctx, who, nil)
	})

	signedIn(a, route{
		id: "export-account", method: http.MethodPost, path: "/account/export", status: http.StatusOK,
		summary: "A copy of everything that is known of the person, as a ZIP file of JSON files", tag: "account",
	}, func(ctx context.Context, who caller, in *proofRequest) (*copyAnswer, error) {
		zip, err := a.Privacy.Export(ctx, who.asPerson(), in.Body.Password, in.from)
		return &copyAnswer{"application/zip", `attachment; filename="sconce-account.zip"`, zip}, err
	})

	signedIn(a, route{
		id: "erase-account", method: http.MethodPost, path: "/account/erasure", status: http.StatusNoContent,
		summary: "Erase the account, for ever; who is the only owner of a project hands it over first", tag: "account",
	}, func(ctx context.Context, who caller, in *farewell) (*signOutAnswer, error) {
		return &signOutAnswer{in.ended}, a.Privacy.Erase(ctx, who.asPerson(), in.Body.Password, in.from)
	})
}
