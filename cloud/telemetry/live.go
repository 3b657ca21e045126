package telemetry

import (
	"encoding/json"
	"time"

	"sconce"
	"sconce/cloud/project"
)

// Publisher sends a message to those who follow a topic now. It neither blocks
// nor keeps the payload.
type Publisher interface {
	Publish(topic string, payload []byte)
	// Followed reports whether anybody follows a topic: if not, there is no need to
	// make a message.
	Followed(topic string) bool
}

// timeFormat is RFC 3339 in UTC with milliseconds, as in every message of the API.
const timeFormat = "2006-01-02T15:04:05.000Z"

// stamp is a time in JSON: null for the zero time.
type stamp time.Time

func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.UTC().AppendFormat(nil, `"`+timeFormat+`"`), nil
}

// MarshalJSON writes the device state object of the API and of the live topics.
func (s DeviceState) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Device    sconce.EUI64  `json:"eui64"`
		At        stamp         `json:"at"`
		Reachable bool          `json:"reachable"`
		Heard     stamp         `json:"heard_at"`
		On        *bool         `json:"on"`
		Level     *sconce.Level `json:"level"`
		Cause     sconce.Cause  `json:"cause"`
		Power     *float64      `json:"power_w"`
		PowerAt   stamp         `json:"power_at"`

		Kelvin      *uint16  `json:"kelvin"`
		Faults      []string `json:"faults"`
		Temperature *float64 `json:"temperature_c"`
		Battery     *float64 `json:"battery_percent"`
		Occupied    *bool    `json:"occupied"`
		Signal      *float64 `json:"signal_dbm"`
		LinkQuality *float64 `json:"link_quality"`
		BurnHours   *float64 `json:"burn_hours"`
		Illuminance *float64 `json:"illuminance_lx"`
		Energy      *float64 `json:"energy_wh"`
	}{
		s.Device, stamp(s.At), s.Reachable, stamp(s.Heard), s.On, s.Level, known(s.Cause), s.Power, stamp(s.PowerAt),
		s.Kelvin, s.FaultNames(), s.Temperature, s.Battery, s.Occupied, s.Signal, s.LinkQuality, s.BurnHours, s.Illuminance, s.Energy,
	})
}

// FaultNames returns what is wrong with the device, nothing when it does not say.
func (s DeviceState) FaultNames() []string {
	if s.Faults == nil {
		return []string{}
	}
	return s.Faults.Names()
}

// known returns a cause that has a name: one that a newer gateway gave is unknown.
func known(c sconce.Cause) sconce.Cause {
	if _, err := c.MarshalText(); err != nil {
		return sconce.CauseUnknown
	}
	return c
}

// MarshalJSON writes the gateway object of the live topics.
func (p Presence) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Gateway sconce.EUI64 `json:"eui64"`
		Online  bool         `json:"online"`
		Since   stamp        `json:"since"`
	}{p.Gateway, p.Online, stamp(p.Since)})
}

// PublishState tells those who follow a device its new state. Of most devices
// nobody does at most times.
func PublishState(to Publisher, id sconce.ProjectID, s DeviceState) {
	topic := project.Topic(id, project.DeviceTopic, s.Device.String())
	if !to.Followed(topic) {
		return
	}
	if payload, err := json.Marshal(s); err == nil { // a state always has a form
		to.Publish(topic, payload)
	}
}

func publishPresence(to Publisher, id sconce.ProjectID, p Presence) {
	if payload, err := json.Marshal(p); err == nil {
		to.Publish(project.Topic(id, project.GatewayTopic, p.Gateway.String()), payload)
	}
}
