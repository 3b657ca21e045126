package edge

import "sync/atomic"

// Stats is a snapshot of what the server counts. Those without "now" in their
// comment only grow.
type Stats struct {
	Connections    int64 // open now, of every kind
	Gateways       int64 // connected by MQTT with a certificate now
	Principals     int64 // connected by MQTT over WebSocket now
	Sessions       int64 // now, with and without a connection
	Retained       int64 // retained messages now
	RetainedBytes  int64 // that they count for now
	Accepted       int64 // connections taken from the listener
	TurnedAway     int64 // of these, closed at once because of a limit
	HandshakeFails int64 // TLS handshakes that failed: certificate, host name, time
	Refused        int64 // CONNECTs answered with a failure
	Received       int64 // messages received from clients
	Acknowledged   int64 // of these, QoS 1 acknowledged after they were durable
	Unauthorised   int64 // publishes and subscriptions outside the client's rights
	Faults         int64 // connections ended because the client broke the protocol
	Silent         int64 // connections ended because nothing came in time
	Slow           int64 // connections ended because the client was too slow
	NotDurable     int64 // connections ended because the intake failed
	TakenOver      int64 // connections ended by a newer one of the same client
	Published      int64 // messages of the cloud handed to Publish
}

type counters struct {
	gateways, principals                                 atomic.Int64
	accepted, turnedAway, handshakeFails, refused        atomic.Int64
	received, acknowledged, unauthorised, faults, silent atomic.Int64
	slow, notDurable, takenOver, published               atomic.Int64
}

// Stats returns the counts of this moment.
func (s *Server) Stats() Stats {
	sessions, retained, bytes := s.hub.size()
	c := &s.stats
	return Stats{
		Connections: s.gate.open(), Gateways: c.gateways.Load(), Principals: c.principals.Load(),
		Sessions: int64(sessions), Retained: int64(retained), RetainedBytes: int64(bytes),
		Accepted: c.accepted.Load(), TurnedAway: c.turnedAway.Load(), HandshakeFails: c.handshakeFails.Load(),
		Refused: c.refused.Load(), Received: c.received.Load(), Acknowledged: c.acknowledged.Load(),
		Unauthorised: c.unauthorised.Load(), Faults: c.faults.Load(), Silent: c.silent.Load(),
		Slow: c.slow.Load(), NotDurable: c.notDurable.Load(), TakenOver: c.takenOver.Load(), Published: c.published.Load(),
	}
}
