package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"sconce/gateway/buffer"
	"sconce/wire"
)

// connection makes one connection and keeps it until it is lost or ctx is done.
// It reports whether the connection was good for something.
func (l *Link) connection(ctx context.Context) (stable bool, err error) {
	conn, err := l.dial(ctx)
	if err != nil {
		return false, err
	}
	lost := newVerdict()
	client := paho.NewClient(paho.ClientConfig{
		Conn:          packets.NewThreadSafeConn(conn),
		Session:       manager{l},
		PacketTimeout: connectPatience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) {
				l.receive(p.Packet.Topic, p.Packet.Payload)
				return true, nil
			},
		},
		OnClientError: lost.because,
		OnServerDisconnect: func(d *paho.Disconnect) {
			lost.because(fmt.Errorf("the cloud ended the connection (reason 0x%02x)", d.ReasonCode))
		},
	})
	before := l.Counters().Acked
	if err := l.open(ctx, client); err != nil {
		return false, err
	}
	err = l.pump(ctx, client, lost)
	return l.Counters().Acked > before, err
}

// dialTLS connects and shakes hands. When the dates of the cloud's certificate do not
// fit the machine's clock, it is tried once more as at a moment at which they would: a
// clock that is wrong must not lock the gateway out.
func (l *Link) dialTLS(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	config := l.cfg.TLS.Clone()
	config.Time = l.cfg.Clock
	d := tls.Dialer{Config: config}
	conn, err := d.DialContext(ctx, "tcp", l.cfg.Address)
	if at, misdated := validAt(err, l.certain()); misdated {
		l.cfg.Log.Warn("the clock does not fit the dates of the cloud's certificate", "clock", config.Time(), "taken", at)
		config.Time = func() time.Time { return at }
		conn, err = d.DialContext(ctx, "tcp", l.cfg.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return conn, nil
}

// open makes the MQTT connection and the one subscription. The client closes
// the connection when it fails.
func (l *Link) open(ctx context.Context, client *paho.Client) error {
	expiry := uint32(sessionExpiry / time.Second)
	inbound := uint16(16) // messages from the cloud that may wait for our acknowledgement
	size := uint32(wire.MaxPayload + 1024)
	_, err := client.Connect(ctx, &paho.Connect{
		ClientID:  l.cfg.Gateway.String(),
		KeepAlive: uint16(keepAlive / time.Second),
		Properties: &paho.ConnectProperties{
			SessionExpiryInterval: &expiry,
			ReceiveMaximum:        &inbound,
			MaximumPacketSize:     &size,
			RequestProblemInfo:    true,
		},
	})
	if err != nil {
		return fmt.Errorf("opening the MQTT connection: %w", err)
	}
	_, err = client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
		{Topic: wire.DownFilter(l.cfg.Gateway), QoS: 1},
	}})
	if err != nil {
		_ = client.Disconnect(&paho.Disconnect{}) // it is of no use
		return fmt.Errorf("subscribing: %w", err)
	}
	return nil
}

// pump sends what there is to send until the connection is lost.
func (l *Link) pump(ctx context.Context, client *paho.Client, lost *verdict) error {
	l.mu.Lock()
	l.buffer.Connected()
	l.greet()
	l.mu.Unlock()
	l.cfg.Log.Info("connected to the cloud", "address", l.cfg.Address)
	for {
		if err := l.drain(); err != nil {
			_ = client.Disconnect(&paho.Disconnect{ReasonCode: 0x80})
			return err
		}
		select {
		case <-l.wake:
		case <-client.Done():
			<-lost.known // follows at once
			return lost.err
		case <-ctx.Done():
			_ = client.Disconnect(&paho.Disconnect{}) // the end is wanted: there is nobody to tell
			return ctx.Err()
		}
	}
}

// drain writes messages until there is none that may be written.
func (l *Link) drain() error {
	for {
		l.mu.Lock()
		conn := l.session.conn
		f := l.session.next(l.buffer)
		if f == nil {
			l.mu.Unlock()
			return nil
		}
		p := packets.Publish{
			Topic:      wire.UpTopic(l.cfg.Gateway, f.message.Kind),
			Payload:    f.message.Payload,
			QoS:        1,
			PacketID:   f.id,
			Duplicate:  f.again && l.session.resume,
			Properties: &packets.Properties{},
		}
		l.counters.Sent++
		l.mu.Unlock()
		if _, err := p.WriteTo(conn); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
}

// acknowledged handles the cloud's word on one message.
func (l *Link) acknowledged(ack *packets.Puback) {
	refused := ack.ReasonCode >= 0x80
	m, ok := l.finish(ack.PacketID, refused)
	if ok && refused {
		l.cfg.Log.Warn("the cloud refused a message", "kind", m.Kind, "reason", ack.ReasonCode)
	}
}

// finish takes a message out of the session and the buffer. A refusal is final:
// sent again, the same message would meet the same rule. What may pass later,
// the cloud does not acknowledge at all.
func (l *Link) finish(id uint16, refused bool) (buffer.Message, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.session.done(id)
	m := f.message
	switch {
	case !ok:
		return m, false // not on its way: nothing to forget
	case refused:
		l.buffer.Refuse(m.Sequence)
		l.counters.Refused++
	default:
		l.buffer.Remove(m.Sequence)
		l.counters.Acked++
	}
	if f.again && m.Kind == wire.KindHello {
		l.greet() // the cloud may have had it before it was renewed
	}
	l.poke()
	return m, true
}

// answered hands the answer to a subscription to whoever waits for it.
func (l *Link) answered(id uint16, p *packets.ControlPacket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reply, ok := l.session.requests[id]; ok {
		delete(l.session.requests, id)
		reply <- *p // has room: one answer a request
	}
}

// verdict is the first reason given for the loss of a connection.
type verdict struct {
	once  sync.Once
	known chan struct{}
	err   error
}

func newVerdict() *verdict { return &verdict{known: make(chan struct{})} }

func (v *verdict) because(err error) {
	v.once.Do(func() {
		if err == nil {
			err = errors.New("the connection ended")
		}
		v.err = err
		close(v.known)
	})
}
