package device

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// The model of the battery of a sleepy device: two alkaline cells of 2.4 Ah, of
// which the device can use 80 %, and what takes from them. What is left over is
// not measured, but reckoned. The voltage goes down evenly.
const (
	batteryJoules  = 0.8 * 2.4 * 3600 * 3.0
	sleepMicrowatt = 15   // µW, of the sleeping controller and its sensors
	frameMicro     = 500  // µJ, to wake, win the air and send one frame
	heardMicro     = 250  // µJ, to listen for and take in one frame
	fullVolts      = 3.2  // V
	emptyVolts     = 2.0  // V
	saveCharge     = 0.01 // of the battery, after which it is saved
)

// battery reckons what is left.
type battery struct {
	used energy
	at   time.Time // up to which it was reckoned; zero before the start
}

func (b *battery) sleep(now time.Time) {
	if !b.at.IsZero() && now.After(b.at) {
		b.used.add(sleepMicrowatt, sleepMicrowatt, now.Sub(b.at))
	}
	b.at = now
}

// charge returns what is left, from 1 for full to 0.
func (b *battery) charge() float64 {
	return max(1-float64(b.used.micro)/(batteryJoules*1e6), 0)
}

// Times of poll control, in quarters of a second.
const (
	quarter            = 250 * time.Millisecond
	defaultCheckIn     = 4 * 3600
	minCheckIn         = 4 * 60
	defaultFastPoll    = 4 * 10
	maxFastPoll        = 4 * 60
	minLongPoll        = 4
	maxShortPoll       = 4 * 5
	longestPollQuarter = uint32(stack.MaxPoll / quarter)
)

// pollSettings are the attributes of Poll Control that others may set.
type pollSettings struct {
	checkIn  uint32 // quarters of a second; 0: never
	long     uint32
	short    uint16
	fastPoll uint16
}

// sleeper is what sleepy devices have in common beyond a body: a battery and poll
// control (07-5123-08, 3.16).
type sleeper struct {
	body
	battery battery
	poll    pollSettings
	checkIn time.Time // the next
	charge  float64   // when last saved
	seq     uint8     // of the frames that are no answers
}

// equip makes the sleeper of a device that was given its memory before.
func (s *sleeper) equip(kind string, cfg Config, app firmware, endpoint zdo.SimpleDescriptor) error {
	node := stack.Config{
		Role: stack.EndDevice, Descriptor: nodeDescriptor(zdo.EndDevice, zigbee.SleepyCapability),
		PollLong: time.Duration(s.poll.long) * quarter, PollShort: time.Duration(s.poll.short) * quarter,
	}
	s.charge = s.battery.charge()
	return s.assemble(kind, cfg, app, endpoint, node)
}

func newSleeper() sleeper {
	return sleeper{poll: pollSettings{
		checkIn: defaultCheckIn, fastPoll: defaultFastPoll,
		long: uint32(stack.DefaultPollLong / quarter), short: uint16(stack.DefaultPollShort / quarter),
	}}
}

// SetCharge sets what is left in the battery, from 1 for full to 0, as when the
// cells are changed.
func (s *sleeper) SetCharge(now time.Time, charge float64) {
	s.battery.used = energy{micro: uint64((1 - min(max(charge, 0), 1)) * batteryJoules * 1e6)}
	s.dead = s.battery.charge() == 0
	s.revision++
	s.settle(now)
}

// Receive takes a frame from the radio, as [stack.Node.Receive].
func (s *sleeper) Receive(now time.Time, frame []byte, lqi uint8) {
	s.battery.used.micro += heardMicro
	s.body.Receive(now, frame, lqi)
}

// FrameDone says how a transmission ended, as [stack.Node.FrameDone].
func (s *sleeper) FrameDone(now time.Time, t stack.TxStatus) {
	s.battery.used.micro += frameMicro
	s.body.FrameDone(now, t)
}

// advance reckons with the battery, and checks in.
func (s *sleeper) advance(now time.Time) {
	s.battery.sleep(now)
	if c := s.battery.charge(); s.charge-c >= saveCharge || c > s.charge {
		s.charge = c
		s.revision++
	}
	if s.battery.charge() == 0 {
		s.dead = true
		return
	}
	if s.checkIn.IsZero() {
		s.schedule(now)
	}
	if s.poll.checkIn != 0 && !now.Before(s.checkIn) {
		s.schedule(now)
		s.sayCheckIn(now)
	}
}

func (s *sleeper) schedule(now time.Time) {
	s.checkIn = now.Add(time.Duration(s.poll.checkIn) * quarter)
}

func (s *sleeper) next() (time.Time, bool) {
	return s.checkIn, s.poll.checkIn != 0 && !s.checkIn.IsZero()
}

// sayCheckIn tells those whom the cluster is bound to that the device is awake.
func (s *sleeper) sayCheckIn(now time.Time) {
	if s.up {
		_ = s.tell(now, zcl.CheckIn{})
	}
}

// tell sends a command to all whom its cluster is bound to. One that finds no room
// is lost, and that is told.
func (s *sleeper) tell(now time.Time, c zcl.Command) error {
	if !s.up {
		return fmt.Errorf("%s %s: %w", s.kind, s.cfg.EUI64, stack.ErrNotUp)
	}
	cluster := c.ID().Cluster
	for _, b := range s.node.Bindings(Endpoint, cluster) {
		r := stack.DataRequest{
			SrcEndpoint: Endpoint, DstEndpoint: b.DstEndpoint, Group: b.Group,
			Profile: zcl.ProfileHomeAutomation, Cluster: cluster,
		}
		if recall, is := c.(zcl.RecallScene); is {
			recall.Scene.Group = b.Group
			c = recall
		}
		if b.Device != 0 {
			var known bool
			if r.Dst, known = s.node.Lookup(b.Device); !known {
				continue
			}
			r.Ack = true
		}
		s.seq++
		r.Payload = zcl.AppendRequest(nil, s.seq, c)
		if _, err := s.node.Data(now, r); err != nil {
			return fmt.Errorf("%s %s: %w", s.kind, s.cfg.EUI64, err)
		}
	}
	return nil
}

func (s *sleeper) changed(time.Time) {}

func (s *sleeper) left() {}

// common returns the attributes that all sleepy devices have.
func (s *sleeper) common(now time.Time, cluster, attribute uint16) zcl.Value {
	switch cluster {
	case zcl.ClusterPower:
		return s.power(attribute)
	case zcl.ClusterPollControl:
		return s.polling(attribute)
	}
	return s.body.common(now, cluster, attribute, zcl.PowerSourceBattery)
}

func (s *sleeper) power(attribute uint16) zcl.Value {
	charge := s.battery.charge()
	switch attribute {
	case zcl.AttrBatteryVoltage:
		return zcl.Uint8(uint8(math.Round(10 * (emptyVolts + (fullVolts-emptyVolts)*charge))))
	case zcl.AttrBatteryPercentage:
		return zcl.Uint8(uint8(math.Ceil(200 * charge)))
	case zcl.AttrBatterySize:
		return zcl.Enum8(zcl.BatteryAA)
	case zcl.AttrBatteryQuantity:
		return zcl.Uint8(2)
	case zcl.AttrBatteryRatedVoltage:
		return zcl.Uint8(15)
	}
	return zcl.Value{}
}

func (s *sleeper) polling(attribute uint16) zcl.Value {
	wide := func(n uint32) zcl.Value { return zcl.NewValue(zcl.TypeUint32, uint64(n)) }
	switch attribute {
	case zcl.AttrCheckInInterval:
		return wide(s.poll.checkIn)
	case zcl.AttrLongPollInterval:
		return wide(s.poll.long)
	case zcl.AttrShortPollInterval:
		return zcl.Uint16(s.poll.short)
	case zcl.AttrFastPollTimeout:
		return zcl.Uint16(s.poll.fastPoll)
	case zcl.AttrCheckInIntervalMin:
		return wide(minCheckIn)
	case zcl.AttrLongPollMin:
		return wide(minLongPoll)
	case zcl.AttrFastPollTimeoutMax:
		return zcl.Uint16(maxFastPoll)
	}
	return zcl.Value{}
}

// write sets what all sleepy devices have. A check-in interval below the least is
// the least (07-5123-08, 3.16.4.2).
func (s *sleeper) write(now time.Time, cluster uint16, a zcl.Attribute) {
	switch {
	case cluster == zcl.ClusterIdentify:
		s.identify.set(now, uint16(a.Value.Uint()))
		return
	case cluster == zcl.ClusterPollControl && a.ID == zcl.AttrCheckInInterval:
		if s.poll.checkIn = uint32(a.Value.Uint()); s.poll.checkIn != 0 {
			s.poll.checkIn = max(s.poll.checkIn, minCheckIn)
		}
		s.schedule(now)
	case cluster == zcl.ClusterPollControl && a.ID == zcl.AttrFastPollTimeout:
		s.poll.fastPoll = min(uint16(a.Value.Uint()), maxFastPoll)
	}
	s.revision++
}

// command carries out what all sleepy devices can do.
func (s *sleeper) command(now time.Time, c zcl.Command) (zcl.Command, zcl.Status) {
	switch c := c.(type) {
	case zcl.CheckInResponse:
		if c.StartFastPolling {
			timeout := c.FastPollTimeout
			if timeout == 0 {
				timeout = s.poll.fastPoll
			}
			if timeout > maxFastPoll {
				return nil, zcl.InvalidValue
			}
			s.node.PollFast(now, time.Duration(timeout)*quarter)
		}
		return nil, zcl.Success
	case zcl.FastPollStop:
		s.node.PollFast(now, 0)
		return nil, zcl.Success
	case zcl.SetLongPollInterval:
		return nil, s.setPolling(now, c.Interval, s.poll.short)
	case zcl.SetShortPollInterval:
		return nil, s.setPolling(now, s.poll.long, c.Interval)
	}
	if c.ID().Cluster == zcl.ClusterIdentify {
		return s.identifyCommand(now, c)
	}
	return nil, zcl.UnsupCommand
}

func (s *sleeper) setPolling(now time.Time, long uint32, short uint16) zcl.Status {
	if long < max(minLongPoll, uint32(short)) || long > longestPollQuarter || short == 0 || short > maxShortPoll {
		return zcl.InvalidValue
	}
	if s.node.SetPolling(now, time.Duration(long)*quarter, time.Duration(short)*quarter) != nil {
		return zcl.InvalidValue
	}
	s.poll.long, s.poll.short = long, short
	s.revision++
	return zcl.Success
}

// sleeperSize is the size of what a sleeper remembers, in bytes.
const sleeperSize = 20

func (s *sleeper) remember(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, s.poll.checkIn)
	b = binary.BigEndian.AppendUint32(b, s.poll.long)
	b = binary.BigEndian.AppendUint16(b, s.poll.short)
	b = binary.BigEndian.AppendUint16(b, s.poll.fastPoll)
	return binary.BigEndian.AppendUint64(b, s.battery.used.micro)
}

// recall reads what remember wrote; b has its size.
func (s *sleeper) recall(b []byte) error {
	p := pollSettings{
		checkIn: binary.BigEndian.Uint32(b), long: binary.BigEndian.Uint32(b[4:]),
		short: binary.BigEndian.Uint16(b[8:]), fastPoll: binary.BigEndian.Uint16(b[10:]),
	}
	if p.checkIn > zcl.MaxPollInterval || p.long < minLongPoll || p.long > longestPollQuarter || p.short == 0 || uint32(p.short) > p.long || p.fastPoll == 0 {
		return errMemory
	}
	s.poll, s.battery.used.micro = p, binary.BigEndian.Uint64(b[12:])
	return nil
}
