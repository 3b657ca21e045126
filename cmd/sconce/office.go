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
	Sensors     int     `help:"How many of the nodes are occupancy and light sensors that sleep; -1 for as many as an office has: 12 of 100 in a trial, none with --rcp." default:"-1"`
	Switches    int     `help:"How many of the nodes are switches that sleep; -1 for as many as an office has: 8 of 100 in a trial, none with --rcp." default:"-1"`
	People      int     `help:"How many people walk through the rooms, are seen by sensors and press switches; -1 for one for every three lights in a trial, and nobody with --rcp." default:"-1"`
	InstallCode string  `name:"install-code" help:"Give all devices this install code, for a trust centre that knows a single one." placeholder:"HEX"`
	Labels      string  `help:"Write what is on the lights' labels to this file instead of to the screen, one JSON object a line." type:"path"`
}

// shadowing is how much the radio links of an office differ, as a standard
// deviation in dB.
const shadowing = 3

// The addresses of an office's first light, sensor and switch, locally administered.
const (
	officeLights   = 0x5ec0ce0100000001
	officeSensors  = 0x5ec0ce0700000001
	officeSwitches = 0x5ec0ce0800000001
)

// label is what is printed on a device, and where it is.
type label struct {
	EUI64       sconce.EUI64 `json:"eui64"`
	InstallCode string       `json:"install_code"`
	LinkKey     string       `json:"link_key"` // made from the install code
	Room        string       `json:"room"`
}

// plan returns an office with new devices, but without a store, and the place of
// the virtual radio: in the room at one end of the ground floor. It prints the
// labels.
func (o *officeOptions) plan(nodes int) (p plan, err error) {
	m := o.mix(nodes, mix{})
	if p.office, err = o.structure(m.lights); err != nil {
		return p, err
	}
	p.at = p.office.InRoom(0, 0.1, 0.5, 1)
	p.people, p.seed = m.people, o.Seed
	p.building = livingBuilding(o.Seed)
	p.building.Air.Propagation = sim.Propagation{Shadowing: shadowing, Structure: p.office}
	var labels []label
	places, rooms := p.office.Lights(m.lights)
	for i, place := range places {
		light := sim.LightConfig{
			EUI64: sconce.EUI64(officeLights + i), Model: "SL-1", Serial: fmt.Sprintf("S-%04d", i+1), Firmware: version,
			RatedPower: 24_000, White: device.White{Coolest: 153, Warmest: 370}, Position: place, TxPower: o.Power,
		}
		if light.InstallCode, err = o.code(light.EUI64); err != nil {
			return p, err
		}
		p.building.Lights = append(p.building.Lights, light)
		labels = append(labels, newLabel(light.EUI64, light.InstallCode, rooms[i]))
	}
	for i := range m.sensors + m.switches {
		s, room := o.sleeper(p.office, i, m.sensors)
		if s.InstallCode, err = o.code(s.EUI64); err != nil {
			return p, err
		}
		p.building.Sleepers = append(p.building.Sleepers, s)
		labels = append(labels, newLabel(s.EUI64, s.InstallCode, room))
	}
	return p, o.print(labels)
}

// plan is a building to be, and who is to live in it.
type plan struct {
	building sim.BuildingConfig
	at       sim.Position // of the virtual radio
	office   sim.Office
	people   int
	seed     uint64
}

// mix says how many of each kind there are in an office.
type mix struct{ lights, sensors, switches, gp, people int }

// usual is the mix of an office as one expects it, of some nodes.
func usual(nodes int) mix {
	return mix{sensors: nodes * 12 / 100, switches: nodes * 8 / 100, gp: nodes / 5, people: -1}
}

// mix returns how many of each kind there are: as the command line says, and where
// it says nothing, as usual. Without sensors and switches, people are not noticed.
func (o *officeOptions) mix(nodes int, usual mix) mix {
	or := func(said, usual int) int {
		if said < 0 {
			return usual
		}
		return said
	}
	m := mix{sensors: or(o.Sensors, usual.sensors), switches: or(o.Switches, usual.switches), gp: usual.gp}
	m.lights = nodes - m.sensors - m.switches
	m.people = or(o.People, usual.people)
	if m.people < 0 {
		m.people = max(m.lights, 0) / 3
	}
	return m
}

// sleeper returns a new sensor, or a switch, which come after them, and its room.
// Each kind is dealt to the rooms in turn.
func (o *officeOptions) sleeper(office sim.Office, i, sensors int) (s sim.SleeperConfig, room int) {
	s = sim.SleeperConfig{Kind: sim.OccupancySensor, Model: "SO-1", Serial: fmt.Sprintf("O-%04d", i+1), Firmware: version, TxPower: o.Power}
	room = i % office.Rooms()
	s.EUI64, s.Position = sconce.EUI64(officeSensors+i), office.InRoom(room, 0.5, 0.5, sim.CeilingHeight)
	if nth := i - sensors; nth >= 0 {
		room = nth % office.Rooms()
		s.Kind, s.Model, s.Serial = sim.WallSwitch, "SW-1", fmt.Sprintf("W-%04d", nth+1)
		s.EUI64, s.Position = sconce.EUI64(officeSwitches+nth), office.BesideDoor(room, nth/office.Rooms())
	}
	return s, room
}

func newLabel(e sconce.EUI64, c zigbee.InstallCode, room int) label {
	l := label{
		EUI64: e, InstallCode: strings.ReplaceAll(c.Label(), " ", ""), LinkKey: fmt.Sprintf("%x", c.LinkKey().Bytes()), Room: "corridor",
	}
	if room >= 0 {
		l.Room = fmt.Sprintf("room %d", room+1)
	}
	return l
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

// code returns the install code of a device.
func (o *officeOptions) code(e sconce.EUI64) (zigbee.InstallCode, error) {
	if o.InstallCode != "" {
		return zigbee.ParseInstallCode(o.InstallCode)
	}
	// The same labels at every start, so that who knows them can go on.
	//nolint:gosec // virtual labels of a virtual building, printed for all to see
	luck := rand.New(rand.NewPCG(o.Seed, uint64(e)))
	var code [16]byte
	for i := range code {
		code[i] = byte(luck.Uint32())
	}
	return zigbee.NewInstallCode(code[:])
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
