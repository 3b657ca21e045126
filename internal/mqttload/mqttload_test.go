package mqttload

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// TestAgainstAPlainServer runs two clients against a server of few lines, which
// checks every message and acknowledges it.
func TestAgainstAPlainServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := make(chan uint64, 2)
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { got <- serve(t, nc) }()
		}
	}()
	l, err := Connect(t.Context(), Config{
		Addr: ln.Addr().String(), Clients: 2, Window: 3,
		Topic:   func(int) string { return "t" },
		Payload: func(b []byte, _ int, n uint64) []byte { return append(b, 'n', byte(n)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Run(t.Context(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := l.RunAt(t.Context(), 50*time.Millisecond, 10*time.Millisecond, 2)
	if err != nil || slow.Acked != 20 {
		t.Errorf("%+v, %v: want 5 bursts of 2 messages of each client", slow, err)
	}
	for range 3 {
		if err := l.One(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if served := <-got + <-got; r.Acked+slow.Acked+3 != served || r.Acked < 6 || r.P50 <= 0 || r.P99 < r.P50 {
		t.Errorf("%+v, where the server acknowledged %d", r, served)
	}
}

// serve returns how many messages it acknowledged.
func serve(t *testing.T, nc net.Conn) (n uint64) {
	defer nc.Close()
	connect := make([]byte, 15)
	_, _ = io.ReadFull(nc, connect)
	_, _ = nc.Write([]byte{0x20, 3, 0, 0, 0})
	message := make([]byte, 10)
	for {
		if _, err := io.ReadFull(nc, message); err != nil {
			return n
		}
		if !bytes.Equal(message[:5], []byte{0x32, 8, 0, 1, 't'}) || message[8] != 'n' || message[9] != byte(n) {
			t.Errorf("message %d is %x", n, message)
		}
		_, _ = nc.Write([]byte{0x40, 2, message[5], message[6]})
		n++
	}
}

func TestRefusalIsAnError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = io.ReadFull(nc, make([]byte, 15))
		_, _ = nc.Write([]byte{0x20, 3, 0, 0x87, 0})
	}()
	_, err = Connect(t.Context(), Config{Addr: ln.Addr().String(), Clients: 1, Window: 1, Topic: func(int) string { return "t" }})
	if err == nil {
		t.Error("a refused client was connected")
	}
}
