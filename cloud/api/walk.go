package api

import (
	"context"
	"strings"

	"sconce"
	"sconce/cloud/project"
)

// walk returns a page of the things that all networks of a project hold: network
// by network in the order of their making, and within each in the order in which
// load returns them. The cursor names the last thing of the page by its network
// and its id; when that thing is gone, its network is begun again.
func walk[T any](ctx context.Context, a *API, scope project.Scope, in *Page,
	load func(context.Context, project.Scope, sconce.NetworkID) ([]T, error), id func(T) string,
) (items []T, next string, err error) {
	networks, err := a.Projects.Networks(ctx, scope)
	if err != nil {
		return nil, "", err
	}
	from, after, whole := strings.Cut(in.Cursor, ".")
	if in.Cursor != "" && !whole {
		return nil, "", errCursor()
	}
	items = []T{}
	for _, n := range networks {
		if string(n.ID) < from {
			continue
		}
		all, err := load(ctx, scope, n.ID)
		if err != nil {
			return nil, "", err
		}
		if string(n.ID) == from {
			all = behind(all, after, id)
		}
		if room := in.Limit - len(items); len(all) > room {
			if room > 0 {
				items = append(items, all[:room]...)
				next = string(n.ID) + "." + id(all[room-1])
			}
			return items, next, nil
		}
		items = append(items, all...)
		if len(all) > 0 {
			next = string(n.ID) + "." + id(all[len(all)-1])
		}
	}
	return items, "", nil
}

// errCursor is the answer to a cursor that came with no answer before.
func errCursor() error {
	return sconce.Errorf(sconce.Invalid, "cursor: expected next_cursor of the answer before")
}

// behind returns what comes behind the thing with an id, all of it when there is
// no such thing.
func behind[T any](all []T, after string, id func(T) string) []T {
	for i := range all {
		if id(all[i]) == after {
			return all[i+1:]
		}
	}
	return all
}
