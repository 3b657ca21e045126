package api

import (
	"context"
	"net/http"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/project"
)

// ProjectItem is a project in a list.
type ProjectItem struct {
	ID   sconce.ProjectID `json:"id"`
	Name string           `json:"name"`
	Role sconce.Role      `json:"role" enum:"owner,expert,user,viewer" doc:"What the person who asks may do there."`
}

// Project is a project with its networks.
type Project struct {
	ProjectItem
	Actions    []string         `json:"actions" nullable:"false" doc:"What whoever asks may do there, as in lights.control; see docs/roles.md." example:"[\"project.read\"]"`
	Granted    []sconce.GroupID `json:"granted_groups" nullable:"false" doc:"With lights.control-granted and without lights.control: the groups that may be controlled."`
	Networks   []Network        `json:"networks" nullable:"false"`
	Deletion   OrNull[Deletion] `json:"deletion" doc:"That the project will be deleted; null when it will not."`
	Generated  OrNull[Time]     `json:"generated_until" doc:"Until when what is known of the project was made up by a program, as in the demo; null when nothing was."`
	Aggregated bool             `json:"occupancy_aggregated" doc:"Gateways tell occupancy of whole periods alone: whether somebody is there now is not known."`
	Support    OrNull[Time]     `json:"support_until" doc:"Until when the person who asks sees the project as support; null for a member."`
}

// Network is a light network. What is known of it on the air comes from its
// gateway.
type Network struct {
	ID            sconce.NetworkID `json:"id"`
	Name          string           `json:"name"`
	Channel       OrNull[uint8]    `json:"channel" doc:"IEEE 802.15.4 channel, 11 to 26."`
	PANID         OrNull[uint16]   `json:"pan_id"`
	ExtendedPANID OrNull[string]   `json:"extended_pan_id" doc:"16 hexadecimal digits."`
	Gateway       OrNull[Gateway]  `json:"gateway"`
}

// Gateway is the gateway of a network.
type Gateway struct {
	EUI64    sconce.EUI64 `json:"eui64"`
	Model    string       `json:"model"`
	Firmware string       `json:"firmware" doc:"Empty until it connected for the first time."`
	Online   bool         `json:"online"`
	Since    OrNull[Time] `json:"since" doc:"Since when it is online or offline; null when it never connected."`
}

// Projects is a page of projects.
type Projects struct {
	Items []ProjectItem `json:"items" nullable:"false"`
	Next  string        `json:"next_cursor,omitempty"`
}

// Named is a new thing with a name.
type Named struct {
	Name string `json:"name" minLength:"1" maxLength:"100"`
}

type namedRequest struct{ Body Named }

// NewProject is a new project.
type NewProject struct {
	Named
	Zone string `json:"time_zone,omitempty" maxLength:"64" example:"Europe/Berlin" doc:"IANA name of the time zone of the building, in which days begin; UTC when left out."`
}

func (a *API) projectRoutes() {
	signedIn(a, route{
		id: "list-projects", method: http.MethodGet, path: "/projects", status: http.StatusOK,
		summary: "The projects that you belong to; by a token, the one that it is for", tag: "projects", tokens: true,
	}, func(ctx context.Context, who caller, in *Page) (*struct{ Body Projects }, error) {
		if who.program() {
			return a.projectOf(ctx, who.token)
		}
		if _, err := sconce.ParseID[sconce.ProjectID](in.Cursor); in.Cursor != "" && err != nil {
			return nil, errCursor()
		}
		all, err := a.Projects.List(ctx, who.account.ID, sconce.ProjectID(in.Cursor), in.Limit+1)
		if err != nil {
			return nil, err
		}
		items := make([]ProjectItem, len(all))
		for i, m := range all {
			items[i] = projectItem(m)
		}
		items, next := cut(items, in.Limit, func(p ProjectItem) string { return string(p.ID) })
		return &struct{ Body Projects }{Projects{items, next}}, nil
	})

	signedIn(a, route{
		id: "make-project", method: http.MethodPost, path: "/projects", status: http.StatusCreated,
		summary: "Make a project of which you are the owner", tag: "projects", once: true,
	}, func(ctx context.Context, who caller, in *struct{ Body NewProject }) (*struct{ Body ProjectItem }, error) {
		m, err := a.Projects.Create(ctx, who.asCaller(), project.NewProject{Name: in.Body.Name, Zone: in.Body.Zone})
		return &struct{ Body ProjectItem }{projectItem(m)}, err
	})

	within(a, route{
		id: "get-project", method: http.MethodGet, path: "", status: http.StatusOK,
		summary: "A project and its light networks", tag: "projects",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*struct{ Body Project }, error) {
		p, err := a.Projects.Get(ctx, scope)
		if err != nil {
			return nil, err
		}
		d, err := a.Deletion.Get(ctx, scope)
		if err != nil {
			return nil, err
		}
		generated, err := a.Telemetry.GeneratedUntil(ctx, scope)
		if err != nil {
			return nil, err
		}
		networks, err := a.networks(ctx, scope)
		s, _ := scope.Support()
		return &struct{ Body Project }{Project{
			ProjectItem{p.ID, p.Name, scope.Role()}, scope.May().Names(), append([]sconce.GroupID{}, scope.Granted()...), networks, deletionOf(d), momentOrNull(generated), p.Aggregated, momentOrNull(s.Until),
		}}, err
	})

	within(a, route{
		id: "make-network", method: http.MethodPost, path: "/networks", status: http.StatusCreated,
		summary: "Make a light network", tag: "projects",
	}, func(ctx context.Context, scope project.Scope, in *namedRequest) (*struct{ Body Network }, error) {
		n, err := a.Projects.CreateNetwork(ctx, scope, in.Body.Name)
		return &struct{ Body Network }{Network{ID: n.ID, Name: n.Name}}, err
	})
}

// projectOf returns the project of a token as a list.
func (a *API) projectOf(ctx context.Context, t access.Token) (*struct{ Body Projects }, error) {
	scope, err := a.Access.Enter(ctx, t, t.Project)
	if sconce.KindOf(err) == sconce.NotFound { // its maker left
		return &struct{ Body Projects }{Projects{Items: []ProjectItem{}}}, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := a.Projects.Get(ctx, scope)
	return &struct{ Body Projects }{Projects{Items: []ProjectItem{{p.ID, p.Name, scope.Role()}}}}, err
}

func projectItem(m project.Membership) ProjectItem { return ProjectItem{m.ID, m.Name, m.Role} }
