package mqtt

import "time"

// Limits bounds what one peer can make the engine hold or wait for. Take
// [DefaultLimits] and change what differs.
type Limits struct {
	// MaxPacket is the largest packet taken from a client, in bytes with its
	// first byte and length. A larger one ends the connection.
	MaxPacket int
	// MaxConnect is the same for CONNECT, which comes before the client is known.
	MaxConnect int
	// ConnectTimeout is how long a client may take to send CONNECT.
	ConnectTimeout time.Duration
	// MaxKeepAlive is imposed on MQTT 5.0 clients that ask for a longer keep-alive
	// or for none, unless their owner lets them ([Admission]). MQTT 3.1.1 has no way to impose one: its clients get theirs.
	MaxKeepAlive time.Duration
	// ReceiveMaximum is how many QoS 1 and 2 messages of a client may wait for their
	// acknowledgement, 1 to 65,535. An MQTT 5.0 client that sends more is
	// disconnected; an MQTT 3.1.1 client, which cannot know, is not read ([Conn.Full]).
	ReceiveMaximum int
	// TopicAliases is how many aliases a client may give to topics, and is given.
	TopicAliases int
	// MaxInflight is how many QoS 1 and 2 messages to a client may wait for its
	// acknowledgement, if the client allows as many.
	MaxInflight int
	// MaxSessionExpiry is the longest that a session is kept without a connection.
	MaxSessionExpiry time.Duration
	// QueueMessages and QueueBytes bound what waits for a connected client.
	// Beyond that the client is too slow, and its connection is ended.
	QueueMessages int
	QueueBytes    int
	// QueueRetained bounds the retained messages that wait for a connected client
	// after it subscribed. They do not count as bytes: the retained store holds them.
	QueueRetained int
	// AwayMessages and AwayBytes bound what waits in a session without a
	// connection: QoS 1 only. Beyond that the oldest is dropped and counted.
	AwayMessages int
	AwayBytes    int
	// MaxFilters is the number of subscriptions of one session, unless its owner lets it
	// have more ([Admission]).
	MaxFilters int
	// MaxLevels is the number of levels of a topic filter.
	MaxLevels int
}

// DefaultLimits returns the limits that the product runs with.
func DefaultLimits() Limits {
	return Limits{
		MaxPacket:        64<<10 + 1<<10, // a payload of 64 KiB with topic and properties
		MaxConnect:       16 << 10,
		ConnectTimeout:   5 * time.Second,
		MaxKeepAlive:     18 * time.Second, // silence is seen within 1.5 times this: under 30 s
		ReceiveMaximum:   256,
		TopicAliases:     16,
		MaxInflight:      32,
		MaxSessionExpiry: 24 * time.Hour,
		QueueMessages:    1000,
		QueueBytes:       1 << 20,
		QueueRetained:    16 << 10,
		AwayMessages:     100,
		AwayBytes:        256 << 10,
		MaxFilters:       32,
		MaxLevels:        16,
	}
}
