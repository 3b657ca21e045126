package radio

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"sconce/radio/spinel"
)

// notify takes what the co-processor says unasked. The reader of the link calls
// it, one at a time.
func (s *Spinel) notify(p spinel.Property, value []byte) {
	switch p {
	case spinel.StreamRaw:
		s.receive(value)
	case spinel.MACEnergyScanResult:
		r := spinel.NewReader(value)
		if channel, energy := r.Uint8(), r.Int8(); r.Err() == nil {
			s.scanned(channel, energy)
		}
	case spinel.LastStatus:
		r := spinel.NewReader(value)
		if status := spinel.Status(r.Packed()); r.Err() == nil && status.IsReset() {
			s.restarted(status)
		}
	}
}

func (s *Spinel) restarted(status spinel.Status) {
	if s.ready.Load() {
		s.link.fail(fmt.Errorf("radio lost: it restarted by itself (%v) and forgot its settings", status))
		return
	}
	select {
	case s.resets <- status:
	default: // it said so often enough
	}
}

// The parts of a MAC frame that matter here (802.15.4-2006, 7.2.1.1).
const (
	fcsLen        = 2
	frameTypeMask = 0x07
	frameTypeAck  = 0x02
)

func (s *Spinel) receive(value []byte) {
	rx, err := spinel.ParseRxFrame(value)
	n := len(rx.PSDU) - fcsLen
	if err != nil || rx.Error != 0 || n < MinFrame || n > MaxFrame || rx.PSDU[0]&frameTypeMask == frameTypeAck {
		return
	}
	f := Frame{Data: append([]byte(nil), rx.PSDU[:n]...), RSSI: rx.RSSI, LQI: rx.LQI, At: time.Now()}
	if f.LQI == 0 {
		f.LQI = quality(rx.RSSI)
	}
	for {
		select {
		case s.frames <- f:
			return
		default:
		}
		select {
		case <-s.frames:
			s.dropped.Add(1)
		default:
		}
	}
}

// quality estimates the link quality for firmware that does not measure it:
// linear from -100 dBm, the sensitivity of good receivers, to -30 dBm.
func quality(rssi int8) uint8 {
	const worst, best = -100, -30
	return uint8(math.MaxUint8 * (min(max(int(rssi), worst), best) - worst) / (best - worst))
}

// EnergyScan implements [Radio].
func (s *Spinel) EnergyScan(ctx context.Context, channel uint8, d time.Duration) (int8, error) {
	if err := checkChannel(channel); err != nil {
		return 0, err
	}
	ms := (d + time.Millisecond - 1) / time.Millisecond
	if ms < 1 || ms > math.MaxUint16 {
		return 0, fmt.Errorf("energy scan of %v: expected more than 0 and at most %v", d, math.MaxUint16*time.Millisecond)
	}
	if err := s.take(ctx); err != nil {
		return 0, err
	}
	sc, err := s.startScan(ctx, channel, ms)
	if err != nil {
		return 0, fmt.Errorf("scanning channel %d: %w", channel, err)
	}
	select {
	case energy := <-sc.result:
		return energy, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.link.done:
		return 0, s.link.closed()
	}
}

// startScan begins a scan, in the turn that the caller has. The turn ends with
// the result, or here when there is an error.
func (s *Spinel) startScan(ctx context.Context, channel uint8, ms time.Duration) (*scan, error) {
	sc := &scan{channel: channel, result: make(chan int8, 1)}
	err := s.link.set(ctx, spinel.PHYEnabled, 1)
	if err == nil {
		err = s.link.set(ctx, spinel.MACScanMask, channel)
	}
	if err == nil {
		err = s.link.set(ctx, spinel.MACScanPeriod, binary.LittleEndian.AppendUint16(nil, uint16(ms))...)
	}
	if err != nil {
		s.release()
		return nil, err
	}
	s.mu.Lock()
	s.scan = sc
	sc.timer = time.AfterFunc(ms*time.Millisecond+answerWithin, func() {
		s.link.fail(fmt.Errorf("radio lost: no result of an energy scan of %d ms", ms))
	})
	s.mu.Unlock()
	// From here on the result ends the turn, whether or not the caller waits.
	if err = s.link.set(context.WithoutCancel(ctx), spinel.MACScanState, spinel.ScanEnergy); err != nil && s.takeScan(channel) != nil {
		s.release()
		return nil, err
	}
	return sc, nil
}

// takeScan ends the scan of a channel, and returns nil when there is none.
func (s *Spinel) takeScan(channel uint8) *scan {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := s.scan
	if sc == nil || sc.channel != channel {
		return nil
	}
	s.scan = nil
	sc.timer.Stop()
	return sc
}

func (s *Spinel) scanned(channel uint8, energy int8) {
	if sc := s.takeScan(channel); sc != nil {
		sc.result <- energy
		s.release()
	}
}
