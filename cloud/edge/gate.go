package edge

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// gate counts connections, in all and by address, before anything is known of
// the peer.
type gate struct {
	lim        Limits
	handshakes chan struct{} // a place for each that may be under way

	mu        sync.Mutex
	total     int
	addresses map[netip.Prefix]*address
}

// address is what the gate knows of one peer address. It is forgotten when
// nothing is open and its allowance is whole again.
type address struct {
	open, handshakes int
	allowance        float64 // connections that it may make now
	updated          time.Time
}

func newGate(lim Limits) *gate {
	return &gate{lim: lim, handshakes: make(chan struct{}, lim.Handshakes), addresses: make(map[netip.Prefix]*address)}
}

func (g *gate) open() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(g.total)
}

// enter counts a new connection, with its handshake under way, or returns nil
// when a limit is reached. The table of addresses is bounded by the connections
// that are open and those that could be made in the time of one burst.
func (g *gate) enter(nc net.Conn, now time.Time) *pass {
	key := prefixOf(nc.RemoteAddr())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.lim.Connections {
		return nil
	}
	a := g.addresses[key]
	if a == nil {
		a = &address{allowance: float64(g.lim.AddressBurst), updated: now}
		g.addresses[key] = a
	}
	a.refill(now, &g.lim)
	if a.allowance < 1 || a.open >= g.lim.AddressConnections || a.handshakes >= g.lim.AddressHandshakes {
		return nil
	}
	a.allowance--
	a.open++
	a.handshakes++
	g.total++
	return &pass{Conn: nc, gate: g, key: key}
}

func (a *address) refill(now time.Time, lim *Limits) {
	a.allowance = min(a.allowance+now.Sub(a.updated).Seconds()*lim.AddressRate, float64(lim.AddressBurst))
	a.updated = now
}

// forget drops the addresses that there is nothing to know about.
func (g *gate) forget(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, a := range g.addresses {
		if a.refill(now, &g.lim); a.open == 0 && a.allowance >= float64(g.lim.AddressBurst) {
			delete(g.addresses, key)
		}
	}
}

// pass is a connection that the gate has counted, until it is closed.
type pass struct {
	net.Conn
	gate   *gate
	key    netip.Prefix
	shaken atomic.Bool
	closed atomic.Bool
}

// handshakeDone says that the handshake is no longer under way.
func (p *pass) handshakeDone() {
	if p.shaken.CompareAndSwap(false, true) {
		p.gate.mu.Lock()
		p.gate.addresses[p.key].handshakes--
		p.gate.mu.Unlock()
	}
}

// Close implements [net.Conn].
func (p *pass) Close() error {
	if p.closed.CompareAndSwap(false, true) {
		p.handshakeDone()
		p.gate.mu.Lock()
		p.gate.total--
		p.gate.addresses[p.key].open--
		p.gate.mu.Unlock()
	}
	return p.Conn.Close()
}

// prefixOf returns what counts as one address: an IPv4 address, or the /64 that
// one IPv6 subscriber commonly has.
func prefixOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // the number of bits fits the address
	return p
}
