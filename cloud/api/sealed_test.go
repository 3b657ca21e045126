package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"sconce/cloud/api"
	"sconce/cloud/oauth"
	"sconce/cloud/privacy"
	"sconce/cloud/store/storetest"
	"sconce/cloud/vault"
	"sconce/internal/issuer"
	"sconce/internal/securitykey"
)

// TestEverythingSealedIsSealedAnew lets people do what makes the product seal something in each
// column of the inventory, and changes the key: whatever was sealed for another place than
// the one that the change opens it for would stay under the former key.
func TestEverythingSealedIsSealedAnew(t *testing.T) {
	b := newBench(t)
	did := func(a answer) answer {
		t.Helper()
		if a.status >= 300 {
			t.Fatalf("%d %s", a.status, a.text)
		}
		return a
	}
	post := func(who, path string, body object) answer {
		t.Helper()
		return did(b.do(request{who: who, method: "POST", path: path, body: body}))
	}
	own := "/projects/" + string(b.own.scope.Project())
	b.createAda()
	b.signedInAs("ada", password) // people, sessions, sign_ins
	offered := decode[api.KeyOffer](t, post("ada", "/account/second-step", object{"password": password}))
	post("ada", "/account/second-step/confirm", object{"token": offered.Token, "code": appCode(t, offered.Key, time.Now().Add(-30*time.Second))})
	did(b.addPasskey("owner", securitykey.New(t, "https://sconce.example.org"), "Laptop"))
	b.issuer.Token = func(c issuer.Claims) {
		c["sub"], c["email"], c["email_verified"] = "grace-1906", "grace@example.com", true
	}
	back, cookie := b.visit(b.do(request{method: "POST", path: "/sessions/provider/begin"}))
	did(b.do(request{method: "POST", path: "/sessions/provider", body: back, header: cookie}))
	b.token("owner", b.own)
	did(b.do(request{
		who: "owner", method: "POST", path: own + "/groups", body: object{"name": "Hall", "network_id": b.own.network}, header: http.Header{"Idempotency-Key": {`"k"`}},
	}))
	post("nobody", "/registrations", object{"email": "new@example.org", "name": "New", "country": "DE"})
	b.people.Close() // it is written after the answer
	post("owner", own+"/invitations", object{"email": "guest@example.org", "role": "viewer"})
	_, _, err := b.OAuth.Register(t.Context(), b.own.scope, oauth.NewClient{Name: "Panel", Redirects: []string{"https://app.example.org/back"}})
	must(t, err)
	b.account("operator")
	must(t, b.Support.AddOperator(t.Context(), id("operator")))
	b.askSupport(b.own)
	post("owner", own+"/alerts/"+string(b.own.alert)+"/notes", object{"text": "The ladder is in room 3."})
	post("owner", own+"/webhooks", object{"url": "https://hooks.example.org", "least_severity": "info"})

	ctx, now := t.Context(), time.Now()
	_, err = vault.Rotate(ctx, storetest.MasterKey(t), b.store.Keysets(), now)
	must(t, errors.Join(err, b.vault.Refresh(ctx), b.vault.Advance(ctx, now)))
	there, err := b.store.Former(ctx, b.vault)
	must(t, err)
	fields, err := privacy.Fields()
	must(t, err)
	for _, f := range fields {
		if f.Kept == privacy.UnderVault && there[f.Database+"."+f.Table] == 0 {
			t.Errorf("%s: nothing is sealed there: let this test do what makes the product seal it", f)
		}
	}
	must(t, b.store.Reseal(ctx, b.vault, 100, func(int) error { return nil }))
	left, err := b.store.Former(ctx, b.vault)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("the change of the key did not open %s: they are sealed for another place than the one of sealedColumns (cloud/store/reseal.go)", fmt.Sprint(left))
	}
	must(t, b.vault.Retire(ctx, now))
	if a := b.do(request{who: "ada", method: "GET", path: "/account/sign-ins"}); a.status != 200 {
		t.Errorf("after the change of the key: %d %s", a.status, a.text)
	}
}
