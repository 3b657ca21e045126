package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sconce/gateway/link/linktest"
	"sconce/wire"
)

const gatewayName = "00124b0001020304"

// folder is a folder with a configuration and everything that it names.
type folder struct {
	t         *testing.T
	dir       string
	authority *linktest.Authority
}

func newFolder(t *testing.T) *folder {
	f := &folder{t: t, dir: t.TempDir(), authority: linktest.NewAuthority(t)}
	f.writePEM("ca.crt", "CERTIFICATE", f.authority.Certificate())
	f.identity("gw", gatewayName)
	return f
}

func (f *folder) identity(file, name string) {
	own := f.authority.Issue(name, x509.ExtKeyUsageClientAuth)
	f.writePEM(file+".crt", "CERTIFICATE", own.Certificate[0])
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		f.t.Fatal(err)
	}
	f.writePEM(file+".key", "PRIVATE KEY", key)
}

func (f *folder) writePEM(name, kind string, der []byte) {
	f.write(name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func (f *folder) write(name, text string) string {
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

const good = `cloud:
  address: 127.0.0.1:8443
  server_name: mq.test
  ca_file: ca.crt
identity:
  certificate_file: gw.crt
  key_file: gw.key
radio:
  url: spinel+tcp://127.0.0.1:7000
  channels: [11, 15]
state:
  file: state.sealed
  key_file: state.key
buffer:
  mib: 64
log:
  level: warn
`

func run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Program{Stdout: &out, Stderr: &err}.Run(ctx, args)
	return code, out.String(), err.String()
}

func TestCheckSaysThatAConfigurationIsRight(t *testing.T) {
	f := newFolder(t)
	path := f.write("gateway.yaml", good)
	code, stdout, stderr := run(t.Context(), "--config", path, "--check")
	if code != 0 || stdout != path+" is right\n" || stderr != "" {
		t.Errorf("code %d, %q, %q", code, stdout, stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(f.dir, "state*")); len(left) != 0 {
		t.Errorf("a check has made %v", left)
	}
	minimal := good[:strings.Index(good, "buffer:")]
	minimal = strings.Replace(minimal, "  channels: [11, 15]\n", "", 1)
	if code, _, stderr := run(t.Context(), "--config", f.write("minimal.yaml", minimal), "--check"); code != 0 {
		t.Errorf("without the optional keys: code %d, %s", code, stderr)
	}
}

func TestWrongConfigurations(t *testing.T) {
	f := newFolder(t)
	f.identity("other", "mq.test")
	f.write("empty", "")
	tests := []struct{ name, line, instead, want string }{
		{"no address", "  address: 127.0.0.1:8443\n", "", ":1: cloud.address: this key is missing; expected host:port, such as 127.0.0.1:8443"},
		{"bad address", "127.0.0.1:8443", "8443", ":2: cloud.address: expected text"},
		{"no name", "server_name: mq.test", "server_name: \"\"", ":3: cloud.server_name: the value is empty; expected the name in the cloud's certificate, such as mq.sconce.localhost"},
		{"absent authority", "ca.crt", "no.crt", ":4: cloud.ca_file: DIR/no.crt cannot be read: no such file or directory"},
		{"empty authority", "ca.crt", "empty", ":4: cloud.ca_file: DIR/empty holds no certificate in PEM"},
		{"absent certificate", "gw.crt", "no.crt", ":6: identity.certificate_file: DIR/no.crt cannot be read: no such file or directory"},
		{"another's key", "gw.key", "other.key", ":6: identity.certificate_file: DIR/gw.crt and DIR/other.key are not a certificate and its key: tls: private key does not match public key"},
		{"not a gateway's", "gw.crt\n  key_file: gw.key", "other.crt\n  key_file: other.key", ":6: identity.certificate_file: the certificate is not a gateway's: its common name \"mq.test\" is not an address of 16 hexadecimal digits"},
		{"another radio", "spinel+tcp://127.0.0.1:7000", "/dev/ttyACM0", ":9: radio.url: \"/dev/ttyACM0\" is not the address of a radio; expected spinel+tcp://host:port or spinel+serial:///dev/ttyACM0?baud=460800"},
		{"channel", "[11, 15]", "[11, 27]", ":10: radio.channels[1]: 27 is out of range; expected 11 to 26"},
		{"no channel", "[11, 15]", "[]", ":10: radio.channels: the list is empty; expected channels from 11 to 26"},
		{"buffer", "mib: 64", "mib: 1", fmt.Sprintf(":15: buffer.mib: 1 is out of range; expected %d to 4096", minBufferMiB)},
		{"level", "level: warn", "level: loud", ":17: log.level: \"loud\" is not known; expected one of debug, info, warn, error"},
		{"unknown key", "log:\n", "log:\n  file: x\n", ":17: log.file: this key is not known; expected level"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(good, tt.line, tt.instead, 1)
			if text == good {
				t.Fatal("the configuration was not changed")
			}
			path := f.write("gateway.yaml", text)
			code, _, stderr := run(t.Context(), "--config", path)
			want := path + strings.ReplaceAll(tt.want, "DIR", f.dir) + "\n"
			if code != exitWrong || stderr != want {
				t.Errorf("code %d\n%swant\n%s", code, stderr, want)
			}
		})
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"--config"}, {"--config", "x", "--loud"}, {"--config", "x", "y"}} {
		if code, _, stderr := run(t.Context(), args...); code != exitWrong || !strings.HasPrefix(stderr, "sconce-gateway: ") {
			t.Errorf("%q: code %d, %q", args, code, stderr)
		}
	}
	if code, stdout, _ := run(t.Context(), "--help"); code != 0 || !strings.Contains(stdout, "--config=FILE") {
		t.Errorf("--help: code %d, %q", code, stdout)
	}
}

// The program connects, is silent on the air before it is adopted, listens on
// nothing, and ends cleanly when it is asked to.
func TestTheProgramRunsAndListensOnNothing(t *testing.T) {
	f := newFolder(t)
	server := linktest.NewServer(t, f.authority)
	path := f.write("gateway.yaml", strings.Replace(good, "127.0.0.1:8443", server.Address(), 1))
	program := filepath.Join(f.dir, "sconce-gateway")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(program, "--config", path)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	done := make(chan error, 1)
	wg.Go(func() { done <- cmd.Wait() })
	peer, _ := server.Accept(wire.DownFilter(0x00124b0001020304), false, 10)
	peer.Ack(peer.Publish(), 0)
	if sockets := listening(t, cmd.Process.Pid); len(sockets) != 0 {
		t.Errorf("it listens on %v", sockets)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("it ended with %v\n%s", err, &stderr)
	}
	wg.Wait()
}

// listening returns the sockets on which a process listens or receives datagrams.
func listening(t *testing.T, pid int) (found []string) {
	own := map[string]bool{}
	handles, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range handles {
		if target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, h.Name())); err == nil {
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	if len(own) == 0 {
		t.Error("it has no socket at all: the test looks at the wrong place")
	}
	for file, waits := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"} {
		table, err := os.ReadFile("/proc/net/" + file)
		if err != nil {
			continue // a machine without IPv6
		}
		for line := range strings.Lines(string(table)) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == waits && own[f[9]] {
				found = append(found, file+" "+f[1])
			}
		}
	}
	return found
}

// The test above must be able to fail.
func TestListeningSeesAListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if len(listening(t, os.Getpid())) == 0 {
		t.Error("a listener was not seen")
	}
}

func TestAStateWithoutItsKeyIsRefused(t *testing.T) {
	f := newFolder(t)
	path := f.write("gateway.yaml", good)
	f.write("state.sealed", "nothing of ours")
	code, _, stderr := run(t.Context(), "--config", path)
	if code != exitFailed || !strings.Contains(stderr, "put the key back") {
		t.Errorf("code %d, %q", code, stderr)
	}
}

// What the edge program must not link: a database, an HTTP server or client, the
// cloud, the simulator.
func TestWhatIsNotLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("%d packages: the list is not what it should be", len(deps))
	}
	for _, d := range deps {
		if d == "database/sql" { // its driver interface comes with the UUID library
			t.Errorf("it links %s", d)
		}
		for _, banned := range []string{"net/http", "net/rpc", "modernc.org", "sconce/cloud", "sconce/sim", "sconce/device", "sconce/mqtt", "github.com/jackc"} {
			if d == banned || strings.HasPrefix(d, banned+"/") {
				t.Errorf("it links %s", d)
			}
		}
	}
}
