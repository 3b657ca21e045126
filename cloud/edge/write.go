package edge

import (
	"crypto/tls"
	"time"

	"sconce/mqtt"
)

// wakeLocked has what the engine holds written, by a goroutine that lives no
// longer than there is something to write. c.mu is held.
func (c *conn) wakeLocked() {
	if !c.writing && !c.hungUp {
		c.writing = true
		go c.write()
	}
}

// flush writes on the reader's own goroutine, once, and leaves what is added
// meanwhile to another: the reader must get back to reading.
func (c *conn) flush() {
	c.mu.Lock()
	if c.writing || c.hungUp {
		c.mu.Unlock()
		return
	}
	c.writing = true
	c.mu.Unlock()
	if c.writeOnce() {
		go c.write()
	}
}

func (c *conn) write() {
	for c.writeOnce() {
	}
}

// writeOnce writes what there is, gathered in one write. It returns false, and
// gives up its turn, when there is nothing. After the last packet of a
// connection that is over, it hangs up.
func (c *conn) writeOnce() bool {
	now := time.Now()
	c.mu.Lock()
	out := c.eng.Take(now, c.spare)
	if len(out) > 0 {
		c.spare = nil
		c.mu.Unlock()
		return c.put(now, out)
	}
	c.writing = false
	c.recycle(c.spare)
	c.spare = nil
	over := c.eng.Closed() && !c.hungUp
	c.hungUp = c.hungUp || over
	c.mu.Unlock()
	c.recycle(out)
	if over {
		c.hangUp(now)
	}
	return false
}

// put writes out, in at most the time that a peer is given to take it.
func (c *conn) put(now time.Time, out []byte) bool {
	_ = c.nc.SetWriteDeadline(now.Add(c.srv.cfg.Limits.WriteTimeout))
	_, err := c.nc.Write(out)
	c.mu.Lock()
	c.spare = out[:0]
	if err != nil {
		if !c.eng.Closed() && time.Since(now) >= c.srv.cfg.Limits.WriteTimeout {
			c.srv.stats.stalled.Add(1)
			c.srv.log.Info("MQTT client takes nothing", c.attr())
		}
		c.hungUp, c.writing = true, false
		c.eng.Close(mqtt.Unspecified)
		c.signalLocked()
	}
	c.mu.Unlock()
	if err != nil {
		c.abandon()
		return false
	}
	return true
}

// abandon ends a connection that takes nothing, and its reader with it. There is no last
// word: TLS and WebSocket would wait seconds for the peer to take it.
func (c *conn) abandon() {
	switch nc := c.nc.(type) {
	case *tls.Conn:
		_ = nc.NetConn().Close()
	case *webConn:
		_ = nc.ws.CloseNow()
	default:
		_ = nc.Close()
	}
}

// hangUp tells the peer that no more will come, and leaves the reader a moment to
// take what is still on its way.
func (c *conn) hangUp(now time.Time) {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok { // WebSocket has an end of its own that both sides say
		_ = c.nc.Close()
		return
	}
	_ = c.nc.SetReadDeadline(now.Add(lingering))
	_ = half.CloseWrite()
}

// recycle keeps large buffers for others; small ones are not worth it.
func (c *conn) recycle(b []byte) {
	if cap(b) >= busyBuffer && cap(b) <= 4*busyBuffer {
		b = b[:cap(b)]
		c.srv.buffer.Put(&b)
	}
}
