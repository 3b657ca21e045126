// Package history gives an installation a past that it never had, so that a demo shows
// a year: what its people, its sun and its meters would have made its devices tell (package
// sim), sent by its gateway's own link and certificate, through everything that real messages go through.
// The run of the gateway that sends it says that it was made up.
package history

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"sconce"
	"sconce/device"
	"sconce/gateway/link"
	"sconce/internal/installation"
	"sconce/sim"
	"sconce/wire"
)

// Months is how long the past is.
const Months = 13

// maxReadings and maxStates are how many a message has. maxWaiting is how many messages
// wait for their acknowledgement, so that the link's buffer never drops one.
const (
	maxReadings = 400
	maxStates   = 100
	maxWaiting  = 64
	bufferBytes = 16 << 20
)

// Of returns the past of an installation, up to when it was made.
func Of(i *installation.Installation) sim.History {
	h := sim.History{
		Office: i.Office(), People: i.People(), Seed: i.Seed, Sun: sim.Greenwich(i.Seed), From: i.Made.UTC().AddDate(0, -Months, 0),
	}
	for _, l := range i.Lights {
		h.Lights = append(h.Lights, sim.HistoricLight{EUI64: l.EUI64, Place: i.Place(l.Group), RatedPower: device.Milliwatts(1000 * l.Watts)})
	}
	for _, s := range i.Sensed {
		h.Sensors = append(h.Sensors, sim.HistoricSensor{EUI64: s.EUI64, Place: i.Place(s.Group)})
	}
	return h
}

// Missing returns from when on the past of an installation is to be sent: everything before
// was committed by the cloud, in an earlier call that may have been broken off. It is not missing when nobody is left to tell
// it: of an installation without sensors, and once the devices speak for themselves.
func Missing(i *installation.Installation, devices []installation.DeviceView) (from time.Time, missing bool) {
	if len(i.Sensed) == 0 || i.Made.IsZero() {
		return time.Time{}, false
	}
	heard := map[sconce.EUI64]time.Time{}
	for _, d := range devices {
		if d.State != nil {
			heard[d.EUI64], _ = time.Parse(time.RFC3339Nano, d.State.HeardAt) // zero for never
		}
	}
	from = i.Made
	for _, l := range i.Lights { // they tell at least every hour
		if at := heard[l.EUI64]; at.Before(from) {
			from = at
		}
	}
	return from, from.Before(i.Made.Add(-2 * time.Hour))
}

// Send sends the past of an installation from a time on, and returns when the cloud has
// committed all of it. The gateway itself must not be running. It tells how much was sent, 0 to 1.
func Send(ctx context.Context, i *installation.Installation, from time.Time, told func(share float64)) error {
	l, err := open(i)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	defer running.Wait()
	defer cancel()
	s := sender{link: l, tick: time.NewTicker(time.Millisecond)}
	defer s.tick.Stop()
	if err := s.until(ctx, l.Connected); err != nil {
		return err
	}
	h := Of(i)
	begin := max(from.Sub(h.From), 0)
	for sample := range h.Samples(i.Made) {
		if sample.At.Before(from) {
			continue
		}
		if full := s.add(sample); !full {
			continue
		}
		s.flush()
		told(float64(sample.At.Sub(h.From)-begin) / float64(i.Made.Sub(h.From)-begin))
		if err := s.until(ctx, func() bool { return l.Waiting() < maxWaiting }); err != nil {
			return err
		}
	}
	s.flush()
	return s.until(ctx, func() bool { return l.Waiting() == 0 })
}

// open makes a link like that of the gateway.
func open(i *installation.Installation) (*link.Link, error) {
	certificate, key := i.IdentityFiles(i.Gateway.EUI64)
	own, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's identity: %w", err)
	}
	ca, err := os.ReadFile(i.HostCA())
	if err != nil {
		return nil, fmt.Errorf("reading host authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("reading host authority: %s is not a certificate", i.HostCA())
	}
	return link.New(link.Config{
		Gateway: i.Gateway.EUI64, Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(i.TLSPort)), TLS: link.ClientTLS(roots, "mq."+i.Domain, own),
		MaxBytes: bufferBytes, Receive: func(wire.Down) {}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now, Clock: time.Now,
	}, wire.Hello{Model: "SG-1", Firmware: "history", Generated: true}), nil
}

// sender makes messages of samples.
type sender struct {
	link     *link.Link
	tick     *time.Ticker
	readings []wire.Reading
	states   []wire.DeviceState
}

// add takes a sample, and reports whether it is time to flush.
func (s *sender) add(h sim.HistoricSample) (full bool) {
	at := wire.Time(h.At.UnixMilli())
	if h.Metric != sconce.Output {
		s.readings = append(s.readings, wire.Reading{Device: h.Device, Metric: h.Metric, At: at, Value: h.Value})
		return len(s.readings) >= maxReadings
	}
	d := wire.DeviceState{Device: h.Device, At: at, Reachable: true, Heard: at, On: new(h.Value > 0)}
	if h.Value > 0 {
		d.Level = new(sconce.Level(h.Value))
	}
	s.states = append(s.states, d)
	return len(s.states) >= maxStates
}

func (s *sender) flush() {
	if len(s.states) > 0 {
		s.link.Send(wire.State{Devices: s.states})
	}
	if len(s.readings) > 0 {
		s.link.Send(wire.Readings{Readings: s.readings})
	}
	s.states, s.readings = nil, nil
}

// until waits for something of the link.
func (s *sender) until(ctx context.Context, reached func() bool) error {
	for !reached() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.tick.C:
		}
	}
	return nil
}
