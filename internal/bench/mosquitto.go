package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sconce"
	"sconce/internal/installation"
)

// mosquittoConfig makes mosquitto do what our server does on its way: mutual TLS
// 1.3 with the cipher that ours chooses too, QoS 1 with as much under way as the
// load has, nothing kept. Debian's mosquitto answers late without tcp_nodelay.
const mosquittoConfig = `listener %d 127.0.0.1
cafile %s
certfile %s
keyfile %s
require_certificate true
allow_anonymous true
tls_version tlsv1.3
ciphers_tls1.3 TLS_AES_128_GCM_SHA256
set_tcp_nodelay true
max_inflight_messages %d
persistence false
log_type none
user root
`

// startMosquitto starts mosquitto with the installation's certificates and
// returns when it can be reached.
func (b *bench) startMosquitto(ctx context.Context, inst *installation.Installation) (*server, string, error) {
	program, err := findMosquitto()
	if err != nil {
		return nil, "", err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("looking for a free port: %w", err)
	}
	addr, port := ln.Addr().String(), ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close() // mosquitto takes it
	file := filepath.Join(b.dir, "mosquitto.conf")
	text := fmt.Sprintf(mosquittoConfig, port, inst.DeviceCA(),
		inst.HostCertificate(), inst.HostKey(), ingestWindow)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, "", fmt.Errorf("writing mosquitto's configuration: %w", err)
	}
	s, err := startServer("mosquitto", program, "-c", file)
	if err != nil {
		return nil, "", err
	}
	for range 100 {
		nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return s, addr, nc.Close()
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			break
		}
	}
	s.stop()
	return nil, "", fmt.Errorf("mosquitto does not listen: %s", s.log.String())
}

// findMosquitto looks where Debian puts servers, too.
func findMosquitto() (string, error) {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", sconce.Errorf(sconce.NotFound, "mosquitto is missing: install it (on Debian: apt-get install mosquitto)")
}
