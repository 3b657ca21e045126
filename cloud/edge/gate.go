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
	all       bucket // connections that may be made now, by everybody
	total     int
	addresses map[netip.Prefix]*address
}

// address is what the gate knows of one peer address. It is forgotten when
// nothing is open and its allowance is whole again.
type address struct {
	open, handshakes int
	allowance        bucket // connections that it may make now
}

func newGate(lim Limits, now time.Time) *gate {
	return &gate{
		lim: lim, handshakes: make(chan struct{}, lim.Handshakes), addresses: make(map[netip.Prefix]*address),
		all: newBucket(lim.ConnectRate, lim.ConnectBurst, now),
	}
}

// denial is why a connection was closed at once.
type denial byte

const (
	let     denial = iota
	full           // as many are open as are allowed, in all or of the address
	tooFast        // the address connects more often than is allowed
	unready        // too many handshakes of the address are under way
)

// turn takes a turn to be accepted, and returns how long to wait for it.
func (g *gate) turn(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all.take(now, 1)
}

func (g *gate) open() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(g.total)
}

// enter counts a new connection, with its handshake under way, or says which limit is
// reached. The table of addresses is bounded by the connections that are open and those
// that could be made in the time of one burst.
func (g *gate) enter(nc net.Conn, now time.Time) (*pass, denial) {
	key := prefixOf(nc.RemoteAddr())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.lim.Connections {
		return nil, full
	}
	a := g.addresses[key]
	if a == nil {
		a = &address{allowance: newBucket(g.lim.AddressRate, g.lim.AddressBurst, now)}
		g.addresses[key] = a
	}
	a.allowance.refill(now)
	switch {
	case a.allowance.left < 1:
		return nil, tooFast
	case a.open >= g.lim.AddressConnections:
		return nil, full
	case a.handshakes >= g.lim.AddressHandshakes:
		return nil, unready
	}
	a.allowance.left--
	a.open++
	a.handshakes++
	g.total++
	return &pass{Conn: nc, gate: g, key: key}, let
}

// forget drops the addresses that there is nothing to know about.
func (g *gate) forget(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, a := range g.addresses {
		if a.allowance.refill(now); a.open == 0 && a.allowance.left >= a.allowance.most {
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
