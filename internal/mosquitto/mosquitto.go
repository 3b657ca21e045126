// Package mosquitto runs mosquitto's clients, which are somebody else's MQTT,
// against our server. It is for tests.
//
// The programs mosquitto_pub and mosquitto_sub have to be installed (Debian's
// package mosquitto-clients). They connect through a proxy of the test, so that
// they use the server's true host name without anybody's name service.
package mosquitto

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Clients runs the programs as one gateway.
type Clients struct {
	t    testing.TB
	args []string
}

// New returns the programs as a client of the server at addr, whose name is host
// and whose certificate is signed by ca; with cert as their own, none when it is
// nil.
func New(t testing.TB, addr, host string, ca *x509.Certificate, cert *tls.Certificate) *Clients {
	t.Helper()
	for _, program := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: install the package mosquitto-clients (Debian: apt-get install mosquitto-clients)", program)
		}
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &Clients{t: t, args: []string{
		"-h", host, "-p", port, "--proxy", proxy(t, addr), "--cafile", write(t, dir, "ca.pem", "CERTIFICATE", ca.Raw),
	}}
	if cert != nil {
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		c.args = append(c.args, "--cert", write(t, dir, "cert.pem", "CERTIFICATE", cert.Certificate[0]), "--key", write(t, dir, "key.pem", "PRIVATE KEY", key))
	}
	return c
}

func write(t testing.TB, dir, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// timeLimit is how long a program may run.
const timeLimit = 20 * time.Second

// Command returns a command that is not started yet.
func (c *Clients) Command(program string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(c.t.Context(), timeLimit)
	c.t.Cleanup(cancel)
	args = append(c.args[:len(c.args):len(c.args)], args...)
	return exec.CommandContext(ctx, program, args...) //nolint:gosec // a test runs its own peers
}

// Run returns the exit code of a program and all that it printed.
func (c *Clients) Run(program string, args ...string) (int, string) {
	c.t.Helper()
	cmd := c.Command(program, args...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		c.t.Fatalf("%s: %v", program, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// proxy is a SOCKS5 proxy (RFC 1928) that leads every name to one address.
func proxy(t testing.TB, to string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the test is over
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(t.Context(), client, to)
		}
	}()
	return "socks5h://" + listener.Addr().String()
}

// forward answers a client's request without looking at it, and copies both ways
// until one side ends.
func forward(ctx context.Context, client net.Conn, to string) {
	defer client.Close()
	head := make([]byte, 5)
	if _, err := io.ReadFull(client, head[:2]); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, client, int64(head[1])) // its methods; what is missing shows below
	_, _ = client.Write([]byte{5, 0})
	if _, err := io.ReadFull(client, head); err != nil { // CONNECT to a name of head[4] bytes
		return
	}
	_, _ = io.CopyN(io.Discard, client, int64(head[4])+2) // the name and the port
	_, _ = client.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 0})
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)         // until the client has said all
		_ = server.(*net.TCPConn).CloseWrite() // the server sees that
	}()
	_, _ = io.Copy(client, server) // until the server has said all
}
