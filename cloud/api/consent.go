package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sconce/cloud/consent"
)

// TextName names a text of the operator's.
type TextName struct {
	Kind    consent.Kind `json:"kind" enum:"terms,privacy"`
	Version string       `json:"version" doc:"The day that it is of." example:"2026-01-31"`
	Digest  string       `json:"sha256" doc:"SHA-256 of the text, 64 hexadecimal digits."`
}

// OperatorText is a text of the operator's: the terms of use, or the notice on privacy.
type OperatorText struct {
	TextName
	Text string `json:"text" doc:"Plain text."`
}

// Agreed is that somebody agreed to a text.
type Agreed struct {
	TextName
	At Time `json:"agreed_at"`
}

// Agreements is what somebody agreed to, and what they are asked to agree to.
type Agreements struct {
	Agreed []Agreed       `json:"agreed" nullable:"false" doc:"The newest first."`
	Open   []OperatorText `json:"open" nullable:"false" doc:"Texts of now that are not agreed to."`
}

// AgreeTo names the texts that somebody agrees to.
type AgreeTo struct {
	Agree []string `json:"agree" minItems:"1" maxItems:"8" nullable:"false" doc:"Their sha256."`
}

func textName(n consent.Name) TextName { return TextName{n.Kind, n.Version, n.Digest.String()} }

func textsOf(all []consent.Text) []OperatorText {
	items := make([]OperatorText, len(all))
	for i, t := range all {
		items[i] = OperatorText{textName(t.Name), t.Body}
	}
	return items
}

func (a *API) consentRoutes() {
	open(a, route{
		id: "list-texts", method: http.MethodGet, path: "/texts", status: http.StatusOK,
		summary: "The terms of use and the notice on privacy of this server; none when it has none", tag: "accounts",
	}, func(context.Context, *struct{}) (*struct{ Body List[OperatorText] }, error) {
		return &struct{ Body List[OperatorText] }{List[OperatorText]{textsOf(a.Consent.Texts())}}, nil
	})

	signedIn(a, route{
		id: "get-agreements", method: http.MethodGet, path: "/account/agreements", status: http.StatusOK,
		summary: "Which texts of the server the person agreed to, and which are open", tag: "account",
	}, a.agreements)

	signedIn(a, route{
		id: "agree", method: http.MethodPost, path: "/account/agreements", status: http.StatusOK,
		summary: "Agree to texts of the server", tag: "account",
	}, func(ctx context.Context, who caller, in *struct{ Body AgreeTo }) (*struct{ Body Agreements }, error) {
		if err := a.Consent.Agree(ctx, who.account.ID, in.Body.Agree, who.session.Origin()); err != nil {
			return nil, err
		}
		return a.agreements(ctx, who, nil)
	})
}

func (a *API) agreements(ctx context.Context, who caller, _ *struct{}) (*struct{ Body Agreements }, error) {
	agreed, open, err := a.Consent.Of(ctx, who.account.ID)
	out := Agreements{make([]Agreed, len(agreed)), textsOf(open)}
	for i, one := range agreed {
		out.Agreed[i] = Agreed{textName(one.Name), Time(one.At)}
	}
	return &struct{ Body Agreements }{out}, err
}

// agreed admits people who agreed to the texts of now, and programs, whose people did when
// they made their tokens. It runs behind authenticate.
func (a *API) agreed(ctx huma.Context, next func(huma.Context)) {
	if who, _ := ctx.Context().Value(callerKey).(caller); !who.program() {
		if err := a.Consent.Require(ctx.Context(), who.account.ID); err != nil {
			a.refuse(ctx, err)
			return
		}
	}
	next(ctx)
}
