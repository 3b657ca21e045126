package api

import (
	"context"
	"net/http"
	"time"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
)

// Order is what somebody asks of lights.
type Order struct {
	Device *sconce.EUI64   `json:"device,omitempty" doc:"The light; or give a group."`
	Group  *sconce.GroupID `json:"group,omitempty" maxLength:"36" doc:"The group; or give a device."`
	On     *bool           `json:"on,omitempty" doc:"Switch, without touching the level; or give a level."`
	Level  *sconce.Level   `json:"level,omitempty" minimum:"0" maximum:"1000" doc:"Dim to this, per mille of full output; 0 switches off."`
	Fade   int64           `json:"fade_ms,omitempty" minimum:"0" maximum:"6553400" doc:"Time of the transition in milliseconds."`
}

// Command is something that lights were asked to do, and what became of it.
type Command struct {
	ID        sconce.CommandID `json:"id"`
	Target    Target           `json:"target"`
	On        *bool            `json:"on,omitempty"`
	Level     *sconce.Level    `json:"level,omitempty"`
	Fade      int64            `json:"fade_ms"`
	Status    string           `json:"status" enum:"pending,confirmed,partial,failed,expired"`
	Confirmed int              `json:"confirmed" doc:"How many lights confirmed."`
	Of        int              `json:"of" doc:"How many lights it was for."`
	Outcomes  []Outcome        `json:"outcomes" nullable:"false" doc:"What became of it at each light, once it has ended."`
	Made      Time             `json:"created_at"`
	Ended     OrNull[Time]     `json:"ended_at"`
}

// Target is what a command was for: one of the two.
type Target struct {
	Device *sconce.EUI64   `json:"device,omitempty"`
	Group  *sconce.GroupID `json:"group,omitempty"`
}

// Outcome is what became of a command at one light.
type Outcome struct {
	EUI64  sconce.EUI64 `json:"eui64"`
	Status string       `json:"status" enum:"confirmed,unconfirmed,refused,not_joined,expired"`
}

func (a *API) commandRoutes() {
	within(a, route{
		id: "send-command", method: http.MethodPost, path: "/commands", status: http.StatusAccepted,
		summary: "Ask a light or a group to switch or dim", tag: "commands",
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body Order }) (*struct{ Body Command }, error) {
		o := lighting.Order{On: in.Body.On, Level: in.Body.Level, Fade: time.Duration(in.Body.Fade) * time.Millisecond}
		if in.Body.Device != nil {
			o.Device = *in.Body.Device
		}
		if in.Body.Group != nil {
			o.Group = *in.Body.Group
		}
		c, err := a.Lighting.Send(ctx, scope, o)
		return &struct{ Body Command }{commandOf(c)}, err
	})

	within(a, route{
		id: "get-command", method: http.MethodGet, path: "/commands/{command}", status: http.StatusOK,
		summary: "What became of a command", tag: "commands",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Command sconce.CommandID `path:"command" doc:"Identifier of the command."`
		Wait    int64            `query:"wait_ms" minimum:"0" maximum:"10000" doc:"Answer when it has ended, or after so many milliseconds."`
	},
	) (*struct{ Body Command }, error) {
		if in.Wait > 0 {
			waiting, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Millisecond)
			defer cancel()
			c, err := a.Lighting.Wait(waiting, scope, in.Command)
			if err == nil || waiting.Err() == nil {
				return &struct{ Body Command }{commandOf(c)}, err
			}
		}
		c, err := a.Lighting.Command(ctx, scope, in.Command)
		return &struct{ Body Command }{commandOf(c)}, err
	})
}

func commandOf(c lighting.Command) Command {
	out := Command{
		ID: c.ID, On: c.On, Level: c.Level, Fade: c.Fade.Milliseconds(), Status: c.Status.String(),
		Confirmed: c.Confirmed, Of: c.Targets, Outcomes: make([]Outcome, len(c.Outcomes)),
		Made: Time(c.Made), Ended: momentOrNull(c.Ended),
	}
	if c.Group != "" {
		out.Target.Group = &c.Group
	} else {
		out.Target.Device = &c.Device
	}
	for i, o := range c.Outcomes {
		out.Outcomes[i] = Outcome{o.Device, o.Status.String()}
	}
	return out
}
