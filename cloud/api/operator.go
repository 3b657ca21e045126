package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metric is one figure of the cloud at one moment. Names follow the conventions of
// Prometheus: base units, and _total behind what only grows.
type Metric struct {
	Name  string
	Help  string
	Grows bool // a count since the start, rather than a state
	Value float64
}

// readyTime is how long readiness may take to find out.
const readyTime = 5 * time.Second

// Operator returns the handler of the operators' listener, which is on loopback
// and asks nobody who they are:
//
//   - /healthz answers 200 while the program runs;
//   - /readyz answers 200 when ready returns nil, else 503;
//   - /metrics tells the metrics, read anew each time, and those of the Go runtime
//     and the process, in the text form of Prometheus.
//
// It tells nothing of any project or person.
func Operator(ready func(context.Context) error, metrics func() []Metric, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector(metrics),
	)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTime)
		defer cancel()
		if err := ready(ctx); err != nil {
			log.Warn("not ready", slog.Any("error", err))
			plain(w, http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n")
			return
		}
		plain(w, http.StatusOK, "ok\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	return mux
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client went away
}

// collector tells Prometheus the metrics of the cloud.
type collector func() []Metric

// Describe implements [prometheus.Collector]: the metrics describe themselves when
// they are collected.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (f collector) Collect(to chan<- prometheus.Metric) {
	for _, m := range f() {
		kind := prometheus.GaugeValue
		if m.Grows {
			kind = prometheus.CounterValue
		}
		made, err := prometheus.NewConstMetric(prometheus.NewDesc(m.Name, m.Help, nil, nil), kind, m.Value)
		if err != nil {
			made = prometheus.NewInvalidMetric(prometheus.NewDesc(m.Name, m.Help, nil, nil), err)
		}
		to <- made
	}
}
