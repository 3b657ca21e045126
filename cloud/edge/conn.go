package edge

import (
	"log/slog"
	"net"
	"sync"
	"time"

	"sconce"
	"sconce/mqtt"
)

// lingering is how long a connection that we end is still read, so that the
// peer's last packets do not make the network throw away our last.
const lingering = time.Second

// client is who is at the other end: a gateway, known from its certificate; or a
// principal, known once its CONNECT has been accepted.
type client struct {
	gateway   sconce.EUI64 // 0 for a principal
	principal Principal
	rights    Rights
}

// conn is one MQTT connection. One goroutine reads it for as long as it lives; a
// second one writes while the first has left something to write, and no longer.
type conn struct {
	srv  *Server
	nc   net.Conn
	who  *client
	done func(uint64, error) // settle, bound once

	// Of the reading goroutine.
	entry *entry // the session table's; nil before CONNECT is accepted
	pace  bucket // packets that are taken now

	mu      sync.Mutex
	room    *sync.Cond // that a message was acknowledged, for a reader that waits; nil unless one does
	eng     *mqtt.Conn
	will    *mqtt.Will
	spare   []byte // to gather output in while other output is being written
	writing bool   // somebody is writing, and will write what is added
	batch   bool   // the reader is busy with what it read, and will write what is added
	hungUp  bool   // the last that we write was written
}

// start begins to serve a connection on a goroutine of its own.
func (s *Server) start(nc net.Conn, who *client) {
	now := time.Now()
	c := &conn{
		srv: s, nc: nc, who: who, eng: mqtt.NewConn(now, &s.cfg.Limits.MQTT),
		pace: newBucket(s.cfg.Limits.PacketRate, s.cfg.Limits.PacketBurst, now),
	}
	c.done = c.settle
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	go c.read()
}

// read is the life of the connection.
func (c *conn) read() {
	defer c.end()
	in := inbox{pool: &c.srv.buffer}
	defer in.giveBack()
	for {
		n, err := c.nc.Read(in.space())
		if n > 0 {
			used, over := c.consume(in.add(n))
			in.consumed(used)
			if over {
				c.depart() // at once; what is read after this only lets our last packet arrive
			}
		}
		if err != nil {
			return
		}
	}
}

// consume deals with the packets at the front of b and returns how many bytes
// they have, and whether the connection is over. Then the rest is thrown away.
func (c *conn) consume(b []byte) (used int, over bool) {
	now := time.Now()
	c.begin()
	packets := 0
	for !over {
		c.mu.Lock()
		c.waitForRoom()
		n, ev, err := c.eng.Next(now, b[used:])
		over = c.eng.Closed()
		c.mu.Unlock()
		used += n
		if err != nil {
			c.srv.stats.faults.Add(1)
			c.srv.log.Info("MQTT client broke the protocol", c.attr(), slog.Any("error", err))
		}
		if n == 0 {
			break
		}
		packets++
		if !over {
			c.handle(now, &ev)
		}
	}
	c.srv.stats.packets.Add(int64(packets))
	c.finish(now)
	if over {
		c.mu.Lock()
		c.wakeLocked() // to take leave of the peer may take time
		c.mu.Unlock()
		return len(b), true
	}
	c.flush()
	c.keepPace(now, packets)
	return used, false
}

// keepPace waits before more is read when the client sends more packets than are taken:
// no client has all the time of the server, and what it sends waits in the network. What
// comes in one read bounds the wait. That silence is not the client's.
func (c *conn) keepPace(now time.Time, packets int) {
	wait := c.pace.take(now, packets)
	if wait == 0 {
		return
	}
	c.srv.stats.paced.Add(1)
	c.mu.Lock()
	c.eng.Extend(now.Add(wait))
	c.mu.Unlock()
	c.srv.rest(wait)
}

func (c *conn) begin() {
	c.mu.Lock()
	c.batch = true
	c.mu.Unlock()
}

// finish ends what begin began at a time. If it took long, because the intake
// held it up, that was not the client's silence.
func (c *conn) finish(began time.Time) {
	now := time.Now()
	c.mu.Lock()
	c.batch = false
	if now.Sub(began) > time.Second {
		c.eng.Extend(now)
	}
	c.mu.Unlock()
}

// waitForRoom waits, with c.mu held, while the client has as many messages under
// way as are allowed and cannot know it.
func (c *conn) waitForRoom() {
	for c.eng.Full() && !c.eng.Closed() {
		if c.room == nil {
			c.room = sync.NewCond(&c.mu)
		}
		c.batch = false // acknowledgements must not wait for this goroutine
		c.wakeLocked()
		c.room.Wait()
		c.batch = true
	}
}

// settle is the done of the [Intake].
func (c *conn) settle(token uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eng.Closed() || token == 0 {
		return
	}
	if err != nil {
		c.srv.stats.notDurable.Add(1)
		c.eng.Close(reasonFor(err))
	} else if c.srv.stats.acknowledged.Add(1); !c.eng.Ack(token, mqtt.Success) {
		return // an earlier message is not settled yet
	}
	c.signalLocked()
	if !c.batch || err != nil {
		c.wakeLocked()
	}
}

// reasonFor says to an MQTT 5.0 client why its message could not be kept.
func reasonFor(err error) mqtt.Reason {
	switch sconce.KindOf(err) {
	case sconce.TooMany:
		return mqtt.QuotaExceeded
	case sconce.Unavailable:
		return mqtt.ServerBusy
	default:
		return mqtt.ImplementationError
	}
}

// close ends the connection from our side.
func (c *conn) close(r mqtt.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(r)
}

func (c *conn) closeLocked(r mqtt.Reason) {
	c.eng.Close(r)
	c.signalLocked()
	// Who does not take what was written before gets no more time for it.
	_ = c.nc.SetWriteDeadline(time.Now().Add(lingering))
	c.wakeLocked()
}

// tick is called about once a second.
func (c *conn) tick(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.batch { // held up by the intake: acknowledgements of what came before go out all the same
		c.wakeLocked()
		return
	}
	if err := c.eng.Advance(now); err != nil {
		c.srv.stats.silent.Add(1)
		c.srv.log.Info("MQTT client is silent", c.attr(), slog.Any("error", err))
		c.closeLocked(mqtt.KeepAliveTimeout)
	}
}

// signalLocked wakes a reader that waits for room.
func (c *conn) signalLocked() {
	if c.room != nil {
		c.room.Signal()
	}
}

// end takes leave of a connection whose reader has ended.
func (c *conn) end() {
	c.depart()
	c.mu.Lock()
	c.eng.Close(mqtt.Unspecified) // it may have ended by itself; nobody is there to be told
	c.hungUp = true
	c.mu.Unlock()
	_ = c.nc.Close()
	c.srv.mu.Lock()
	delete(c.srv.conns, c)
	c.srv.mu.Unlock()
	c.srv.running.Done()
}

// attr says in logs which client it is.
func (c *conn) attr() slog.Attr {
	switch {
	case c.who.gateway != 0:
		return slog.String("gateway", c.who.gateway.String())
	case c.who.principal.ID != "":
		return slog.String("principal", c.who.principal.ID)
	default:
		return slog.String("principal", "not known yet")
	}
}
