package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/telemetry"
)

// Claim adds a gateway to a project.
type Claim struct {
	EUI64     sconce.EUI64       `json:"eui64" doc:"The address on the label."`
	ClaimCode registry.ClaimCode `json:"claim_code" maxLength:"64" doc:"The claim code on the label."`
	Network   sconce.NetworkID   `json:"network_id" maxLength:"36" doc:"The network that it shall serve."`
}

// Continuity is the account of a gateway's messages.
type Continuity struct {
	Boots []Boot `json:"boots" nullable:"false" doc:"The runs of the gateway, newest first."`
}

// Boot is one run of a gateway, from its start to its next: which of its messages
// came, which came twice and how many are missing.
type Boot struct {
	Boot       string `json:"boot" doc:"The number that the gateway drew for this run, in decimal digits."`
	First      Time   `json:"first_at" doc:"When the first message came."`
	Last       Time   `json:"last_at" doc:"When the newest message came."`
	Received   uint64 `json:"received" doc:"Different messages."`
	Duplicates uint64 `json:"duplicates" doc:"Messages that had come before; they were dropped."`
	Highest    uint64 `json:"highest" doc:"The highest sequence number."`
	Missing    uint64 `json:"missing" doc:"Sequence numbers below the highest that have not come."`

	Late    uint64 `json:"late_readings" doc:"Readings that came when readings of their time are kept no more; they were not kept."`
	Gaps    []Gap  `json:"gaps" nullable:"false" maxItems:"50" doc:"What is missing, in order; the newest 50 gaps. One may still close: what a gateway could not send yet comes later."`
	LeftOut int    `json:"gaps_left_out" doc:"How many gaps are older than those."`

	Behind    OrNull[float64] `json:"clock_behind_s" doc:"How far the gateway's clock is behind, in seconds; null when it does not tell."`
	Generated bool            `json:"generated" doc:"Whether the gateway said that a program made up what it told in this run, as in the demo."`
	Corrected bool            `json:"times_corrected" doc:"Whether all times of the run were put right by that."`
	Dropped   []Drop          `json:"dropped" nullable:"false" doc:"What is missing because the gateway's buffer was full, by its own account."`
}

// Gap is messages that have not come, though later ones have.
type Gap struct {
	First  uint64       `json:"first" doc:"Sequence number of the first that is missing."`
	Last   uint64       `json:"last" doc:"Sequence number of the last that is missing."`
	After  OrNull[Time] `json:"opened_after" doc:"When the last message before the gap came; null for the begin of a run, and when it is not known any more."`
	Before OrNull[Time] `json:"opened_before" doc:"When the first message after the gap came; null when it is not known any more."`
}

// Drop is what the full buffer of a gateway gave up of one kind and class.
type Drop struct {
	Kind  string       `json:"kind"`
	Class string       `json:"class" enum:"unknown,logs,surroundings,metering,states,vital,greeting"`
	Count uint64       `json:"count" doc:"Messages."`
	From  OrNull[Time] `json:"from" doc:"When the first of them was made."`
	To    OrNull[Time] `json:"to" doc:"When the last of them was made."`
}

// classNames are the classes of messages, by their values.
var classNames = [...]string{"unknown", "logs", "surroundings", "metering", "states", "vital", "greeting"}

func bootOf(c telemetry.Account) Boot {
	b := Boot{
		Boot: strconv.FormatUint(c.Boot, 10), First: Time(c.First), Last: Time(c.Last),
		Received: c.Received, Duplicates: c.Duplicates, Highest: c.Highest, Missing: c.Missing,
		Corrected: c.Corrected, Generated: c.Generated, Dropped: make([]Drop, len(c.Dropped)),
	}
	b.Late, b.Gaps, b.LeftOut = c.Late, make([]Gap, len(c.Gaps)), c.LeftOut
	for i, g := range c.Gaps {
		b.Gaps[i] = Gap{First: g.First, Last: g.Last, After: momentOrNull(g.After), Before: momentOrNull(g.Before)}
	}
	if c.Ahead != nil {
		b.Behind = some(c.Ahead.Seconds())
	}
	for i, d := range c.Dropped {
		b.Dropped[i] = Drop{Kind: d.Kind, Class: classNames[0], Count: d.Count, From: momentOrNull(d.From), To: momentOrNull(d.To)}
		if int(d.Class) < len(classNames) {
			b.Dropped[i].Class = classNames[d.Class]
		}
	}
	return b
}

type gatewayPath struct {
	Gateway text[sconce.EUI64] `path:"gateway" doc:"Address of the gateway."`
}

func (a *API) gatewayRoutes() {
	within(a, route{
		id: "claim-gateway", method: http.MethodPost, path: "/gateways", status: http.StatusCreated,
		summary: "Add a gateway, on proof of its claim code", tag: "gateways",
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body Claim }) (*struct{ Body Gateway }, error) {
		if err := a.Registry.Claim(ctx, scope, in.Body.EUI64, in.Body.ClaimCode, in.Body.Network); err != nil {
			return nil, err
		}
		g, _, err := a.gateway(ctx, scope, in.Body.EUI64)
		return &struct{ Body Gateway }{g}, err
	})

	within(a, route{
		id: "release-gateway", method: http.MethodDelete, path: "/gateways/{gateway}", status: http.StatusNoContent,
		summary: "Release a gateway from the project", tag: "gateways",
	}, func(ctx context.Context, scope project.Scope, in *gatewayPath) (*none, error) {
		return nil, a.Registry.Release(ctx, scope, in.Gateway.value)
	})

	within(a, route{
		id: "get-continuity", method: http.MethodGet, path: "/gateways/{gateway}/continuity", status: http.StatusOK,
		summary: "Whether any message of a gateway is missing", tag: "gateways",
	}, func(ctx context.Context, scope project.Scope, in *gatewayPath) (*struct{ Body Continuity }, error) {
		accounts, err := a.Telemetry.Accounts(ctx, scope, in.Gateway.value)
		boots := make([]Boot, len(accounts))
		for i, c := range accounts {
			boots[i] = bootOf(c)
		}
		return &struct{ Body Continuity }{Continuity{boots}}, err
	})
}

// networks returns the networks of a project, each with what its gateway says.
func (a *API) networks(ctx context.Context, scope project.Scope) ([]Network, error) {
	all, err := a.Projects.Networks(ctx, scope)
	if err != nil {
		return nil, err
	}
	networks := make([]Network, len(all))
	for i, n := range all {
		networks[i] = Network{ID: n.ID, Name: n.Name}
		if n.Gateway == 0 {
			continue
		}
		g, air, err := a.gateway(ctx, scope, n.Gateway)
		if err != nil {
			return nil, err
		}
		networks[i].Gateway = some(g)
		networks[i].Channel, networks[i].PANID, networks[i].ExtendedPANID = air.Channel, air.PANID, air.ExtendedPANID
	}
	return networks, nil
}

// gateway returns a gateway of the project, and in a Network what it says of the air.
func (a *API) gateway(ctx context.Context, scope project.Scope, device sconce.EUI64) (Gateway, Network, error) {
	said, presence, err := a.Telemetry.Gateway(ctx, scope, device)
	if err != nil {
		return Gateway{}, Network{}, err
	}
	known, err := a.Registry.Describe(ctx, []sconce.EUI64{device})
	if err != nil {
		return Gateway{}, Network{}, err
	}
	var air Network
	if said.OnAir {
		air.Channel, air.PANID = some(said.Channel), some(said.PANID)
		air.ExtendedPANID = some(fmt.Sprintf("%016x", said.ExtendedPANID))
	}
	return Gateway{
		EUI64: device, Model: known[device].Model, Firmware: said.Firmware,
		Online: presence.Online, Since: momentOrNull(presence.Since),
	}, air, nil
}
