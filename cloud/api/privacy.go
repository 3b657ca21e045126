package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce/cloud/identity"
	"sconce/cloud/privacy"
)

// Correction is what somebody is called, and where.
type Correction struct {
	Name    string `json:"name" minLength:"1" maxLength:"100"`
	Country string `json:"country" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1, two capital letters."`
	Details
}

// Details are what somebody may say of how to reach them.
type Details struct {
	Phone   string `json:"phone,omitempty" maxLength:"40" doc:"Empty when not given, as the two below."`
	Address string `json:"address,omitempty" maxLength:"300" doc:"Of letters on paper, in lines."`
	Contact string `json:"contact,omitempty" maxLength:"200" doc:"Who else can be asked."`
}

// NewAddress is the email address that an account is to have, and a Proof.
type NewAddress struct {
	Address
	Proof
}

// LinkToken is what was behind the # of a link in a letter.
type LinkToken struct {
	Token secretText `json:"token" maxLength:"64" doc:"What is behind the # of the link."`
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
		summary: "Change the name, the country and the details of the account; details that are left out are forgotten", tag: "account",
	}, func(ctx context.Context, who caller, in *struct{ Body Correction }) (*struct{ Body OwnAccount }, error) {
		account, err := a.Identity.Correct(ctx, who.session, who.account, in.Body.Name, in.Body.Country, identity.Details(in.Body.Details))
		if err != nil {
			return nil, err
		}
		who.account = account
		return a.ownAccount(ctx, who, nil)
	})

	signedIn(a, route{
		id: "change-email", method: http.MethodPost, path: "/account/email", status: http.StatusAccepted,
		summary: "Ask for another email address: a letter with a link is sent there, and one that undoes it to that of now", tag: "account",
	}, func(ctx context.Context, who caller, in *struct {
		client
		Body NewAddress
	},
	) (*none, error) {
		return nil, a.Identity.AskEmail(ctx, who.session, who.account, in.Body.Email, in.Body.Password, in.from)
	})

	open(a, route{
		id: "confirm-email", method: http.MethodPost, path: "/email-changes/confirm", status: http.StatusNoContent,
		summary: "Give an account the email address that the link was sent to", tag: "accounts",
	}, func(ctx context.Context, in *struct{ Body LinkToken }) (*none, error) {
		t, err := linkToken(in.Body.Token)
		if err != nil {
			return nil, err
		}
		return nil, a.Identity.ConfirmEmail(ctx, t)
	})

	open(a, route{
		id: "undo-email", method: http.MethodPost, path: "/email-changes/undo", status: http.StatusNoContent,
		summary: "Give an account the email address back that the link was sent to; its password is void, and every session ends", tag: "accounts",
	}, func(ctx context.Context, in *struct{ Body LinkToken }) (*none, error) {
		t, err := linkToken(in.Body.Token)
		if err != nil {
			return nil, err
		}
		return nil, a.Identity.UndoEmail(ctx, t)
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
