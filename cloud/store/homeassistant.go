package store

import (
	"context"
	"fmt"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/homeassistant"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// HomeAssistant returns where the option is kept, and what belongs to a project.
func (s *Store) HomeAssistant() homeassistant.Store { return homes{s.site} }

type homes struct{ site }

func (h homes) On(ctx context.Context, s project.Scope) (bool, error) {
	on, err := h.in(s).reading.HomeAssistant(ctx, string(s.Project()))
	return on != 0, doing("reading whether Home Assistant is told", found(err, "project"))
}

func (h homes) Switch(ctx context.Context, s project.Scope, on bool) error {
	return doing("switching Home Assistant", h.in(s).update(ctx, func(q *sitedb.Queries) error {
		if err := q.SetHomeAssistant(ctx, sitedb.SetHomeAssistantParams{ProjectID: string(s.Project()), OnOff: number(on)}); err != nil {
			return err
		}
		return note(ctx, q, s, audit.HomeAssistantSet, "", fmt.Sprintf("on=%t", on))
	}))
}

func (h homes) Projects(ctx context.Context) ([]sconce.ProjectID, error) {
	ids, err := h.across().reading.HomeAssistantProjects(ctx)
	return mapped(ids, func(id string) sconce.ProjectID { return sconce.ProjectID(id) }), doing("reading where Home Assistant is told", err)
}

func (h homes) Building(ctx context.Context, project sconce.ProjectID) (b homeassistant.Building, err error) {
	id := string(project)
	err = h.of(project).view(ctx, func(q *sitedb.Queries) error {
		b = homeassistant.Building{}
		networks, err := q.Networks(ctx, id)
		if err != nil {
			return err
		}
		b.Networks = mapped(networks, networkOf)
		rows, err := q.StatesOfProject(ctx, id)
		if err != nil {
			return err
		}
		states := make(map[sconce.EUI64]telemetry.DeviceState, len(rows))
		for _, r := range rows {
			states[sconce.EUI64(r.Device)] = stateOf(r)
		}
		places, err := q.HomeAssistantPlaces(ctx, id)
		b.Places = mapped(places, func(r sitedb.HomeAssistantPlacesRow) homeassistant.Place {
			p := homeassistant.Place{
				Device: sconce.EUI64(r.Device), Kind: sconce.DeviceKind(r.Kind), Network: sconce.NetworkID(r.NetworkID), Name: r.Name, Group: r.GroupName,
				Asset: telemetry.Asset{Model: r.Model, Manufacturer: r.Manufacturer, Firmware: r.Firmware},
				State: states[sconce.EUI64(r.Device)],
			}
			p.State.Device = p.Device
			return p
		})
		return err
	})
	return b, doing("reading what Home Assistant is told", err)
}
