package api

import (
	"context"
	"net/http"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
)

// Group is lights of one network that are controlled as one.
type Group struct {
	ID      sconce.GroupID     `json:"id"`
	Name    string             `json:"name"`
	Network sconce.NetworkID   `json:"network_id"`
	Number  sconce.GroupNumber `json:"number" doc:"On the air, 1 to 255."`
	Devices []sconce.EUI64     `json:"devices" nullable:"false"`
}

// Groups is a page of groups.
type Groups struct {
	Items []Group `json:"items" nullable:"false"`
	Next  string  `json:"next_cursor,omitempty"`
}

// NewGroup is a group to make.
type NewGroup struct {
	Name    string           `json:"name" minLength:"1" maxLength:"100"`
	Network sconce.NetworkID `json:"network_id" maxLength:"36"`
	Devices []sconce.EUI64   `json:"devices,omitempty" maxItems:"200" nullable:"false"`
}

// GroupChange is what a group becomes.
type GroupChange struct {
	Name    string         `json:"name" minLength:"1" maxLength:"100"`
	Devices []sconce.EUI64 `json:"devices" maxItems:"200" nullable:"false"`
}

// GroupPath names a group of the project.
type GroupPath struct {
	Group sconce.GroupID `path:"group" doc:"Identifier of the group."`
}

func (a *API) groupRoutes() {
	within(a, route{
		id: "list-groups", method: http.MethodGet, path: "/groups", status: http.StatusOK,
		summary: "The groups of the project", tag: "groups",
	}, func(ctx context.Context, scope project.Scope, in *Page) (*struct{ Body Groups }, error) {
		items, next, err := walk(ctx, a, scope, in, a.groups, func(g Group) string { return string(g.ID) })
		return &struct{ Body Groups }{Groups{items, next}}, err
	})

	within(a, route{
		id: "make-group", method: http.MethodPost, path: "/groups", status: http.StatusCreated,
		summary: "Make a group of lights of one network", tag: "groups",
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body NewGroup }) (*groupAnswer, error) {
		members, err := a.positions(ctx, scope, in.Body.Network, in.Body.Devices)
		if err != nil {
			return nil, err
		}
		g, err := a.Lighting.CreateGroup(ctx, scope, in.Body.Network, in.Body.Name)
		if err != nil {
			return nil, err
		}
		if err := a.Lighting.SetMembers(ctx, scope, g.ID, members); err != nil {
			return nil, err
		}
		return a.group(ctx, scope, g.ID)
	})

	within(a, route{
		id: "get-group", method: http.MethodGet, path: "/groups/{group}", status: http.StatusOK,
		summary: "A group with its lights", tag: "groups",
	}, func(ctx context.Context, scope project.Scope, in *GroupPath) (*groupAnswer, error) {
		return a.group(ctx, scope, in.Group)
	})

	within(a, route{
		id: "change-group", method: http.MethodPut, path: "/groups/{group}", status: http.StatusOK,
		summary: "Give a group its name and its lights", tag: "groups", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct {
		GroupPath
		Unchanged
		Body GroupChange
	},
	) (*groupAnswer, error) {
		g, err := a.Lighting.Group(ctx, scope, in.Group)
		if err != nil {
			return nil, err
		}
		was, err := a.group(ctx, scope, in.Group)
		if err != nil {
			return nil, err
		}
		if err := in.check(ctx, was.Body); err != nil {
			return nil, err
		}
		members, err := a.positions(ctx, scope, g.Network, in.Body.Devices)
		if err != nil {
			return nil, err
		}
		if err := a.Lighting.ChangeGroup(ctx, scope, in.Group, in.Body.Name, members); err != nil {
			return nil, err
		}
		return a.group(ctx, scope, in.Group)
	})

	within(a, route{
		id: "delete-group", method: http.MethodDelete, path: "/groups/{group}", status: http.StatusNoContent,
		summary: "Delete a group; its lights stay", tag: "groups", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *GroupPath) (*none, error) {
		return nil, a.Lighting.DeleteGroup(ctx, scope, in.Group)
	})
}

type groupAnswer struct {
	ETag string `header:"ETag"`
	Body Group
}

// group returns a group as it is.
func (a *API) group(ctx context.Context, scope project.Scope, id sconce.GroupID) (*groupAnswer, error) {
	g, err := a.Lighting.Group(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	in, err := a.devicesIn(ctx, scope, g.Network)
	if err != nil {
		return nil, err
	}
	body := groupOf(g, in)
	return &groupAnswer{etagOf(body), body}, nil
}

// devicesIn returns the devices of a network by their positions.
func (a *API) devicesIn(ctx context.Context, scope project.Scope, network sconce.NetworkID) (map[sconce.PositionID]sconce.EUI64, error) {
	devices, err := a.Lighting.Devices(ctx, scope, network)
	in := make(map[sconce.PositionID]sconce.EUI64, len(devices))
	for _, d := range devices {
		in[d.Position] = d.Device
	}
	return in, err
}

// groups returns the groups of one network.
func (a *API) groups(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]Group, error) {
	all, err := a.Lighting.Groups(ctx, scope, network)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	in, err := a.devicesIn(ctx, scope, network)
	if err != nil {
		return nil, err
	}
	groups := make([]Group, len(all))
	for i, g := range all {
		groups[i] = groupOf(g, in)
	}
	return groups, nil
}

func groupOf(g lighting.Group, in map[sconce.PositionID]sconce.EUI64) Group {
	out := Group{ID: g.ID, Name: g.Name, Network: g.Network, Number: g.Number, Devices: []sconce.EUI64{}}
	for _, p := range g.Members {
		if d, ok := in[p]; ok {
			out.Devices = append(out.Devices, d)
		}
	}
	return out
}

// positions finds the positions of lights of one network by their addresses.
func (a *API) positions(ctx context.Context, scope project.Scope, network sconce.NetworkID, lights []sconce.EUI64) ([]sconce.PositionID, error) {
	if len(lights) == 0 {
		return nil, nil
	}
	in, err := a.devicesIn(ctx, scope, network)
	if err != nil {
		return nil, err
	}
	at := make(map[sconce.EUI64]sconce.PositionID, len(in))
	for p, d := range in {
		at[d] = p
	}
	positions := make([]sconce.PositionID, len(lights))
	for i, d := range lights {
		p, ok := at[d]
		if !ok {
			return nil, sconce.Errorf(sconce.Invalid, "device %s is not in the network of the group", d)
		}
		positions[i] = p
	}
	return positions, nil
}
