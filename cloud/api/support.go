package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/support"
)

// SupportWish is what a support grant is to be.
type SupportWish struct {
	Access project.Access `json:"access" enum:"read,write" doc:"To look only, or to look and to change."`
	Hours  int            `json:"hours" minimum:"1" maximum:"24" doc:"How long, from when it is granted."`
	Reason string         `json:"reason" minLength:"1" maxLength:"500" doc:"Why, on one line. The owners of the project read it."`
}

func (w SupportWish) wish() support.Wish {
	return support.Wish{Access: w.Access, Length: time.Duration(w.Hours) * time.Hour, Reason: w.Reason}
}

// NewSupportGrant lets an operator into the project.
type NewSupportGrant struct {
	Operator string `json:"operator_email" maxLength:"254" doc:"The address that the operator gave you."`
	SupportWish
}

// NewSupportRequest asks for a grant for oneself.
type NewSupportRequest struct {
	Project sconce.ProjectID `json:"project_id" maxLength:"100"`
	SupportWish
}

// SupportPerson is somebody who asked for a grant, granted it or has it.
type SupportPerson struct {
	Account sconce.AccountID `json:"account_id"`
	Name    string           `json:"name" doc:"Empty when the account is gone."`
}

// SupportGrant is the right of an operator to a project, for a time.
type SupportGrant struct {
	ID        support.ID            `json:"id"`
	Project   sconce.ProjectID      `json:"project_id"`
	State     support.State         `json:"state" enum:"asked,active,ended,expired"`
	Operator  SupportPerson         `json:"operator" doc:"Who is let in."`
	Access    project.Access        `json:"access" enum:"read,write"`
	Hours     int                   `json:"hours"`
	Reason    string                `json:"reason"`
	Asked     Time                  `json:"asked_at"`
	GrantedBy OrNull[SupportPerson] `json:"granted_by" doc:"An owner, or for an incident another operator; null while it is only asked for."`
	Granted   OrNull[Time]          `json:"granted_at"`
	Expires   Time                  `json:"expires_at" doc:"While it is only asked for: until when it can be granted."`
	Ended     OrNull[Time]          `json:"ended_at" doc:"When it was ended early."`
	Own       bool                  `json:"own" doc:"It is for the person who reads this."`
}

// SupportGrants are those of a project, or of an operator.
type SupportGrants struct {
	Operator bool           `json:"operator" doc:"Whether the person who reads this is an operator."`
	Items    []SupportGrant `json:"items" nullable:"false"`
	Next     string         `json:"next_cursor,omitempty"`
}

func cursorOf(p support.Place) string { return fmt.Sprintf("%d.%s", p.Asked.UnixMilli(), p.ID) }

// placeOf reads the cursor of a list of support grants, "" for its beginning.
func placeOf(cursor string) (support.Place, error) {
	if cursor == "" {
		return support.Place{}, nil
	}
	ms, id, ok := strings.Cut(cursor, ".")
	asked, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || !ok || id == "" || strconv.FormatInt(asked, 10) != ms {
		return support.Place{}, errCursor()
	}
	return support.Place{Asked: time.UnixMilli(asked), ID: support.ID(id)}, nil
}

type supportGrantsAnswer struct{ Body SupportGrants }

type supportGrantAnswer struct{ Body SupportGrant }

// SupportPath names a support grant.
type SupportPath struct {
	Grant support.ID `path:"grant" maxLength:"100" doc:"Identifier of the support grant."`
}

// projectSupportRoutes are what owners do.
func (a *API) projectSupportRoutes() {
	within(a, route{
		id: "list-project-support", method: http.MethodGet, path: "/support-grants", status: http.StatusOK,
		summary: "The operators who are let in, who were, and who ask to be", tag: "support",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*supportGrantsAnswer, error) {
		all, err := a.Support.List(ctx, scope)
		if err != nil {
			return nil, err
		}
		items, err := a.supportGrants(ctx, scope.Account(), all...)
		return &supportGrantsAnswer{SupportGrants{Items: items}}, err
	})

	within(a, route{
		id: "grant-support", method: http.MethodPost, path: "/support-grants", status: http.StatusCreated,
		summary: "Let an operator in for a time", tag: "support",
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body NewSupportGrant }) (*supportGrantAnswer, error) {
		g, err := a.Support.Grant(ctx, scope, in.Body.Operator, in.Body.wish())
		return a.supportGrant(ctx, scope.Account(), g, err)
	})

	within(a, route{
		id: "allow-support", method: http.MethodPost, path: "/support-grants/{grant}/approval", status: http.StatusOK,
		summary: "Let an operator in who asks to be", tag: "support",
	}, func(ctx context.Context, scope project.Scope, in *SupportPath) (*supportGrantAnswer, error) {
		g, err := a.Support.Allow(ctx, scope, in.Grant)
		return a.supportGrant(ctx, scope.Account(), g, err)
	})

	within(a, route{
		id: "end-support", method: http.MethodDelete, path: "/support-grants/{grant}", status: http.StatusNoContent,
		summary: "End a support grant at once, or decline what is asked for", tag: "support",
	}, func(ctx context.Context, scope project.Scope, in *SupportPath) (*none, error) {
		return nil, a.Support.End(ctx, scope, in.Grant)
	})
}

// operatorSupportRoutes are what operators do.
func (a *API) operatorSupportRoutes() {
	signedIn(a, route{
		id: "list-support", method: http.MethodGet, path: "/support-grants", status: http.StatusOK,
		summary: "Of an operator: the projects that one is let into, and what operators ask for", tag: "support",
	}, func(ctx context.Context, who caller, in *Page) (*supportGrantsAnswer, error) {
		after, err := placeOf(in.Cursor)
		if err != nil {
			return nil, err
		}
		all, operator, err := a.Support.Mine(ctx, who.asCaller(), after, in.Limit+1)
		if err != nil {
			return nil, err
		}
		all, next := cut(all, in.Limit, func(g support.Grant) string { return cursorOf(g.Place()) })
		items, err := a.supportGrants(ctx, who.account.ID, all...)
		return &supportGrantsAnswer{SupportGrants{operator, items, next}}, err
	})

	signedIn(a, route{
		id: "ask-for-support", method: http.MethodPost, path: "/support-grants", status: http.StatusCreated,
		summary: "Of an operator: ask to be let into a project", tag: "support",
	}, func(ctx context.Context, who caller, in *struct{ Body NewSupportRequest }) (*supportGrantAnswer, error) {
		g, err := a.Support.Ask(ctx, who.asCaller(), in.Body.Project, in.Body.wish())
		return a.supportGrant(ctx, who.account.ID, g, err)
	})

	signedIn(a, route{
		id: "approve-support", method: http.MethodPost, path: "/support-grants/{grant}/approval", status: http.StatusOK,
		summary: "Of an operator: approve, for an incident, what another operator asks for", tag: "support",
	}, func(ctx context.Context, who caller, in *SupportPath) (*supportGrantAnswer, error) {
		g, err := a.Support.Approve(ctx, who.asCaller(), in.Grant)
		return a.supportGrant(ctx, who.account.ID, g, err)
	})

	signedIn(a, route{
		id: "give-back-support", method: http.MethodDelete, path: "/support-grants/{grant}", status: http.StatusNoContent,
		summary: "Of an operator: end a grant that one has, or take back what one asked for", tag: "support",
	}, func(ctx context.Context, who caller, in *SupportPath) (*none, error) {
		return nil, a.Support.GiveBack(ctx, who.asCaller(), in.Grant)
	})
}

func (a *API) supportGrant(ctx context.Context, reader sconce.AccountID, g support.Grant, err error) (*supportGrantAnswer, error) {
	if err != nil {
		return nil, err
	}
	items, err := a.supportGrants(ctx, reader, g)
	if err != nil {
		return nil, err
	}
	return &supportGrantAnswer{items[0]}, nil
}

// supportGrants adds to grants what the identity service knows of the people.
func (a *API) supportGrants(ctx context.Context, reader sconce.AccountID, grants ...support.Grant) ([]SupportGrant, error) {
	var ids []sconce.AccountID
	for _, g := range grants {
		ids = append(ids, g.Operator, g.GrantedBy)
	}
	accounts, err := a.Identity.Accounts(ctx, ids)
	if err != nil {
		return nil, err
	}
	items := make([]SupportGrant, len(grants))
	for i, g := range grants {
		items[i] = SupportGrant{
			ID: g.ID, Project: g.Project, State: a.Support.StateOf(g), Operator: SupportPerson{g.Operator, accounts[g.Operator].Name},
			Access: g.Access, Hours: int(g.Length.Hours()), Reason: g.Reason, Asked: Time(g.Asked), Granted: momentOrNull(g.Granted),
			Expires: Time(g.Expires), Ended: momentOrNull(g.Ended), Own: g.Operator == reader,
		}
		if g.GrantedBy != "" {
			items[i].GrantedBy = some(SupportPerson{g.GrantedBy, accounts[g.GrantedBy].Name})
		}
	}
	return items, nil
}
