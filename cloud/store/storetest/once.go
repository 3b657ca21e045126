package storetest

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/once"
	"sconce/cloud/store"
)

// testOnce goes through the life of requests that are done once.
func testOnce(t *testing.T, s *store.Store) {
	ctx, now, o := t.Context(), moment(1000), s.Once()
	account := identity.Account{ID: "ada", Email: "ada@example.org", Made: now}
	check(t, s.Identity().CreateAccount(ctx, identity.Credentials{Account: account, PasswordHash: "x"}, audit.Operator, audit.Console))
	first := once.Request{Key: once.Digest{1}, Account: "ada", Content: once.Digest{2}, Made: now}
	begin := func(r once.Request, most int) once.Request {
		t.Helper()
		found, err := o.Begin(ctx, r, r.Made.Add(-time.Hour), most)
		check(t, err)
		return found
	}
	if found := begin(first, 1); found.Account != "" {
		t.Errorf("the first finds %+v", found)
	}
	if found := begin(first, 1); found.Account != "ada" || found.Key != first.Key || found.Content != first.Content || found.Status != 0 {
		t.Errorf("the second finds %+v", found)
	}
	second := first
	second.Key = once.Digest{3}
	if _, err := o.Begin(ctx, second, now.Add(-time.Hour), 1); sconce.KindOf(err) != sconce.TooMany {
		t.Errorf("one too many: %v", err)
	}
	check(t, o.End(ctx, first.Key, 201, []byte("sealed")))
	if found := begin(first, 1); found.Status != 201 || string(found.Sealed) != "sealed" {
		t.Errorf("after its end: %+v", found)
	}
	begin(second, 2)
	check(t, o.Forget(ctx, second.Key))
	if found := begin(second, 2); found.Account != "" {
		t.Errorf("forgotten, and there is %+v", found)
	}
	later := first
	later.Made = now.Add(time.Hour) // by then the first is too old
	if found := begin(later, 1); found.Account != "" {
		t.Errorf("an hour later: %+v", found)
	}
}
