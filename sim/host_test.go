package sim

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce/internal/corpus"
	"sconce/radio"
	"sconce/radio/spinel"
)

// talker is a host that writes and reads Spinel frames by hand.
type talker struct {
	t    *testing.T
	conn net.Conn
	d    spinel.Deframer
	got  [][]byte
}

// property sends a command on a property and returns the answer, as text: the
// property and its value.
func (h *talker) property(tid uint8, c spinel.Command, p spinel.Property, value ...byte) string {
	h.t.Helper()
	h.write(spinel.AppendProperty(nil, tid, c, p, value))
	return h.answer(tid)
}

func (h *talker) write(b []byte) {
	h.t.Helper()
	if _, err := h.conn.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// answer returns the next frame of a transaction.
func (h *talker) answer(tid uint8) string {
	h.t.Helper()
	for {
		f, err := spinel.ParseFrame(h.next())
		if err != nil {
			h.t.Fatal(err)
		}
		if f.TID == tid {
			return hex.EncodeToString(f.Payload)
		}
	}
}

func (h *talker) next() []byte {
	h.t.Helper()
	buf := make([]byte, 1024)
	for len(h.got) == 0 {
		n, err := h.conn.Read(buf)
		if err != nil {
			h.t.Fatalf("the co-processor hung up: %v", err)
		}
		for f := range h.d.Frames(buf[:n]) {
			h.got = append(h.got, bytes.Clone(f))
		}
	}
	f := h.got[0]
	h.got = h.got[1:]
	return f
}

// attached runs a test on a host and a co-processor beside a listening neighbour,
// on an air that runs in a bubble of its own time.
func attached(t *testing.T, test func(t *testing.T, h *talker, rcp *RCP, neighbour *record)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := Pace(NewAir(AirConfig{Seed: 1, Start: time.Now()}))
		var neighbour *record
		p.Do(func(a *Air) {
			neighbour = &record{x: a.Attach(TransceiverConfig{EUI64: 2, Position: Position{X: 1}})}
			neighbour.x.Handle(neighbour)
			_ = neighbour.x.Configure(radio.Filter{Channel: 20, PANID: 1, Short: 2, EUI64: 2})
		})
		rcp := NewRCP(p, TransceiverConfig{EUI64: 0x0102030405060708})
		host, chip := net.Pipe()
		go func() { _ = p.Run(ctx) }()
		go rcp.Attend(ctx, chip)
		h := &talker{t: t, conn: host}
		test(t, h, rcp, neighbour)
		host.Close()
		cancel()
	})
}

// What zigbee-on-host, the coordinator behind zigbee2mqtt's zoh adapter, says to
// a co-processor from its start to a network (RADIO-NOTES; the commands are those
// of OpenThread's own host).
func TestHostStart(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, rcp *RCP, _ *record) {
		h.write([]byte{0x7e})
		for i, step := range []struct {
			command spinel.Command
			p       spinel.Property
			value   string
			want    string
		}{
			{spinel.PropGet, spinel.ProtocolVersion, "", "010403"},
			{spinel.PropGet, spinel.NCPVersion, "", "02" + hex.EncodeToString([]byte(firmware)) + "00"},
			{spinel.PropGet, spinel.InterfaceType, "", "0303"},
			{spinel.PropGet, spinel.RCPAPIVersion, "", "b0010b"},
			{spinel.PropGet, spinel.RCPMinHostAPIVersion, "", "b10104"},
			{spinel.PropGet, spinel.HWAddr, "", "080102030405060708"},
			{spinel.PropGet, spinel.Caps, "", "0511182240418104"},
			{spinel.PropGet, spinel.RadioCaps, "", "8b249f02"},
			{spinel.PropSet, spinel.PHYEnabled, "01", "2001"},
			{spinel.PropSet, spinel.PHYChan, "14", "2114"},
			{spinel.PropSet, spinel.PHYTxPower, "05", "2505"},
			{spinel.PropSet, spinel.MACLongAddress, "4d325a6e6f486f5a", "344d325a6e6f486f5a"},
			{spinel.PropSet, spinel.MACShortAddress, "0000", "350000"},
			{spinel.PropSet, spinel.MACPANID, "d985", "36d985"},
			{spinel.PropSet, spinel.MACRxOnWhenIdle, "01", "3b01"},
			{spinel.PropSet, spinel.MACRawStreamEnabled, "01", "3701"},
			{spinel.PropGet, spinel.PHYTxPower, "", "2505"},
			{spinel.PropGet, spinel.PHYRSSI, "", "269c"},
			{spinel.PropGet, spinel.PHYRxSensitivity, "", "279f"},
			{spinel.PropGet, spinel.PHYCCAThreshold, "", "24b5"},
			{spinel.PropGet, spinel.MACLongAddress, "", "344d325a6e6f486f5a"},
			// What is wrong is answered, and changes nothing.
			{spinel.PropGet, spinel.Property(0x3abc), "", "000d"},
			{spinel.PropSet, spinel.Property(0x3abc), "01", "000d"},
			{spinel.PropSet, spinel.HWAddr, "0000000000000001", "0015"},
			{spinel.PropSet, spinel.PHYChan, "0a", "0003"},
			{spinel.PropSet, spinel.PHYChan, "", "0009"},
			{spinel.PropSet, spinel.PHYChan, "1401", "0003"},
			{spinel.PropSet, spinel.PHYEnabled, "02", "0009"},
			{spinel.PropGet, spinel.PHYChan, "", "2114"},
			// Neighbours for whom frames are pending, one by one.
			{spinel.PropInsert, spinel.SrcMatchShort, "3412", "84263412"},
			{spinel.PropInsert, spinel.SrcMatchExtended, "0102030405060708", "85260102030405060708"},
			{spinel.PropGet, spinel.SrcMatchShort, "", "84263412"},
			{spinel.PropRemove, spinel.SrcMatchShort, "3412", "84263412"},
			{spinel.PropRemove, spinel.SrcMatchShort, "3412", "0014"},
			{spinel.PropInsert, spinel.PHYChan, "0b", "0015"},
			{spinel.PropGet, spinel.SrcMatchShort, "", "8426"},
		} {
			value, _ := hex.DecodeString(step.value)
			if got := h.property(uint8(1+i%spinel.MaxTID), step.command, step.p, value...); got != step.want {
				t.Errorf("step %d, command %d on %v %s: %s, want %s", i, step.command, step.p, step.value, got, step.want)
			}
		}
		h.write(spinel.AppendHDLC(nil, spinel.AppendFrame(nil, spinel.Frame{Command: spinel.Reset, Payload: []byte{spinel.ResetStack}})))
		if got := h.answer(0); got != "0072" {
			t.Errorf("after the reset: %s, want LAST_STATUS 114", got)
		}
		if got := h.property(1, spinel.PropGet, spinel.PHYEnabled); got != "2000" {
			t.Errorf("the reset forgot nothing: %s", got)
		}
		if rcp.Bad() != 0 {
			t.Errorf("%d bad frames", rcp.Bad())
		}
	})
}

func TestPendingListsAreBounded(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, _ *RCP, _ *record) {
		full := make([]byte, 2*radio.MaxPending)
		for i := range full {
			full[i] = byte(i)
		}
		if got := h.property(1, spinel.PropSet, spinel.SrcMatchShort, full...); got != "8426"+hex.EncodeToString(full) {
			t.Errorf("as many as there may be: %s", got)
		}
		for _, c := range []spinel.Command{spinel.PropSet, spinel.PropInsert} {
			value := []byte{0xee, 0xee}
			if c == spinel.PropSet {
				value = append(full, value...)
			}
			if got := h.property(1, c, spinel.SrcMatchShort, value...); got != "000b" {
				t.Errorf("one more, by command %d: %s, want out of memory", c, got)
			}
		}
		if got := h.property(1, spinel.PropInsert, spinel.SrcMatchShort, 0, 1); got != "84260001" {
			t.Errorf("one that is there already: %s", got)
		}
		if got := h.property(1, spinel.PropSet, spinel.SrcMatchShort, 1, 2, 3); got != "0009" {
			t.Errorf("half an address: %s, want parse error", got)
		}
	})
}

func (h *talker) enable() {
	h.t.Helper()
	for p, v := range map[spinel.Property][]byte{
		spinel.PHYEnabled: {1}, spinel.PHYChan: {20}, spinel.MACPANID: {1, 0}, spinel.MACShortAddress: {1, 0}, spinel.MACRawStreamEnabled: {1},
	} {
		if got := h.property(1, spinel.PropSet, p, v...); strings.HasPrefix(got, "00") {
			h.t.Fatalf("%v: %s", p, got)
		}
	}
}

func tx(frame []byte) []byte {
	return spinel.AppendTxRequest(nil, spinel.TxRequest{Frame: frame, Channel: 20, MaxBackoffs: 4, MaxRetries: 3, CSMA: true, Power: spinel.NoLimit})
}

// The status of a transmission comes when the acknowledgement has: not before
// the time that all of it takes on the air.
func TestHostTransmits(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, rcp *RCP, neighbour *record) {
		if got := h.property(3, spinel.PropSet, spinel.StreamRaw, tx(frame(1, true, 2, 1, ""))...); got != "0004" {
			t.Errorf("before it is enabled: %s, want invalid state", got)
		}
		h.enable()
		data := frame(1, true, 2, 1, "to the neighbour")
		start := time.Now()
		got := h.property(3, spinel.PropSet, spinel.StreamRaw, tx(data)...)
		took := time.Since(start)
		least := ccaTime + turnaround + airtime(len(data)+2) + turnaround + airtime(5)
		if took < least || took > least+7*unitBackoff {
			t.Errorf("took %v, want %v and at most 7 back-off periods", took, least)
		}
		value, _ := hex.DecodeString(got[2:])
		if done, err := spinel.ParseTxDone(value); err != nil || done.Status != spinel.OK || done.Ack == nil || done.Ack.Channel != 20 {
			t.Errorf("%s: %+v, %v", got, done, err)
		}
		if !slices.Equal(neighbour.received, []string{string(data)}) {
			t.Errorf("received %q", neighbour.received)
		}
		if got := h.property(4, spinel.PropSet, spinel.StreamRaw, tx(frame(2, true, 99, 1, ""))...); got != "00110000" {
			t.Errorf("to nobody: %s, want no ack", got)
		}
		for name, bad := range map[string][]byte{"shorter than a frame": tx([]byte{1}), "channel 27": append(tx(data)[:len(data)+4], 27)} {
			if got := h.property(5, spinel.PropSet, spinel.StreamRaw, bad...); got != "0003" {
				t.Errorf("%s: %s, want invalid argument", name, got)
			}
		}
		if got := h.property(5, spinel.PropSet, spinel.StreamRaw, 1); got != "0009" || rcp.Bad() != 1 {
			t.Errorf("cut short: %s, %d bad", got, rcp.Bad())
		}
	})
}

// All transactions at once: they are sent one after the other.
func TestHostQueues(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, rcp *RCP, neighbour *record) {
		h.enable()
		var all []byte
		for tid := uint8(1); tid <= spinel.MaxTID; tid++ {
			all = append(all, spinel.AppendProperty(nil, tid, spinel.PropSet, spinel.StreamRaw, tx(frame(tid, true, 2, 1, "")))...)
		}
		all = append(all, spinel.AppendProperty(nil, 15, spinel.PropSet, spinel.StreamRaw, tx(frame(15, true, 2, 1, "")))...)
		go func() { _, _ = h.conn.Write(all) }()
		if got := h.answer(15); got != "000c" {
			t.Errorf("one more than there are transactions: %s, want busy", got)
		}
		h.got = nil
		for range spinel.MaxTID {
			h.next() // a status each
		}
		var received []string
		rcp.paced.Do(func(*Air) { received = neighbour.received })
		if len(received) != spinel.MaxTID {
			t.Errorf("%d received", len(received))
		}
		for i, f := range received {
			if f[2] != byte(i+1) {
				t.Fatalf("frame %d is number %d", i, f[2])
			}
		}
	})
}

func TestHostScans(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, _ *RCP, _ *record) {
		if got := h.property(1, spinel.PropSet, spinel.MACScanState, spinel.ScanEnergy); got != "0004" {
			t.Errorf("before it is enabled: %s", got)
		}
		h.property(1, spinel.PropSet, spinel.PHYEnabled, 1)
		h.property(1, spinel.PropSet, spinel.MACScanMask, 11, 12)
		if got := h.property(1, spinel.PropSet, spinel.MACScanState, spinel.ScanEnergy); got != "0003" {
			t.Errorf("two channels: %s, want invalid argument, as OpenThread answers", got)
		}
		h.property(1, spinel.PropSet, spinel.MACScanMask, 11)
		h.property(1, spinel.PropSet, spinel.MACScanPeriod, 50, 0)
		start := time.Now()
		if got := h.property(1, spinel.PropSet, spinel.MACScanState, spinel.ScanEnergy); got != "3002" {
			t.Errorf("start: %s", got)
		}
		if got := h.property(2, spinel.PropSet, spinel.MACScanState, spinel.ScanEnergy); got != "0004" {
			t.Errorf("a second one: %s", got)
		}
		if result, idle := h.answer(0), h.answer(0); result != "390b9c" || idle != "3000" {
			t.Errorf("%s, %s", result, idle)
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestHostSwitchesOffInTheMiddle(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, _ *RCP, _ *record) {
		h.enable()
		h.write(spinel.AppendProperty(nil, 7, spinel.PropSet, spinel.StreamRaw, tx(frame(1, true, 2, 1, ""))))
		h.write(spinel.AppendProperty(nil, 8, spinel.PropSet, spinel.PHYEnabled, []byte{0}))
		if got := h.answer(7); got != "0004" {
			t.Errorf("the transmission: %s, want invalid state", got)
		}
		if got := h.answer(8); got != "2000" {
			t.Errorf("the switch: %s", got)
		}
		h.enable()
		if got := h.property(9, spinel.PropSet, spinel.StreamRaw, tx(frame(2, true, 2, 1, ""))...); !strings.HasPrefix(got, "0000") {
			t.Errorf("on again: %s", got)
		}
	})
}

func TestBadFramesAreCountedAndForgiven(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, rcp *RCP, _ *record) {
		for _, bad := range [][]byte{
			{0x7e, 1, 2, 3, 4, 0x7e},                                                           // check sequence
			spinel.AppendHDLC(nil, []byte{0x01, 0x02}),                                         // not Spinel
			spinel.AppendHDLC(nil, []byte{0x81, 0x80, 0x80, 0x80, 0x01}),                       // command too long
			spinel.AppendHDLC(nil, spinel.AppendFrame(nil, spinel.Frame{TID: 1, Command: 99})), // unknown
			spinel.AppendHDLC(nil, spinel.AppendFrame(nil, spinel.Frame{TID: 1, Command: 2})),  // without a property
			spinel.AppendHDLC(nil, spinel.AppendFrame(nil, spinel.Frame{IID: 2, TID: 1, Command: 2, Payload: []byte{1}})),
		} {
			h.write(bad)
		}
		if unknown, empty := h.answer(1), h.answer(1); unknown != "0005" || empty != "0009" {
			t.Errorf("%s, %s: want invalid command, parse error", unknown, empty)
		}
		if got := h.property(2, spinel.PropGet, spinel.ProtocolVersion); got != "010403" || rcp.Bad() != 6 {
			t.Errorf("%s, %d bad frames, want 6", got, rcp.Bad())
		}
	})
}

func TestHostGoneAndReplaced(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, rcp *RCP, neighbour *record) {
		h.enable()
		ask := func(seq uint8) radio.Status {
			t.Helper()
			n := len(neighbour.sent)
			rcp.paced.Do(func(*Air) {
				if err := neighbour.x.Transmit(frame(seq, true, 1, 2, ""), DefaultTx()); err != nil {
					t.Error(err)
				}
			})
			for done := false; !done; {
				synctest.Wait()
				rcp.paced.Do(func(*Air) { done = len(neighbour.sent) > n })
				<-time.After(time.Millisecond)
			}
			return neighbour.sent[n].Status
		}
		drain := func(h *talker) {
			go func() {
				buf := make([]byte, 1024)
				for {
					if _, err := h.conn.Read(buf); err != nil {
						return
					}
				}
			}()
		}
		drain(h)
		if got := ask(1); got != radio.Sent {
			t.Errorf("with its host: %v", got)
		}
		host, chip := net.Pipe()
		go rcp.Attend(t.Context(), chip)
		second := &talker{t: t, conn: host}
		if got := second.property(1, spinel.PropGet, spinel.PHYEnabled); got != "2000" {
			t.Errorf("the second host finds the settings of the first: %s", got)
		}
		if _, err := h.conn.Write([]byte{0x7e}); err == nil {
			t.Error("the first host is still there")
		}
		if got := ask(2); got != radio.NoAck {
			t.Errorf("acknowledges for the first host: %v", got)
		}
		second.enable()
		drain(second)
		if got := ask(3); got != radio.Sent {
			t.Errorf("for the second host: %v", got)
		}
		host.Close()
		synctest.Wait()
		if got := ask(4); got != radio.NoAck {
			t.Errorf("acknowledges without a host: %v", got)
		}
	})
}

// A host that does not read loses frames first, and is cut off at last.
func TestSlowHost(t *testing.T) {
	attached(t, func(t *testing.T, h *talker, rcp *RCP, neighbour *record) {
		h.enable()
		for seq := range uint8(2) {
			for range toHost {
				rcp.paced.Do(func(*Air) { _ = neighbour.x.Transmit(frame(seq, false, 0xffff, 2, ""), DefaultTx()) })
				<-time.After(20 * time.Millisecond)
			}
		}
		if n := rcp.Dropped(); n < toHost-10 || n > toHost+10 {
			t.Errorf("%d of %d frames dropped, room for %d", n, 2*toHost, toHost)
		}
		for range 3 * toHost {
			if _, err := h.conn.Write(spinel.AppendProperty(nil, 1, spinel.PropGet, spinel.HWAddr, nil)); err != nil {
				return
			}
		}
		t.Error("a host that never reads is still served")
	})
}

// An air that is paced does everything at its moment, whenever it is asked.
func TestPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := Pace(NewAir(AirConfig{Start: epoch}))
		p.RunFor(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() {
			if err := p.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		var at []time.Duration
		p.Do(func(a *Air) {
			for _, d := range []time.Duration{7 * time.Millisecond, 3 * time.Millisecond, 2 * time.Hour} {
				a.After(d, func() { at = append(at, time.Since(start)) })
			}
		})
		<-time.After(3 * time.Hour)
		p.Do(func(a *Air) {
			if want := epoch.Add(time.Minute + 3*time.Hour); !a.Now().Equal(want) {
				t.Errorf("the air's clock shows %v, want %v", a.Now(), want)
			}
		})
		if want := []time.Duration{3 * time.Millisecond, 7 * time.Millisecond, 2 * time.Hour}; !slices.Equal(at, want) {
			t.Errorf("events at %v, want %v", at, want)
		}
		cancel()
		run.Wait()
		<-time.After(time.Hour)
		p.Do(func(a *Air) {
			if want := epoch.Add(time.Minute + 3*time.Hour); !a.Now().Equal(want) {
				t.Errorf("the clock goes on without Run: %v", a.Now())
			}
		})
	})
}

func TestPcap(t *testing.T) {
	var b bytes.Buffer
	p := NewPcap(&b)
	p.Tap(time.UnixMicro(1_700_000_000_123_456), 11, []byte{2, 0, 7, 1, 2})
	want := "d4c3b2a1020004000000000000000000" + "00010000c3000000" + "00f1536540e20100" + "0500000005000000" + "0200070102"
	if got := hex.EncodeToString(b.Bytes()); got != want || p.Err() != nil {
		t.Errorf("%s, want %s (%v)", got, want, p.Err())
	}
	full := NewPcap(failing{})
	full.Tap(epoch, 11, nil)
	if full.Err() == nil {
		t.Error("an error of writing was forgotten")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// FuzzHost: whatever a host writes, the firmware neither panics nor stops.
func FuzzHost(f *testing.F) {
	f.Add(spinel.AppendProperty(nil, 1, spinel.PropSet, spinel.PHYEnabled, []byte{1}))
	f.Add(append(spinel.AppendProperty(spinel.AppendProperty(nil, 1, spinel.PropSet, spinel.PHYEnabled, []byte{1}), 1, spinel.PropSet,
		spinel.MACRawStreamEnabled, []byte{1}), spinel.AppendProperty(nil, 2, spinel.PropSet, spinel.StreamRaw, tx(frame(1, true, 2, 1, "")))...))
	f.Add([]byte{0x81, 3, 0x31, 11, 0x81, 3, 0x30, 2})
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		air := NewAir(AirConfig{Seed: 1})
		c := newCoprocessor(air, air.Attach(TransceiverConfig{EUI64: 1}), func([]byte, bool) {})
		var d spinel.Deframer
		for f := range d.Frames(b) {
			c.receive(f)
		}
		for len(b) > 0 { // and the same without framing, in short pieces
			n := min(len(b), 1+int(b[0]&31))
			c.receive(b[:n])
			b = b[n:]
			air.RunFor(300 * time.Microsecond)
		}
		air.RunFor(70 * time.Second) // longer than any scan
		if c.busy || len(c.queue) > 0 {
			t.Errorf("%d operations never ended", len(c.queue))
		}
	})
}

// FuzzHeader: what parses, encodes to the same bytes.
func FuzzHeader(f *testing.F) {
	f.Add(frame(1, true, 2, 1, "x"))
	f.Add([]byte{0x63, 0xc8, 1, 1, 0, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 0, 0})
	corpus.Fuzz(f, func(t *testing.T, psdu []byte) {
		h, ok := parseHeader(psdu)
		if !ok {
			return
		}
		b := slices.Clone(psdu[:3])
		add := func(mode uint8, a uint64) {
			switch mode {
			case addressShort:
				b = append(b, byte(a), byte(a>>8))
			case addressExtended:
				for i := range 8 {
					b = append(b, byte(a>>(8*i)))
				}
			}
		}
		if h.dstMode != addressNone {
			b = append(b, byte(h.dstPAN), byte(h.dstPAN>>8))
			add(h.dstMode, h.dst)
		}
		if h.srcMode != addressNone {
			if psdu[0]&(1<<6) == 0 {
				b = append(b, byte(h.srcPAN), byte(h.srcPAN>>8))
			}
			add(h.srcMode, h.src)
		}
		if b = append(b, h.payload...); !bytes.Equal(b, psdu[:len(psdu)-fcsLen]) {
			t.Fatalf("%x re-encodes to %x", psdu, b)
		}
		accepts(&radio.Filter{}, &h)
	})
}
