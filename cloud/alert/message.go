package alert

import (
	"encoding/json"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// Message is an alert as live topics and webhooks carry it. Its fields do not change their
// meaning. It names no person and holds no notes.
type Message struct {
	ID       sconce.AlertID   `json:"id"`
	Network  sconce.NetworkID `json:"network_id"`
	Rule     rules.Kind       `json:"rule"`
	Severity rules.Severity   `json:"severity"`
	Raised   stamp            `json:"raised_at"`
	Cleared  *stamp           `json:"cleared_at"`
	Times    int              `json:"times"`
	Devices  int              `json:"devices"`
	Wrong    int              `json:"wrong"`
}

// stamp is a time in RFC 3339 in UTC with milliseconds.
type stamp time.Time

// MarshalJSON implements [json.Marshaler].
func (s stamp) MarshalJSON() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

// MessageOf returns the message of an alert.
func MessageOf(a *Alert) Message {
	m := Message{
		ID: a.ID, Network: a.Network, Rule: a.Kind, Severity: a.Severity, Raised: stamp(a.Raised),
		Times: a.Times, Devices: len(a.Members), Wrong: a.Wrong(),
	}
	if !a.Open() {
		m.Cleared = new(stamp(a.Cleared))
	}
	return m
}

// publish tells those who follow the alerts of a project.
func publish(to telemetry.Publisher, id sconce.ProjectID, a Alert) {
	topic := project.Topic(id, project.AlertTopic, string(a.ID))
	if !to.Followed(topic) {
		return
	}
	if payload, err := json.Marshal(MessageOf(&a)); err == nil { // an alert always has a form
		to.Publish(topic, payload)
	}
}
