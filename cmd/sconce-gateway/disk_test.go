package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"sconce"
	"sconce/gateway/link/linktest"
	"sconce/sim"
	"sconce/wire"
	"sconce/zigbee"
)

// What devices measure and do while the cloud is away waits in the memory of the program,
// and nothing of it is written anywhere (DESIGN §6): every file of its folder is the same
// before and after the outage, the system has not written a byte to a disk for it, and
// what the lamp did, which is found in the memory of the program, is found in no file.
func TestNothingOfAnOutageIsWritten(t *testing.T) {
	t.Parallel() // it waits for the air, most of the time
	const self, lamp sconce.EUI64 = 0x00124b0001020304, 0x00124b0000000a01
	f := newFolder(t)
	server := linktest.NewServer(t, f.authority)
	building, rcp := virtualLamp(t, lamp)
	text := strings.Replace(good, "127.0.0.1:8443", server.Address(), 1)
	text = strings.Replace(text, "127.0.0.1:7000", rcp, 1)
	cmd, stop := f.program(text)
	defer stop()

	peer, _ := server.Accept(wire.DownFilter(self), false, 100)
	say := func(m wire.Down) {
		payload, err := wire.AppendDown(nil, wire.DownHeader{Version: wire.Version, Sent: wire.Time(time.Now().UnixMilli())}, m)
		if err != nil {
			t.Fatal(err)
		}
		peer.Write(&packets.Publish{Topic: wire.DownTopic(self, m.DownKind()), QoS: 1, PacketID: 1, Payload: payload, Properties: &packets.Properties{}})
	}
	say(wire.Adopt{Project: "a project", Network: "a network"})
	say(wire.Desired{Version: 1, Devices: []wire.DesiredDevice{{Device: lamp, Kind: sconce.Luminaire, InstallCode: labelOf(t, lamp)}}})
	for stage := wire.StageWaiting; stage != wire.StageConfigured; {
		cp := peer.Read()
		m, ok := cp.Content.(*packets.Publish)
		if !ok {
			continue
		}
		peer.Ack(m, 0)
		if _, body, err := wire.ParseUpHeader(m.Payload); err == nil && strings.HasSuffix(m.Topic, "/report") {
			r, err := wire.ParseBody[wire.Report](body)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range r.Devices {
				stage = d.Stage
			}
		}
	}
	go refuse(server) // from here on, nobody is there
	peer.Conn.Close()
	settle(t, f.dir) // what belongs to the network itself is written until here

	files, written := fingerprint(t, f.dir), diskBytes(t, cmd.Process.Pid)
	if written == 0 {
		t.Log("this file system counts no bytes: only the files are compared")
	}
	planted := eventOf(lamp)
	for i := range 4 { // the lamp loses its power, and says each time that it is back
		if err := building.SetPower(lamp, i%2 == 1); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
	}
	if n := occurrences(t, cmd.Process.Pid, planted); n == 0 {
		t.Error("the events are not in the memory of the program either: the test looks for the wrong thing")
	}
	if after := fingerprint(t, f.dir); after != files {
		t.Errorf("files have changed:\n%s\nwere\n%s", after, files)
	}
	if now := diskBytes(t, cmd.Process.Pid); now != written {
		t.Errorf("%d bytes were written", now-written)
	}
	stop()
	err := filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, planted) {
			t.Errorf("%s holds an event, or cannot be read: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// program builds the program and starts it; stop asks it to end, once.
func (f *folder) program(config string) (cmd *exec.Cmd, stop func()) {
	f.t.Helper()
	program := filepath.Join(f.t.TempDir(), "sconce-gateway")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		f.t.Fatalf("%v\n%s", err, out)
	}
	var stderr bytes.Buffer
	cmd = exec.Command(program, "--config", f.write("gateway.yaml", config))
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	return cmd, sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			f.t.Errorf("it ended with %v\n%s", err, &stderr)
		}
	})
}

// virtualLamp is a lamp on an air of its own, and the radio for the gateway on it.
func virtualLamp(t *testing.T, e sconce.EUI64) (*sim.Building, string) {
	t.Helper()
	code := codeOf(t, e)
	b, err := sim.NewBuilding(sim.BuildingConfig{
		Air: sim.AirConfig{Seed: 1, Start: time.Now()}, Channels: zigbee.Channels(11, 15), Store: make(sim.MemoryStore),
		Lights: []sim.LightConfig{{EUI64: e, InstallCode: code, Model: "SL-1", Serial: "1", Firmware: "1", RatedPower: 30_000, Position: sim.Position{X: 3}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	rcp := sim.NewRCP(b.Paced, sim.TransceiverConfig{EUI64: 0x00124b00000000fe})
	wg.Go(func() { _ = rcp.Serve(ctx, l) })
	wg.Go(func() { _ = b.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return b, l.Addr().String()
}

func codeOf(t *testing.T, e sconce.EUI64) zigbee.InstallCode {
	t.Helper()
	c, err := zigbee.NewInstallCode(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(e)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func labelOf(t *testing.T, e sconce.EUI64) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(codeOf(t, e).Label(), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refuse breaks off all connections, as a cloud that is away.
func refuse(s *linktest.Server) {
	for {
		if p := s.Next(); p != nil {
			p.Conn.Close()
		}
	}
}

// pass waits: the air of the lamp goes by the wall's clock.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// settle waits until no file of a folder has changed for three seconds.
func settle(t *testing.T, dir string) {
	t.Helper()
	for last := fingerprint(t, dir); ; {
		pass(3 * time.Second)
		now := fingerprint(t, dir)
		if now == last {
			return
		}
		last = now
	}
}

// fingerprint returns the names, times and hashes of all files of a folder.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(&list, "%s %v %x\n", e.Name(), info.ModTime().UnixNano(), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// diskBytes returns what the system has written to disks for a process.
func diskBytes(t *testing.T, pid int) (n int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "\nwrite_bytes: ")
	if _, err := fmt.Sscan(rest, &n); err != nil || !found {
		t.Fatalf("no write_bytes in %s", b)
	}
	return n
}

// eventOf returns how an event of a device begins on the wire: a map of three, the
// device, and a time of eight bytes (RFC 8949, 3.1).
func eventOf(e sconce.EUI64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0xa3, 0x01, 0x1b}, uint64(e)), 0x02, 0x1b)
}

// occurrences counts bytes in the memory of a process.
func occurrences(t *testing.T, pid int, what []byte) (n int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); err != nil || !strings.HasPrefix(access, "rw") || to-from > 256<<20 {
			continue
		}
		b := make([]byte, to-from)
		k, _ := memory.ReadAt(b, from) // a part that is not there holds nothing
		n += bytes.Count(b[:k], what)
	}
	return n
}
