package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sconce/cloud/api"
	"sconce/internal/securitykey"
)

// asked is what a browser is asked, as JSON.
func asked(t *testing.T, a answer) (token string, options []byte) {
	t.Helper()
	if a.status != 201 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	c := decode[api.Ceremony](t, a)
	options, err := json.Marshal(c.Options)
	must(t, err)
	return c.Token, options
}

// addPasskey makes a passkey for somebody without a password, who signed in just now.
func (b *bench) addPasskey(who string, k *securitykey.Key, name string) answer {
	b.t.Helper()
	token, options := asked(b.t, b.do(request{who: who, method: "POST", path: "/account/passkeys/begin", body: object{"password": ""}}))
	return b.do(request{who: who, method: "POST", path: "/account/passkeys", body: object{
		"token": token, "name": name, "credential": json.RawMessage(k.Create(options)),
	}})
}

// TestPasskeyOverTheAPI adds a passkey, signs in with it, and removes it.
func TestPasskeyOverTheAPI(t *testing.T) {
	b := newBench(t)
	k := securitykey.New(t, "https://sconce.example.org")
	added := b.addPasskey("viewer", k, " Laptop ")
	made := decode[api.Passkey](t, added)
	if added.status != 201 || made.Name != "Laptop" || made.Suspect || made.Synced {
		t.Fatalf("%d %s", added.status, added.text)
	}
	wantProblem(t, "the same again", b.addPasskey("viewer", k, "Laptop"), 409, "conflict")
	enter := func() answer {
		token, options := asked(t, b.do(request{method: "POST", path: "/sessions/passkey/begin"}))
		k.Count++
		return b.do(request{method: "POST", path: "/sessions/passkey", body: object{"token": token, "credential": json.RawMessage(k.Get(options))}})
	}
	in := enter()
	cookie := in.header.Get("Set-Cookie")
	if in.status != 201 || !strings.HasPrefix(cookie, "__Host-session=") || decode[api.Admitted](t, in).Account.ID != id("viewer") {
		t.Fatalf("%d %s, cookie %q", in.status, in.text, cookie)
	}
	b.tokens["again"] = strings.TrimPrefix(strings.SplitN(cookie, ";", 2)[0], "__Host-session=")
	list := decode[api.List[api.Passkey]](t, b.do(request{who: "again", method: "GET", path: "/account/passkeys"})).Items
	if len(list) != 1 || list[0].ID != made.ID {
		t.Errorf("%+v", list)
	}
	remove := "/account/passkeys/" + made.ID + "/remove"
	wantProblem(t, "that of somebody else", b.do(request{who: "owner", method: "POST", path: remove, body: object{"password": ""}}), 404, "not-found")
	if a := b.do(request{who: "again", method: "POST", path: remove, body: object{"password": ""}}); a.status != 204 {
		t.Errorf("removing it: %d %s", a.status, a.text)
	}
	wantProblem(t, "one that was removed", enter(), 401, "unauthenticated")
}
