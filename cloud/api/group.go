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
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body NewGroup }) (*struct{ Body Group }, error) {
		members, err := a.positions(ctx, scope, in.Body.Network, in.Body.Devices)
		if err != nil {
			return nil, err
		}
		g, err := a.Lighting.CreateGroup(ctx, scope, in.Body.Network, in.Body.Name)
		if err != nil {
			return nil, err
		}
		body, err := a.setMembers(ctx, scope, g, members)
		return &struct{ Body Group }{body}, err
	})

	within(a, route{
		id: "change-group", method: http.MethodPut, path: "/groups/{group}", status: http.StatusOK,
		summary: "Give a group its name and its lights", tag: "groups",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		GroupPath
		Body GroupChange
	},
	) (*struct{ Body Group }, error) {
		g, err := a.Lighting.Group(ctx, scope, in.Group)
		if err != nil {
			return nil, err
		}
		members, err := a.positions(ctx, scope, g.Network, in.Body.Devices)
		if err != nil {
			return nil, err
		}
		if g, err = a.Lighting.RenameGroup(ctx, scope, in.Group, in.Body.Name); err != nil {
			return nil, err
		}
		body, err := a.setMembers(ctx, scope, g, members)
		return &struct{ Body Group }{body}, err
	})

	within(a, route{
		id: "delete-group", method: http.MethodDelete, path: "/groups/{group}", status: http.StatusNoContent,
		summary: "Delete a group; its lights stay", tag: "groups",
	}, func(ctx context.Context, scope project.Scope, in *GroupPath) (*none, error) {
		return nil, a.Lighting.DeleteGroup(ctx, scope, in.Group)
	})
}

// groups returns the groups of one network.
func (a *API) groups(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]Group, error) {
	all, err := a.Lighting.Groups(ctx, scope, network)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	devices, err := a.Lighting.Devices(ctx, scope, network)
	if err != nil {
		return nil, err
	}
	in := map[sconce.PositionID]sconce.EUI64{}
	for _, d := range devices {
		in[d.Position] = d.Device
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

// member is a light of a network, in its position.
type member struct {
	device   sconce.EUI64
	position sconce.PositionID
}

// positions finds lights by their addresses in one network.
func (a *API) positions(ctx context.Context, scope project.Scope, network sconce.NetworkID, lights []sconce.EUI64) ([]member, error) {
	if len(lights) == 0 {
		return nil, nil
	}
	devices, err := a.Lighting.Devices(ctx, scope, network)
	if err != nil {
		return nil, err
	}
	at := map[sconce.EUI64]sconce.PositionID{}
	for _, d := range devices {
		at[d.Device] = d.Position
	}
	members := make([]member, len(lights))
	for i, d := range lights {
		p, ok := at[d]
		if !ok {
			return nil, sconce.Errorf(sconce.Invalid, "device %s is not in the network of the group", d)
		}
		members[i] = member{d, p}
	}
	return members, nil
}

// setMembers puts exactly these lights into a group and returns it.
func (a *API) setMembers(ctx context.Context, scope project.Scope, g lighting.Group, members []member) (Group, error) {
	g.Members = make([]sconce.PositionID, len(members))
	in := map[sconce.PositionID]sconce.EUI64{}
	for i, m := range members {
		g.Members[i], in[m.position] = m.position, m.device
	}
	if err := a.Lighting.SetMembers(ctx, scope, g.ID, g.Members); err != nil {
		return Group{}, err
	}
	return groupOf(g, in), nil
}
