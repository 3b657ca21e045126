package api

import (
	"context"
	"fmt"
	"net/http"

	"sconce"
	"sconce/cloud/invitation"
	"sconce/cloud/project"
)

// NewInvitation is an offer to become a member.
type NewInvitation struct {
	Email  string           `json:"email" maxLength:"254"`
	Role   sconce.Role      `json:"role" enum:"owner,expert,user,viewer"`
	Groups []sconce.GroupID `json:"groups,omitempty" maxItems:"1000" nullable:"false" doc:"Of a user: the groups that they may control."`
}

// Invitation is an offer that is open.
type Invitation struct {
	ID      invitation.ID    `json:"id"`
	Email   string           `json:"email"`
	Role    sconce.Role      `json:"role" enum:"owner,expert,user,viewer"`
	Groups  []sconce.GroupID `json:"groups" nullable:"false"`
	Made    Time             `json:"created_at"`
	Expires Time             `json:"expires_at"`
}

// Invitations are those of the project that are open.
type Invitations struct {
	Items []Invitation `json:"items" nullable:"false"`
	Next  string       `json:"next_cursor,omitempty"`
}

func invitationOf(i invitation.Invitation) Invitation {
	groups := i.Offer.Groups
	if groups == nil {
		groups = []sconce.GroupID{}
	}
	return Invitation{i.ID, i.Email, i.Offer.Role, groups, Time(i.Made), Time(i.Expires)}
}

// Accepted says which project a person belongs to now.
type Accepted struct {
	Project sconce.ProjectID `json:"project_id"`
}

func (a *API) invitationRoutes() {
	withinAs(a, route{
		id: "invite", method: http.MethodPost, path: "/invitations", status: http.StatusCreated,
		summary: "Invite somebody to the project, by a letter", tag: "members",
	}, func(ctx context.Context, who caller, scope project.Scope, in *struct{ Body NewInvitation }) (*struct{ Body Invitation }, error) {
		offer := project.Member{Role: in.Body.Role, Groups: in.Body.Groups}
		i, err := a.Invitations.Invite(ctx, scope, who.account, in.Body.Email, offer)
		return &struct{ Body Invitation }{invitationOf(i)}, err
	})

	within(a, route{
		id: "list-invitations", method: http.MethodGet, path: "/invitations", status: http.StatusOK,
		summary: "The open invitations of the project", tag: "members",
	}, func(ctx context.Context, scope project.Scope, in *Page) (*struct{ Body Invitations }, error) {
		all, err := a.Invitations.List(ctx, scope)
		if err != nil {
			return nil, err
		}
		all, next, err := pageOf(in, all, func(i invitation.Invitation) string {
			return fmt.Sprintf("%015d.%s", i.Made.UnixMilli(), i.ID) // the order of the list
		})
		items := make([]Invitation, len(all))
		for n, i := range all {
			items[n] = invitationOf(i)
		}
		return &struct{ Body Invitations }{Invitations{items, next}}, err
	})

	within(a, route{
		id: "revoke-invitation", method: http.MethodDelete, path: "/invitations/{invitation}", status: http.StatusNoContent,
		summary: "Take an invitation back", tag: "members",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Invitation invitation.ID `path:"invitation" doc:"Identifier of the invitation."`
	},
	) (*none, error) {
		return nil, a.Invitations.Revoke(ctx, scope, in.Invitation)
	})

	signedIn(a, route{
		id: "accept-invitation", method: http.MethodPost, path: "/invitations/accept", status: http.StatusOK,
		summary: "Become a member of the project that a letter invites you to", tag: "members", once: true,
	}, func(ctx context.Context, who caller, in *struct {
		Body struct {
			Token secretText `json:"token" maxLength:"64" doc:"What is behind the # of the link."`
		}
	},
	) (*struct{ Body Accepted }, error) {
		t, err := linkToken(in.Body.Token)
		if err != nil {
			return nil, err
		}
		id, err := a.Invitations.Accept(ctx, who.asCaller(), who.account, t)
		return &struct{ Body Accepted }{Accepted{id}}, err
	})
}
