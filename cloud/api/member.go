package api

import (
	"context"
	"net/http"

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

// Members are all who belong to the project.
type Members struct {
	Items []Member `json:"items" nullable:"false"`
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
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*struct{ Body Members }, error) {
		members, err := a.Projects.Members(ctx, scope)
		if err != nil {
			return nil, err
		}
		items, err := a.members(ctx, members...)
		return &struct{ Body Members }{Members{items}}, err
	})

	within(a, route{
		id: "change-member", method: http.MethodPut, path: "/members/{account}", status: http.StatusOK,
		summary: "Change what a member may do", tag: "members",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		MemberPath
		Body MemberChange
	},
	) (*struct{ Body Member }, error) {
		m := project.Member{Account: in.Account, Role: in.Body.Role, Groups: in.Body.Groups}
		if err := a.Projects.ChangeMember(ctx, scope, m); err != nil {
			return nil, err
		}
		items, err := a.members(ctx, m)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Member }{items[0]}, nil
	})

	within(a, route{
		id: "remove-member", method: http.MethodDelete, path: "/members/{account}", status: http.StatusNoContent,
		summary: "End a membership: somebody's, or your own", tag: "members",
	}, func(ctx context.Context, scope project.Scope, in *MemberPath) (*none, error) {
		return nil, a.Projects.RemoveMember(ctx, scope, in.Account)
	})
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
