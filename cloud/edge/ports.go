package edge

import (
	"context"
	"crypto/x509"
	"time"

	"sconce"
)

// Devices knows which certificates open a connection.
type Devices interface {
	// Authenticate returns the gateway that a certificate belongs to, or an error
	// when it is unknown or revoked. That the certificate is signed by a device
	// authority, is within its validity and is meant for clients has been checked.
	// It is asked in every handshake and must be quick.
	Authenticate(ctx context.Context, cert *x509.Certificate) (sconce.EUI64, error)
}

// Accounts knows the people and programs that connect over WebSocket.
type Accounts interface {
	// Authenticate returns who has a user name and password. An error with the kind
	// [sconce.Unauthenticated] or [sconce.Forbidden] refuses the client; any
	// other tells it to come back later.
	Authenticate(ctx context.Context, username, password string) (Principal, error)
	// Ended returns the indices of those principals who may no longer be
	// connected. It is asked every two seconds about all that are.
	Ended(ctx context.Context, connected []Principal) ([]int, error)
}

// Principal is a person or program that connected over WebSocket.
type Principal struct {
	// ID names the principal. Sessions of different principals never meet, whatever
	// client identifiers they choose.
	ID string
	// Rights says what the principal may do.
	Rights Rights
	// Subject is for the Accounts that made the principal; the edge hands it back.
	Subject any
	// Inbox takes what the principal publishes, its will included; nil lets that go to
	// subscribers.
	Inbox Inbox
	// Filters is how many subscriptions a session of the principal may have, when that is more
	// than [mqtt.Limits.MaxFilters].
	Filters int
	// KeepAlive is the longest keep-alive that the principal may ask for, when that is more than
	// [mqtt.Limits.MaxKeepAlive].
	KeepAlive time.Duration
}

// Inbox takes what one principal publishes within its rights.
type Inbox interface {
	// Take deals with a message, on the goroutine that reads the connection: while it waits,
	// nothing more is read there. The payload is valid only until it returns.
	//
	// A [sconce.Forbidden] is answered as a message outside the rights of the principal. Every
	// other error is told to an MQTT 5.0 client that asks for an acknowledgement, by the reason
	// that is nearest to its kind; MQTT 3.1.1 knows no such answer, and there the message
	// counts as received (3.3.5-2).
	Take(ctx context.Context, topic string, payload []byte) error
}

// Rights says what one client may do. Its methods are called for every message
// and must be quick.
type Rights interface {
	// MaySubscribe reports whether everything that the topic filter can match may
	// be received.
	MaySubscribe(filter string) bool
	MayPublish(topic string) bool
}

// Intake takes what gateways publish.
type Intake interface {
	// Accept takes a message. It may block: then nothing more is read from that
	// gateway's connection. The payload is valid only until it returns.
	//
	// For each message done is to be called exactly once, with the token and nil
	// when the message is durable; then it is acknowledged to the gateway. With an
	// error the connection is ended without an acknowledgement, so that the gateway
	// sends the message again: [sconce.TooMany] and [sconce.Unavailable] say so
	// more politely than other kinds. done may be called from any goroutine, in any
	// order, also before Accept returns, and it does not block; calls after the end
	// of the connection do nothing. All messages of a connection have the same done.
	// A message of QoS 0 has token 0, and its done does nothing.
	Accept(from sconce.EUI64, topic string, payload []byte, token uint64, done func(token uint64, err error))
}

// Presence is told which gateways are connected. Calls for one gateway come one
// after the other, in the order in which things happened; the CONNACK is sent,
// or the next connection of the gateway considered, when they return. They must
// not wait for the [Server] to do anything with the same gateway.
type Presence interface {
	// Connected is called when a gateway has connected. It is called again without
	// a Disconnected between when a new connection took the place of the last.
	Connected(gateway sconce.EUI64, at time.Time)
	// Disconnected is called when the connection of a gateway has ended and no new
	// one has taken its place.
	Disconnected(gateway sconce.EUI64, at time.Time)
}
