package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"sconce"
	"sconce/device"
	"sconce/sim"
	"sconce/zigbee"
)

// officeOptions describe an office that is made from a seed.
type officeOptions struct {
	Seed        uint64  `help:"Decides where chance decides: labels, radio links." default:"1"`
	Rooms       int     `help:"How many rooms the lights are spread over; 0 for one for every six lights."`
	Floors      int     `help:"How many floors the rooms are on." default:"1"`
	Power       float64 `help:"Transmit power of the lights, dBm. Less makes for more hops." default:"0"`
	InstallCode string  `name:"install-code" help:"Give all lights this install code, for a trust centre that knows a single one." placeholder:"HEX"`
	Labels      string  `help:"Write what is on the lights' labels to this file instead of to the screen, one JSON object a line." type:"path"`
}

// shadowing is how much the radio links of an office differ, as a standard
// deviation in dB.
const shadowing = 3

// The address of an office's first light, locally administered.
const officeLights = 0x5ec0ce0100000001

// label is what is printed on a light, and where it hangs.
type label struct {
	EUI64       sconce.EUI64 `json:"eui64"`
	InstallCode string       `json:"install_code"`
	LinkKey     string       `json:"link_key"` // made from the install code
	Room        string       `json:"room"`
}

// plan returns an office with new lights, but without a store, and the place of
// the virtual radio: in the room at one end of the ground floor. It prints the
// labels.
func (o *officeOptions) plan(nodes int) (cfg sim.BuildingConfig, at sim.Position, err error) {
	office, err := o.structure(nodes)
	if err != nil {
		return cfg, at, err
	}
	cfg = livingBuilding(o.Seed)
	cfg.Air.Propagation = sim.Propagation{Shadowing: shadowing, Structure: office}
	labels := make([]label, 0, nodes)
	places, rooms := office.Lights(nodes)
	for i, place := range places {
		light, err := o.light(sconce.EUI64(officeLights + i))
		if err != nil {
			return cfg, at, err
		}
		light.Position = place
		light.Serial = fmt.Sprintf("S-%04d", i+1)
		cfg.Lights = append(cfg.Lights, light)
		room := "corridor"
		if rooms[i] >= 0 {
			room = fmt.Sprintf("room %d", rooms[i]+1)
		}
		labels = append(labels, label{
			EUI64: light.EUI64, InstallCode: strings.ReplaceAll(light.InstallCode.Label(), " ", ""),
			LinkKey: fmt.Sprintf("%x", light.InstallCode.LinkKey().Bytes()), Room: room,
		})
	}
	return cfg, office.InRoom(0, 0.1, 0.5, 1), o.print(labels)
}

// structure returns the office's rooms and floors.
func (o *officeOptions) structure(nodes int) (sim.Office, error) {
	rooms := o.Rooms
	if rooms == 0 {
		rooms = (nodes + 5) / 6
		rooms += (o.Floors - rooms%max(o.Floors, 1)) % max(o.Floors, 1)
	}
	if nodes < 1 || nodes > sim.MaxLights || rooms < 1 || o.Floors < 1 || rooms%o.Floors != 0 {
		return sim.Office{}, sconce.Errorf(sconce.Invalid, "%d lights in %d rooms on %d floors: expected 1 to %d lights, and rooms that can be spread over the floors evenly",
			nodes, rooms, o.Floors, sim.MaxLights)
	}
	return sim.Office{Floors: o.Floors, RoomsOnFloor: rooms / o.Floors}, nil
}

// light returns a new light with its label.
func (o *officeOptions) light(e sconce.EUI64) (sim.LightConfig, error) {
	light := sim.LightConfig{EUI64: e, Model: "SL-1", Firmware: version, RatedPower: 24_000, White: device.White{Coolest: 153, Warmest: 370}, TxPower: o.Power}
	var err error
	if o.InstallCode != "" {
		light.InstallCode, err = zigbee.ParseInstallCode(o.InstallCode)
		return light, err
	}
	// The same labels at every start, so that who knows them can go on.
	//nolint:gosec // virtual labels of a virtual building, printed for all to see
	luck := rand.New(rand.NewPCG(o.Seed, uint64(e)))
	var code [16]byte
	for i := range code {
		code[i] = byte(luck.Uint32())
	}
	light.InstallCode, err = zigbee.NewInstallCode(code[:])
	return light, err
}

// print writes the labels where they are wanted.
func (o *officeOptions) print(labels []label) error {
	if o.Labels == "" {
		return writeLabels(os.Stdout, labels)
	}
	f, err := os.OpenFile(o.Labels, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing labels: %w", err)
	}
	defer f.Close()
	if err := writeLabels(f, labels); err != nil {
		return err
	}
	return f.Close()
}

func writeLabels(w io.Writer, labels []label) error {
	lines := json.NewEncoder(w)
	for _, l := range labels {
		if err := lines.Encode(l); err != nil {
			return fmt.Errorf("writing labels: %w", err)
		}
	}
	return nil
}
