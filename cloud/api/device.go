package api

import (
	"context"
	"net/http"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// Device is a device of a light network, in its position.
type Device struct {
	EUI64       sconce.EUI64        `json:"eui64"`
	Kind        sconce.DeviceKind   `json:"kind" enum:"luminaire,sensor,switch,gateway"`
	Model       string              `json:"model" doc:"Empty for a device that this cloud's factory did not issue."`
	Serial      string              `json:"serial"`
	Network     sconce.NetworkID    `json:"network_id"`
	Position    Position            `json:"position"`
	Groups      []sconce.GroupID    `json:"groups" nullable:"false"`
	Stage       string              `json:"stage" enum:"waiting,joined,configured,failed" doc:"How far it has come."`
	StageReason string              `json:"stage_reason,omitempty" doc:"Why, when the stage is failed."`
	Asset       OrNull[Asset]       `json:"asset" doc:"What it says that it is; null before it did."`
	State       OrNull[DeviceState] `json:"state" doc:"The latest confirmed state; null when nothing was heard of it."`
}

// Asset is what a device says that it is. What it does not say is empty or 0.
type Asset struct {
	Model        string  `json:"model"`
	Manufacturer string  `json:"manufacturer"`
	Hardware     uint8   `json:"hardware_version" doc:"Of the manufacturer's own counting."`
	Firmware     string  `json:"firmware"`
	Serial       string  `json:"serial"`
	RatedPower   float64 `json:"rated_power_w" doc:"Electrical input at full output, in watts."`
}

// Position is the place where a fixture hangs.
type Position struct {
	ID   sconce.PositionID `json:"id"`
	Name string            `json:"name"`
}

// DeviceState is the latest confirmed state of a device: what it reported itself.
type DeviceState struct {
	EUI64     sconce.EUI64         `json:"eui64"`
	At        OrNull[Time]         `json:"at" doc:"When it was confirmed."`
	Reachable bool                 `json:"reachable" doc:"Whether the gateway counts it as present."`
	Heard     OrNull[Time]         `json:"heard_at" doc:"When anything of it was last received."`
	On        OrNull[bool]         `json:"on"`
	Level     OrNull[sconce.Level] `json:"level" doc:"Light output when on, per mille."`
	Cause     sconce.Cause         `json:"cause" enum:"unknown,command,power_up" doc:"What made it change last."`
	Power     OrNull[float64]      `json:"power_w" doc:"Electrical input in watts."`
	PowerAt   OrNull[Time]         `json:"power_at"`

	Kelvin      OrNull[uint16]  `json:"kelvin" doc:"Colour temperature."`
	Faults      []string        `json:"faults" nullable:"false" doc:"What is wrong with it, by its own word: lamp, driver."`
	Temperature OrNull[float64] `json:"temperature_c" doc:"Inside the device, in degrees Celsius."`
	Battery     OrNull[float64] `json:"battery_percent"`
	Occupied    OrNull[bool]    `json:"occupied"`
	Signal      OrNull[float64] `json:"signal_dbm" doc:"In which it hears the frames that come to it."`
	LinkQuality OrNull[float64] `json:"link_quality" doc:"Of its last hop, 0 to 255."`
	BurnHours   OrNull[float64] `json:"burn_hours" doc:"That its lamp has been lit since it was new."`
	Illuminance OrNull[float64] `json:"illuminance_lx"`
	Energy      OrNull[float64] `json:"energy_wh" doc:"That it has taken in since it was made, by its own counter."`
}

// Devices is a page of devices.
type Devices struct {
	Items []Device `json:"items" nullable:"false"`
	Next  string   `json:"next_cursor,omitempty"`
}

// NewDevice is a device to add.
type NewDevice struct {
	Network     sconce.NetworkID `json:"network_id" maxLength:"36"`
	EUI64       sconce.EUI64     `json:"eui64" doc:"The address on the label."`
	InstallCode secretText       `json:"install_code" maxLength:"64" doc:"The install code on the label: 36 hexadecimal digits."`
	Position    string           `json:"position_name" minLength:"1" maxLength:"100" doc:"The name of the place where it hangs."`
	Groups      []sconce.GroupID `json:"groups,omitempty" maxItems:"16" nullable:"false" doc:"Groups of the same network."`
}

// DeviceReplacement is a device that comes into the position of another.
type DeviceReplacement struct {
	EUI64       sconce.EUI64 `json:"eui64" doc:"The address on the label of the new device."`
	InstallCode secretText   `json:"install_code" maxLength:"64" doc:"The install code on its label: 36 hexadecimal digits."`
}

func (a *API) deviceRoutes() {
	within(a, route{
		id: "list-devices", method: http.MethodGet, path: "/devices", status: http.StatusOK,
		summary: "The devices of the project with their confirmed states", tag: "devices",
	}, func(ctx context.Context, scope project.Scope, in *Page) (*struct{ Body Devices }, error) {
		items, next, err := walk(ctx, a, scope, in, a.devices, func(d Device) string { return string(d.Position.ID) })
		return &struct{ Body Devices }{Devices{items, next}}, err
	})

	within(a, route{
		id: "add-device", method: http.MethodPost, path: "/devices", status: http.StatusCreated,
		summary: "Add a device in a new position: its gateway lets it join by its install code", tag: "devices", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body NewDevice }) (*struct{ Body Device }, error) {
		d, err := a.addDevice(ctx, scope, in.Body)
		return &struct{ Body Device }{d}, err
	})

	within(a, route{
		id: "replace-device", method: http.MethodPost, path: "/devices/{device}/replacement", status: http.StatusOK,
		summary: "Put another device of the same kind into the position of one: name, groups and history stay", tag: "devices", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Device text[sconce.EUI64] `path:"device" doc:"Address of the device that is there."`
		Body   DeviceReplacement
	},
	) (*struct{ Body Device }, error) {
		d, err := a.replaceDevice(ctx, scope, in.Device.value, in.Body)
		return &struct{ Body Device }{d}, err
	})

	within(a, route{
		id: "remove-device", method: http.MethodDelete, path: "/devices/{device}", status: http.StatusNoContent,
		summary: "Take a device out of its network and delete its position", tag: "devices", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Device text[sconce.EUI64] `path:"device" doc:"Address of the device."`
	},
	) (*none, error) {
		return nil, a.Lighting.RemoveDevice(ctx, scope, in.Device.value)
	})
}

func (a *API) replaceDevice(ctx context.Context, scope project.Scope, old sconce.EUI64, n DeviceReplacement) (Device, error) {
	code, err := lighting.ParseInstallCode(string(n.InstallCode))
	if err != nil {
		return Device{}, err
	}
	known, kind, err := a.kindOf(ctx, n.EUI64)
	if err != nil {
		return Device{}, err
	}
	d, err := a.Lighting.ReplaceDevice(ctx, scope, old, n.EUI64, kind, code)
	return deviceOf(d, known, nil, nil), err
}

// kindOf returns what the registry knows of a device, and its kind: one of another maker is
// taken for a light.
func (a *API) kindOf(ctx context.Context, device sconce.EUI64) (registry.Identity, sconce.DeviceKind, error) {
	known, err := a.Registry.Describe(ctx, []sconce.EUI64{device})
	if id, ok := known[device]; ok {
		return id, id.Kind, err
	}
	return registry.Identity{}, sconce.Luminaire, err
}

func (a *API) addDevice(ctx context.Context, scope project.Scope, n NewDevice) (Device, error) {
	code, err := lighting.ParseInstallCode(string(n.InstallCode))
	if err != nil {
		return Device{}, err
	}
	known, kind, err := a.kindOf(ctx, n.EUI64)
	if err != nil {
		return Device{}, err
	}
	d, err := a.Lighting.AddDevice(ctx, scope, lighting.NewDevice{
		Network: n.Network, Name: n.Position, Device: n.EUI64, Kind: kind, InstallCode: code, Groups: n.Groups,
	})
	return deviceOf(d, known, nil, nil), err
}

// devices returns the devices of one network with what is known of them.
func (a *API) devices(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]Device, error) {
	all, err := a.Lighting.Devices(ctx, scope, network)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	states, err := a.Telemetry.States(ctx, scope, network)
	if err != nil {
		return nil, err
	}
	stages, err := a.Telemetry.Stages(ctx, scope, network)
	if err != nil {
		return nil, err
	}
	addresses := make([]sconce.EUI64, len(all))
	for i, d := range all {
		addresses[i] = d.Device
	}
	known, err := a.Registry.Describe(ctx, addresses)
	if err != nil {
		return nil, err
	}
	stateOf, stageOf := map[sconce.EUI64]*telemetry.DeviceState{}, map[sconce.EUI64]*telemetry.Stage{}
	for i := range states {
		stateOf[states[i].Device] = &states[i]
	}
	for i := range stages {
		stageOf[stages[i].Device] = &stages[i]
	}
	devices := make([]Device, len(all))
	for i, d := range all {
		devices[i] = deviceOf(d, known[d.Device], stateOf[d.Device], stageOf[d.Device])
	}
	return devices, nil
}

func deviceOf(d lighting.Device, id registry.Identity, state *telemetry.DeviceState, stage *telemetry.Stage) Device {
	device := Device{
		EUI64: d.Device, Kind: d.Kind, Model: id.Model, Serial: id.Serial, Network: d.Network,
		Position: Position{d.Position, d.Name}, Groups: d.Groups, Stage: stageName(wire.StageWaiting),
	}
	if device.Groups == nil {
		device.Groups = []sconce.GroupID{}
	}
	if stage != nil {
		device.Stage, device.StageReason = stageName(wire.Stage(stage.Stage)), stage.Reason
	}
	if stage != nil && stage.Asset != nil {
		device.Asset = some(Asset(*stage.Asset))
	}
	if state != nil {
		device.State = some(stateOf(*state))
	}
	return device
}

func stateOf(s telemetry.DeviceState) DeviceState {
	if _, err := s.Cause.MarshalText(); err != nil {
		s.Cause = sconce.CauseUnknown // one that a newer gateway gave
	}
	return DeviceState{
		EUI64: s.Device, At: momentOrNull(s.At), Reachable: s.Reachable, Heard: momentOrNull(s.Heard),
		On: orNull(s.On), Level: orNull(s.Level), Cause: s.Cause, Power: orNull(s.Power), PowerAt: momentOrNull(s.PowerAt),
		Kelvin: orNull(s.Kelvin), Faults: s.FaultNames(), Temperature: orNull(s.Temperature),
		Battery: orNull(s.Battery), Occupied: orNull(s.Occupied),
		Signal: orNull(s.Signal), LinkQuality: orNull(s.LinkQuality), BurnHours: orNull(s.BurnHours), Illuminance: orNull(s.Illuminance),
		Energy: orNull(s.Energy),
	}
}

func stageName(s wire.Stage) string {
	switch s {
	case wire.StageJoined:
		return "joined"
	case wire.StageConfigured:
		return "configured"
	case wire.StageFailed:
		return "failed"
	default:
		return "waiting"
	}
}
