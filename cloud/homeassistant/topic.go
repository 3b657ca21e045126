package homeassistant

import (
	"strings"

	"sconce"
)

// root is what the prefixes of all projects begin with. It is not that of the live topics (p/):
// who may read those, as every member may with the app, gets none of these with them.
const root = "homeassistant/"

// Prefix returns what is entered in Home Assistant as the discovery prefix. All topics of the
// project begin with it and a slash, and it has no wildcard.
func Prefix(id sconce.ProjectID) string { return root + string(id) }

// ConfigTopic is where a device is described: <prefix>/device/<object id>/config.
func ConfigTopic(id sconce.ProjectID, d sconce.EUI64) string {
	return Prefix(id) + "/device/" + d.String() + "/config"
}

// StateTopic is where it is told how a device stands.
func StateTopic(id sconce.ProjectID, d sconce.EUI64) string {
	return Prefix(id) + "/" + d.String() + "/state"
}

// NetworkTopic is where it is told whether the gateway of a network is connected.
func NetworkTopic(id sconce.ProjectID, n sconce.NetworkID) string {
	return Prefix(id) + "/network/" + string(n)
}

// SetTopic is where a light is commanded.
func SetTopic(id sconce.ProjectID, d sconce.EUI64) string {
	return Prefix(id) + "/" + d.String() + "/set"
}

// statusTopic is where Home Assistant says that it is there, and its will that it is not, unless
// somebody enters another one.
const statusTopic = root + "status"

// isStatus reports whether Home Assistant may say there that it comes and goes.
func isStatus(id sconce.ProjectID, topic string) bool {
	return topic == statusTopic || topic == Prefix(id)+"/status"
}

// lightOf returns the light that a topic commands, 0 for none.
func lightOf(id sconce.ProjectID, topic string) sconce.EUI64 {
	name, below := strings.CutPrefix(topic, Prefix(id)+"/")
	name, sets := strings.CutSuffix(name, "/set")
	d, err := sconce.ParseEUI64(name)
	if !below || !sets || err != nil || d.String() != name {
		return 0
	}
	return d
}

// Rights are those of a program that has a token of a project in which the option is on, beside
// those that every program has.
type Rights struct {
	Project sconce.ProjectID
	Control bool // it may command lights, all or some
}

// MaySubscribe reports whether everything that a filter matches is told of the project.
func (r Rights) MaySubscribe(filter string) bool {
	return strings.HasPrefix(filter, Prefix(r.Project)+"/")
}

// MayPublish lets a program say that it comes and goes, which is told to nobody, and command
// lights. Which lights, is found out with each command.
func (r Rights) MayPublish(topic string) bool {
	return isStatus(r.Project, topic) || r.Control && lightOf(r.Project, topic) != 0
}
