package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/eclipse/paho.golang/packets"
	paholog "github.com/eclipse/paho.golang/paho/log"
	paho "github.com/eclipse/paho.golang/paho/session"

	"sconce/gateway/buffer"
	"sconce/wire"
)

// session is the client's part of the MQTT session state (MQTT 5, 4.1): the
// messages on their way, with their packet identifiers. It outlives connections.
// Link guards it with its mutex.
type session struct {
	conn     io.Writer // nil while not connected
	flights  []flight  // in the order in which they were first sent
	quota    int       // how many the server takes without acknowledging (4.9)
	written  int       // how many are unacknowledged on this connection
	resume   bool      // the server has kept its part: identifiers are not free
	lastID   uint16
	requests map[uint16]chan<- packets.ControlPacket // subscriptions, by identifier
}

// flight is a message on its way.
type flight struct {
	id      uint16
	message buffer.Message
	again   bool // was written on an earlier connection
	written bool // was written on this connection
}

// begin prepares for a new connection.
func (s *session) begin(conn io.Writer, present bool, quota uint16) {
	s.conn, s.resume, s.quota, s.written = conn, present, int(quota), 0
	for i := range s.flights {
		s.flights[i].again = s.flights[i].again || s.flights[i].written
		s.flights[i].written = false
	}
}

// end forgets the connection.
func (s *session) end() {
	s.conn = nil
	for id, reply := range s.requests {
		delete(s.requests, id)
		reply <- packets.ControlPacket{} // there will be no answer
	}
}

// next chooses the message to write now, nil when there is none or the server
// would not take it: hello first, then what was on its way before, then what the
// buffer gives.
func (s *session) next(b *buffer.Buffer) *flight {
	if s.conn == nil || s.written >= s.quota {
		return nil
	}
	var chosen *flight
	for i := range s.flights {
		if f := &s.flights[i]; !f.written && (chosen == nil || f.message.Kind == wire.KindHello) {
			if chosen = f; f.message.Kind == wire.KindHello {
				break
			}
		}
	}
	if chosen == nil || chosen.message.Kind != wire.KindHello {
		if m, ok := b.TakeGreeting(); ok {
			chosen = s.add(m)
		}
	}
	if chosen == nil {
		// A quarter of what the server takes at a time is kept for what is live.
		room := min(s.quota, buffer.MaxTaken)
		m, ok := b.Take(s.written < room-room/4)
		if !ok {
			return nil
		}
		chosen = s.add(m)
	}
	chosen.written = true
	s.written++
	return chosen
}

// unsaid returns the numbers of the hellos on their way that are still to be written
// on this connection.
func (s *session) unsaid() (numbers []uint64) {
	for _, f := range s.flights {
		if f.message.Kind == wire.KindHello && !f.written {
			numbers = append(numbers, f.message.Sequence)
		}
	}
	return numbers
}

// renew gives a message on its way another payload.
func (s *session) renew(m buffer.Message) {
	for i := range s.flights {
		if s.flights[i].message.Sequence == m.Sequence {
			s.flights[i].message = m
		}
	}
}

func (s *session) add(m buffer.Message) *flight {
	s.flights = append(s.flights, flight{id: s.freeID(), message: m})
	return &s.flights[len(s.flights)-1]
}

// freeID returns an identifier that is not in use. There is always one: far
// fewer than 65,535 are in use.
func (s *session) freeID() uint16 {
	for {
		s.lastID++
		_, request := s.requests[s.lastID]
		if s.lastID != 0 && !request && !slices.ContainsFunc(s.flights, func(f flight) bool { return f.id == s.lastID }) {
			return s.lastID
		}
	}
}

// done removes the message with an identifier that was written on this
// connection.
func (s *session) done(id uint16) (flight, bool) {
	i := slices.IndexFunc(s.flights, func(f flight) bool { return f.id == id && f.written })
	if i < 0 {
		return flight{}, false
	}
	f := s.flights[i]
	s.flights = slices.Delete(s.flights, i, i+1)
	s.written--
	return f, true
}

// manager shows a link's session to the MQTT library, which calls it from its
// own goroutines. The library's own session keeps copies of what it sends and
// chooses the order; ours is the buffer.
type manager struct{ link *Link }

var _ paho.SessionManager = manager{}

func (m manager) ConAckReceived(conn io.Writer, _ *packets.Connect, ack *packets.Connack) error {
	l := m.link
	l.mu.Lock()
	defer l.mu.Unlock()
	quota := uint16(65535) // MQTT 5, 3.2.2.3.3
	if ack.Properties != nil && ack.Properties.ReceiveMaximum != nil {
		quota = *ack.Properties.ReceiveMaximum
	}
	l.session.begin(conn, ack.SessionPresent, quota)
	l.counters.Connects++
	return nil
}

func (m manager) ConnectionLost(*packets.Disconnect) error {
	m.link.mu.Lock()
	defer m.link.mu.Unlock()
	m.link.session.end()
	return nil
}

func (m manager) AddToSession(_ context.Context, p paho.Packet, reply chan<- packets.ControlPacket) error {
	if p.Type() == packets.PUBLISH {
		return errors.New("link: messages are sent from the buffer only")
	}
	l := m.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session.conn == nil {
		return paho.ErrNoConnection
	}
	if l.session.requests == nil {
		l.session.requests = map[uint16]chan<- packets.ControlPacket{}
	}
	id := l.session.freeID()
	l.session.requests[id] = reply
	p.SetIdentifier(id)
	return nil
}

func (m manager) PacketReceived(p *packets.ControlPacket, publishes chan<- *packets.Publish) error {
	switch c := p.Content.(type) {
	case *packets.Puback:
		m.link.acknowledged(c)
	case *packets.Suback:
		m.link.answered(c.PacketID, p)
	case *packets.Unsuback:
		m.link.answered(c.PacketID, p)
	case *packets.Publish:
		publishes <- c
	default:
		return fmt.Errorf("link: packet of type %d is not for this client", p.Type)
	}
	return nil
}

func (m manager) Ack(p *packets.Publish) error {
	m.link.mu.Lock()
	conn := m.link.session.conn
	m.link.mu.Unlock()
	if conn == nil || p.QoS != 1 {
		return nil // the server sends it again on the next connection
	}
	_, err := (&packets.Puback{PacketID: p.PacketID, Properties: &packets.Properties{}}).WriteTo(conn)
	return err
}

func (manager) Close() error                  { return nil }
func (manager) SetErrorLogger(paholog.Logger) {}
func (manager) SetDebugLogger(paholog.Logger) {}
