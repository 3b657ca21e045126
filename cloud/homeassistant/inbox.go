package homeassistant

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"sconce"
	"sconce/cloud/attempts"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
)

// What programs may ask for.
const (
	// orders is how many commands are taken by one token, or by those of one grant, in a window,
	// as many as the API takes requests.
	orders        = 600
	ordersWindow  = time.Minute
	ordersCounted = 1 << 14 // tokens; one more, and the one that was counted first begins anew
	// patience is how long a command waits while as many of its project as are allowed wait for
	// their results: who switches off a whole building sends one for each light.
	patience = 5 * time.Second
)

// Lights commands lights.
type Lights interface {
	Send(ctx context.Context, scope project.Scope, o lighting.Order) (lighting.Command, error)
}

// Live sends a message to those who follow a topic now. It does not block.
type Live interface {
	Publish(topic string, payload []byte)
}

// Office is what a [Desk] works with; all of it is needed.
type Office struct {
	Lights Lights
	Live   Live
	// On reports whether the option is on in a project.
	On func(sconce.ProjectID) bool
	// Refused writes in the security log that somebody was refused a command.
	Refused func(context.Context, project.Scope)
	Log     *slog.Logger
}

// Desk takes what programs ask of lights. It is safe for concurrent use.
type Desk struct {
	Office
	taken *attempts.Limiter
}

// NewDesk returns a Desk.
func NewDesk(o Office) *Desk {
	return &Desk{Office: o, taken: attempts.New(orders, ordersWindow, ordersCounted)}
}

// Inbox takes what one program publishes that has a token of a project in which the option is on.
type Inbox struct {
	Desk    *Desk
	Program string // as the security log names it
	Project sconce.ProjectID
	// Enter returns what the program may do at the moment of a command. For a token that is good
	// no more the error is a [sconce.Forbidden].
	Enter func(ctx context.Context) (project.Scope, error)
}

// Take deals with a message. That Home Assistant comes and goes is of no interest: all that it
// has to know is retained. A command that is sent again, as at QoS 1 after a connection was lost, asks
// for the same light output again. Why a command was refused is told at the topic
// <prefix>/refused too, for those whose version of MQTT has no answer.
func (in Inbox) Take(ctx context.Context, topic string, payload []byte) error {
	if isStatus(in.Project, topic) {
		return nil
	}
	err := in.command(ctx, lightOf(in.Project, topic), payload)
	if err != nil {
		in.tell(topic, err)
	}
	return err
}

func (in Inbox) command(ctx context.Context, light sconce.EUI64, payload []byte) error {
	if light == 0 || !in.Desk.On(in.Project) {
		return sconce.Errorf(sconce.Forbidden, "nothing is taken there: Home Assistant is off in this project, or this is no light's topic")
	}
	if !in.Desk.taken.Take(time.Now(), in.Program) {
		return sconce.Errorf(sconce.TooMany, "%d commands in %s were sent with this token: try again later", orders, ordersWindow)
	}
	order, err := parseOrder(light, payload)
	if err != nil {
		return err
	}
	scope, err := in.Enter(ctx)
	if err != nil {
		return err
	}
	return in.Desk.send(ctx, scope, order)
}

// send sends a command, once there is room for it.
func (d *Desk) send(ctx context.Context, scope project.Scope, o lighting.Order) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, err := d.Lights.Send(ctx, scope, o)
		switch sconce.KindOf(err) {
		case sconce.TooMany:
		case sconce.Forbidden:
			d.Refused(ctx, scope)
			return err
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(patience / 50):
		}
	}
}

// refusal is what is told of a command that was refused.
type refusal struct {
	Topic  string `json:"topic"`
	Reason string `json:"reason"`
}

func (in Inbox) tell(topic string, err error) {
	reason := "something went wrong in the cloud: try again"
	var known *sconce.Error
	if errors.As(err, &known) && known.Kind != sconce.Internal {
		reason = known.Message
	} else {
		in.Desk.Log.Error("commanding a light for a program", "program", in.Program, "error", err)
	}
	if text, err := json.Marshal(refusal{topic, reason}); err == nil { // texts always have a form
		in.Desk.Live.Publish(Prefix(in.Project)+"/refused", text)
	}
}
