package project

import "sconce"

// TopicKind is what the live messages of a topic are about: the third level of the topics
// of a project, p/<project>/<kind>/<name>.
type TopicKind string

// The kinds of live topics. Who may see the project may receive them all; nobody publishes
// to them but the cloud.
const (
	DeviceTopic  TopicKind = "device"  // the confirmed state of a light, by its address
	GatewayTopic TopicKind = "gateway" // whether a gateway is there, by its address
	CommandTopic TopicKind = "command" // what becomes of a command, by its identifier
	AlertTopic   TopicKind = "alert"   // what is wrong, by its identifier
)

// Topic returns the live topic of one thing of a project.
func Topic(id sconce.ProjectID, kind TopicKind, name string) string {
	return TopicPrefix(id) + string(kind) + "/" + name
}

// TopicPrefix returns the beginning of all live topics of a project.
func TopicPrefix(id sconce.ProjectID) string { return "p/" + string(id) + "/" }
