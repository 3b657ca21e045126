package sim

import (
	"errors"
	"fmt"
	"time"

	"sconce/radio"
)

// TransceiverConfig makes a [Transceiver].
type TransceiverConfig struct {
	EUI64    uint64
	Position Position
	Power    float64 // transmit power in dBm, at most 20
}

// Handler is told what a transceiver did. Its methods are called by the air, in
// the middle of an event: they may call the transceiver, but not run the air.
type Handler interface {
	// Received delivers a frame that passed the filter; its bytes are valid
	// during the call.
	Received(now time.Time, f Received)
	// Sent is the end of a [Transceiver.Transmit].
	Sent(now time.Time, r Sent)
	// Scanned is the end of a [Transceiver.EnergyScan].
	Scanned(now time.Time, channel uint8, dBm int8)
}

// Received is a frame as the silicon delivers it.
type Received struct {
	PSDU    []byte // with frame check sequence
	Channel uint8
	RSSI    int8 // dBm
	LQI     uint8

	from  *Transceiver
	noted *captured
}

// Sent is the end of a transmission.
type Sent struct {
	Status radio.Status
	Ack    []byte // the acknowledgement, with frame check sequence; valid during the call
	RSSI   int8   // of the acknowledgement, dBm
	LQI    uint8
}

// FramePending reports whether the acknowledgement said that frames wait.
func (s Sent) FramePending() bool { return len(s.Ack) > 0 && s.Ack[0]&(1<<4) != 0 }

// TxOptions say how a frame is sent. [DefaultTx] has the values of the standard.
type TxOptions struct {
	Channel     uint8 // 0: the one of the filter
	MaxBackoffs uint8 // macMaxCSMABackoffs
	MaxRetries  uint8 // macMaxFrameRetries
	CSMA        bool  // false sends without listening first
	RetryBusy   bool  // a channel that stays busy costs a retry, and ends the attempt only when none is left
}

// DefaultTx returns the defaults of 802.15.4-2006, 7.4.2.
func DefaultTx() TxOptions { return TxOptions{MaxBackoffs: 4, MaxRetries: 3, CSMA: true} }

// Errors of a transceiver.
var (
	ErrBusy = errors.New("the transceiver is sending or scanning already")
	ErrOff  = errors.New("the transceiver is off")
)

// Transceiver is the radio of one device: the PHY and that part of the MAC which
// is in silicon. It does one thing at a time.
type Transceiver struct {
	// What every frame on the air looks at comes first.
	tuned       uint8 // the channel that it is on now
	on          bool
	deaf        bool // turning around, sending, or off
	asleep      bool // hears nothing but the acknowledgement of what it sent
	scanning    bool
	promiscuous bool
	acking      bool
	filter      radio.Filter
	since       time.Duration // listening without a break since then
	job         job

	air      *Air
	id       int
	eui64    uint64
	position Position
	power    float64
	radiated float64 // the same, in mW
	reach    float64 // the highest power so far, to which the links are known
	links    []link
	hostile  func(n *Node, now time.Time, f Received) // of an attacker: gives a node what it sent, and looks at what comes of it
	handler  Handler

	pending pending
	rested  time.Duration // no transmission begins before: the inter-frame space
	onAir   *transmission
	ack     [3 + fcsLen]byte // to be sent, while acking
	held    Received         // delivered once its acknowledgement is sent
	heldBuf [maxPSDU]byte
	energy  float64 // the strongest so far of the scan
	gen     uint32  // of everything scheduled; moves on when it is switched off
	wait    uint32  // of the wait for an acknowledgement
}

// Attach adds a transceiver, switched off. It needs a handler before it is
// configured.
func (a *Air) Attach(cfg TransceiverConfig) *Transceiver {
	power := min(cfg.Power, maxPower)
	x := &Transceiver{
		air: a, id: len(a.all), eui64: cfg.EUI64, position: cfg.Position,
		power: power, radiated: milliwatts(power), reach: power, deaf: true,
	}
	a.connect(x)
	a.all = append(a.all, x)
	return x
}

// Handle gives the transceiver to a handler, in the place of the one before.
func (x *Transceiver) Handle(h Handler) { x.handler = h }

// Configure sets the filter and begins to listen on its channel.
func (x *Transceiver) Configure(f radio.Filter) error {
	if f.Channel < minChannel || f.Channel > maxChannel {
		return fmt.Errorf("channel %d: expected %d to %d", f.Channel, minChannel, maxChannel)
	}
	x.filter = f
	if !x.on {
		x.on = true
		x.listen(f.Channel)
	} else if x.tuned != f.Channel && x.job.state == idle && !x.scanning && !x.acking {
		x.listen(f.Channel)
	}
	return nil
}

// Off switches the transceiver off. What it was doing is not reported any more;
// a frame that is on the air already ends there.
func (x *Transceiver) Off() {
	if x.scanning {
		x.air.scans--
	}
	x.on, x.deaf, x.asleep, x.acking, x.scanning = false, true, false, false, false
	x.job.state, x.onAir = idle, nil
	x.gen++
	x.wait++
}

// SetPending replaces the neighbours whose data requests are acknowledged with
// the frame-pending bit set.
func (x *Transceiver) SetPending(short []uint16, extended []uint64) {
	x.pending.enabled = true
	x.pending.short = append(x.pending.short[:0], short...)
	x.pending.extended = append(x.pending.extended[:0], extended...)
}

// MatchSources switches the lists of [Transceiver.SetPending] on or off. While
// they are off, every data request is told that a frame waits.
func (x *Transceiver) MatchSources(on bool) { x.pending.enabled = on }

// Promiscuous makes the transceiver deliver every frame and acknowledge none.
func (x *Transceiver) Promiscuous(on bool) { x.promiscuous = on }

// SetPower sets the transmit power in dBm, at most 20.
func (x *Transceiver) SetPower(dBm float64) {
	x.power = min(dBm, maxPower)
	x.radiated = milliwatts(x.power)
	if x.power > x.reach {
		x.reach = x.power
		x.air.connect(x)
	}
}

// RSSI returns the signal on the channel now, in dBm.
func (x *Transceiver) RSSI() int8 { return int8(x.level(x.tuned)) }

// Sleep lets the receiver sleep while the device does not want it, or wakes it. A
// sleeping one sends nevertheless, and hears what acknowledges that.
func (x *Transceiver) Sleep(asleep bool) {
	if x.asleep && !asleep {
		x.since = x.air.now
	}
	x.asleep = asleep
}

func (x *Transceiver) listening() bool {
	return x.on && !x.deaf && !x.scanning && (!x.asleep || x.job.state == waiting)
}

// listen begins to receive on a channel.
func (x *Transceiver) listen(channel uint8) {
	x.tuned, x.deaf, x.since = channel, false, x.air.now
}

// receive takes a frame that x wants and that came through the air whole.
func (x *Transceiver) receive(t *transmission, dBm float64) {
	h := &t.head
	r := Received{PSDU: t.psdu, Channel: x.tuned, RSSI: int8(dBm), LQI: quality(dBm), from: t.src, noted: t.noted}
	switch {
	case x.awaits(t):
		x.acked(r)
	case !x.promiscuous && h.ackRequest && h.unicast():
		x.held = r
		x.held.PSDU = append(x.heldBuf[:0], t.psdu...)
		ackFrame(x.ack[:0], h.seq, x.pending.has(h))
		x.acking, x.deaf = true, true
		x.air.schedule(turnaround, x, startAck, &x.gen)
	default:
		x.handler.Received(x.air.Now(), r)
	}
}

// EnergyScan listens on a channel for d. Nothing is received meanwhile.
func (x *Transceiver) EnergyScan(channel uint8, d time.Duration) error {
	if channel < minChannel || channel > maxChannel {
		return fmt.Errorf("channel %d: expected %d to %d", channel, minChannel, maxChannel)
	}
	switch {
	case !x.on:
		return ErrOff
	case x.job.state != idle || x.scanning || x.acking:
		return ErrBusy
	}
	x.scanning, x.tuned = true, channel
	x.air.scans++
	x.energy = x.level(channel)
	x.air.schedule(d, x, endScan, &x.gen)
	return nil
}

func (x *Transceiver) scanned() {
	channel, energy := x.tuned, x.energy
	x.scanning = false
	x.air.scans--
	x.relisten()
	x.handler.Scanned(x.air.Now(), channel, int8(energy))
}
