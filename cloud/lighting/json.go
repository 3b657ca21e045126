package lighting

import (
	"encoding/json"
	"time"

	"sconce"
)

// stamp is a time in JSON as everywhere in the API: RFC 3339 in UTC with
// milliseconds, null for the zero time.
type stamp time.Time

func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

type targetJSON struct {
	Device sconce.EUI64   `json:"device,omitempty"`
	Group  sconce.GroupID `json:"group,omitempty"`
}

type outcomeJSON struct {
	Device sconce.EUI64  `json:"eui64"`
	Status OutcomeStatus `json:"status"`
}

// MarshalJSON writes the command object of the API and of the live topics.
func (c Command) MarshalJSON() ([]byte, error) {
	outcomes := make([]outcomeJSON, len(c.Outcomes))
	for i, o := range c.Outcomes {
		outcomes[i] = outcomeJSON(o)
	}
	return json.Marshal(struct {
		ID        sconce.CommandID `json:"id"`
		Target    targetJSON       `json:"target"`
		On        *bool            `json:"on,omitempty"`
		Level     *sconce.Level    `json:"level,omitempty"`
		Fade      int64            `json:"fade_ms"`
		Status    Status           `json:"status"`
		Confirmed int              `json:"confirmed"`
		Of        int              `json:"of"`
		Outcomes  []outcomeJSON    `json:"outcomes"`
		Made      stamp            `json:"created_at"`
		Ended     stamp            `json:"ended_at"`
	}{
		ID: c.ID, Target: targetJSON{c.Device, c.Group}, On: c.On, Level: c.Level, Fade: c.Fade.Milliseconds(),
		Status: c.Status, Confirmed: c.Confirmed, Of: c.Targets, Outcomes: outcomes, Made: stamp(c.Made), Ended: stamp(c.Ended),
	})
}
