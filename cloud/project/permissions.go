package project

import (
	"fmt"
	"slices"

	"sconce"
)

// Action is something that may be done with a project's data. Every rule that
// touches a project begins with [Scope.Require] of the one action it is.
type Action uint8

// The actions of people.
const (
	ReadProject     Action = 1 + iota // see the project, its networks, devices, groups and their present state
	ReadTelemetry                     // see readings and their history
	ControlLights                     // command any light of the project
	ControlGranted                    // command the lights of the groups that were granted
	ConfigureLights                   // add, change and remove devices, positions and groups
	ManageNetworks                    // make networks, claim and release gateways
	ManageMembers                     // decide who belongs to the project, in which role
	ReadSecurityLog                   // see who did what
)

// The actions of a gateway, within its own network.
const (
	GatewayReport  Action = 32 + iota // store what it measured, saw and did
	GatewayReceive                    // read the configuration and the commands that are for it
)

// may is the permission matrix: who may do what. What is not in it is denied.
//
// A [sconce.User] controls the groups that were granted to them and nothing
// else ([Scope.RequireControl]); somebody to whom no group was granted controls nothing.
var may = map[sconce.Role][]Action{
	sconce.Owner:  {ReadProject, ReadTelemetry, ControlLights, ControlGranted, ConfigureLights, ManageNetworks, ManageMembers, ReadSecurityLog},
	sconce.Expert: {ReadProject, ReadTelemetry, ControlLights, ControlGranted, ConfigureLights, ManageNetworks},
	sconce.User:   {ReadProject, ControlGranted},
	sconce.Viewer: {ReadProject, ReadTelemetry},

	gatewayRole: {GatewayReport, GatewayReceive},
}

// Actions returns the actions of people, in the order in which they are shown.
func Actions() []Action {
	return []Action{
		ReadProject, ReadTelemetry, ControlLights, ControlGranted, ConfigureLights, ManageNetworks, ManageMembers, ReadSecurityLog,
	}
}

// Roles returns the roles of people, from the most to the least powerful.
func Roles() []sconce.Role {
	return []sconce.Role{sconce.Owner, sconce.Expert, sconce.User, sconce.Viewer}
}

// gatewayRole is the row of the matrix for a gateway. No person has it: it is
// outside the values that the store accepts for a member.
const gatewayRole sconce.Role = 255

// May reports whether a person in a role may do an action. It is the matrix as
// shown to people; rules ask a [Scope].
func May(role sconce.Role, a Action) bool {
	return role != gatewayRole && slices.Contains(may[role], a)
}

func (a Action) String() string {
	switch a {
	case ReadProject:
		return "see this project"
	case ReadTelemetry:
		return "see readings"
	case ControlLights:
		return "control every light"
	case ControlGranted:
		return "control granted groups"
	case ConfigureLights:
		return "change devices and groups"
	case ManageNetworks:
		return "change networks and gateways"
	case ManageMembers:
		return "change members"
	case ReadSecurityLog:
		return "see the security log"
	case GatewayReport:
		return "report for a network"
	case GatewayReceive:
		return "receive a network's configuration"
	default:
		return fmt.Sprintf("action(%d)", uint8(a))
	}
}
