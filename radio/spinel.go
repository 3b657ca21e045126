package radio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sconce/radio/spinel"
)

// queueLen is how many received frames wait for the reader of Frames.
const queueLen = 64

// The handshake: how often the co-processor is asked to reset, and how long
// each time it may take to say that it has.
const (
	resets      = 3
	resetWithin = 2 * time.Second
)

// The parameters of CSMA-CA and retries (802.15.4-2006, 7.4.2).
const (
	macMaxCSMABackoffs = 4
	macMaxFrameRetries = 3
)

// minAPIVersion is the oldest RCP API with the properties used here.
const minAPIVersion = 1

// Spinel is a [Radio] behind a radio co-processor with OpenThread RCP firmware.
type Spinel struct {
	link   *link
	frames chan Frame
	turn   chan struct{} // held by the transmission, scan or configuration under way
	resets chan spinel.Status

	eui64   uint64
	version string
	ready   atomic.Bool   // the handshake is over
	channel atomic.Uint32 // 0 before Configure
	dropped atomic.Uint64

	mu   sync.Mutex
	scan *scan // under way, or nil
}

type scan struct {
	channel uint8
	result  chan int8
	timer   *time.Timer
}

// NewSpinel resets the co-processor at the other end of conn and checks that it
// can serve. It owns conn, and closes it when it returns an error.
func NewSpinel(ctx context.Context, conn io.ReadWriteCloser) (*Spinel, error) {
	s := &Spinel{
		frames: make(chan Frame, queueLen),
		turn:   make(chan struct{}, 1),
		resets: make(chan spinel.Status, resets),
	}
	s.link = newLink(conn, s.notify)
	s.link.start(func() { close(s.frames) })
	if err := s.handshake(ctx); err != nil {
		s.link.close()
		return nil, err
	}
	s.ready.Store(true)
	return s, nil
}

func (s *Spinel) handshake(ctx context.Context) error {
	if err := s.reset(ctx); err != nil {
		return err
	}
	r, err := s.link.get(ctx, spinel.ProtocolVersion)
	if err != nil {
		return err
	}
	if major, minor := r.Packed(), r.Packed(); r.Err() != nil || major != spinel.ProtocolMajor {
		return fmt.Errorf("radio speaks Spinel %d.%d; expected version %d: put OpenThread RCP firmware on it", major, minor, spinel.ProtocolMajor)
	}
	if r, err = s.link.get(ctx, spinel.NCPVersion); err != nil {
		return err
	}
	s.version = r.UTF8()
	if err := s.checkCaps(ctx); err != nil {
		return err
	}
	if r, err = s.link.get(ctx, spinel.HWAddr); err != nil {
		return err
	}
	if s.eui64 = r.EUI64(); r.Err() != nil || s.eui64 == 0 {
		return fmt.Errorf("radio %q has no factory address", s.version)
	}
	return nil
}

// reset puts the co-processor into a known state. Bytes of an earlier session
// may still be on the line, so the first command may be lost.
func (s *Spinel) reset(ctx context.Context) error {
	command := spinel.AppendHDLC(nil, spinel.AppendFrame(nil, spinel.Frame{
		Command: spinel.Reset, Payload: []byte{spinel.ResetStack},
	}))
	for range resets {
		s.link.out <- command // never blocks: see newLink
		select {
		case <-s.resets:
			return nil
		case <-time.After(resetWithin):
		case <-ctx.Done():
			return ctx.Err()
		case <-s.link.done:
			return s.link.closed()
		}
	}
	return fmt.Errorf("nothing speaks Spinel there: no answer to %d resets within %v; expected a radio with OpenThread RCP firmware", resets, resets*resetWithin)
}

func (s *Spinel) checkCaps(ctx context.Context) error {
	r, err := s.link.get(ctx, spinel.Caps)
	if err != nil {
		return err
	}
	var caps []spinel.Cap
	for r.Len() > 0 {
		caps = append(caps, spinel.Cap(r.Packed()))
	}
	if r.Err() != nil || !slices.Contains(caps, spinel.CapMACRaw) {
		return fmt.Errorf("radio %q does not offer raw 802.15.4 frames: put OpenThread RCP firmware on it", s.version)
	}
	if !slices.Contains(caps, spinel.CapRCPAPIVersion) {
		return nil
	}
	if r, err = s.link.get(ctx, spinel.RCPAPIVersion); err != nil {
		return err
	}
	if v := r.Packed(); r.Err() != nil || v < minAPIVersion {
		return fmt.Errorf("radio %q has RCP API version %d; expected %d or newer", s.version, v, minAPIVersion)
	}
	return nil
}

// Version returns what the firmware says of itself.
func (s *Spinel) Version() string { return s.version }

// EUI64 implements [Radio].
func (s *Spinel) EUI64() uint64 { return s.eui64 }

// Dropped returns how many received frames were dropped because nobody took
// them from Frames in time.
func (s *Spinel) Dropped() uint64 { return s.dropped.Load() }

// Frames implements [Radio].
func (s *Spinel) Frames() <-chan Frame { return s.frames }

// Err implements [Radio].
func (s *Spinel) Err() error { return s.link.reason() }

// Configure implements [Radio].
func (s *Spinel) Configure(ctx context.Context, f Filter) error {
	if err := checkChannel(f.Channel); err != nil {
		return err
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.release()
	le := binary.LittleEndian
	for _, set := range []struct {
		property spinel.Property
		value    []byte
		optional bool // older firmware does not know it
	}{
		{spinel.PHYEnabled, []byte{1}, false},
		{spinel.PHYChan, []byte{f.Channel}, false},
		{spinel.MACLongAddress, binary.BigEndian.AppendUint64(nil, f.EUI64), false},
		{spinel.MACShortAddress, le.AppendUint16(nil, f.Short), false},
		{spinel.MACPANID, le.AppendUint16(nil, f.PANID), false},
		{spinel.MACRxOnWhenIdle, []byte{1}, true},
		{spinel.SrcMatchEnabled, []byte{1}, false},
		{spinel.MACRawStreamEnabled, []byte{1}, false},
	} {
		err := s.link.set(ctx, set.property, set.value...)
		var refused *statusError
		if set.optional && errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return fmt.Errorf("configuring the radio: %w", err)
		}
	}
	s.channel.Store(uint32(f.Channel))
	return nil
}

func checkChannel(c uint8) error {
	if c < 11 || c > 26 {
		return fmt.Errorf("channel %d: expected 11 to 26", c)
	}
	return nil
}

// Transmit implements [Radio].
func (s *Spinel) Transmit(ctx context.Context, frame []byte) (TxResult, error) {
	if len(frame) < MinFrame || len(frame) > MaxFrame {
		return TxResult{}, fmt.Errorf("frame of %d bytes: %w", len(frame), ErrFrameSize)
	}
	if err := s.take(ctx); err != nil {
		return TxResult{}, err
	}
	channel := uint8(s.channel.Load())
	if channel == 0 {
		s.release()
		return TxResult{}, errors.New("radio is not configured yet")
	}
	type ending struct {
		result TxResult
		err    error
	}
	got := make(chan ending, 1)
	request := spinel.AppendTxRequest(nil, spinel.TxRequest{
		Frame: frame, Channel: channel, MaxBackoffs: macMaxCSMABackoffs, MaxRetries: macMaxFrameRetries,
		CSMA: true, SecurityProcessed: true, ChannelAfter: channel, Power: spinel.NoLimit,
	})
	err := s.link.send(ctx, spinel.PropSet, spinel.StreamRaw, request, answerWithin,
		func(p spinel.Property, value []byte, err error) {
			s.release()
			result, err := txResult(p, value, err)
			got <- ending{result, err}
		})
	if err != nil {
		s.release()
		return TxResult{}, err
	}
	select {
	case e := <-got:
		return e.result, e.err
	case <-ctx.Done():
		return TxResult{}, ctx.Err()
	}
}

func txResult(p spinel.Property, value []byte, err error) (TxResult, error) {
	if err != nil {
		return TxResult{}, err
	}
	if p != spinel.LastStatus {
		return TxResult{}, fmt.Errorf("radio answered a transmission with %v", p)
	}
	t, err := spinel.ParseTxDone(value)
	if err != nil {
		return TxResult{}, fmt.Errorf("radio answered a transmission with a damaged status: %w", err)
	}
	switch t.Status {
	case spinel.OK:
		return TxResult{Status: Sent, FramePending: t.FramePending}, nil
	case spinel.NoAck:
		return TxResult{Status: NoAck}, nil
	case spinel.CCAFailure, spinel.Busy:
		return TxResult{Status: ChannelBusy}, nil
	default:
		return TxResult{}, &statusError{spinel.StreamRaw, t.Status}
	}
}

// SetPending implements [Radio].
func (s *Spinel) SetPending(ctx context.Context, short []uint16, extended []uint64) error {
	if len(short) > MaxPending || len(extended) > MaxPending {
		return fmt.Errorf("frames pending for %d and %d neighbours; expected at most %d of each", len(short), len(extended), MaxPending)
	}
	var shorts, extendeds []byte
	for _, a := range short {
		shorts = binary.LittleEndian.AppendUint16(shorts, a)
	}
	for _, a := range extended {
		extendeds = binary.BigEndian.AppendUint64(extendeds, a)
	}
	err := s.link.set(ctx, spinel.SrcMatchShort, shorts...)
	if err == nil {
		err = s.link.set(ctx, spinel.SrcMatchExtended, extendeds...)
	}
	if err != nil {
		return fmt.Errorf("telling the radio for whom frames are pending: %w", err)
	}
	return nil
}

// Close implements [Radio].
func (s *Spinel) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	// A dongle would go on acknowledging frames that nobody reads. One that
	// does not answer any more cannot be told.
	_ = s.link.set(ctx, spinel.PHYEnabled, 0)
	s.link.close()
	return nil
}

// take waits for the turn to use the transceiver; turns are given in order.
func (s *Spinel) take(ctx context.Context) error {
	select {
	case <-s.link.done:
		return s.link.closed()
	default:
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.link.done:
		return s.link.closed()
	}
}

func (s *Spinel) release() { <-s.turn }
