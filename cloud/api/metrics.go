package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sconce/cloud/project"
)

func (a *API) metricRoutes() {
	within(a, route{
		id: "get-metrics", method: http.MethodGet, path: "/metrics", status: http.StatusOK, streams: []string{"text/plain"},
		summary: "The present states of devices and gateways, in the text form of Prometheus", tag: "readings",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*huma.StreamResponse, error) {
		s, err := a.snapshot(ctx, scope)
		if err != nil {
			return nil, err
		}
		registry := prometheus.NewRegistry()
		if err := registry.Register(s); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(answer huma.Context) {
			r, w := humago.Unwrap(answer)
			promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
		}}, nil
	})
}

// snapshot is what a project's devices and gateways are like at one moment. It is a
// [prometheus.Collector]; whoever has Grafana reads it by a token.
type snapshot struct {
	devices  []Device
	networks []Network
}

func (a *API) snapshot(ctx context.Context, scope project.Scope) (s snapshot, err error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return s, err
	}
	if s.networks, err = a.networks(ctx, scope); err != nil {
		return s, err
	}
	for _, n := range s.networks {
		some, err := a.devices(ctx, scope, n.ID)
		if err != nil {
			return s, err
		}
		s.devices = append(s.devices, some...)
	}
	return s, nil
}

// The metrics of a project. Names and units follow the conventions of Prometheus; what is not
// known of a device is left out, so that nobody takes it for 0.
var (
	deviceInfo      = described("sconce_device_info", "What a device is and where it hangs; always 1.", "device", "network", "position", "kind", "model")
	deviceReachable = described("sconce_device_reachable", "Whether the gateway counts the device as present.", "device")
	deviceHeard     = described("sconce_device_heard_timestamp_seconds", "When anything of the device was last received.", "device")
	devicePower     = described("sconce_device_power_watts", "Electrical input, as last reported.", "device")
	lightOn         = described("sconce_light_on", "Whether the light is on, as it confirmed.", "device")
	lightOutput     = described("sconce_light_output_ratio", "Light output when on, 0 to 1, as the light confirmed.", "device")
	gatewayInfo     = described("sconce_gateway_info", "What a gateway is and which network it serves; always 1.", "gateway", "network", "model", "firmware")
	gatewayOnline   = described("sconce_gateway_online", "Whether the gateway is connected.", "gateway")
)

func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (snapshot) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		deviceInfo, deviceReachable, deviceHeard, devicePower, lightOn, lightOutput, gatewayInfo, gatewayOnline,
	} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (s snapshot) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	names := map[string]string{}
	for _, n := range s.networks {
		names[string(n.ID)] = n.Name
		if g := n.Gateway.value; g != nil {
			gauge(gatewayInfo, 1, g.EUI64.String(), n.Name, g.Model, g.Firmware)
			gauge(gatewayOnline, asNumber(g.Online), g.EUI64.String())
		}
	}
	for _, d := range s.devices {
		device := d.EUI64.String()
		gauge(deviceInfo, 1, device, names[string(d.Network)], d.Position.Name, d.Kind.String(), d.Model)
		if d.State.value == nil {
			continue
		}
		state := *d.State.value
		gauge(deviceReachable, asNumber(state.Reachable), device)
		if at := state.Heard.value; at != nil {
			gauge(deviceHeard, float64(time.Time(*at).UnixMilli())/1000, device)
		}
		if p := state.Power.value; p != nil {
			gauge(devicePower, *p, device)
		}
		if on := state.On.value; on != nil {
			gauge(lightOn, asNumber(*on), device)
		}
		if l := state.Level.value; l != nil {
			gauge(lightOutput, float64(*l)/1000, device)
		}
	}
}

func asNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
