//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sconce/zigbee"
)

// keep, in the environment, names a folder for the capture, the log of Zigbee2MQTT
// and the keys of the network, for whoever looks for a fault.
const keep = "INTEROP_KEEP"

// A peer is Zigbee2MQTT with its broker, and what they say.
type peer struct {
	t       *testing.T
	network network
	broker  string      // its port
	log     followed    // of Zigbee2MQTT
	mqtt    followed    // what is published: topic, a space, payload
	stops   []func()    // of the programs, as they were started
	ended   chan string // a program that ended
}

// network is what the test decides of the peer's network.
type network struct {
	channel  uint8
	pan      zigbee.PANID
	extended [8]byte
	key      [zigbee.KeySize]byte
	tcKey    zigbee.LinkKey // that protects the network key on its way
}

func newNetwork(code zigbee.InstallCode) network {
	n := network{channel: 20, tcKey: code.LinkKey()}
	var b [2]byte
	_, _ = rand.Read(b[:])
	n.pan = zigbee.PANID(1 + binary.LittleEndian.Uint16(b[:])%0xfffd)
	_, _ = rand.Read(n.extended[:])
	n.extended[0] |= 1 // neither all zeros
	n.extended[7] &= 0x7f
	_, _ = rand.Read(n.key[:])
	return n
}

// coordinator is the peer's own address.
const coordinator = 0x5ec0ceffff000002

// saved is the network as zigbee-on-host 0.2 keeps it: octets of a tag and a
// length, and the value. It is the only way to give it a trust-centre link key:
// by itself it takes the published one, which our lights refuse.
func (n network) saved() []byte {
	var b []byte
	put := func(tag byte, value []byte) { b = append(append(b, tag, byte(len(value))), value...) }
	tcKey := n.tcKey.Bytes()
	put(0xf0, []byte{1})                                         // version of the format
	put(1, binary.LittleEndian.AppendUint64(nil, coordinator))   // EUI-64
	put(2, binary.LittleEndian.AppendUint16(nil, uint16(n.pan))) // PAN identifier
	put(3, n.extended[:])                                        // extended PAN identifier
	put(4, []byte{n.channel})                                    // channel
	put(5, []byte{0})                                            // nwkUpdateId
	put(6, []byte{5})                                            // transmit power, dBm
	put(7, n.key[:])                                             // network key,
	put(8, binary.LittleEndian.AppendUint32(nil, 0))             // its frame counter
	put(9, []byte{0})                                            // and sequence number
	put(10, tcKey[:])                                            // trust-centre link key,
	put(11, binary.LittleEndian.AppendUint32(nil, 0))            // its frame counter
	return append(b, 0xff)                                       // end
}

// configuration is Zigbee2MQTT's.
func (n network) configuration(broker string, rcp net.Addr) string {
	list := func(b []byte) string {
		decimal := make([]string, len(b))
		for i, octet := range b {
			decimal[i] = strconv.Itoa(int(octet))
		}
		return "[" + strings.Join(decimal, ", ") + "]"
	}
	return fmt.Sprintf(`version: 5
mqtt: {server: "mqtt://127.0.0.1:%s", base_topic: zigbee2mqtt}
serial: {port: "tcp://%s", adapter: zoh}
frontend: {enabled: false}
homeassistant: {enabled: false}
availability: {enabled: false}
device_options: {optimistic: false}
advanced:
  channel: %d
  pan_id: %d
  ext_pan_id: %s
  network_key: %s
  adapter_concurrent: %d
  log_level: debug
  log_output: [console]
  log_console_json: false
`, broker, rcp, n.channel, n.pan, list(n.extended[:]), list(n.key[:]), atOnce)
}

// startPeer starts the broker and Zigbee2MQTT on a radio, and waits until it is up.
func startPeer(t *testing.T, n network, rcp net.Addr) *peer {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, network: n, broker: freePort(t), ended: make(chan string, 3)}
	data := t.TempDir()
	t.Cleanup(p.stop)
	if dir := os.Getenv(keep); dir != "" {
		log, err := os.Create(filepath.Join(dir, "zigbee2mqtt.log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() })
		p.log.also = log
		p.write(dir, "keys.txt", fmt.Appendf(nil, "%x\n%x\n", n.key, n.tcKey.Bytes()))
	}
	t.Cleanup(func() {
		if t.Failed() {
			text := p.log.text()
			t.Logf("end of the log of Zigbee2MQTT:\n%s", text[max(0, len(text)-6000):])
		}
	})
	p.write(data, "mosquitto.conf", []byte("listener "+p.broker+" 127.0.0.1\nallow_anonymous true\npersistence false\n"+
		"user "+me.Username+"\n")) // if it became another, it would outlive a test that is killed
	p.write(data, "zoh.save", n.saved())
	// As OpenThread by default. By itself zigbee-on-host backs off once and repeats a
	// frame four times; a busy channel, which has nothing to do with the light, then makes it
	// forget all routes over the light, until who is behind it speaks again.
	p.write(data, "zoh_config.json", []byte(`{"ccaBackoffAttempts": 4, "ccaRetries": 15}`))
	p.write(data, "configuration.yaml", []byte(n.configuration(p.broker, rcp)))

	p.run(nil, io.Discard, broker(t), "-c", filepath.Join(data, "mosquitto.conf"))
	p.await(10*time.Second, "the broker", func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+p.broker)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	p.run(nil, &p.mqtt, "mosquitto_sub", "-h", "127.0.0.1", "-p", p.broker, "-t", "zigbee2mqtt/#", "-F", "%t %p")

	modules, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	node := filepath.Join(modules, ".bin", "node")
	if _, err := os.Stat(node); err != nil {
		t.Fatalf("the Node.js and the Zigbee2MQTT that this test runs are not installed: run scripts/setup interop (%v)", err)
	}
	// It would build itself anew if git told it that it is of another commit.
	env := append(os.Environ(), "ZIGBEE2MQTT_DATA="+data, "Z2M_ONBOARD_NO_SERVER=1", "GIT_DIR="+data)
	p.run(env, &p.log, node, filepath.Join(modules, "zigbee2mqtt", "index.js"))
	p.await(60*time.Second, "Zigbee2MQTT to be up", func() bool { return p.log.has("Zigbee2MQTT started!") })
	return p
}

func (p *peer) write(dir, name string, content []byte) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// broker returns where mosquitto is: Debian has it where only root looks.
func broker(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("mosquitto is missing: run scripts/setup interop")
	return ""
}

// run starts a program that ends with the test.
func (p *peer) run(env []string, out io.Writer, program string, args ...string) {
	p.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		err := cmd.Wait()
		close(ended)
		p.ended <- fmt.Sprintf("%s: %v", filepath.Base(program), err)
	}()
	p.stops = append(p.stops, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	})
}

// stop ends all programs, the newest first.
func (p *peer) stop() {
	for _, stop := range slices.Backward(p.stops) {
		stop()
	}
	p.stops = nil
}

// publish sends one message.
func (p *peer) publish(topic, payload string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "mosquitto_pub", "-h", "127.0.0.1", "-p", p.broker, "-t", "zigbee2mqtt/"+topic, "-m", payload).CombinedOutput()
	if err != nil {
		p.t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
}

// request asks the bridge for something, and returns its answer's data.
func (p *peer) request(limit time.Duration, what, payload string) json.RawMessage {
	p.t.Helper()
	data, err := p.try(limit, what, payload)
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

// try is request for what may fail. The bridge answers one request of a kind at
// a time.
func (p *peer) try(limit time.Duration, what, payload string) (json.RawMessage, error) {
	p.t.Helper()
	before := len(p.messages("bridge/response/" + what))
	p.publish("bridge/request/"+what, payload)
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	p.await(limit, "an answer to "+what, func() bool { return len(p.messages("bridge/response/"+what)) > before })
	if err := json.Unmarshal(p.messages("bridge/response/" + what)[before], &answer); err != nil {
		return nil, err
	} else if answer.Status != "ok" {
		return nil, fmt.Errorf("%s %s: %s", what, payload, answer.Error)
	}
	return answer.Data, nil
}

// messages returns the payloads that were published on a topic.
func (p *peer) messages(topic string) [][]byte {
	var list [][]byte
	for line := range bytes.Lines(p.mqtt.text()) {
		if payload, ok := bytes.CutPrefix(line, []byte("zigbee2mqtt/"+topic+" ")); ok && line[len(line)-1] == '\n' {
			list = append(list, bytes.TrimSpace(payload))
		}
	}
	return list
}

// await waits until something is so.
func (p *peer) await(limit time.Duration, what string, ask func() bool) {
	p.t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case program := <-p.ended:
			p.t.Fatalf("a program ended while the test waited for %s: %s", what, program)
		case <-deadline:
			p.t.Fatalf("waited %s in vain for %s", limit, what)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// followed is text that a program writes while a test reads.
type followed struct {
	mu   sync.Mutex
	b    []byte
	also io.Writer // that it is copied to; none when nil
}

func (f *followed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.b = append(f.b, p...)
	if f.also != nil {
		_, _ = f.also.Write(p)
	}
	return len(p), nil
}

// text returns all that was written. It must not be changed.
func (f *followed) text() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.b[:len(f.b):len(f.b)]
}

func (f *followed) has(s string) bool { return bytes.Contains(f.text(), []byte(s)) }

// lines returns the lines that hold all of the words.
func (f *followed) lines(words ...string) []string {
	var list []string
	scan := bufio.NewScanner(bytes.NewReader(f.text()))
	scan.Buffer(nil, 1<<20)
next:
	for scan.Scan() {
		for _, w := range words {
			if !strings.Contains(scan.Text(), w) {
				continue next
			}
		}
		list = append(list, scan.Text())
	}
	return list
}
