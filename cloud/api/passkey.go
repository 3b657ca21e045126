package api

import (
	"context"
	"encoding/json"
	"net/http"

	"sconce/cloud/identity"
)

// Ceremony is what the browser is asked.
type Ceremony struct {
	Token   string         `json:"token" doc:"To come back with the browser's answer."`
	Options map[string]any `json:"options" doc:"For PublicKeyCredential.parseCreationOptionsFromJSON, or parseRequestOptionsFromJSON (Web Authentication, level 3)."`
	Expires Time           `json:"expires_at"`
}

func ceremonyOf(c identity.Ceremony, err error) (*struct{ Body Ceremony }, error) {
	if err != nil {
		return nil, err
	}
	var options map[string]any
	if err := json.Unmarshal(c.Options, &options); err != nil {
		return nil, err
	}
	return &struct{ Body Ceremony }{Ceremony{c.Token.Reveal(), options, Time(c.Expires)}}, nil
}

// CeremonyAnswer is what the browser answered.
type CeremonyAnswer struct {
	Token      secretText     `json:"token" maxLength:"64"`
	Credential map[string]any `json:"credential" doc:"The toJSON of the browser's PublicKeyCredential."`
}

// NewPasskey is a passkey that the browser made.
type NewPasskey struct {
	CeremonyAnswer
	Name string `json:"name" minLength:"1" maxLength:"100"`
}

// Passkey is a passkey of somebody's own account.
type Passkey struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Made    Time         `json:"created_at"`
	Used    OrNull[Time] `json:"used_at" doc:"When it was last used; null when it was not."`
	Synced  bool         `json:"synced" doc:"A service keeps it on several devices."`
	Suspect bool         `json:"suspect" doc:"There may be a copy of it: it is not taken any more."`
}

func passkeyOf(p identity.OwnPasskey) Passkey {
	return Passkey{p.ID.Name(), p.Label, Time(p.Made), momentOrNull(p.Used), p.Synced, p.Suspect}
}

func (a *API) passkeyRoutes() {
	open(a, route{
		id: "begin-passkey-sign-in", method: http.MethodPost, path: "/sessions/passkey/begin", status: http.StatusCreated,
		summary: "Begin to sign in with a passkey", tag: "sessions",
	}, func(_ context.Context, in *struct{ client }) (*struct{ Body Ceremony }, error) {
		return ceremonyOf(a.Identity.BeginPasskeySignIn(in.from))
	})

	open(a, route{
		id: "finish-passkey-sign-in", method: http.MethodPost, path: "/sessions/passkey", status: http.StatusCreated,
		summary: "Sign in with a passkey", tag: "sessions",
	}, func(ctx context.Context, in *struct {
		client
		Body CeremonyAnswer
	},
	) (*sessionAnswer, error) {
		t, err := identity.ParseToken(string(in.Body.Token))
		if err != nil {
			return nil, err
		}
		answer, err := json.Marshal(in.Body.Credential)
		if err != nil {
			return nil, err
		}
		return in.answer(a.Identity.FinishPasskeySignIn(ctx, t, answer, in.from))
	})

	signedIn(a, route{
		id: "list-passkeys", method: http.MethodGet, path: "/account/passkeys", status: http.StatusOK,
		summary: "The passkeys of the account, the newest first", tag: "account",
	}, func(ctx context.Context, who caller, _ *struct{}) (*struct{ Body List[Passkey] }, error) {
		all, err := a.Identity.Passkeys(ctx, who.account.ID)
		if err != nil {
			return nil, err
		}
		return listOf(all, passkeyOf), nil
	})

	signedIn(a, route{
		id: "begin-passkey", method: http.MethodPost, path: "/account/passkeys/begin", status: http.StatusCreated,
		summary: "Begin to make a passkey", tag: "account",
	}, func(ctx context.Context, who caller, in *proofRequest) (*struct{ Body Ceremony }, error) {
		return ceremonyOf(a.Identity.BeginPasskey(ctx, who.session, who.account, in.Body.Password, in.from))
	})

	signedIn(a, route{
		id: "add-passkey", method: http.MethodPost, path: "/account/passkeys", status: http.StatusCreated,
		summary: "Add a passkey that the browser made", tag: "account",
	}, func(ctx context.Context, who caller, in *struct{ Body NewPasskey }) (*struct{ Body Passkey }, error) {
		t, err := identity.ParseToken(string(in.Body.Token))
		if err != nil {
			return nil, identity.ErrCeremonyEnded()
		}
		answer, err := json.Marshal(in.Body.Credential)
		if err != nil {
			return nil, err
		}
		p, err := a.Identity.FinishPasskey(ctx, who.session, who.account, t, in.Body.Name, answer)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Passkey }{passkeyOf(p)}, nil
	})

	signedIn(a, route{
		id: "remove-passkey", method: http.MethodPost, path: "/account/passkeys/{passkey}/remove", status: http.StatusNoContent,
		summary: "Remove a passkey", tag: "account",
	}, func(ctx context.Context, who caller, in *struct {
		client
		Passkey string `path:"passkey" maxLength:"64"`
		Body    Proof
	},
	) (*none, error) {
		return nil, a.Identity.RemovePasskey(ctx, who.session, who.account, in.Body.Password, in.Passkey, in.from)
	})
}
