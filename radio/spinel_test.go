package radio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce/internal/corpus"
	"sconce/radio/spinel"
)

// chip is the other end of a driver's connection: it answers by a table, and
// what it does not know with silence.
type chip struct {
	conn    net.Conn
	answers map[spinel.Property][]byte
	mute    map[spinel.Property]bool // a command on it is not answered
	refuse  map[spinel.Property]spinel.Status

	mu       sync.Mutex
	commands []spinel.Frame
}

// newChip returns the driver's end of a connection to firmware as it should be.
func newChip() (*chip, net.Conn) {
	host, conn := net.Pipe()
	return &chip{
		conn: conn,
		answers: map[spinel.Property][]byte{
			spinel.ProtocolVersion: {4, 3},
			spinel.NCPVersion:      []byte("CHIP/1\x00"),
			spinel.Caps:            {0x81, 0x04, 64}, // raw MAC, API version
			spinel.RCPAPIVersion:   {10},
			spinel.HWAddr:          {1, 2, 3, 4, 5, 6, 7, 8},
		},
		mute: map[spinel.Property]bool{}, refuse: map[spinel.Property]spinel.Status{},
	}, host
}

func (c *chip) say(tid uint8, p spinel.Property, value ...byte) {
	_, _ = c.conn.Write(spinel.AppendProperty(nil, tid, spinel.PropIs, p, value))
}

// run answers until the connection ends.
func (c *chip) run() {
	var d spinel.Deframer
	buf := make([]byte, 2048)
	for {
		n, err := c.conn.Read(buf)
		if err != nil {
			return
		}
		for b := range d.Frames(buf[:n]) {
			if f, err := spinel.ParseFrame(bytes.Clone(b)); err == nil {
				c.answer(f)
			}
		}
	}
}

func (c *chip) answer(f spinel.Frame) {
	c.mu.Lock()
	c.commands = append(c.commands, f)
	c.mu.Unlock()
	p, value, _ := spinel.ParseProperty(f.Payload)
	switch {
	case f.Command == spinel.Reset:
		if !c.mute[spinel.LastStatus] {
			c.say(0, spinel.LastStatus, byte(spinel.ResetSoftware))
		}
	case c.mute[p]:
	case c.refuse[p] != 0:
		c.say(f.TID, spinel.LastStatus, byte(c.refuse[p]))
	case f.Command == spinel.PropSet && p == spinel.StreamRaw:
		c.say(f.TID, spinel.LastStatus, spinel.AppendTxDone(nil, spinel.TxDone{})...)
	case f.Command == spinel.PropSet:
		c.say(f.TID, p, value...)
	case c.answers[p] != nil:
		c.say(f.TID, p, c.answers[p]...)
	default:
		c.say(f.TID, spinel.LastStatus, byte(spinel.PropertyNotFound))
	}
}

func (c *chip) count(p spinel.Property) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.commands {
		if got, _, err := spinel.ParseProperty(f.Payload); err == nil && got == p && f.Command != spinel.Reset {
			n++
		}
	}
	return n
}

// withChip runs a test on a driver and its chip in a bubble of its own time.
func withChip(t *testing.T, prepare func(*chip), test func(t *testing.T, c *chip, s *Spinel)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, host := newChip()
		if prepare != nil {
			prepare(c)
		}
		go c.run()
		defer c.conn.Close()
		s, err := NewSpinel(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		test(t, c, s)
	})
}

func ended(t *testing.T, s *Spinel, want string) {
	t.Helper()
	for range s.Frames() {
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the reason of the end is %v, want %q", err, want)
	}
	if _, err := s.Transmit(t.Context(), make([]byte, 5)); err == nil || err.Error() != s.Err().Error() {
		t.Errorf("transmit after the end: %v", err)
	}
}

func TestHandshake(t *testing.T) {
	withChip(t, nil, func(t *testing.T, c *chip, s *Spinel) {
		if s.EUI64() != 0x0102030405060708 || s.Version() != "CHIP/1" {
			t.Errorf("%016x, %q", s.EUI64(), s.Version())
		}
	})
}

func TestHandshakeRefuses(t *testing.T) {
	for want, prepare := range map[string]func(*chip){
		"nothing speaks Spinel there":    func(c *chip) { c.mute[spinel.LastStatus] = true },
		"radio speaks Spinel 5.0":        func(c *chip) { c.answers[spinel.ProtocolVersion] = []byte{5, 0} },
		"Spinel 0.0":                     func(c *chip) { c.answers[spinel.ProtocolVersion] = []byte{} },
		"does not offer raw 802.15.4":    func(c *chip) { c.answers[spinel.Caps] = []byte{34} },
		"RCP API version 0":              func(c *chip) { c.answers[spinel.RCPAPIVersion] = []byte{0} },
		"no factory address":             func(c *chip) { c.answers[spinel.HWAddr] = []byte{1, 2} },
		"no answer about property 0x02":  func(c *chip) { c.mute[spinel.NCPVersion] = true },
		"refused property 0x08: failure": func(c *chip) { c.refuse[spinel.HWAddr] = spinel.Failure },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, host := newChip()
			prepare(c)
			go c.run()
			_, err := NewSpinel(t.Context(), host)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if _, err := host.Write([]byte{0}); err == nil {
				t.Errorf("%s: the connection was left open", want)
			}
		})
	}
}

func TestHandshakeGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, host := newChip()
		c.mute[spinel.LastStatus] = true
		go c.run()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := NewSpinel(ctx, host); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// The first reset may drown in what is left of an earlier session.
func TestHandshakeRepeatsTheReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, host := newChip()
		go func() {
			first := make([]byte, 100)
			_, _ = c.conn.Read(first)
			_, _ = c.conn.Write([]byte("\x06\x71\x0anoise\x7e"))
			c.run()
		}()
		s, err := NewSpinel(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		c.conn.Close()
	})
}

func TestSilenceIsALoss(t *testing.T) {
	withChip(t, func(c *chip) { c.mute[spinel.SrcMatchShort] = true }, func(t *testing.T, c *chip, s *Spinel) {
		start := time.Now()
		if err := s.SetPending(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "no answer about property 0x1304 within 3s") {
			t.Error(err)
		}
		if waited := time.Since(start); waited != answerWithin {
			t.Errorf("waited %v, want %v", waited, answerWithin)
		}
		ended(t, s, "no answer")
	})
}

func TestScanWithoutResultIsALoss(t *testing.T) {
	withChip(t, nil, func(t *testing.T, c *chip, s *Spinel) {
		if _, err := s.EnergyScan(t.Context(), 11, 100*time.Millisecond); err == nil {
			t.Error("a scan that never ended gave a result")
		}
		ended(t, s, "no result of an energy scan")
	})
}

func TestHangUpIsALoss(t *testing.T) {
	withChip(t, nil, func(t *testing.T, c *chip, s *Spinel) {
		c.conn.Close()
		ended(t, s, "the other side hung up")
	})
}

func TestRestartIsALoss(t *testing.T) {
	withChip(t, nil, func(t *testing.T, c *chip, s *Spinel) {
		c.say(0, spinel.LastStatus, 120) // the watchdog
		ended(t, s, "restarted by itself")
	})
}

// A caller that does not wait any more leaves the transaction, and the turn,
// occupied until the answer.
func TestCancelledTransmissionKeepsItsTurn(t *testing.T) {
	withChip(t, func(c *chip) { c.mute[spinel.StreamRaw] = true }, func(t *testing.T, c *chip, s *Spinel) {
		if err := s.Configure(t.Context(), Filter{Channel: 11}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := s.Transmit(ctx, make([]byte, 5)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		second := make(chan TxResult)
		go func() {
			r, err := s.Transmit(t.Context(), make([]byte, 6))
			if err != nil {
				t.Error(err)
			}
			second <- r
		}()
		synctest.Wait()
		if n := c.count(spinel.StreamRaw); n != 1 {
			t.Fatalf("%d transmissions at once", n)
		}
		c.mute[spinel.StreamRaw] = false
		c.mu.Lock()
		tid := c.commands[len(c.commands)-1].TID
		c.mu.Unlock()
		c.say(tid, spinel.LastStatus, byte(spinel.NoAck))
		if r := <-second; r.Status != Sent {
			t.Errorf("%v: the second caller got the answer to the first", r.Status)
		}
	})
}

func TestTransactionsAreBounded(t *testing.T) {
	withChip(t, func(c *chip) { c.mute[spinel.SrcMatchShort] = true }, func(t *testing.T, c *chip, s *Spinel) {
		var callers sync.WaitGroup
		for range 3 * spinel.MaxTID {
			callers.Go(func() { _ = s.SetPending(t.Context(), nil, nil) })
		}
		synctest.Wait()
		if n := c.count(spinel.SrcMatchShort); n != spinel.MaxTID {
			t.Errorf("%d commands under way, want %d", n, spinel.MaxTID)
		}
		c.conn.Close()
		callers.Wait()
	})
}

func TestStatuses(t *testing.T) {
	for status, want := range map[spinel.Status]Status{
		spinel.OK: Sent, spinel.NoAck: NoAck, spinel.CCAFailure: ChannelBusy, spinel.Busy: ChannelBusy,
		spinel.InvalidState: 0, spinel.InvalidArgument: 0,
	} {
		r, err := txResult(spinel.LastStatus, []byte{byte(status)}, nil)
		if r.Status != want || (err == nil) != (want != 0) {
			t.Errorf("%v gives %v, %v", status, r, err)
		}
	}
	if _, err := txResult(spinel.LastStatus, nil, nil); err == nil {
		t.Error("an empty status was understood")
	}
	if _, err := txResult(spinel.PHYChan, []byte{0}, nil); err == nil {
		t.Error("an answer about something else was understood")
	}
}

func TestReceivedFramesAreChecked(t *testing.T) {
	withChip(t, nil, func(t *testing.T, c *chip, s *Spinel) {
		rx := func(f spinel.RxFrame) { c.say(0, spinel.StreamRaw, spinel.AppendRxFrame(nil, f)...) }
		rx(spinel.RxFrame{PSDU: []byte{2, 0, 7, 0, 0}})                        // an acknowledgement
		rx(spinel.RxFrame{PSDU: []byte{1, 0, 7, 0}})                           // too short
		rx(spinel.RxFrame{PSDU: make([]byte, 128)})                            // too long
		rx(spinel.RxFrame{PSDU: []byte{1, 0, 7, 9, 0, 0}, Error: 13})          // damaged
		c.say(0, spinel.StreamRaw, 200, 0, 1)                                  // cut short
		c.say(0, spinel.Property(0x3abc), 1, 2, 3)                             // unknown
		c.say(0, spinel.LastStatus, 0)                                         // no restart
		_, _ = c.conn.Write([]byte{0x7e, 1, 2, 3, 4, 0x7e, 0x7e})              // damaged on the line
		rx(spinel.RxFrame{PSDU: []byte{1, 0, 8, 9, 0xaa, 0xbb}, RSSI: -65})    // without LQI
		rx(spinel.RxFrame{PSDU: []byte{1, 0, 9, 0xaa, 0xbb}, RSSI: 1, LQI: 3}) // good
		for _, want := range []Frame{
			{Data: []byte{1, 0, 8, 9}, RSSI: -65, LQI: 127},
			{Data: []byte{1, 0, 9}, RSSI: 1, LQI: 3},
		} {
			got := <-s.Frames()
			if !bytes.Equal(got.Data, want.Data) || got.RSSI != want.RSSI || got.LQI != want.LQI || !got.At.Equal(time.Now()) {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	})
}

func TestOptionalProperty(t *testing.T) {
	withChip(t, func(c *chip) { c.refuse[spinel.MACRxOnWhenIdle] = spinel.PropertyNotFound }, func(t *testing.T, _ *chip, s *Spinel) {
		if err := s.Configure(t.Context(), Filter{Channel: 26}); err != nil {
			t.Error(err)
		}
	})
	withChip(t, func(c *chip) { c.refuse[spinel.MACPANID] = spinel.InvalidArgument }, func(t *testing.T, _ *chip, s *Spinel) {
		if err := s.Configure(t.Context(), Filter{Channel: 26}); err == nil {
			t.Error("a refused network was ignored")
		}
		if _, err := s.Transmit(t.Context(), make([]byte, 5)); err == nil {
			t.Error("transmitted without a configuration")
		}
	})
}

// A line that takes no more bytes does not hold up callers for ever.
func TestStuckLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, host := newChip() // nobody reads
		if _, err := NewSpinel(t.Context(), host); err == nil {
			t.Error("a silent line was opened")
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, address := range []string{
		"", "127.0.0.1:7000", "tcp://127.0.0.1:7000", "spinel+tcp://", "spinel+tcp://127.0.0.1", "spinel+tcp://127.0.0.1:7000/x",
		"spinel+tcp://u@127.0.0.1:7000", "spinel+tcp://127.0.0.1:7000?baud=1", "spinel+serial://", "spinel+serial://ttyACM0",
		"spinel+serial:///", "spinel+serial:///dev/x?speed=1", "spinel+serial:///dev/x?baud=1&baud=2", "spinel+udp://a:1", "%zz",
	} {
		if r, err := Open(t.Context(), address); err == nil {
			r.Close()
			t.Errorf("%q was opened", address)
		} else if !strings.Contains(err.Error(), "expected spinel+tcp://") {
			t.Errorf("%q: %v: expected what is expected", address, err)
		}
	}
	if _, err := Open(t.Context(), "spinel+serial:///dev/x?baud=fast"); err == nil || !strings.Contains(err.Error(), "460800") {
		t.Errorf("a rate that is none: %v", err)
	}
	if _, err := Open(t.Context(), "spinel+serial:///does/not/exist"); err == nil || !strings.Contains(err.Error(), "serial port") {
		t.Errorf("a port that is not there: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := Open(t.Context(), "spinel+tcp://"+l.Addr().String()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
}

// Whatever the line brings, the driver neither panics nor stops.
func FuzzDriver(f *testing.F) {
	f.Add(spinel.AppendProperty(nil, 0, spinel.PropIs, spinel.StreamRaw, spinel.AppendRxFrame(nil, spinel.RxFrame{PSDU: make([]byte, 9)})))
	f.Add(spinel.AppendProperty(nil, 3, spinel.PropIs, spinel.LastStatus, []byte{0}))
	f.Add(spinel.AppendProperty(nil, 0, spinel.PropIs, spinel.MACEnergyScanResult, []byte{11, 200}))
	corpus.Fuzz(f, func(t *testing.T, line []byte) {
		s := &Spinel{frames: make(chan Frame, queueLen), turn: make(chan struct{}, 1), resets: make(chan spinel.Status, resets)}
		s.link = newLink(struct {
			io.Reader
			io.WriteCloser
		}{bytes.NewReader(line), nopCloser{io.Discard}}, s.notify)
		s.link.start(func() { close(s.frames) })
		for range s.frames {
		}
		if s.Err() == nil {
			t.Error("the end of the line was not noticed")
		}
		s.link.close()
	})
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
