package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sconce"
	"sconce/cloud/api"
)

// listener is an open port and what serves it.
type listener struct {
	serve    func() error
	shutdown func(context.Context) error
}

// listen opens all ports, or none.
func (c *cloud) listen(ctx context.Context) (_ []listener, err error) {
	var open []net.Listener
	defer func() {
		if err != nil {
			for _, l := range open {
				_ = l.Close() // nothing was accepted
			}
		}
	}()
	port := func(key, address string) (net.Listener, error) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, sconce.Errorf(sconce.Unavailable, "%s: %s cannot be had (%w): stop the program that uses it, or choose another in the configuration", key, address, err)
		}
		open = append(open, l)
		return l, nil
	}
	public, err := port("listen", c.config.Listen)
	if err != nil {
		return nil, err
	}
	listeners := []listener{{func() error { return c.edge.Serve(public) }, c.edge.Shutdown}}
	if c.config.Demo.Listen != "" {
		plain, err := port("demo.listen", c.config.Demo.Listen)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, listener{func() error { return c.edge.ServePlain(plain) }, c.edge.Shutdown})
	}
	operators, err := port("operator.listen", c.config.Operator.Listen)
	if err != nil {
		return nil, err
	}
	listeners = append(listeners, plainServer(operators, api.Operator(c.store.Check, c.metrics, c.log)))
	if c.config.Redirect.Listen != "" {
		redirect, err := port("redirect.listen", c.config.Redirect.Listen)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, plainServer(redirect, http.HandlerFunc(c.redirect)))
	}
	return listeners, nil
}

func plainServer(l net.Listener, h http.Handler) listener {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	return listener{func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, s.Shutdown}
}

// redirect sends a browser to the same place over TLS.
func (c *cloud) redirect(w http.ResponseWriter, r *http.Request) {
	target := url.URL{Scheme: "https", Host: c.config.Domain, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	if c.config.PublicPort != 443 {
		target.Host = net.JoinHostPort(c.config.Domain, strconv.Itoa(c.config.PublicPort))
	}
	http.Redirect(w, r, target.String(), http.StatusPermanentRedirect)
}

// metrics gathers what the parts count.
func (c *cloud) metrics() []api.Metric {
	state := func(name, help string, v int64) api.Metric {
		return api.Metric{Name: "sconce_" + name, Help: help, Value: float64(v)}
	}
	total := func(name, help string, v float64) api.Metric {
		return api.Metric{Name: "sconce_" + name + "_total", Help: help, Grows: true, Value: v}
	}
	e, j, a := c.edge.Stats(), c.journal.Stats(), c.api.Stats()
	away := int64(0)
	if j.Away {
		away = 1
	}
	return []api.Metric{
		state("connections", "Open connections of every kind.", e.Connections),
		state("gateways", "Gateways connected.", e.Gateways),
		state("principals", "Apps and integrators connected for live data.", e.Principals),
		state("journal_away", "Whether the journal cannot be written: nothing is acknowledged.", away),
		total("handshake_failures", "TLS handshakes that failed.", float64(e.HandshakeFails)),
		total("turned_away", "Connections closed at once because of a limit.", float64(e.TurnedAway)),
		total("unauthorised", "Publishes and subscriptions outside the rights of a client.", float64(e.Unauthorised)),
		total("protocol_faults", "Connections ended because the client broke the protocol.", float64(e.Faults)),
		total("slow_clients", "Connections ended because the client was too slow.", float64(e.Slow)),
		total("messages_received", "Messages received from clients.", float64(e.Received)),
		total("messages_acknowledged", "Messages acknowledged after they were durable.", float64(e.Acknowledged)),
		total("journal_messages", "Messages given to the journal.", float64(j.Messages)),
		total("journal_batches", "Commits of the journal.", float64(j.Batches)),
		total("journal_duplicates", "Messages that had come before.", float64(j.Duplicates)),
		total("journal_unknown", "Messages of a kind that is not known.", float64(j.Unknown)),
		total("journal_malformed", "Messages without a readable header.", float64(j.Malformed)),
		total("journal_refused", "Messages that could not be committed and were not acknowledged.", float64(j.Refused)),
		total("api_requests", "Requests to the API.", float64(a.Requests)),
		total("api_faults", "Requests answered with status 500.", float64(a.Faults)),
	}
}
