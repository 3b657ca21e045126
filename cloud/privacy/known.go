package privacy

import (
	"time"

	"sconce"
)

// Command is what somebody asked of lights, as they see it in their copy.
type Command struct {
	Project   sconce.ProjectID `json:"project"`
	At        time.Time        `json:"at"`
	Device    sconce.EUI64     `json:"device,omitzero"`
	Group     sconce.GroupID   `json:"group,omitempty"`
	On        *bool            `json:"on,omitempty"`
	Level     *sconce.Level    `json:"level,omitempty"` // thousandths
	Lights    int              `json:"lights"`
	Confirmed int              `json:"confirmed"`
}

// Support is what somebody has to do with support, as they see it in their copy.
type Support struct {
	Operator bool    `json:"operator"`
	Grants   []Grant `json:"grants"`
}

// Grant is a support grant that somebody has, asked for or gave.
type Grant struct {
	Project   sconce.ProjectID `json:"project"`
	Operator  sconce.AccountID `json:"operator"`
	AskedBy   sconce.AccountID `json:"asked_by"`
	Asked     time.Time        `json:"asked"`
	GrantedBy sconce.AccountID `json:"granted_by"`
	Expires   time.Time        `json:"expires"`
}
