package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"sconce/cloud/homeassistant"
	"sconce/cloud/project"
)

// HomeAssistant is whether Home Assistant may connect, and what has to be entered there.
type HomeAssistant struct {
	On      bool   `json:"on" doc:"Whether programs with a token of this project are told its devices as Home Assistant wants it, and may command lights so."`
	Server  string `json:"server" doc:"The broker, which speaks MQTT over WebSocket." example:"web.mqtt.example.org"`
	Port    int    `json:"port" doc:"The port of the broker." example:"443"`
	Path    string `json:"path" doc:"The path of the WebSocket." example:"/mqtt"`
	Prefix  string `json:"discovery_prefix" doc:"The discovery prefix."`
	Devices int    `json:"max_devices" doc:"How many devices are told at most."`
}

type homeAssistantAnswer struct {
	ETag string `header:"ETag"`
	Body HomeAssistant
}

func (a *API) homeAssistantRoutes() {
	within(a, route{
		id: "get-home-assistant", method: http.MethodGet, path: "/home-assistant", status: http.StatusOK,
		summary: "Whether Home Assistant may connect to a project, and how", tag: "integrations",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*homeAssistantAnswer, error) {
		return a.homeAssistant(ctx, scope)
	})

	within(a, route{
		id: "change-home-assistant", method: http.MethodPut, path: "/home-assistant", status: http.StatusOK,
		summary: "Let Home Assistant connect to a project, or no more", tag: "integrations", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Unchanged
		Body struct {
			On bool `json:"on"`
		}
	},
	) (*homeAssistantAnswer, error) {
		was, err := a.homeAssistant(ctx, scope)
		if err != nil {
			return nil, err
		}
		if err := in.check(ctx, was.Body); err != nil {
			return nil, err
		}
		if err := a.HomeAssistant.Switch(ctx, scope, in.Body.On); err != nil {
			return nil, err
		}
		return a.homeAssistant(ctx, scope)
	})
}

func (a *API) homeAssistant(ctx context.Context, scope project.Scope) (*homeAssistantAnswer, error) {
	on, err := a.HomeAssistant.On(ctx, scope)
	if err != nil {
		return nil, err
	}
	live, err := url.Parse(a.LiveURL)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(live.Port())
	if err != nil {
		port = 443 // of wss
	}
	body := HomeAssistant{
		On: on, Server: live.Hostname(), Port: port, Path: live.Path, Prefix: homeassistant.Prefix(scope.Project()), Devices: homeassistant.MaxDevices,
	}
	return &homeAssistantAnswer{etagOf(body), body}, nil
}
