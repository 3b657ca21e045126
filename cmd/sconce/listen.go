package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sconce/cloud/api"
)

// listener is an open port and what serves it.
type listener struct {
	serve    func() error
	shutdown func(context.Context) error
}

// listen opens all ports but the operators', or none.
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
			return nil, unavailable(key, address, err)
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

// redirect sends a browser to the same page over TLS. A program that asks without TLS is
// told so: were it sent on, nobody would notice that what it says can be read on the way.
func (c *cloud) redirect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, "/api/") {
		http.Error(w, "this server answers over TLS only: use https", http.StatusForbidden)
		return
	}
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
		state("sessions", "MQTT sessions, with and without a connection.", e.Sessions),
		state("retained_messages", "Retained messages.", e.Retained),
		state("retained_bytes", "What retained messages count for.", e.RetainedBytes),
		state("queued_bytes", "What messages on their way to MQTT clients count for.", e.QueuedBytes),
		state("journal_away", "Whether the journal cannot be written: nothing is acknowledged.", away),
		total("handshake_failures", "TLS handshakes that failed.", float64(e.HandshakeFails)),
		total("turned_away_full", "Connections closed at once because too many are open, in all or of their address.", float64(e.Full)),
		total("turned_away_rate", "Connections closed at once because their address connects too often.", float64(e.TooFast)),
		total("turned_away_handshakes", "Connections closed at once because too many handshakes of their address are under way.", float64(e.Unready)),
		total("held_up", "Connections that waited because too many connected at a time.", float64(e.HeldUp)),
		total("refused_connects", "MQTT clients refused by CONNACK.", float64(e.Refused)),
		total("silent_clients", "Connections ended because nothing came in time.", float64(e.Silent)),
		total("stalled_clients", "Connections ended because the client took nothing.", float64(e.Stalled)),
		total("paced_clients", "Times that a client was not read for a while because it sent too many packets.", float64(e.Paced)),
		total("taken_over", "Connections ended by a newer one of the same client.", float64(e.TakenOver)),
		total("unauthorised", "Publishes and subscriptions outside the rights of a client.", float64(e.Unauthorised)),
		total("declined_messages", "Messages of programs that were within their rights and could not be dealt with.", float64(e.Declined)),
		total("protocol_faults", "Connections ended because the client broke the protocol.", float64(e.Faults)),
		total("slow_clients", "Connections ended because too much waited for the client.", float64(e.Slow)),
		total("packets_received", "MQTT packets received from clients.", float64(e.Packets)),
		total("messages_received", "Messages received from clients.", float64(e.Received)),
		total("messages_acknowledged", "Messages acknowledged after they were durable.", float64(e.Acknowledged)),
		total("messages_dropped", "Messages for an MQTT client dropped because its queue was full.", float64(e.Dropped)),
		total("messages_expired", "Messages for an MQTT client dropped because they were of no more use.", float64(e.Expired)),
		total("messages_too_large", "Messages not sent because their MQTT client takes no packets so large.", float64(e.TooLarge)),
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
