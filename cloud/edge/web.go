package edge

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// newWeb returns an HTTP server with limits, which [Server.Shutdown] shuts down.
func (s *Server) newWeb(handler http.Handler) *http.Server {
	web := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.cfg.Limits.HandshakeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return s.stop },
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webs = append(s.webs, web)
	return web
}

func (s *Server) newWebHost(cfg *tls.Config, handler http.Handler) *host {
	return &host{tls: cfg, web: s.newWeb(handler), queue: newQueue()}
}

// serveWebSocket upgrades a request to MQTT over WebSocket (MQTT 5.0, 6). Who the
// client is, it says in CONNECT; no cookie is looked at. Pages of other origins
// are refused all the same, so that they cannot even try passwords with the
// address of their visitor.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if !s.originAllowed(r) {
		http.Error(w, "pages of this origin may not connect here", http.StatusForbidden)
		return
	}
	if r.Header.Get("Upgrade") == "" {
		http.Error(w, "this address speaks MQTT over WebSocket, with the subprotocol mqtt", http.StatusUpgradeRequired)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{"mqtt"},
		InsecureSkipVerify: true, // the origin has been checked above, against a list
	})
	if err != nil {
		s.log.Debug("WebSocket upgrade failed", slog.Any("error", err))
		return
	}
	if ws.Subprotocol() != "mqtt" { // [MQTT-6.0.0-3]
		_ = ws.Close(websocket.StatusPolicyViolation, "expected the subprotocol mqtt")
		return
	}
	ws.SetReadLimit(-1) // frames are no packets [MQTT-6.0.0-2]: the engine bounds those, and nothing gathers these
	// A text frame is an error of NetConn's Read, which ends the connection [MQTT-6.0.0-1].
	s.start(&webConn{websocket.NetConn(context.Background(), ws, websocket.MessageBinary), ws}, &client{})
}

// webConn is MQTT's stream of bytes over a WebSocket.
type webConn struct {
	net.Conn
	ws *websocket.Conn
}

// originAllowed lets in what is no web page, pages of the configured origins, and
// pages that were served under the very name that they connect to.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(s.cfg.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}
