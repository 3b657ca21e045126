package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sconce"
)

// TestMetrics tells a building to Prometheus: what is known, and nothing of what is not.
func TestMetrics(t *testing.T) {
	heard := Time(time.UnixMilli(1_790_000_000_250))
	s := snapshot{
		networks: []Network{
			{ID: "n1", Name: "East", Gateway: some(Gateway{EUI64: 0x10, Model: "GW-1", Firmware: "1.2", Online: true})},
			{ID: "n2", Name: "West"},
		},
		devices: []Device{
			{EUI64: 1, Kind: sconce.Luminaire, Model: "LU-1", Network: "n1", Position: Position{Name: "Desk \"3\"\n"}, State: some(DeviceState{
				Reachable: true, Heard: some(heard), On: some(true), Level: some(sconce.Level(500)), Power: some(12.5),
			})},
			{EUI64: 2, Kind: sconce.Sensor, Network: "n2", State: some(DeviceState{})},
			{EUI64: 3, Kind: sconce.Switch, Network: "n2"},
		},
	}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(s); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	var got []string
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	want := []string{
		`sconce_device_heard_timestamp_seconds{device="0000000000000001"} 1.79000000025e+09`,
		`sconce_device_info{device="0000000000000001",kind="luminaire",model="LU-1",network="East",position="Desk \"3\"\n"} 1`,
		`sconce_device_info{device="0000000000000002",kind="sensor",model="",network="West",position=""} 1`,
		`sconce_device_info{device="0000000000000003",kind="switch",model="",network="West",position=""} 1`,
		`sconce_device_power_watts{device="0000000000000001"} 12.5`,
		`sconce_device_reachable{device="0000000000000001"} 1`,
		`sconce_device_reachable{device="0000000000000002"} 0`,
		`sconce_gateway_info{firmware="1.2",gateway="0000000000000010",model="GW-1",network="East"} 1`,
		`sconce_gateway_online{gateway="0000000000000010"} 1`,
		`sconce_light_on{device="0000000000000001"} 1`,
		`sconce_light_output_ratio{device="0000000000000001"} 0.5`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
