// Package homeassistant tells Home Assistant which devices a project has and how they stand, for
// people who run it in the building, and takes what it asks of lights: MQTT discovery, as the
// integration "mqtt" of Home Assistant reads it (https://www.home-assistant.io/integrations/mqtt/
// and homeassistant/components/mqtt of its source, as of 2025.3; device discovery is
// there since 2024.11).
//
// It is an option of each project, off until an owner or expert switches it on. Then each device
// has two retained messages, what it is and how it stands, below a prefix that only programs with
// a token of that project may read ([Prefix]). They are made from the store at each start and
// kept nowhere else; [Bridge] sees to it that they are what the store says, and that there are
// none when there is nothing to say.
//
// Their states have topics of their own beside the live topics of the app (package telemetry), for
// three reasons. Home Assistant wants to be told at once how a light stands when it subscribes,
// so they have to be retained, and the app, which asks the API, would get all of them
// with its one subscription. A light's topic has to have the words that Home
// Assistant uses. And it subscribes to a topic for each device in any case.
//
// It names no person, knows no MQTT connection, and decides nothing about lights: who may command
// which is the business of packages project and lighting.
package homeassistant

import (
	"context"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// MaxDevices is how many devices of a project Home Assistant is told of, in the order of their
// addresses. It subscribes to each, and a connection has [Filters] subscriptions.
const MaxDevices = 4000

// Filters is how many subscriptions a connection of Home Assistant may have: a topic for each
// device and each network, those for discovery, and some that it tries for other makers'.
const Filters = 5120

// Place is a device where it hangs, with what is known of it.
type Place struct {
	Device  sconce.EUI64
	Kind    sconce.DeviceKind
	Network sconce.NetworkID
	Name    string          // of the position
	Group   string          // name of the group with the lowest number that it is in; "" for none
	Asset   telemetry.Asset // its zero value when it did not say
	State   telemetry.DeviceState
}

// Building is what Home Assistant is told of a project.
type Building struct {
	Networks []project.Network
	Places   []Place // in the order of the devices
}

// Store keeps the option, and knows what belongs to a project.
type Store interface {
	On(ctx context.Context, s project.Scope) (bool, error)
	// Switch also writes in the security log.
	Switch(ctx context.Context, s project.Scope, on bool) error
	// Projects returns those in which the option is on.
	Projects(ctx context.Context) ([]sconce.ProjectID, error)
	// Building returns what is told of a project, as it was at one moment.
	Building(ctx context.Context, id sconce.ProjectID) (Building, error)
}

// Service is the option.
type Service struct {
	Store  Store
	Bridge interface {
		// Switched is told what was decided, after it was stored. It does not block.
		Switched(id sconce.ProjectID, on bool)
	}
}

// On reports whether the project is told to Home Assistant.
func (s *Service) On(ctx context.Context, scope project.Scope) (bool, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return false, err
	}
	return s.Store.On(ctx, scope)
}

// Switch decides whether it is. Programs that are connected with tokens of the project have to
// connect again: their rights are others.
func (s *Service) Switch(ctx context.Context, scope project.Scope, on bool) error {
	if err := scope.Require(project.ConfigureIntegrations); err != nil {
		return err
	}
	if err := s.Store.Switch(ctx, scope, on); err != nil {
		return err
	}
	s.Bridge.Switched(scope.Project(), on)
	return nil
}
