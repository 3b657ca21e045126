package api

import (
	"context"
	"net/http"
	"slices"

	"sconce"
	"sconce/cloud/project"
)

// Member is a person who belongs to the project.
type Member struct {
	Account sconce.AccountID `json:"account_id"`
	Name    string           `json:"name"`
	Email   string           `json:"email"`
	Role    sconce.Role      `json:"role" enum:"owner,expert,user,viewer"`
	Groups  []sconce.GroupID `json:"groups" nullable:"false" doc:"Of a user: the groups that they may control."`
}

// Members are a page of those who belong to the project.
type Members struct {
	Items []Member `json:"items" nullable:"false"`
	Next  string   `json:"next_cursor,omitempty"`
}

// MemberChange is what a member becomes.
type MemberChange struct {
	Role   sconce.Role      `json:"role" enum:"owner,expert,user,viewer"`
	Groups []sconce.GroupID `json:"groups,omitempty" maxItems:"1000" nullable:"false" doc:"Of a user: the groups that they may control."`
}

// MemberPath names a member of the project.
type MemberPath struct {
	Account sconce.AccountID `path:"account" doc:"Identifier of the account."`
}

func (a *API) memberRoutes() {
	within(a, route{
		id: "list-members", method: http.MethodGet, path: "/members", status: http.StatusOK,
		summary: "Who belongs to the project", tag: "members",
	}, func(ctx context.Context, scope project.Scope, in *Page) (*struct{ Body Members }, error) {
		all, err := a.Projects.Members(ctx, scope)
		if err != nil {
			return nil, err
		}
		members, next, err := pageOf(in, all, func(m project.Member) string { return string(m.Account) })
		if err != nil {
			return nil, err
		}
		items, err := a.members(ctx, members...)
		return &struct{ Body Members }{Members{items, next}}, err
	})

	within(a, route{
		id: "get-member", method: http.MethodGet, path: "/members/{account}", status: http.StatusOK,
		summary: "A member of the project", tag: "members",
	}, func(ctx context.Context, scope project.Scope, in *MemberPath) (*memberAnswer, error) {
		return a.member(ctx, scope, in.Account)
	})

	within(a, route{
		id: "change-member", method: http.MethodPut, path: "/members/{account}", status: http.StatusOK,
		summary: "Change what a member may do", tag: "members", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct {
		MemberPath
		Unchanged
		Body MemberChange
	},
	) (*memberAnswer, error) {
		if in.IfMatch != "" {
			was, err := a.member(ctx, scope, in.Account)
			if err != nil {
				return nil, err
			}
			if err := in.check(ctx, was.Body); err != nil {
				return nil, err
			}
		}
		m := project.Member{Account: in.Account, Role: in.Body.Role, Groups: in.Body.Groups}
		if err := a.Projects.ChangeMember(ctx, scope, m); err != nil {
			return nil, err
		}
		return a.memberOf(ctx, m)
	})

	within(a, route{
		id: "remove-member", method: http.MethodDelete, path: "/members/{account}", status: http.StatusNoContent,
		summary: "End a membership: somebody's, or your own", tag: "members", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *MemberPath) (*none, error) {
		return nil, a.Projects.RemoveMember(ctx, scope, in.Account)
	})
}

type memberAnswer struct {
	ETag string `header:"ETag"`
	Body Member
}

// member returns a member as they are.
func (a *API) member(ctx context.Context, scope project.Scope, who sconce.AccountID) (*memberAnswer, error) {
	all, err := a.Projects.Members(ctx, scope)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(m project.Member) bool { return m.Account == who })
	if i < 0 {
		return nil, sconce.Errorf(sconce.NotFound, "there is no such member of this project")
	}
	return a.memberOf(ctx, all[i])
}

func (a *API) memberOf(ctx context.Context, m project.Member) (*memberAnswer, error) {
	items, err := a.members(ctx, m)
	if err != nil {
		return nil, err
	}
	return &memberAnswer{etagOf(items[0]), items[0]}, nil
}

// members adds to members what the identity service knows of them. Somebody whose
// account is gone has no name.
func (a *API) members(ctx context.Context, members ...project.Member) ([]Member, error) {
	ids := make([]sconce.AccountID, len(members))
	for i, m := range members {
		ids[i] = m.Account
	}
	accounts, err := a.Identity.Accounts(ctx, ids)
	if err != nil {
		return nil, err
	}
	items := make([]Member, len(members))
	for i, m := range members {
		who := accounts[m.Account]
		groups := m.Groups
		if groups == nil {
			groups = []sconce.GroupID{}
		}
		items[i] = Member{m.Account, who.Name, who.Email, m.Role, groups}
	}
	return items, nil
}
