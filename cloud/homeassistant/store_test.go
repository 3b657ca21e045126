package homeassistant_test

import (
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/homeassistant"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// deaf is told of switches and does nothing.
type deaf struct{}

func (deaf) Switched(sconce.ProjectID, bool) {}

// TestStore: what is told of a project is what the store has of it, and of no other.
func TestStore(t *testing.T) {
	ctx, s := t.Context(), storetest.Open(t)
	site, beside := storetest.MakeSite(t, s, 0x00124b0000000041), storetest.MakeSite(t, s, 0x00124b0000000043)
	lights, now := s.Lighting(), time.UnixMilli(1_800_000_000_000).UTC()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var groups []sconce.GroupID
	for i, name := range []string{"First", "Second"} {
		g, err := lights.CreateGroup(ctx, site.Owner, lighting.Group{ID: sconce.MakeID[sconce.GroupID](now, [10]byte{byte(i)}), Network: site.Network, Name: name, Made: now})
		must(err)
		groups = append(groups, g.ID)
	}
	hang := func(at storetest.Site, d sconce.EUI64, kind sconce.DeviceKind, in ...sconce.GroupID) {
		t.Helper()
		must(lights.AddDevice(ctx, at.Owner, lighting.Device{
			Position: sconce.MakeID[sconce.PositionID](now, [10]byte{9, byte(d)}), Network: at.Network, Name: "Place " + d.String()[14:], Device: d, Kind: kind, Groups: in, Made: now,
		}, []byte{1}))
	}
	hang(site, 0x20, sconce.Sensor, groups[1])
	hang(site, 0x10, sconce.Luminaire, groups[1], groups[0])
	hang(site, 0x30, sconce.Switch)
	hang(beside, 0x40, sconce.Luminaire)
	state := telemetry.DeviceState{Device: 0x10, At: now, Reachable: true, Heard: now, On: new(true), Energy: new(77.5)}
	must(s.Results().Apply(ctx, 1, func(tx ingest.Tx) error {
		a := project.Assignment{Project: site.Project, Network: site.Network}
		must(tx.SetState(a, state))
		return tx.SetStage(a, telemetry.Stage{Device: 0x10, Stage: 4, At: now, Asset: &telemetry.Asset{Manufacturer: "Sconce", Model: "SL-1", Firmware: "1.2"}})
	}))

	store := s.HomeAssistant()
	is, err := store.Building(ctx, site.Project)
	must(err)
	if len(is.Networks) != 1 || is.Networks[0].ID != site.Network || is.Networks[0].Gateway != site.Gateway {
		t.Errorf("networks %+v", is.Networks)
	}
	if len(is.Places) != 3 {
		t.Fatalf("places %+v", is.Places)
	}
	light := is.Places[0]
	if light.Name != "Place 10" || light.Kind != sconce.Luminaire || light.Network != site.Network || light.Group != "First" ||
		light.Asset.Manufacturer != "Sconce" || light.Asset.Model != "SL-1" || light.Asset.Firmware != "1.2" || light.State.Energy == nil || *light.State.Energy != 77.5 {
		t.Errorf("the light is %+v", light)
	}
	if p := is.Places[1]; p.Device != 0x20 || p.Group != "Second" || p.Asset != (telemetry.Asset{}) || p.State.On != nil || p.State.Device != 0x20 {
		t.Errorf("the sensor is %+v", p)
	}
	if p := is.Places[2]; p.Device != 0x30 || p.Group != "" {
		t.Errorf("the switch is %+v", p)
	}
	if is, err := store.Building(ctx, "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f"); err != nil || len(is.Places)+len(is.Networks) != 0 {
		t.Errorf("of a project that is not there: %+v, %v", is, err)
	}

	service := homeassistant.Service{Store: store, Bridge: deaf{}}
	for _, on := range []bool{true, false, true} {
		must(service.Switch(ctx, site.Owner, on))
		if got, err := service.On(ctx, site.Owner); err != nil || got != on {
			t.Errorf("switched to %v and is %v, %v", on, got, err)
		}
		if ids, err := store.Projects(ctx); err != nil || slices.Contains(ids, site.Project) != on || slices.Contains(ids, beside.Project) {
			t.Errorf("switched to %v: %v, %v", on, ids, err)
		}
	}
}

// TestEveryMethodAsks: nobody decides, or knows, who may not.
func TestEveryMethodAsks(t *testing.T) {
	ctx, s := t.Context(), storetest.Open(t)
	site := storetest.MakeSite(t, s, 0x00124b0000000041)
	service := homeassistant.Service{Store: s.HomeAssistant(), Bridge: deaf{}}
	if err := service.Switch(ctx, site.Owner.Only(project.ActionsOf(project.ConfigureLights)), true); sconce.KindOf(err) != sconce.Forbidden {
		t.Errorf("by a token that may not: %v", err)
	}
	if _, err := service.On(ctx, project.Scope{}); sconce.KindOf(err) != sconce.Forbidden {
		t.Errorf("by nobody: %v", err)
	}
}
