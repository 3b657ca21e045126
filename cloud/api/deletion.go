package api

import (
	"context"
	"net/http"

	"sconce/cloud/deletion"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// Deletion is that a project will be deleted.
type Deletion struct {
	Asked Time `json:"asked_at"`
	Due   Time `json:"due_at" doc:"Until then any owner can take it back."`
}

// DeletionWish is what asks for one.
type DeletionWish struct {
	Name     string            `json:"name" maxLength:"400" doc:"Of the project, to show that it is this one that is meant."`
	Password identity.Password `json:"password" maxLength:"1024"`
}

func deletionOf(d deletion.Deletion) OrNull[Deletion] {
	if d.Project == "" {
		return OrNull[Deletion]{}
	}
	return some(Deletion{Time(d.Asked), Time(d.Due)})
}

func (a *API) deletionRoutes() {
	withinAs(a, route{
		id: "delete-project", method: http.MethodPut, path: "/deletion", status: http.StatusOK,
		summary: "Ask that the project be deleted, a week from now; for an owner in person", tag: "projects",
	}, func(ctx context.Context, who caller, scope project.Scope, in *struct {
		client
		Body DeletionWish
	},
	) (*struct{ Body Deletion }, error) {
		asker := deletion.Asker{Session: who.session, Account: who.account, Password: in.Body.Password, From: in.from}
		d, err := a.Deletion.Ask(ctx, scope, asker, in.Body.Name)
		return &struct{ Body Deletion }{Deletion{Time(d.Asked), Time(d.Due)}}, err
	})

	withinAs(a, route{
		id: "keep-project", method: http.MethodDelete, path: "/deletion", status: http.StatusNoContent,
		summary: "Take back that the project will be deleted; for an owner in person", tag: "projects",
	}, func(ctx context.Context, who caller, scope project.Scope, _ *struct{}) (*none, error) {
		return nil, a.Deletion.TakeBack(ctx, scope, who.account)
	})
}
