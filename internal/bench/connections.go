package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"time"

	"sconce/internal/installation"
	"sconce/internal/mqttload"
)

// connectedGateways is how many gateways connect to see what one costs.
const connectedGateways = 1000

// warmUps is how many connect and go before, so that what a server needs once is there.
const warmUps = 50

// cost is what a connection cost a server: in memory; in CPU time to make, as our
// gateways do, with a key exchange of P-256 and ML-KEM-768; and in CPU time to make with
// P-256 alone.
type cost struct{ kib, ms, p256 float64 }

// connections measures what a gateway costs our MQTT server to connect and to be
// connected, beside a server that does no more than TLS.
func (b *bench) connections(ctx context.Context) ([]Figure, error) {
	inst, err := b.install(ctx, "connections", 1)
	if err != nil {
		return nil, err
	}
	all, err := newFleet(inst, connectedGateways)
	if err != nil {
		return nil, err
	}
	kinds := []string{ServeEdge, ServeTLS}
	var memory, cpu, p256 []round
	for n := range b.Rounds {
		var costs [2]cost
		for _, i := range b.luck.Perm(len(kinds)) {
			if costs[i], err = b.connection(ctx, all, kinds[i]); err != nil {
				return nil, err
			}
		}
		ours, bare := costs[0], costs[1]
		b.say("  round %d: ours %.1f KiB, %.3f ms, with P-256 alone %.3f ms; TLS alone %.1f KiB, %.3f ms, %.3f ms", n+1,
			ours.kib, ours.ms, ours.p256, bare.kib, bare.ms, bare.p256)
		memory = append(memory, round{ours.kib, bare.kib})
		cpu = append(cpu, round{ours.ms, bare.ms})
		p256 = append(p256, round{ours.p256, bare.p256})
	}
	return []Figure{
		newFigure("idle_kib_per_connection", "KiB", "tls_alone_kib_per_connection", memory, valueAtMost(25)),
		newFigure("connect_cpu_ms", "ms", "tls_alone_connect_cpu_ms", cpu, valueAtMost(0.45)),
		newFigure("connect_p256_cpu_ms", "ms", "tls_alone_connect_p256_cpu_ms", p256, valueAtMost(0.45)),
	}, nil
}

// connection measures one server, which is started for it.
func (b *bench) connection(ctx context.Context, all *fleet, kind string) (c cost, err error) {
	s, addr, err := b.hire(all.inst, kind)
	if err != nil {
		return c, err
	}
	defer s.stop()
	first := &fleet{inst: all.inst, roots: all.roots, gateways: all.gateways[:warmUps]}
	load, err := first.connect(ctx, addr, 1, nil)
	if err != nil {
		return c, err
	}
	load.Close()
	before, err := s.settled(ctx)
	if err != nil {
		return c, err
	}
	load, used, err := s.connect(ctx, all, addr)
	if err != nil {
		return c, err
	}
	defer load.Close()
	after, err := s.settled(ctx)
	if err != nil {
		return c, err
	}
	load.Close()
	if _, err := s.settled(ctx); err != nil {
		return c, err
	}
	plain := &fleet{inst: all.inst, roots: all.roots, gateways: all.gateways, groups: []tls.CurveID{tls.CurveP256}}
	load, usedPlain, err := s.connect(ctx, plain, addr)
	if err != nil {
		return c, err
	}
	load.Close()
	n := float64(connectedGateways)
	return cost{(after - before) / n, milliseconds(used) / n, milliseconds(usedPlain) / n}, nil
}

// connect connects a fleet, and returns the CPU time that the server used for it.
func (s *server) connect(ctx context.Context, f *fleet, addr string) (*mqttload.Load, time.Duration, error) {
	began, err := cpuOf(s.pid())
	if err != nil {
		return nil, 0, err
	}
	load, err := f.connect(ctx, addr, 1, nil)
	if err != nil {
		return nil, 0, err
	}
	ended, err := cpuOf(s.pid())
	return load, ended - began, err
}

// hire starts a server of [Serve] in a process of its own.
func (b *bench) hire(inst *installation.Installation, kind string, more ...string) (*server, string, error) {
	s, err := startServer(kind+" server", b.Programs.Sconce, append([]string{
		"bench", "serve", "--kind", kind, "--domain", inst.Domain, "--device-ca", inst.DeviceCA(),
		"--certificate", inst.HostCertificate(), "--key", inst.HostKey(), "--data", filepath.Join(b.dir, "data"),
	}, more...)...)
	if err != nil {
		return nil, "", err
	}
	addr, err := s.line()
	return s, addr, err
}

// settled has the server return memory to the system, and tells in KiB how much
// it still holds. It waits until two answers agree: what connections leave behind
// takes a moment to end.
func (s *server) settled(ctx context.Context) (float64, error) {
	const agree, atMost = 64.0, 20 // KiB; times
	last := 0.0
	for range atMost {
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return 0, err
		}
		if _, err := fmt.Fprintln(s.stdin, "settle"); err != nil {
			return 0, fmt.Errorf("the %s ended: %w", s.name, err)
		}
		if _, err := s.line(); err != nil {
			return 0, err
		}
		kib, err := memoryOf(s.pid())
		if err != nil {
			return 0, err
		}
		if kib-last < agree && last-kib < agree {
			return kib, nil
		}
		last = kib
	}
	return last, nil
}
