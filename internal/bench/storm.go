package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"sconce/gateway/link"
	"sconce/mqtt"
	"sconce/wire"
)

const (
	stormGateways = 10_000
	watchers      = 1000            // subscribers that stall
	others        = 20              // clients whose messages are timed meanwhile
	stallFor      = 4 * time.Second // until what stalls has filled what the network holds
	othersTime    = 3 * time.Second // less than a stalled one is left connected
)

// storm measures how long it takes, after all gateways have lost their connections at once,
// until each is connected by a full handshake and a message of it is committed and
// acknowledged: beside a server that does no more than the handshakes.
func (b *bench) storm(ctx context.Context) ([]Figure, error) {
	inst, err := b.install(ctx, "storm", 1)
	if err != nil {
		return nil, err
	}
	all, err := newFleet(inst, stormGateways)
	if err != nil {
		return nil, err
	}
	loads, err := newLoads(all)
	if err != nil {
		return nil, err
	}
	ours := &fleet{inst: inst, roots: all.roots, gateways: all.gateways, first: true}
	payload := func(p []byte, client int, _ uint64) []byte { return loads[client].append(p) }
	var rounds []round
	for n := range b.Rounds {
		var took [2]time.Duration
		for _, i := range b.luck.Perm(2) {
			if i == 0 {
				took[i], err = b.reconnect(ctx, ours, ServeJournal, payload)
			} else {
				took[i], err = b.reconnect(ctx, all, ServeTLS, nil)
			}
			if err != nil {
				return nil, err
			}
		}
		b.say("  round %d: %d gateways acknowledged after %.2f s; TLS alone %.2f s", n+1, stormGateways, took[0].Seconds(), took[1].Seconds())
		rounds = append(rounds, round{took[0].Seconds(), took[1].Seconds()})
	}
	return []Figure{newFigure("storm_10k_s", "s", "tls_alone_s", rounds, ratioAtMost(2))}, nil
}

// reconnect connects a fleet to a server that was started for it, ends all connections at
// once, and returns how long it takes to connect all again. Every message that was
// acknowledged must have been committed.
func (b *bench) reconnect(ctx context.Context, f *fleet, kind string, payload func([]byte, int, uint64) []byte) (time.Duration, error) {
	s, addr, err := b.hire(f.inst, kind)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	load, err := f.connect(ctx, addr, 1, payload)
	if err != nil {
		return 0, err
	}
	load.Close()
	before, err := s.committed()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if load, err = f.connect(ctx, addr, 1, payload); err != nil {
		return 0, err
	}
	took := time.Since(began)
	load.Close()
	after, err := s.committed()
	if err != nil {
		return 0, err
	}
	if want := len(f.gateways); f.first && after-before != want {
		return 0, fmt.Errorf("%d gateways had a message acknowledged, and %d were committed", want, after-before)
	}
	return took, nil
}

// committed asks a server of [Serve] how many messages it has committed.
func (s *server) committed() (int, error) {
	if _, err := fmt.Fprintln(s.stdin, "committed"); err != nil {
		return 0, fmt.Errorf("the %s ended: %w", s.name, err)
	}
	text, err := s.line()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// stalled measures how long the messages of some clients take to be acknowledged while a
// thousand subscribers take nothing of what they are sent, beside the same without these.
func (b *bench) stalled(ctx context.Context) ([]Figure, error) {
	inst, err := b.install(ctx, "stalled", 1)
	if err != nil {
		return nil, err
	}
	all, err := newFleet(inst, watchers+others)
	if err != nil {
		return nil, err
	}
	var rounds []round
	for n := range b.Rounds {
		var p99 [2]time.Duration
		for _, i := range b.luck.Perm(2) {
			if p99[i], err = b.besideStalled(ctx, all, watchers*(1-i)); err != nil {
				return nil, err
			}
		}
		b.say("  round %d: p99 of others %s beside %d that stall, %s without", n+1, p99[0], watchers, p99[1])
		rounds = append(rounds, round{milliseconds(p99[0]), milliseconds(p99[1])})
	}
	return []Figure{newFigure("stalled_p99_ms", "ms", "without_stalled_p99_ms", rounds, ratioAtMost(2))}, nil
}

// besideStalled returns the 99th percentile of the others beside so many that stall.
func (b *bench) besideStalled(ctx context.Context, f *fleet, stalled int) (time.Duration, error) {
	s, addr, err := b.hire(f.inst, ServeLive)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	for i := range stalled {
		nc, err := f.stall(ctx, addr, i)
		if err != nil {
			return 0, err
		}
		defer nc.Close()
	}
	rest := &fleet{inst: f.inst, roots: f.roots, gateways: f.gateways[watchers:]}
	load, err := rest.connect(ctx, addr, 1, func(p []byte, _ int, n uint64) []byte { return fmt.Appendf(p, "%0200d", n) })
	if err != nil {
		return 0, err
	}
	defer load.Close()
	if err := pause(ctx, stallFor); err != nil {
		return 0, err
	}
	result, err := load.Run(ctx, othersTime)
	return result.P99, err
}

// stall connects a gateway that subscribes and then reads nothing. The network holds little
// for it.
func (f *fleet) stall(ctx context.Context, addr string, i int) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) // else it stalls a little later
		})
	}}
	nc, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connecting a subscriber: %w", err)
	}
	g := f.gateways[i]
	tc := tls.Client(nc, link.ClientTLS(f.roots, "mq."+f.inst.Domain, tls.Certificate{Certificate: [][]byte{g.Certificate.Raw}, PrivateKey: g.Key}))
	packets := (&mqtt.Connect{Version: mqtt.V5, CleanStart: true}).Append(nil, mqtt.V5)
	packets = (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: wire.DownTopic(g.Record.EUI64, "+")}}}).Append(packets, mqtt.V5)
	if _, err := tc.Write(packets); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("connecting a subscriber: %w", err)
	}
	return nc, nil
}
