package homeassistant

import (
	"context"

	"sconce"
)

// Inbox takes what one program publishes that has a token of a project in which the option is on.
type Inbox struct {
	Project sconce.ProjectID
}

// Take deals with a message. That Home Assistant comes and goes is of no interest: all that it
// has to know is retained.
func (in Inbox) Take(_ context.Context, topic string, _ []byte) error {
	if isStatus(in.Project, topic) {
		return nil
	}
	return sconce.Errorf(sconce.Forbidden, "nothing is taken at %s", topic)
}
