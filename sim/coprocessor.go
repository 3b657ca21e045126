package sim

import (
	"errors"
	"time"

	"sconce/radio"
	"sconce/radio/spinel"
)

// maxQueued is how many transmissions and scans a co-processor holds for its
// host: one for each transaction that there can be.
const maxQueued = spinel.MaxTID

// coprocessor is the firmware of a virtual RCP: Spinel on one side, a
// transceiver on the other. It lives as long as its host is connected, and is
// used while the air is held.
//
// It answers as OpenThread's firmware does, except that it queues transmissions
// where some firmware refuses a second one.
type coprocessor struct {
	air   *Air
	x     *Transceiver
	eui64 uint64
	send  func(framed []byte, mayDrop bool)
	bad   uint64 // frames that meant nothing

	settings settings
	last     spinel.Status
	queue    []operation
	busy     bool // with queue[0]
}

// settings are what a reset forgets.
type settings struct {
	enabled, raw, rxOnWhenIdle bool
	promiscuous                uint8
	filter                     radio.Filter
	power, cca                 int8
	scanMask                   []byte
	scanPeriod                 uint16 // ms
	scanning                   bool
	match                      bool
	short                      []uint16
	extended                   []uint64
}

// operation is a transmission, or a scan when tx is nil.
type operation struct {
	tid     uint8
	tx      *spinel.TxRequest
	channel uint8
	length  time.Duration
}

func newCoprocessor(air *Air, x *Transceiver, send func([]byte, bool)) *coprocessor {
	c := &coprocessor{air: air, x: x, eui64: x.eui64, send: send, last: spinel.ResetPowerOn}
	x.Handle(c)
	c.reset()
	return c
}

// reset forgets everything and goes silent.
func (c *coprocessor) reset() {
	c.x.Off()
	c.x.Promiscuous(false)
	c.x.MatchSources(false)
	c.settings = settings{
		filter:     radio.Filter{Channel: minChannel, PANID: broadcast, Short: 0xfffe, EUI64: c.eui64},
		power:      int8(c.x.power),
		cca:        int8(ccaThreshold),
		scanPeriod: 200,
	}
	c.queue, c.busy = nil, false
}

// receive takes one frame from the host.
func (c *coprocessor) receive(b []byte) {
	f, err := spinel.ParseFrame(b)
	if err != nil || f.IID != 0 {
		c.bad++
		return
	}
	switch f.Command {
	case spinel.Noop:
		c.status(f.TID, spinel.OK)
	case spinel.Reset:
		c.reset()
		c.status(0, spinel.ResetSoftware)
	case spinel.PropGet, spinel.PropSet, spinel.PropInsert, spinel.PropRemove:
		p, value, err := spinel.ParseProperty(f.Payload)
		if err != nil {
			c.bad++
			c.status(f.TID, spinel.ParseError)
			return
		}
		c.property(f.TID, f.Command, p, value)
	default:
		c.bad++
		c.status(f.TID, spinel.InvalidCommand)
	}
}

func (c *coprocessor) property(tid uint8, command spinel.Command, p spinel.Property, value []byte) {
	switch {
	case command == spinel.PropGet:
		if v, ok := c.get(p); ok {
			c.is(tid, spinel.PropIs, p, v)
		} else {
			c.status(tid, spinel.PropertyNotFound)
		}
	case command == spinel.PropSet && p == spinel.StreamRaw:
		c.transmit(tid, value)
	case command == spinel.PropSet:
		s := c.set(p, value)
		if s != spinel.OK {
			c.status(tid, s)
			return
		}
		v, _ := c.get(p)
		c.is(tid, spinel.PropIs, p, v)
	default:
		s := c.member(command == spinel.PropInsert, p, value)
		if s != spinel.OK {
			c.status(tid, s)
			return
		}
		done := spinel.PropInserted
		if command == spinel.PropRemove {
			done = spinel.PropRemoved
		}
		c.is(tid, done, p, value)
	}
}

func (c *coprocessor) is(tid uint8, command spinel.Command, p spinel.Property, value []byte) {
	c.send(spinel.AppendProperty(nil, tid, command, p, value), false)
}

func (c *coprocessor) status(tid uint8, s spinel.Status) {
	c.last = s
	c.is(tid, spinel.PropIs, spinel.LastStatus, spinel.AppendPacked(nil, uint32(s)))
}

// apply brings the transceiver in line with the settings.
func (c *coprocessor) apply() {
	s := &c.settings
	if !s.enabled || !s.raw && !s.scanning {
		c.x.Off()
		c.abandon()
		return
	}
	c.x.Promiscuous(s.promiscuous != 0)
	c.x.SetPending(s.short, s.extended)
	c.x.MatchSources(s.match)
	c.x.SetPower(float64(s.power))
	_ = c.x.Configure(s.filter) // the channel was checked when it was set
}

// abandon answers all that cannot be carried out any more.
func (c *coprocessor) abandon() {
	queue := c.queue
	c.queue, c.busy, c.settings.scanning = nil, false, false
	for _, o := range queue {
		if o.tx != nil {
			c.status(o.tid, spinel.InvalidState)
		}
	}
}

func (c *coprocessor) transmit(tid uint8, value []byte) {
	tx, err := spinel.ParseTxRequest(value)
	switch {
	case err != nil:
		c.bad++
		c.status(tid, spinel.ParseError)
	case !c.settings.enabled || !c.settings.raw:
		c.status(tid, spinel.InvalidState)
	case len(tx.Frame) < radio.MinFrame || tx.Channel < minChannel || tx.Channel > maxChannel:
		c.status(tid, spinel.InvalidArgument)
	case len(c.queue) == maxQueued:
		c.status(tid, spinel.Busy)
	default:
		tx.Frame = append([]byte(nil), tx.Frame...)
		c.queue = append(c.queue, operation{tid: tid, tx: &tx})
		c.pump()
	}
}

func (c *coprocessor) scan(value []byte) spinel.Status {
	s := &c.settings
	state := spinel.NewReader(value).Uint8()
	switch {
	case len(value) != 1 || state != spinel.ScanIdle && state != spinel.ScanEnergy:
		return spinel.InvalidArgument
	case state == spinel.ScanIdle:
		return spinel.OK // a scan under way goes on, as in OpenThread
	case !s.enabled || s.scanning:
		return spinel.InvalidState
	case len(s.scanMask) != 1:
		return spinel.InvalidArgument // an RCP scans one channel at a time
	case len(c.queue) == maxQueued:
		return spinel.Busy
	}
	s.scanning = true
	c.apply()
	c.queue = append(c.queue, operation{channel: s.scanMask[0], length: time.Duration(s.scanPeriod) * time.Millisecond})
	c.air.After(0, c.pump) // after the answer to this command
	return spinel.OK
}

// pump begins the next operation when the transceiver is free. To call it once
// too often does no harm.
func (c *coprocessor) pump() {
	for !c.busy && len(c.queue) > 0 {
		o := c.queue[0]
		var err error
		if o.tx != nil {
			err = c.x.Transmit(o.tx.Frame, TxOptions{
				Channel: o.tx.Channel, MaxBackoffs: o.tx.MaxBackoffs, MaxRetries: o.tx.MaxRetries, CSMA: o.tx.CSMA,
				RetryBusy: true, // as OpenThread's SubMac does; hosts that ask for few back-offs count on it
			})
		} else {
			err = c.x.EnergyScan(o.channel, o.length)
		}
		switch {
		case err == nil:
			c.busy = true
		case errors.Is(err, ErrBusy): // it is acknowledging
			c.air.After(time.Millisecond, c.pump)
			return
		default:
			c.queue = c.queue[1:]
			if o.tx != nil {
				c.status(o.tid, spinel.InvalidState)
			}
		}
	}
}

// next ends the operation under way.
func (c *coprocessor) next() operation {
	o := c.queue[0]
	c.queue, c.busy = c.queue[1:], false
	return o
}

// Received implements [Handler].
func (c *coprocessor) Received(_ time.Time, f Received) {
	if c.settings.raw {
		c.send(spinel.AppendProperty(nil, 0, spinel.PropIs, spinel.StreamRaw, spinel.AppendRxFrame(nil, c.rx(f))), true)
	}
}

func (c *coprocessor) rx(f Received) spinel.RxFrame {
	return spinel.RxFrame{
		PSDU: f.PSDU, RSSI: f.RSSI, Noise: -128, Channel: f.Channel, LQI: f.LQI,
		Timestamp: uint64(c.air.now / time.Microsecond),
	}
}

// Sent implements [Handler].
func (c *coprocessor) Sent(_ time.Time, s Sent) {
	o := c.next()
	done := spinel.TxDone{FramePending: s.FramePending()}
	switch s.Status {
	case radio.Sent:
		done.Status = spinel.OK
	case radio.NoAck:
		done.Status = spinel.NoAck
	default:
		done.Status = spinel.CCAFailure
	}
	if s.Ack != nil {
		ack := c.rx(Received{PSDU: s.Ack, RSSI: s.RSSI, LQI: s.LQI, Channel: o.tx.Channel})
		done.Ack = &ack
	}
	c.last = done.Status
	c.is(o.tid, spinel.PropIs, spinel.LastStatus, spinel.AppendTxDone(nil, done))
	c.pump()
}

// Scanned implements [Handler].
func (c *coprocessor) Scanned(_ time.Time, channel uint8, dBm int8) {
	c.next()
	c.settings.scanning = false
	if !c.settings.raw {
		c.x.Off()
	}
	c.is(0, spinel.PropIs, spinel.MACEnergyScanResult, []byte{channel, byte(dBm)})
	c.is(0, spinel.PropIs, spinel.MACScanState, []byte{spinel.ScanIdle})
	c.pump()
}
