package api

import (
	"context"
	"net/http"

	"sconce/cloud/identity"
)

// Proof is somebody's password once more, for what changes how they sign in.
type Proof struct {
	Password identity.Password `json:"password" maxLength:"1024"`
}

// KeyOffer is a key for an authenticator app.
type KeyOffer struct {
	Token   string `json:"token" doc:"For POST /account/second-step/confirm."`
	Key     string `json:"key" doc:"To type into the app: base32, 160 bits, SHA-1, six digits, 30 seconds (RFC 6238)."`
	URI     string `json:"uri" doc:"The same to scan, otpauth://totp/…."`
	Expires Time   `json:"expires_at" doc:"Confirm it before this moment."`
}

// KeyProof shows that an app has the key.
type KeyProof struct {
	Token secretText    `json:"token" maxLength:"64"`
	Code  identity.Code `json:"code" maxLength:"64" doc:"What the app shows."`
}

// RecoveryCodes are shown once.
type RecoveryCodes struct {
	Codes []string `json:"codes" nullable:"false" doc:"Each is good once in the place of the app's code."`
}

type proofRequest struct {
	client
	Body Proof
}

func recoveryCodesOf(codes []identity.Code) *struct{ Body RecoveryCodes } {
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = c.Reveal()
	}
	return &struct{ Body RecoveryCodes }{RecoveryCodes{texts}}
}

func (a *API) secondStepRoutes() {
	signedIn(a, route{
		id: "offer-second-step", method: http.MethodPost, path: "/account/second-step", status: http.StatusCreated,
		summary: "Draw a key for an authenticator app", tag: "account",
	}, func(ctx context.Context, who caller, in *proofRequest) (*struct{ Body KeyOffer }, error) {
		o, err := a.Identity.OfferSecondStep(ctx, who.session, who.account, in.Body.Password, in.from)
		if err != nil {
			return nil, err
		}
		return &struct{ Body KeyOffer }{KeyOffer{o.Token.Reveal(), o.Key, o.URI, Time(o.Expires)}}, nil
	})

	signedIn(a, route{
		id: "confirm-second-step", method: http.MethodPost, path: "/account/second-step/confirm", status: http.StatusOK,
		summary: "Ask for the app's code whenever the password is used; other sessions end", tag: "account",
	}, func(ctx context.Context, who caller, in *struct{ Body KeyProof }) (*struct{ Body RecoveryCodes }, error) {
		t, err := identity.ParseToken(string(in.Body.Token))
		if err != nil {
			return nil, identity.ErrOfferEnded()
		}
		codes, err := a.Identity.ConfirmSecondStep(ctx, who.session, who.account, t, in.Body.Code)
		if err != nil {
			return nil, err
		}
		return recoveryCodesOf(codes), nil
	})

	signedIn(a, route{
		id: "remove-second-step", method: http.MethodPost, path: "/account/second-step/remove", status: http.StatusNoContent,
		summary: "Ask for no second step any more", tag: "account",
	}, func(ctx context.Context, who caller, in *proofRequest) (*none, error) {
		return nil, a.Identity.RemoveSecondStep(ctx, who.session, who.account, in.Body.Password, in.from)
	})

	signedIn(a, route{
		id: "renew-recovery-codes", method: http.MethodPost, path: "/account/recovery-codes", status: http.StatusOK,
		summary: "Make new recovery codes; the old ones are void", tag: "account",
	}, func(ctx context.Context, who caller, in *proofRequest) (*struct{ Body RecoveryCodes }, error) {
		codes, err := a.Identity.RenewRecoveryCodes(ctx, who.session, who.account, in.Body.Password, in.from)
		if err != nil {
			return nil, err
		}
		return recoveryCodesOf(codes), nil
	})
}
