package mqtt

import "time"

// Message is an application message on its way to subscribers. One message is
// shared by all of them and never changes once it is made.
type Message struct {
	Topic      string
	Payload    []byte
	QoS        QoS
	Retain     bool
	Properties Properties // what is forwarded unaltered; no expiry, no alias
	Expires    time.Time  // when it is of no more use; zero for never
}

// NewMessage returns the message of a PUBLISH received now. It shares no memory
// with the packet.
func NewMessage(now time.Time, p *Publish) *Message {
	m := &Message{
		Topic: p.Topic, Payload: append([]byte(nil), p.Payload...), QoS: p.QoS, Retain: p.Retain,
		Properties: p.Properties.without(MessageExpiry, TopicAlias, SubscriptionID),
	}
	m.expireAfter(now, p.Properties)
	return m
}

// NewWill returns the message of a will that falls due now.
func NewWill(now time.Time, w *Will) *Message {
	m := &Message{
		Topic: w.Topic, Payload: w.Payload, QoS: w.QoS, Retain: w.Retain,
		Properties: w.Properties.without(MessageExpiry, WillDelay),
	}
	m.expireAfter(now, w.Properties)
	return m
}

// Delay returns how long after the end of the connection the will falls due (3.1.3.2.2).
func (w *Will) Delay() time.Duration {
	s, _ := w.Properties.Number(WillDelay)
	return time.Duration(s) * time.Second
}

func (m *Message) expireAfter(now time.Time, p Properties) {
	if s, ok := p.Number(MessageExpiry); ok {
		m.Expires = now.Add(time.Duration(s) * time.Second)
	}
}

// Expired reports whether the message is of no more use.
func (m *Message) Expired(now time.Time) bool { return !m.Expires.IsZero() && !now.Before(m.Expires) }

// size is what the message counts for in a queue.
func (m *Message) size() int { return len(m.Topic) + len(m.Payload) + len(m.Properties) + 64 }

// Grant is a subscription as it was granted: what decides how a message that
// matches it is delivered.
type Grant struct {
	QoS               QoS
	NoLocal           bool
	RetainAsPublished bool
	ID                uint32 // Subscription Identifier (3.8.2.1.2); 0 for none
}
