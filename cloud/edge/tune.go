package edge

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
)

// notSentLowat is TCP_NOTSENT_LOWAT (linux/tcp.h), which package syscall does not name.
const notSentLowat = 25

// tune has TCP ask whether the peer is still there, for clients that have no keep-alive and
// for those whose packets are delivered to nobody; and has the kernel take no more for a
// peer than [Limits.UnsentBytes] that cannot be sent yet. What waits beyond that waits where
// it is counted, and what is newer does not stand behind megabytes that are old.
func (s *Server) tune(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	lim := &s.cfg.Limits
	err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: lim.ProbeAfter, Interval: lim.ProbeEvery, Count: lim.Probes})
	if raw, failed := tcp.SyscallConn(); failed == nil {
		failed = raw.Control(func(fd uintptr) {
			err = errors.Join(err, syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, notSentLowat, lim.UnsentBytes))
		})
		err = errors.Join(err, failed)
	}
	if err != nil { // the peer was gone already: reading says so
		s.log.Debug("tuning TCP", slog.Any("error", err))
	}
}
