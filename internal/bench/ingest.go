package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"sconce"
	"sconce/gateway/buffer"
	"sconce/internal/installation"
	"sconce/internal/mqttload"
)

const (
	ingestGateways = 200
	ingestWindow   = buffer.MaxTaken // messages of a gateway that wait for their PUBACK
	ingestWarmUp   = 250 * time.Millisecond
	ingestTime     = time.Second     // the projector needs many times as long to catch up
	projectTime    = 2 * time.Minute // at most, to project what was acknowledged
)

// target is a server that takes the load.
type target struct {
	name  string
	pid   int
	addr  string
	loads []*readings                 // of each gateway
	await func(context.Context) error // until it has done all that the load made it do
	check func(context.Context) error // that nothing is missing
	stop  func()
}

// taken is what a target made of the load.
type taken struct {
	rate, cpu float64 // acknowledged a second; CPU µs of the server for each
	p99       time.Duration
}

// ingest measures the cloud under the readings of many gateways, beside our
// server with nothing behind it and beside mosquitto, which keeps nothing.
func (b *bench) ingest(ctx context.Context) ([]Figure, error) {
	inst, err := b.install(ctx, "ingest", 1)
	if err != nil {
		return nil, err
	}
	f, err := newFleet(inst, ingestGateways)
	if err != nil {
		return nil, err
	}
	var targets []*target
	defer func() {
		for _, t := range targets {
			t.stop()
		}
	}()
	for _, start := range []func(context.Context, *fleet) (*target, error){b.cloud, b.edge, b.journal, b.mosquitto} {
		t, err := start(ctx, f)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
		if _, _, err := t.publish(ctx, f, ingestWarmUp); err != nil {
			return nil, fmt.Errorf("loading %s: %w", t.name, err)
		}
	}
	var rate, cpu, ack []round
	for n := range b.Rounds {
		all := make([]taken, len(targets))
		for _, i := range b.luck.Perm(len(targets)) {
			t := targets[i]
			if all[i], err = t.take(ctx, f); err != nil {
				return nil, fmt.Errorf("loading %s: %w", t.name, err)
			}
			b.say("  round %d: %s: %.0f messages/s, %.2f µs of CPU each, p99 %s", n+1, t.name, all[i].rate, all[i].cpu, all[i].p99.Round(100*time.Microsecond))
		}
		ours, nothing, journal, mosquitto := all[0], all[1], all[2], all[3]
		rate = append(rate, round{ours.rate, nothing.rate})
		cpu = append(cpu, round{ours.cpu, mosquitto.cpu})
		ack = append(ack, round{journal.cpu, mosquitto.cpu})
	}
	return []Figure{
		newFigure("ingest_acked_msgs_per_s", "messages/s", "without_journal_acked_msgs_per_s", rate, ratioAtLeast(0.7)),
		newFigure("ingest_cpu_us_per_msg", "µs", "mosquitto_cpu_us_per_msg", cpu, ratioAtMost(1)),
		newFigure("ingest_ack_cpu_us_per_msg", "µs", "mosquitto_cpu_us_per_msg", ack, ratioAtMost(1)),
	}, nil
}

// cloud starts the cloud, to which the fleet belongs.
func (b *bench) cloud(ctx context.Context, f *fleet) (*target, error) {
	loads, err := newLoads(f)
	if err != nil {
		return nil, err
	}
	if err := f.inst.Initialise(ctx, b.Programs); err != nil {
		return nil, err
	}
	var log bytes.Buffer // of interest only when the cloud ends in its start
	p, err := f.inst.StartCloud(ctx, b.Programs, &log)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, log.Bytes())
	}
	account, err := claim(ctx, f, loads)
	if err != nil {
		p.Kill()
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(f.inst.TLSPort))
	return &target{"the cloud", p.PID(), addr, loads, account.await, account.check, p.Kill}, nil
}

// edge starts our MQTT server with nothing behind it.
func (b *bench) edge(_ context.Context, f *fleet) (*target, error) {
	return b.hired(f, ServeEdge, "our server with nothing behind it")
}

// journal starts our MQTT server with the journal alone behind it.
func (b *bench) journal(_ context.Context, f *fleet) (*target, error) {
	return b.hired(f, ServeJournal, "our server with the journal alone")
}

func (b *bench) hired(f *fleet, kind, name string) (*target, error) {
	loads, err := newLoads(f)
	if err != nil {
		return nil, err
	}
	s, addr, err := b.hire(f.inst, kind)
	if err != nil {
		return nil, err
	}
	return &target{name, s.pid(), addr, loads, done, done, s.stop}, nil
}

// mosquitto starts mosquitto.
func (b *bench) mosquitto(ctx context.Context, f *fleet) (*target, error) {
	loads, err := newLoads(f)
	if err != nil {
		return nil, err
	}
	s, addr, err := b.startMosquitto(ctx, f.inst)
	if err != nil {
		return nil, err
	}
	return &target{"mosquitto", s.pid(), addr, loads, done, done, s.stop}, nil
}

// done is the await and the check of servers that are done when they acknowledge.
func done(context.Context) error { return nil }

// newLoads returns the messages of each gateway of a fleet. Their times begin a
// day ago.
func newLoads(f *fleet) ([]*readings, error) {
	var loads []*readings
	for _, g := range f.gateways {
		var boot [8]byte
		_, _ = rand.Read(boot[:]) // never fails (Go 1.24)
		r, err := newReadings(g.Record.EUI64, binary.BigEndian.Uint64(boot[:])>>1|1, time.Now().AddDate(0, 0, -1))
		if err != nil {
			return nil, err
		}
		loads = append(loads, r)
	}
	return loads, nil
}

// take loads the target once.
func (t *target) take(ctx context.Context, f *fleet) (taken, error) {
	result, used, err := t.publish(ctx, f, ingestTime)
	return taken{
		rate: float64(result.Acked) / result.Elapsed.Seconds(),
		cpu:  1000 * milliseconds(used) / float64(result.Acked),
		p99:  result.P99,
	}, err
}

// publish has all gateways publish for a time, and waits until the target is done.
// It returns what CPU time the target used from the first message until then.
func (t *target) publish(ctx context.Context, f *fleet, d time.Duration) (result mqttload.Result, used time.Duration, err error) {
	load, err := f.connect(ctx, t.addr, ingestWindow, func(b []byte, client int, _ uint64) []byte { return t.loads[client].append(b) })
	if err != nil {
		return result, 0, err
	}
	defer load.Close()
	before, err := cpuOf(t.pid)
	if err != nil {
		return result, 0, err
	}
	if result, err = load.Run(ctx, d); err != nil {
		return result, 0, err
	}
	if err := load.One(ctx); err != nil { // after all others: when it is done, they are
		return result, 0, err
	}
	load.Close() // who is silent would be disconnected while the cloud is busy
	if err := t.await(ctx); err != nil {
		return result, 0, err
	}
	after, err := cpuOf(t.pid)
	if err != nil {
		return result, 0, err
	}
	return result, after - before, t.check(ctx)
}

// account asks the cloud what it has made of the messages of a fleet.
type account struct {
	client  *installation.Client
	project sconce.ProjectID
	fleet   *fleet
	loads   []*readings
}

// claim adds the gateways to the owner's project, each with a network of its own.
func claim(ctx context.Context, f *fleet, loads []*readings) (*account, error) {
	client, project, err := signIn(ctx, f.inst)
	if err != nil {
		return nil, err
	}
	path := "/projects/" + string(project)
	for i, g := range f.gateways {
		var network struct {
			ID sconce.NetworkID `json:"id"`
		}
		if err := client.Do(ctx, http.MethodPost, path+"/networks", map[string]any{"name": fmt.Sprintf("Network %d", i+1)}, &network); err != nil {
			return nil, err
		}
		body := map[string]any{"eui64": g.Record.EUI64, "claim_code": g.ClaimCode.Reveal(), "network_id": network.ID}
		if err := client.Do(ctx, http.MethodPost, path+"/gateways", body, nil); err != nil {
			return nil, err
		}
	}
	return &account{client, project, f, loads}, nil
}

// await waits until the cloud has projected every message: the last one is the
// first gateway's. It asks seldom, for asking costs the cloud too.
func (a *account) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, projectTime)
	defer cancel()
	for {
		highest, _, err := a.of(ctx, 0)
		if err != nil || highest == a.loads[0].sequence {
			return err
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("waiting for the messages to be projected"), err)
		}
	}
}

// check is an error when a message of any gateway is missing.
func (a *account) check(ctx context.Context) error {
	for i, g := range a.fleet.gateways {
		highest, missing, err := a.of(ctx, i)
		if err != nil {
			return err
		}
		if highest != a.loads[i].sequence || missing != 0 {
			return fmt.Errorf("the cloud acknowledged %d messages of gateway %s; of the first %d that it has, %d are missing",
				a.loads[i].sequence, g.Record.EUI64, highest, missing)
		}
	}
	return nil
}

// of returns the highest sequence number of a gateway, and how many below it are
// missing.
func (a *account) of(ctx context.Context, i int) (highest, missing uint64, err error) {
	var said struct {
		Boots []struct{ Highest, Missing uint64 }
	}
	path := fmt.Sprintf("/projects/%s/gateways/%s/continuity", a.project, a.fleet.gateways[i].Record.EUI64)
	if err := a.client.Do(ctx, http.MethodGet, path, nil, &said); err != nil || len(said.Boots) != 1 {
		return 0, 0, err
	}
	return said.Boots[0].Highest, said.Boots[0].Missing, nil
}
