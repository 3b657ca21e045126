package api_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"sconce/cloud/api"
)

// appCode is what an authenticator app shows, written down once more from RFC 6238.
func appCode(t *testing.T, key string, at time.Time) string {
	t.Helper()
	secret, err := base32.StdEncoding.DecodeString(key)
	must(t, err)
	mac := hmac.New(sha1.New, secret)
	must(t, binary.Write(mac, binary.BigEndian, at.Unix()/30))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// TestSecondStepOverTheAPI sets a second step up, signs in with it, and takes it away.
func TestSecondStepOverTheAPI(t *testing.T) {
	b := newBench(t)
	b.createAda()
	keep := func(a answer) {
		t.Helper()
		cookie := a.header.Get("Set-Cookie")
		if a.status != 201 || !strings.HasPrefix(cookie, "__Host-session=") || decode[api.Admitted](t, a).Account.Email != email {
			t.Fatalf("%d %s, cookie %q", a.status, a.text, cookie)
		}
		b.tokens["ada"] = strings.TrimPrefix(strings.SplitN(cookie, ";", 2)[0], "__Host-session=")
	}
	post := func(path string, body object) answer {
		return b.do(request{who: "ada", method: "POST", path: path, body: body})
	}
	keep(b.do(signIn(password, false)))
	wantProblem(t, "a wrong password", post("/account/second-step", object{"password": password + "x"}), 403, "forbidden")
	offered := decode[api.KeyOffer](t, post("/account/second-step", object{"password": password}))
	if !strings.HasPrefix(offered.URI, "otpauth://totp/sconce.example.org:ada@example.org?secret="+offered.Key) {
		t.Errorf("offered %s", offered.URI)
	}
	confirm := object{"token": offered.Token, "code": "12345"}
	wantProblem(t, "a wrong code", post("/account/second-step/confirm", confirm), 422, "invalid")
	confirm["code"] = appCode(t, offered.Key, time.Now().Add(-30*time.Second))
	made := post("/account/second-step/confirm", confirm)
	codes := decode[api.RecoveryCodes](t, made).Codes
	if made.status != 200 || len(codes) != 10 {
		t.Fatalf("%d %s", made.status, made.text)
	}

	half := b.do(signIn(password, false))
	step := decode[api.Admitted](t, half)
	if half.status != 202 || half.header.Get("Set-Cookie") != "" || step.Account != nil || step.SecondStep == nil || strings.Contains(half.text, "ada") {
		t.Fatalf("half the way: %d %s", half.status, half.text)
	}
	b.tokens["half"] = step.SecondStep.Token
	wantProblem(t, "half the way in", b.do(request{who: "half", method: "GET", path: "/sessions/current"}), 401, "unauthenticated")
	finish := object{"token": step.SecondStep.Token, "code": "000000"}
	wantProblem(t, "a wrong code", post("/sessions/second-step", finish), 401, "unauthenticated")
	wantProblem(t, "no token", post("/sessions/second-step", object{"token": "", "code": "000000"}), 401, "unauthenticated")
	finish["code"] = appCode(t, offered.Key, time.Now().Add(30*time.Second))
	keep(post("/sessions/second-step", finish))

	again := post("/account/recovery-codes", object{"password": password})
	if renewed := decode[api.RecoveryCodes](t, again).Codes; again.status != 200 || len(renewed) != 10 || renewed[0] == codes[0] {
		t.Errorf("new codes: %d %s", again.status, again.text)
	}
	if a := post("/account/second-step/remove", object{"password": password}); a.status != 204 {
		t.Errorf("taking it away: %d %s", a.status, a.text)
	}
	keep(b.do(signIn(password, false)))
	for _, secret := range append(codes, offered.Key, password, confirm["code"].(string)) {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}
