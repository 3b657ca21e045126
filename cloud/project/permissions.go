package project

import (
	"fmt"
	"slices"
	"strings"

	"sconce"
)

// Action is something that may be done with a project's data. Every rule that
// touches a project begins with [Scope.Require] of the one action it is.
type Action uint8

// The actions of people.
const (
	ReadProject           Action = 1 + iota // see the project, its networks, devices, groups and their present state
	ReadTelemetry                           // see readings and their history
	ControlLights                           // command any light of the project
	ControlGranted                          // command the lights of the groups that were granted
	ConfigureLights                         // add, change and remove devices, positions and groups
	ManageNetworks                          // make networks, claim and release gateways
	ManageMembers                           // decide who belongs to the project, in which role
	ReadSecurityLog                         // see who did what
	ManageSupport                           // let operators in for a time, and end it
	ExportTelemetry                         // take what was measured away, as files
	DeleteProject                           // delete the project, and take that back
	HandleAlerts                            // acknowledge alerts, read and write notes about them
	ConfigureAlerts                         // decide what is an alert, and which programs are told
	ConfigureEnergy                         // set the time zone, what energy costs, budgets
	ConfigureIntegrations                   // decide which systems of others are told of the project
)

// The actions of a gateway, within its own network.
const (
	GatewayReport  Action = 32 + iota // store what it measured, saw and did
	GatewayReceive                    // read the configuration and the commands that are for it
)

// row is a row of the matrix.
type row struct {
	action Action
	name   string
	means  string // in "your role does not let you …"
	who    holders
}

// holders are columns of the matrix.
type holders uint8

// The columns of the matrix.
const (
	owner holders = 1 << iota
	expert
	user
	viewer
	supportRead  // an operator with a support grant
	supportWrite // one that lets them change things as well
	gateway
)

// matrix is the permission matrix, the only one: who may do what. What is not in it
// is denied. The name of an action is part of what is stored and sent: never changed.
//
// A [sconce.User] controls the groups that were granted to them and nothing
// else ([Scope.RequireControl]); somebody to whom no group was granted controls nothing.
// An operator with a support grant looks after lights, and never decides about people.
var matrix = [...]row{
	{ReadProject, "project.read", "see this project", owner | expert | user | viewer | supportRead | supportWrite},
	{ReadTelemetry, "readings.read", "see readings", owner | expert | viewer | supportRead | supportWrite},
	{ControlGranted, "lights.control-granted", "control granted groups", owner | expert | user | supportWrite},
	{ControlLights, "lights.control", "control every light", owner | expert | supportWrite},
	{ConfigureLights, "lights.configure", "change devices and groups", owner | expert | supportWrite},
	{ManageNetworks, "networks.manage", "change networks and gateways", owner | expert | supportWrite},
	{ManageMembers, "members.manage", "change members", owner},
	{ReadSecurityLog, "security-log.read", "see the security log", owner},
	{ManageSupport, "support.manage", "let operators in", owner},
	{HandleAlerts, "alerts.handle", "acknowledge alerts", owner | expert | supportWrite},
	{ConfigureAlerts, "alerts.configure", "change the rules of alerts", owner | expert},
	{ConfigureEnergy, "energy.configure", "change the time zone and tariffs", owner | expert},
	{ConfigureIntegrations, "integrations.configure", "change which other systems are told", owner | expert},
	{ExportTelemetry, "readings.export", "export readings as files", owner},
	{DeleteProject, "project.delete", "delete this project", owner},

	{GatewayReport, "gateway.report", "report for a network", gateway},
	{GatewayReceive, "gateway.receive", "receive a network's configuration", gateway},
}

// The roles of gateways, and of operators with a support grant. No member has them: they
// are outside the values that the store accepts.
const (
	gatewayRole      sconce.Role = 255
	supportReadRole  sconce.Role = 254
	supportWriteRole sconce.Role = 253
)

func columnOf(role sconce.Role) holders {
	switch role {
	case sconce.Owner:
		return owner
	case sconce.Expert:
		return expert
	case sconce.User:
		return user
	case sconce.Viewer:
		return viewer
	case supportReadRole:
		return supportRead
	case supportWriteRole:
		return supportWrite
	case gatewayRole:
		return gateway
	default:
		return 0
	}
}

// Actions is a set of actions.
type Actions uint64

// ActionsOf returns the set of the given actions. One that is none, or above 63, is left out.
func ActionsOf(actions ...Action) Actions {
	var s Actions
	for _, a := range actions {
		s |= 1 << a
	}
	return s &^ 1
}

// Has reports whether an action is in the set.
func (s Actions) Has(a Action) bool { return a != 0 && s>>a&1 != 0 }

// And returns what is in both sets.
func (s Actions) And(t Actions) Actions { return s & t }

// List returns the actions of the set in the order of the matrix.
func (s Actions) List() []Action {
	var all []Action
	for _, r := range matrix {
		if s.Has(r.action) {
			all = append(all, r.action)
		}
	}
	return all
}

// Names returns the names of the actions in the order of the matrix.
func (s Actions) Names() []string {
	names := make([]string, 0, len(matrix))
	for _, a := range s.List() {
		names = append(names, a.Name())
	}
	return names
}

// String returns the names of the actions with spaces between them, as OAuth writes
// scopes (RFC 6749, 3.3).
func (s Actions) String() string { return strings.Join(s.Names(), " ") }

// ParseActions reads the names of actions of people. The error names one that is none.
func ParseActions(names ...string) (Actions, error) {
	var s Actions
	for _, name := range names {
		a := slices.IndexFunc(matrix[:], func(r row) bool { return r.name == name && r.who != gateway })
		if a < 0 {
			return 0, sconce.Errorf(sconce.Invalid, "%q is no action: expected some of %s", name, RoleActions(sconce.Owner))
		}
		s |= ActionsOf(matrix[a].action)
	}
	return s, nil
}

// RoleActions returns what a person in a role may do: the column of the matrix.
func RoleActions(role sconce.Role) Actions {
	if !slices.Contains(Roles(), role) {
		return 0
	}
	return actionsOf(role)
}

func actionsOf(role sconce.Role) Actions {
	var s Actions
	for _, r := range matrix {
		if r.who&columnOf(role) != 0 {
			s |= ActionsOf(r.action)
		}
	}
	return s
}

// Roles returns the roles of people, from the most to the least powerful.
func Roles() []sconce.Role {
	return []sconce.Role{sconce.Owner, sconce.Expert, sconce.User, sconce.Viewer}
}

// May reports whether a person in a role may do an action. It is the matrix as
// shown to people; rules ask a [Scope].
func May(role sconce.Role, a Action) bool { return RoleActions(role).Has(a) }

// Name returns the name that an action has for ever, as in "lights.control".
func (a Action) Name() string {
	for _, r := range matrix {
		if r.action == a {
			return r.name
		}
	}
	return fmt.Sprintf("action(%d)", uint8(a))
}

// String says the action in words, as in "control every light".
func (a Action) String() string {
	for _, r := range matrix {
		if r.action == a {
			return r.means
		}
	}
	return fmt.Sprintf("action(%d)", uint8(a))
}
