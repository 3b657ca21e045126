// Package lighting is what people do with lights: the places that they hang in,
// their groups, the desired state of a network, and commands.
//
// Configuration is desired state with a version, sent as a whole to the gateway
// of the network; a command is sent once and answered light by light. What a
// light confirmed is the business of package telemetry; how it is told is that of
// the gateway: nothing here knows Zigbee.
package lighting

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/vault"
	"sconce/wire"
)

// MaxGroupsPerDevice is in how many groups a device can be.
const MaxGroupsPerDevice = 16

// Group is lights that are controlled as one.
type Group struct {
	ID      sconce.GroupID
	Network sconce.NetworkID
	Number  sconce.GroupNumber // on the air
	Name    string
	Members []sconce.PositionID // in the order of their making
	Made    time.Time
}

// Device is a device and the position that it is in.
type Device struct {
	Position sconce.PositionID
	Network  sconce.NetworkID
	Name     string // of the position
	Device   sconce.EUI64
	Kind     sconce.DeviceKind
	Groups   []sconce.GroupID
	Made     time.Time
}

// Stay is a device in a position, for as long as it hung there.
type Stay struct {
	Position sconce.PositionID
	Name     string // of the position
	From     time.Time
	Until    time.Time // zero while it hangs there
}

// SealedDevice is a device of the desired state, its install code sealed.
type SealedDevice struct {
	Position    sconce.PositionID
	Device      sconce.EUI64
	Kind        sconce.DeviceKind
	InstallCode []byte
	Groups      []sconce.GroupNumber
}

// Store keeps the configuration and the commands of projects. Its methods touch
// the project of the scope only and do not ask again what it permits. Those that
// change the desired state let its version grow by one in the same transaction.
type Store interface {
	Devices(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]Device, error)
	Device(ctx context.Context, s project.Scope, device sconce.EUI64) (Device, error)
	// Stays returns where a device hung in the project, and hangs, in the order of times.
	Stays(ctx context.Context, s project.Scope, device sconce.EUI64) ([]Stay, error)
	// AddDevice stores a new position with a device. It returns a [sconce.NotFound]
	// for an unknown network or group, a [sconce.Conflict] for a device that is in
	// a position already, and a [sconce.TooMany] for a limit of PRODUCT.md.
	AddDevice(ctx context.Context, s project.Scope, d Device, sealedCode []byte) error
	// ReplaceDevice puts another device into the position of one, from a moment on, and returns
	// it there. It returns a [sconce.NotFound] when the old one is in no position of the
	// project, and a [sconce.Conflict] for a new one that is in a position already.
	ReplaceDevice(ctx context.Context, s project.Scope, r Replacement, at time.Time) (Device, error)
	// RemoveDevice deletes the position of a device and returns its network.
	RemoveDevice(ctx context.Context, s project.Scope, device sconce.EUI64) (sconce.NetworkID, error)

	Groups(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]Group, error)
	Group(ctx context.Context, s project.Scope, id sconce.GroupID) (Group, error)
	// CreateGroup stores a group without members and returns it with its number,
	// the lowest that is free in its network.
	CreateGroup(ctx context.Context, s project.Scope, g Group) (Group, error)
	DeleteGroup(ctx context.Context, s project.Scope, id sconce.GroupID) (sconce.NetworkID, error)
	// ChangeGroup gives a group its name and exactly these positions, all of its network, in
	// one transaction.
	ChangeGroup(ctx context.Context, s project.Scope, id sconce.GroupID, name string, members []sconce.PositionID) (sconce.NetworkID, error)
	// SetMembers puts exactly these positions, all of the group's network, into a group.
	SetMembers(ctx context.Context, s project.Scope, id sconce.GroupID, members []sconce.PositionID) (sconce.NetworkID, error)

	// Desired returns the desired state of a network; version 0 for none.
	Desired(ctx context.Context, s project.Scope, network sconce.NetworkID) (version uint64, devices []SealedDevice, err error)
	// Discretion returns whether the gateways of the project tell occupancy of whole periods
	// alone, and the time zone with whose hours these begin.
	Discretion(ctx context.Context, s project.Scope) (aggregated bool, zone string, err error)
	// NetworkGateway returns the gateway of a network, 0 for none.
	NetworkGateway(ctx context.Context, s project.Scope, network sconce.NetworkID) (sconce.EUI64, error)

	CreateCommand(ctx context.Context, s project.Scope, c Command) error
	Command(ctx context.Context, s project.Scope, id sconce.CommandID) (Command, error)
	// FailCommand ends a pending command that could not be sent.
	FailCommand(ctx context.Context, s project.Scope, id sconce.CommandID, at time.Time) error
	// Pending returns how many commands of the project have not ended.
	Pending(ctx context.Context, s project.Scope) (int, error)

	// Expire ends the pending commands, of all projects, whose deadline has passed,
	// and returns them; next is the deadline of the one that is next, zero for none.
	Expire(ctx context.Context, now time.Time) (ended []Command, next time.Time, err error)
}

// Results is the part of the store that package ingest writes to, in its own
// transactions. It belongs to gateways, which have no Scope.
type Results interface {
	// EndCommand adds a result to the command that it is of, if that is one of the
	// network, and returns the command with it.
	EndCommand(a project.Assignment, r Result) (c Command, ok bool, err error)
}

// Downlink sends a message to a gateway. An error says that the gateway is not
// connected.
type Downlink interface {
	Send(gateway sconce.EUI64, kind wire.Kind, payload []byte) error
}

// Presence says whether a gateway is connected.
type Presence interface {
	Online(gateway sconce.EUI64) bool
}

// Entrance makes the scope of a gateway.
type Entrance interface {
	EnterGateway(ctx context.Context, gateway sconce.EUI64) (project.Scope, error)
}

// Sealer seals install codes.
type Sealer interface {
	Seal(value []byte, at vault.Field) ([]byte, error)
	Open(sealed []byte, at vault.Field) ([]byte, error)
}

// Publisher sends a message to those who follow a topic now. It neither blocks
// nor keeps the payload.
type Publisher interface {
	Publish(topic string, payload []byte)
}

// Parts are what a [Service] works with; all but Changed are needed.
type Parts struct {
	Store    Store
	Vault    Sealer
	Down     Downlink
	Presence Presence
	Entrance Entrance
	Live     Publisher
	Log      *slog.Logger
	// Changed is told of each change to the devices or groups of a project, after it was
	// stored; nil for nobody. It does not block.
	Changed func(sconce.ProjectID)
}

// Service holds the rules of lighting. It is safe for concurrent use.
type Service struct {
	Parts
	sending [64]sync.Mutex // by gateway: desired states leave in the order of their versions
	waiters waiters
	expiry  chan struct{} // a command was made
}

// New returns a Service.
func New(p Parts) *Service {
	return &Service{Parts: p, waiters: waiters{of: map[sconce.CommandID][]chan struct{}{}}, expiry: make(chan struct{}, 1)}
}

// Devices returns the devices of a network in the order of their making.
func (s *Service) Devices(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]Device, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return nil, err
	}
	return s.Store.Devices(ctx, scope, network)
}

// Device returns one device of the project.
func (s *Service) Device(ctx context.Context, scope project.Scope, device sconce.EUI64) (Device, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return Device{}, err
	}
	return s.Store.Device(ctx, scope, device)
}

// Stays returns where a device hung in the project, and hangs, in the order of times; one that
// never did is not found.
func (s *Service) Stays(ctx context.Context, scope project.Scope, device sconce.EUI64) ([]Stay, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return nil, err
	}
	all, err := s.Store.Stays(ctx, scope, device)
	if err == nil && len(all) == 0 {
		err = sconce.Errorf(sconce.NotFound, "no such device in this project")
	}
	return all, err
}

// NewDevice is what has to be known to add a device.
type NewDevice struct {
	Network     sconce.NetworkID
	Name        string // of the position; 1 to 100 characters
	Device      sconce.EUI64
	Kind        sconce.DeviceKind // not a gateway
	InstallCode InstallCode
	Groups      []sconce.GroupID // of the same network
}

// AddDevice puts a device into a new position of a network. The gateway of the
// network then lets it join by its install code.
func (s *Service) AddDevice(ctx context.Context, scope project.Scope, n NewDevice) (Device, error) {
	if err := scope.Require(project.ConfigureLights); err != nil {
		return Device{}, err
	}
	name, err := project.CheckName("position", n.Name)
	if err != nil {
		return Device{}, sconce.InField("position_name", err)
	}
	if _, err := n.Kind.MarshalText(); err != nil || n.Kind == sconce.Gateway || n.Device == 0 {
		return Device{}, sconce.Errorf(sconce.Invalid, "expected the address and the kind of a luminaire, sensor or switch")
	}
	if len(n.Groups) > MaxGroupsPerDevice {
		return Device{}, sconce.Errorf(sconce.TooMany, "a device can be in %d groups", MaxGroupsPerDevice)
	}
	d := Device{
		Position: newID[sconce.PositionID](), Network: n.Network, Name: name,
		Device: n.Device, Kind: n.Kind, Groups: n.Groups, Made: now(),
	}
	sealed, err := s.Vault.Seal(n.InstallCode.bytes[:], codeField(d.Position))
	if err != nil {
		return Device{}, err
	}
	if err := s.Store.AddDevice(ctx, scope, d, sealed); err != nil {
		return Device{}, err
	}
	s.changed(ctx, scope, d.Network)
	return d, nil
}

// Replacement is another device for a position. The code is sealed for the position of the
// old device.
type Replacement struct {
	Old, New   sconce.EUI64
	Kind       sconce.DeviceKind // of both
	SealedCode []byte
}

// ReplaceDevice puts another device of the same kind into the position of one that broke: the
// position keeps its name, its groups and its history.
func (s *Service) ReplaceDevice(ctx context.Context, scope project.Scope, old sconce.EUI64, with sconce.EUI64, kind sconce.DeviceKind, code InstallCode) (Device, error) {
	if err := scope.Require(project.ConfigureLights); err != nil {
		return Device{}, err
	}
	was, err := s.Store.Device(ctx, scope, old)
	if err != nil {
		return Device{}, err
	}
	if kind != was.Kind || with == 0 || with == old {
		return Device{}, sconce.FieldErrorf("eui64", "expected another device of the same kind, a %s", was.Kind)
	}
	sealed, err := s.Vault.Seal(code.bytes[:], codeField(was.Position))
	if err != nil {
		return Device{}, err
	}
	d, err := s.Store.ReplaceDevice(ctx, scope, Replacement{Old: old, New: with, Kind: kind, SealedCode: sealed}, now())
	if err != nil {
		return Device{}, err
	}
	s.changed(ctx, scope, d.Network)
	return d, nil
}

// RemoveDevice takes a device out of its network and deletes its position.
func (s *Service) RemoveDevice(ctx context.Context, scope project.Scope, device sconce.EUI64) error {
	if err := scope.Require(project.ConfigureLights); err != nil {
		return err
	}
	network, err := s.Store.RemoveDevice(ctx, scope, device)
	if err == nil {
		s.changed(ctx, scope, network)
	}
	return err
}

// Groups returns the groups of a network by their numbers.
func (s *Service) Groups(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]Group, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return nil, err
	}
	return s.Store.Groups(ctx, scope, network)
}

// Group returns one group of the project.
func (s *Service) Group(ctx context.Context, scope project.Scope, id sconce.GroupID) (Group, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return Group{}, err
	}
	return s.Store.Group(ctx, scope, id)
}

// CreateGroup makes a group without members.
func (s *Service) CreateGroup(ctx context.Context, scope project.Scope, network sconce.NetworkID, name string) (Group, error) {
	if err := scope.Require(project.ConfigureLights); err != nil {
		return Group{}, err
	}
	name, err := project.CheckName("group", name)
	if err != nil {
		return Group{}, err
	}
	return s.Store.CreateGroup(ctx, scope, Group{ID: newID[sconce.GroupID](), Network: network, Name: name, Made: now()})
}

// ChangeGroup gives a group its name and exactly these positions, at most
// [sconce.MaxNodesPerGroup], all of the group's network: both, or nothing.
func (s *Service) ChangeGroup(ctx context.Context, scope project.Scope, id sconce.GroupID, name string, members []sconce.PositionID) error {
	if err := scope.Require(project.ConfigureLights); err != nil {
		return err
	}
	name, err := project.CheckName("group", name)
	if err != nil {
		return err
	}
	if len(members) > sconce.MaxNodesPerGroup {
		return errGroupFull()
	}
	network, err := s.Store.ChangeGroup(ctx, scope, id, name, members)
	if err == nil {
		s.changed(ctx, scope, network)
	}
	return err
}

// DeleteGroup deletes a group; its lights stay.
func (s *Service) DeleteGroup(ctx context.Context, scope project.Scope, id sconce.GroupID) error {
	if err := scope.Require(project.ConfigureLights); err != nil {
		return err
	}
	network, err := s.Store.DeleteGroup(ctx, scope, id)
	if err == nil {
		s.changed(ctx, scope, network)
	}
	return err
}

// SetMembers puts exactly these positions into a group, at most
// [sconce.MaxNodesPerGroup], all of the group's network.
func (s *Service) SetMembers(ctx context.Context, scope project.Scope, id sconce.GroupID, members []sconce.PositionID) error {
	if err := scope.Require(project.ConfigureLights); err != nil {
		return err
	}
	if len(members) > sconce.MaxNodesPerGroup {
		return errGroupFull()
	}
	network, err := s.Store.SetMembers(ctx, scope, id, members)
	if err == nil {
		s.changed(ctx, scope, network)
	}
	return err
}

func errGroupFull() error {
	return sconce.Errorf(sconce.TooMany, "a group can have %d lights", sconce.MaxNodesPerGroup)
}

func codeField(p sconce.PositionID) vault.Field {
	return vault.Field{Table: "positions", Column: "install_code", Row: string(p)}
}

// now is the time to the millisecond, as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func newID[T sconce.ID]() T {
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return sconce.MakeID[T](time.Now(), random)
}
