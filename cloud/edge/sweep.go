package edge

import (
	"context"
	"log/slog"
	"time"

	"sconce/mqtt"
)

// sweepEvery is how exactly time limits of MQTT are kept: CONNECT, keep-alive,
// expiry of sessions, delay of wills.
const sweepEvery = time.Second

// askEvery is how often the accounts are asked who may no longer be connected.
const askEvery = 2

// sweep keeps the time for all connections and sessions, so that an idle
// connection needs no timer of its own.
func (s *Server) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-s.stop.Done():
			return
		case now := <-tick.C:
			s.sweepConns(now)
			s.sweepEntries(now)
			if n%askEvery == 0 {
				s.endPrincipals()
			}
			if n%60 == 0 {
				s.gate.forget(now)
			}
		}
	}
}

func (s *Server) snapshot() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

func (s *Server) sweepConns(now time.Time) {
	for _, c := range s.snapshot() {
		c.tick(now)
	}
}

// sweepEntries ends sessions that have expired and sends wills whose delay is over.
func (s *Server) sweepEntries(now time.Time) {
	type due struct {
		entry *entry
		will  *mqtt.Will
	}
	var wills []due
	h := s.hub
	h.mu.Lock()
	for _, e := range h.entries {
		if e.conn != nil {
			continue
		}
		if e.will != nil && !now.Before(e.willAt) {
			wills = append(wills, due{e, e.will})
			e.will = nil
		}
		if e.session != nil && !now.Before(e.expires) {
			h.drop(e)
		}
		h.sweepOut(e)
	}
	h.mu.Unlock()
	for _, d := range wills {
		s.publishWill(now, d.entry, d.will)
	}
}

// endPrincipals ends the connections of those who may no longer be connected.
// When the accounts cannot be asked, nobody is ended: they stay as they were.
func (s *Server) endPrincipals() {
	var conns []*conn
	var principals []Principal
	for _, c := range s.snapshot() {
		c.mu.Lock()
		who := c.who
		c.mu.Unlock()
		if who.principal.ID != "" {
			conns, principals = append(conns, c), append(principals, who.principal)
		}
	}
	if len(principals) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.stop, 5*time.Second)
	defer cancel()
	ended, err := s.cfg.Accounts.Ended(ctx, principals)
	if err != nil {
		if s.stop.Err() == nil {
			s.log.Error("asking which connections have lost their right", slog.Any("error", err))
		}
		return
	}
	for _, i := range ended {
		c := conns[i]
		c.mu.Lock()
		c.eng.ForgetSession()
		c.closeLocked(mqtt.NotAuthorized)
		c.mu.Unlock()
	}
}
