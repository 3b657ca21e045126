package edge_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/edge"
	"sconce/internal/mqttload"
)

// The benchmarks measure the server's process alone: the clients are another
// process, which is this test binary with a job in its environment.
const jobVariable = "SCONCE_EDGE_LOAD"

type job struct {
	Addr    string
	Host    string
	Plain   bool
	Root    []byte
	Certs   [][]byte
	Keys    [][]byte
	Clients int
	Window  int
	Single  bool
	For     time.Duration // publish for so long; 0: stay connected until stdin ends
}

func TestMain(m *testing.M) {
	if os.Getenv(jobVariable) == "" {
		os.Exit(m.Run())
	}
	if err := work(os.Getenv(jobVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// work is the whole life of the clients' process.
func work(path string) error {
	var j job
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	root, err := x509.ParseCertificate(j.Root)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	cfg := mqttload.Config{
		Addr: j.Addr, Clients: j.Clients, Window: j.Window, Single: j.Single,
		Topic: func(i int) string { return "g/" + sconce.EUI64(gw1+uint64(i)).String() + "/up/readings" },
		Payload: func(b []byte, _ int, n uint64) []byte {
			return fmt.Appendf(b, "%0200d", n)
		},
	}
	if !j.Plain {
		cfg.TLS = func(i int) *tls.Config {
			key, err := x509.ParseECPrivateKey(j.Keys[i])
			if err != nil {
				panic(err)
			}
			return &tls.Config{
				ServerName: j.Host, RootCAs: roots, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP256},
				Certificates: []tls.Certificate{{Certificate: [][]byte{j.Certs[i]}, PrivateKey: key}},
			}
		}
	}
	load, err := mqttload.Connect(context.Background(), cfg)
	if err != nil {
		return err
	}
	fmt.Println("connected")
	var go1 [1]byte
	_, _ = os.Stdin.Read(go1[:])
	if j.For > 0 {
		r, err := load.Run(context.Background(), j.For)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return err
		}
	}
	_, _ = os.Stdin.Read(go1[:])
	return nil
}

// clients is the running process of a job.
type clients struct {
	b     *testing.B
	cmd   *exec.Cmd
	stdin *os.File
	line  func() string
}

func hire(b *testing.B, f *fixture, j job) *clients {
	b.Helper()
	j.Root = f.web.cert.Raw
	for i := range j.Clients {
		g := sconce.EUI64(gw1 + uint64(i))
		f.registry.set(g, true)
		if j.Plain {
			continue
		}
		cert := f.devices.issue(b, g.String())
		key, err := x509.MarshalECPrivateKey(cert.PrivateKey.(*ecdsa.PrivateKey))
		if err != nil {
			b.Fatal(err)
		}
		j.Certs, j.Keys = append(j.Certs, cert.Certificate[0]), append(j.Keys, key)
	}
	path := b.TempDir() + "/job"
	text, err := json.Marshal(j)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+path)
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdin = r
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	c := &clients{b: b, cmd: cmd, stdin: w}
	b.Cleanup(func() {
		w.Close()
		_ = cmd.Wait()
	})
	buf := make([]byte, 4096)
	c.line = func() string {
		n, err := stdout.Read(buf)
		if err != nil {
			b.Fatalf("the clients' process ended: %v", err)
		}
		return string(bytes.TrimSpace(buf[:n]))
	}
	if got := c.line(); got != "connected" {
		b.Fatalf("clients said %q", got)
	}
	return c
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// discard is an intake that has everything durable at once.
type discard struct{}

func (discard) Accept(_ sconce.EUI64, _ string, _ []byte, token uint64, done func(uint64, error)) {
	done(token, nil)
}

// nobody is a presence that nobody looks at.
type nobody struct{}

func (nobody) Connected(sconce.EUI64, time.Time)    {}
func (nobody) Disconnected(sconce.EUI64, time.Time) {}

func unlimited(c *edge.Config, _ *fixture) {
	c.Intake, c.Presence = discard{}, nobody{}
	c.Limits.AddressRate, c.Limits.AddressBurst = 1e6, 1e6
}

// committing is an intake that has everything durable every two milliseconds, as
// a journal does that commits in groups.
type committing struct {
	mu      sync.Mutex
	waiting []waiting
	stop    chan struct{}
}

type waiting struct {
	token uint64
	done  func(uint64, error)
}

func (c *committing) Accept(_ sconce.EUI64, _ string, _ []byte, token uint64, done func(uint64, error)) {
	c.mu.Lock()
	c.waiting = append(c.waiting, waiting{token, done})
	c.mu.Unlock()
}

func (c *committing) run() {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var batch []waiting
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		batch, c.waiting = c.waiting, batch[:0]
		c.mu.Unlock()
		for _, w := range batch {
			w.done(w.token, nil)
		}
	}
}

// BenchmarkPublishQoS1 measures the server's CPU for a message of 200 bytes from
// one of 50 clients with 20 under way, up to its PUBACK, over mutual TLS 1.3:
// durable at once or in groups, and written by the clients as many at a time as
// they can or each in a TLS record of its own.
func BenchmarkPublishQoS1(b *testing.B) {
	for name, c := range map[string]struct{ groups, single bool }{
		"at-once": {false, false}, "in-groups": {true, false}, "at-once/single-records": {false, true}, "in-groups/single-records": {true, true},
	} {
		b.Run(name, func(b *testing.B) { publishQoS1(b, c.groups, c.single) })
	}
}

func publishQoS1(b *testing.B, groups, single bool) {
	for b.Loop() {
		f := start(b, unlimited, func(c *edge.Config, _ *fixture) {
			if groups {
				journal := &committing{stop: make(chan struct{})}
				go journal.run()
				b.Cleanup(func() { close(journal.stop) })
				c.Intake = journal
			}
		})
		c := hire(b, f, job{Addr: f.addr, Host: "mq." + domain, Clients: 50, Window: 20, Single: single, For: 2 * time.Second})
		before, begun := cpu(), f.Stats().Acknowledged
		fmt.Fprint(c.stdin, "g")
		var r mqttload.Result
		if err := json.Unmarshal([]byte(c.line()), &r); err != nil {
			b.Fatal(err)
		}
		used, n := cpu()-before, f.Stats().Acknowledged-begun
		b.ReportMetric(float64(used.Nanoseconds())/float64(n)/1000, "server-cpu-µs/msg")
		b.ReportMetric(float64(r.Acked)/r.Elapsed.Seconds(), "msg/s")
		b.ReportMetric(float64(r.P99.Microseconds())/1000, "p99-ms")
	}
}

// BenchmarkConnections measures what 1,000 idle gateways cost in memory, and
// what each cost in CPU to connect, beside a TLS server that does nothing more.
func BenchmarkConnections(b *testing.B) {
	const n = 1000
	for b.Loop() {
		bare, bareCPU := connections(b, n, func(b *testing.B, f *fixture) string { return bareTLS(b, f) })
		ours, oursCPU := connections(b, n, func(_ *testing.B, f *fixture) string { return f.addr })
		b.ReportMetric(ours, "KiB/conn")
		b.ReportMetric(bare, "bare-KiB/conn")
		b.ReportMetric(oursCPU, "connect-cpu-ms")
		b.ReportMetric(bareCPU, "bare-connect-cpu-ms")
	}
}

func connections(b *testing.B, n int, server func(*testing.B, *fixture) string) (kib, ms float64) {
	f := start(b, unlimited)
	addr := server(b, f)
	memory, used := memoryInUse(), cpu()
	hire(b, f, job{Addr: addr, Host: "mq." + domain, Clients: n, Window: 1})
	used = cpu() - used
	return float64(memoryInUse()-memory) / float64(n) / 1024, float64(used.Microseconds()) / float64(n) / 1000
}

// memoryInUse is heap and stacks after the collector has settled.
func memoryInUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// bareTLS serves mutual TLS as plainly as Go allows, answers any CONNECT with
// CONNACK, and then reads with a buffer as small as ours.
func bareTLS(b *testing.B, f *fixture) string {
	b.Helper()
	server := f.web.issue(b, "bare", func(c *x509.Certificate) {
		c.DNSNames = []string{"mq." + domain}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: f.devices.pool(),
		MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP256},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go bareServe(nc)
		}
	}()
	return ln.Addr().String()
}

func bareServe(nc net.Conn) {
	defer nc.Close()
	buf := make([]byte, 512)
	for {
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		if buf[0] == 0x10 && n > 0 {
			_, _ = nc.Write([]byte{0x20, 3, 0, 0, 0})
		}
	}
}
