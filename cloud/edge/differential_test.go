//go:build interop

package edge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Strangers' clients do the same with mosquitto's server and with ours, and what they see is
// the same, line by line: paho-mqtt for Python, MQTT.js, and mosquitto's own programs, each in
// MQTT 3.1.1 and 5.0. They come over WebSocket, where ours serves clients that may go
// everywhere; mosquitto's programs, which speak only TCP, through a relay of bytes.
func TestLikeMosquitto(t *testing.T) {
	app, err := filepath.Abs("../../app")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"4", "5"} {
		for name, see := range map[string]func(*testing.T, ports) string{
			"paho": func(t *testing.T, p ports) string {
				return run(t, "/usr/bin/python3", "testdata/clients.py", p.web, version)
			},
			"MQTT.js":   func(t *testing.T, p ports) string { return run(t, "node", "testdata/clients.mjs", p.web, version, app) },
			"mosquitto": func(t *testing.T, p ports) string { return programs(t, p.tcp, version) },
		} {
			t.Run(name+" "+version, func(t *testing.T) {
				want, got := see(t, startMosquitto(t)), see(t, startOurs(t))
				if d := choices[name+" "+version]; strings.Count(want, d.theirs) == 1 {
					want = strings.Replace(want, d.theirs, d.ours, 1)
				} else if d.theirs != "" {
					t.Errorf("mosquitto does not differ any more: %q", d.theirs)
				}
				if strings.Count(want, "\n") < 10 {
					t.Errorf("the client saw hardly anything:\n%s", want)
				}
				if want != got {
					t.Errorf("the client saw of mosquitto (-) and of ours (+):\n%s", diff(t, want, got))
				}
			})
		}
	}
}

// choices are where we differ, and mean to: a message that matches two subscriptions of a client
// comes once, at the higher QoS (3.1.1: [MQTT-3.3.5-1]; 5.0: [MQTT-3.3.4-2]). Mosquitto sends
// it at that of either in 3.1.1, and twice in 5.0, as it may.
var choices = map[string]struct{ theirs, ours string }{
	"paho 4": {"    t/one b'\\x00\\xff' 0 0 []\n", "    t/one b'\\x00\\xff' 2 0 []\n"},
	"paho 5": {"    t/one b'\\x00\\xff' 0 0 []\n", ""},
}

func diff(t *testing.T, want, got string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"mosquitto": want, "ours": got} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "diff", "-U", "2", "mosquitto", "ours")
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput() // its code says that they differ
	return string(out)
}

// ports is where a server is, on 127.0.0.1.
type ports struct{ tcp, web string }

func startMosquitto(t *testing.T) ports {
	t.Helper()
	p := ports{freePort(t), freePort(t)}
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nlistener %s 127.0.0.1\nprotocol websockets\nallow_anonymous true\nset_tcp_nodelay true\n"+
		"persistence false\nlog_type none\nuser root\n", p.tcp, p.web)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program := "/usr/sbin/mosquitto"
	if found, err := exec.LookPath("mosquitto"); err == nil {
		program = found
	}
	cmd := exec.CommandContext(t.Context(), program, "-c", config)
	if err := cmd.Start(); err != nil {
		t.Fatalf("mosquitto is missing: install it (Debian: apt-get install mosquitto): %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for _, port := range []string{p.tcp, p.web} {
		eventually(t, "mosquitto listens", func() bool {
			nc, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				_ = nc.Close()
			}
			return err == nil
		})
	}
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// startOurs serves a server that knows nothing yet, as the demo does, and relays TCP to it.
func startOurs(t *testing.T) ports {
	t.Helper()
	f := start(t, unlimited)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := f.ServePlain(web); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	go func() {
		for {
			nc, err := relay.Accept()
			if err != nil {
				return
			}
			go carry(t.Context(), nc, "ws://"+web.Addr().String()+"/mqtt")
		}
	}()
	port := func(ln net.Listener) string { return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port) }
	return ports{port(relay), port(web)}
}

// carry copies bytes both ways until one end is done.
func carry(ctx context.Context, nc net.Conn, url string) {
	defer nc.Close()
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		return
	}
	ws.SetReadLimit(-1)
	other := websocket.NetConn(ctx, ws, websocket.MessageBinary)
	go func() {
		_, _ = io.Copy(other, nc)
		_ = other.Close()
	}()
	_, _ = io.Copy(nc, other)
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s%s", program, args, err, out.String(), errs.String())
	}
	return out.String()
}

// programs lets mosquitto_pub and mosquitto_sub do their part.
func programs(t *testing.T, port, version string) string {
	t.Helper()
	var saw strings.Builder
	does := func(program string, args ...string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		v := map[string]string{"4": "311", "5": "5"}[version]
		cmd := exec.CommandContext(ctx, program, append([]string{"-h", "127.0.0.1", "-p", port, "-V", v, "-u", "all", "-P", "right"}, args...)...)
		out, _ := cmd.CombinedOutput()
		fmt.Fprintf(&saw, "%s %v: %d\n%s", program, args, cmd.ProcessState.ExitCode(), out)
	}
	five := func(args ...string) []string {
		if version == "5" {
			return args
		}
		return nil
	}
	format := map[string]string{"4": "%t %x %q %r", "5": "%t %x %q %r expires %E content %C answers %R data %D user %P"}[version]
	for _, qos := range []string{"0", "1", "2"} {
		properties := five("-D", "publish", "content-type", "c", "-D", "publish", "user-property", "k", "v", "-D", "publish", "user-property", "a", "b",
			"-D", "publish", "response-topic", "answers")
		does("mosquitto_pub", append([]string{"-q", qos, "-t", "r/" + qos, "-m", "kept " + qos, "-r"}, properties...)...)
		does("mosquitto_sub", "-q", "2", "-t", "r/"+qos, "-C", "1", "-F", format)
		does("mosquitto_pub", "-q", "1", "-t", "r/"+qos, "-n", "-r")
	}
	stays := append([]string{"-c", "-i", "stays", "-q", "2", "-t", "o/#", "-t", "$share/g/s"}, five("-x", "300")...)
	does("mosquitto_sub", append(stays, "-E")...)
	for _, qos := range []string{"0", "1", "2"} {
		does("mosquitto_pub", "-q", qos, "-t", "o/"+qos, "-m", "while it was away")
	}
	does("mosquitto_sub", append(stays, "-C", "2", "-F", format)...)
	does("mosquitto_pub", "-q", "2", "-t", "o/many", "-m", "12", "--repeat", "5")
	does("mosquitto_sub", append(stays, "-C", "5", "-F", format)...)
	does("mosquitto_sub", append(stays, "-U", "o/#", "-E")...)
	return saw.String()
}
