package edge

import (
	"time"

	"sconce"
	"sconce/mqtt"
)

// Limits bounds what the network can make the server hold. Take
// [DefaultLimits] and change what differs.
type Limits struct {
	MQTT mqtt.Limits

	Connections      int           // open at a time; one more is closed at once
	ConnectRate      float64       // connections a second; more wait to be accepted
	ConnectBurst     int           // connections at once after a rest
	Handshakes       int           // under way at a time; more wait to be accepted
	HandshakeTimeout time.Duration // from the first byte to the last, WebSocket upgrade included
	WriteTimeout     time.Duration // for a peer that takes nothing; then its connection ends
	UnsentBytes      int           // that the kernel holds for a peer before they can be sent

	// A peer whose network is gone without a word answers no probe of TCP. The first comes
	// after ProbeAfter of silence, further ones every ProbeEvery, and after Probes of them
	// the connection ends, whatever keep-alive its client asked for.
	ProbeAfter time.Duration
	ProbeEvery time.Duration
	Probes     int

	// PacketRate is how many packets a second are taken from one client, and PacketBurst how
	// many at once after a rest. More are left to the network until it is their turn.
	PacketRate  float64
	PacketBurst int

	// Of one address (IPv4) or one /64 network (IPv6): more are closed at once.
	AddressHandshakes  int     // under way at a time
	AddressRate        float64 // connections a second
	AddressBurst       int     // connections at once after a rest
	AddressConnections int     // open at a time

	Sessions          int // of gateways and others together, with and without a connection
	PrincipalSessions int // of one principal
	RetainedMessages  int
	RetainedBytes     int
	// QueuedBytes is what messages on their way to clients count for, all sessions together.
	// The nearer it comes, the less one session may hold ([ledger]).
	QueuedBytes int
}

// DefaultLimits returns the limits that the product runs with.
func DefaultLimits() Limits {
	return Limits{
		MQTT:               mqtt.DefaultLimits(),
		Connections:        20_000,
		ConnectRate:        5_000,
		ConnectBurst:       20_000,
		Handshakes:         1024,
		HandshakeTimeout:   10 * time.Second,
		WriteTimeout:       10 * time.Second,
		UnsentBytes:        64 << 10,
		ProbeAfter:         15 * time.Second,
		ProbeEvery:         5 * time.Second,
		Probes:             3,
		PacketRate:         5_000,
		PacketBurst:        10_000,
		AddressHandshakes:  256,
		AddressRate:        100,
		AddressBurst:       1000,
		AddressConnections: 5_000,
		Sessions:           50_000,
		PrincipalSessions:  32,
		RetainedMessages:   200_000,
		RetainedBytes:      128 << 20,
		QueuedBytes:        256 << 20,
	}
}

func (l *Limits) check() error {
	m := &l.MQTT
	for _, v := range []int{
		l.Connections, l.Handshakes, int(l.HandshakeTimeout), int(l.WriteTimeout), l.UnsentBytes, l.AddressHandshakes, l.AddressBurst,
		l.AddressConnections, l.Sessions, l.PrincipalSessions, l.RetainedMessages, l.RetainedBytes, l.QueuedBytes, l.ConnectBurst, l.Probes,
		l.PacketBurst, int(l.ProbeAfter / time.Second), int(l.ProbeEvery / time.Second), m.MaxPacket, m.MaxConnect,
		int(m.ConnectTimeout), int(m.MaxKeepAlive / time.Second), m.ReceiveMaximum, m.MaxInflight, m.QueueMessages, m.QueueBytes,
		m.QueueRetained, m.MaxFilters, m.MaxLevels,
	} {
		if v <= 0 {
			return sconce.Errorf(sconce.Invalid, "edge: every limit must be more than 0: take DefaultLimits and change what differs")
		}
	}
	if m.ReceiveMaximum > 65535 || m.MaxInflight > 65535 || l.AddressRate <= 0 || l.ConnectRate <= 0 || l.PacketRate <= 0 || m.MaxKeepAlive/time.Second > 65535 {
		return sconce.Errorf(sconce.Invalid, "edge: a limit is out of range: at most 65535 messages under way and seconds of keep-alive, and rates above 0")
	}
	return nil
}
