package sim

import (
	"fmt"
	"time"

	"sconce/radio"
)

// The events of a transceiver.
const (
	endCCA eventKind = iota + 1
	startFrame
	endAckWait
	startAck
	endScan
)

// The exponents of the back-off (802.15.4-2006, 7.4.2).
const (
	macMinBE = 3
	macMaxBE = 5
)

type jobState uint8

const (
	idle    jobState = iota
	backoff          // waiting, then listening
	sending          // turning around, then on the air
	waiting          // for the acknowledgement
)

// job is the transmission that a transceiver is busy with.
type job struct {
	state   jobState
	options TxOptions
	psdu    []byte
	wantAck bool
	retries uint8
	nb, be  uint8 // of unslotted CSMA-CA (802.15.4-2006, 7.5.1.4)
}

// happen implements actor.
func (x *Transceiver) happen(kind eventKind) {
	switch kind {
	case endCCA:
		x.assess()
	case startFrame:
		x.onAir = x.air.begin(x, x.job.options.Channel, x.job.psdu)
	case endAckWait:
		x.unacked()
	case startAck:
		x.onAir = x.air.begin(x, x.tuned, x.ack[:])
	case endScan:
		x.scanned()
	}
}

// Transmit sends a frame without its frame check sequence. The handler is told
// the end of it. An error means that nothing was sent.
func (x *Transceiver) Transmit(frame []byte, o TxOptions) error {
	if len(frame) < radio.MinFrame || len(frame) > radio.MaxFrame {
		return fmt.Errorf("frame of %d bytes: %w", len(frame), radio.ErrFrameSize)
	}
	if o.Channel == 0 {
		o.Channel = x.filter.Channel
	}
	switch {
	case !x.on:
		return ErrOff
	case o.Channel < minChannel || o.Channel > maxChannel:
		return fmt.Errorf("channel %d: expected %d to %d", o.Channel, minChannel, maxChannel)
	case x.job.state != idle || x.scanning:
		return ErrBusy
	}
	x.job.options = o
	x.job.psdu = appendFCS(append(x.job.psdu[:0], frame...))
	x.job.wantAck = frame[0]&(1<<5) != 0
	x.job.retries = 0
	x.attempt(max(0, x.rested-x.air.now))
	return nil
}

// attempt begins CSMA-CA, after a pause.
func (x *Transceiver) attempt(pause time.Duration) {
	x.job.nb, x.job.be = 0, macMinBE
	x.backOff(pause)
}

func (x *Transceiver) backOff(pause time.Duration) {
	x.job.state = backoff
	if x.job.options.CSMA {
		periods := x.air.random.Uint32N(1 << x.job.be)
		pause += time.Duration(periods)*unitBackoff + ccaTime
	}
	x.air.schedule(pause, x, endCCA, &x.gen)
}

// assess is the end of the clear channel assessment.
func (x *Transceiver) assess() {
	j := &x.job
	if x.acking && !j.options.CSMA {
		x.backOff(turnaround + airtime(len(x.ack)))
		return
	}
	if x.acking || j.options.CSMA && x.busy(j.options.Channel) {
		j.nb, j.be = j.nb+1, min(j.be+1, macMaxBE)
		if j.nb > j.options.MaxBackoffs {
			if j.options.RetryBusy && j.retries < j.options.MaxRetries {
				j.retries++
				x.attempt(0)
				return
			}
			x.finish(Sent{Status: radio.ChannelBusy})
			return
		}
		x.backOff(0)
		return
	}
	j.state = sending
	x.deaf, x.tuned = true, j.options.Channel
	x.air.schedule(turnaround, x, startFrame, &x.gen)
}

// ended is told that a transmission of x left the air.
func (x *Transceiver) ended(t *transmission) {
	if x.onAir != t {
		return // it was switched off meanwhile
	}
	x.onAir = nil
	switch {
	case x.acking:
		x.acking = false
		x.relisten()
		x.handler.Received(x.air.Now(), x.held)
	case x.job.wantAck:
		x.job.state = waiting
		x.relisten()
		x.air.schedule(ackWait, x, endAckWait, &x.wait)
	default:
		x.finish(Sent{Status: radio.Sent})
	}
}

func (x *Transceiver) acked(r Received) {
	x.finish(Sent{Status: radio.Sent, Ack: r.PSDU, RSSI: r.RSSI, LQI: r.LQI})
}

func (x *Transceiver) unacked() {
	if x.job.retries == x.job.options.MaxRetries {
		x.finish(Sent{Status: radio.NoAck})
		return
	}
	x.job.retries++
	x.attempt(0)
}

// finish ends the transmission, and tells.
func (x *Transceiver) finish(s Sent) {
	pause := longIFS
	if len(x.job.psdu) <= maxShortIFS {
		pause = shortIFS
	}
	x.rested = x.air.now + pause
	x.job.state = idle
	x.wait++ // no more waiting for an acknowledgement
	if !x.acking && (x.deaf || x.tuned != x.filter.Channel) {
		x.relisten()
	}
	x.handler.Sent(x.air.Now(), s)
}

// relisten begins to receive again, on the channel where something is expected.
func (x *Transceiver) relisten() {
	channel := x.filter.Channel
	if x.job.state == waiting {
		channel = x.job.options.Channel
	}
	x.listen(channel)
}
