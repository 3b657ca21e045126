package edge

import (
	"sync/atomic"

	"sconce/mqtt"
)

// Stats is a snapshot of what the server counts. Those without "now" in their
// comment only grow.
type Stats struct {
	Connections    int64 // open now, of every kind
	Gateways       int64 // connected by MQTT with a certificate now
	Principals     int64 // connected by MQTT over WebSocket now
	Sessions       int64 // now, with and without a connection
	Retained       int64 // retained messages now
	RetainedBytes  int64 // that they count for now
	QueuedBytes    int64 // that messages on their way to clients count for now
	Accepted       int64 // connections taken from the listener
	HeldUp         int64 // of these, those that waited because too many connected at a time
	Full           int64 // of these, closed at once: too many are open, in all or of their address
	TooFast        int64 // of these, closed at once: their address connects too often
	Unready        int64 // of these, closed at once: too many handshakes of their address are under way
	HandshakeFails int64 // TLS handshakes that failed: certificate, host name, time
	Refused        int64 // CONNECTs answered with a failure
	Packets        int64 // packets taken from clients
	Received       int64 // messages received from clients
	Acknowledged   int64 // of these, QoS 1 acknowledged after they were durable
	Unauthorised   int64 // publishes and subscriptions outside the client's rights
	Declined       int64 // messages of principals that their inbox did not deal with
	Faults         int64 // connections ended because the client broke the protocol
	Silent         int64 // connections ended because nothing came in time
	Slow           int64 // connections ended because too much waited for the client
	Stalled        int64 // connections ended because the client took nothing
	Paced          int64 // times that a client was not read for a while because it sent too many packets
	NotDurable     int64 // connections ended because the intake failed
	TakenOver      int64 // connections ended by a newer one of the same client
	Published      int64 // messages of the cloud handed to Publish
	Dropped        int64 // messages for a client dropped because its queue was full
	Expired        int64 // messages for a client dropped because they were of no more use
	TooLarge       int64 // messages not sent because their client takes no packets so large
}

type counters struct {
	gateways, principals                                 atomic.Int64
	accepted, heldUp, handshakeFails, refused            atomic.Int64
	turnedAway                                           [unready + 1]atomic.Int64 // by why
	packets                                              atomic.Int64
	received, acknowledged, unauthorised, faults, silent atomic.Int64
	slow, stalled, paced, notDurable, takenOver          atomic.Int64
	published, declined                                  atomic.Int64
}

// Stats returns the counts of this moment.
func (s *Server) Stats() Stats {
	sessions, retained, bytes := s.hub.size()
	c, l := &s.stats, &s.hub.ledger
	return Stats{
		Connections: s.gate.open(), Gateways: c.gateways.Load(), Principals: c.principals.Load(),
		Sessions: int64(sessions), Retained: int64(retained), RetainedBytes: int64(bytes), QueuedBytes: l.held.Load(),
		Accepted: c.accepted.Load(), HeldUp: c.heldUp.Load(), Full: c.turnedAway[full].Load(), TooFast: c.turnedAway[tooFast].Load(),
		Unready: c.turnedAway[unready].Load(), HandshakeFails: c.handshakeFails.Load(), Refused: c.refused.Load(),
		Packets: c.packets.Load(), Received: c.received.Load(), Acknowledged: c.acknowledged.Load(), Unauthorised: c.unauthorised.Load(), Declined: c.declined.Load(),
		Faults: c.faults.Load(), Silent: c.silent.Load(), Slow: c.slow.Load(), Stalled: c.stalled.Load(), Paced: c.paced.Load(),
		NotDurable: c.notDurable.Load(), TakenOver: c.takenOver.Load(), Published: c.published.Load(),
		Dropped: l.lost[mqtt.LostFull].Load(), Expired: l.lost[mqtt.LostExpired].Load(), TooLarge: l.lost[mqtt.LostTooLarge].Load(),
	}
}
