package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"sconce"
	"sconce/gateway/buffer"
	"sconce/wire"
)

// The line of the outages: a slow one, of which history must leave something to what
// is live.
const (
	lineRate    = 1_000_000 / 8 // bytes a second up
	lineLatency = 25 * time.Millisecond
	lineQueue   = 4096 // pieces that the line takes beforehand: more than ever are on their way
	commitTime  = 10 * time.Millisecond
)

// carry brings what is read from src to dst at a rate, some time later. It always takes
// more: the MQTT client writes with a mutex held, for which virtual time does not wait.
func carry(dst io.WriteCloser, src io.ReadCloser, rate int) {
	type chunk struct {
		at   time.Time
		data []byte
	}
	const size = 1400
	queue := make(chan chunk, lineQueue)
	go func() {
		defer close(queue)
		free := time.Now()
		for {
			b := make([]byte, size)
			n, err := src.Read(b)
			if err != nil {
				return
			}
			if now := time.Now(); free.Before(now) {
				free = now
			}
			free = free.Add(time.Duration(n) * time.Second / time.Duration(rate))
			queue <- chunk{free, b[:n]}
		}
	}()
	defer dst.Close()
	for c := range queue {
		<-time.After(time.Until(c.at.Add(lineLatency)))
		if _, err := dst.Write(c.data); err != nil {
			break
		}
	}
	src.Close()
	for range queue { // until its reader has ended
	}
}

// cloud is the other end of a slow line that can be cut. It commits what it receives a
// little later, and only then acknowledges it.
type cloud struct {
	running sync.WaitGroup // what has to end before a bubble does, in which time stands still then
	mu      sync.Mutex
	up      bool
	line    net.Conn // the gateway's end; nil while there is none
	seen    map[uint64]int
	order   []uint64 // sequence numbers as they came
	hello   wire.Hello
	oldest  time.Duration      // of live states, when they came
	lastOf  map[part]wire.Time // of the readings and states of each device
	history uint64             // the highest number of the backlog
	refuses string             // what is wrong with what came
}

// part is what keeps its order: what is told of one device, before an outage's end and
// after it.
type part struct {
	device  sconce.EUI64
	class   wire.Class
	history bool
}

func newCloud() *cloud { return &cloud{seen: map[uint64]int{}, lastOf: map[part]wire.Time{}} }

func (c *cloud) dial(context.Context) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.up {
		return nil, errors.New("no route to the cloud")
	}
	here, near := net.Pipe()
	far, there := net.Pipe()
	c.running.Go(func() { carry(far, near, lineRate) })
	c.running.Go(func() { carry(near, far, 10*lineRate) })
	c.running.Go(func() { c.serve(there) })
	c.line = here
	return here, nil
}

// set cuts the line, or mends it; what was made until then is history.
func (c *cloud) set(up bool, made uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = up
	if up {
		c.history = made
	} else if c.line != nil {
		c.line.Close()
	}
}

func (c *cloud) serve(conn net.Conn) {
	acks := make(chan io.WriterTo, 1000)
	var acking sync.WaitGroup
	defer func() { conn.Close(); close(acks); acking.Wait() }()
	acking.Go(func() {
		for p := range acks {
			<-time.After(commitTime)
			for {
				if _, err := p.WriteTo(conn); err != nil {
					break
				}
				if len(acks) == 0 {
					break
				}
				p = <-acks // committed together
			}
		}
	})
	for {
		p, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch m := p.Content.(type) {
		case *packets.Connect:
			window := uint16(32)
			acks <- &packets.Connack{Properties: &packets.Properties{ReceiveMaximum: &window}}
		case *packets.Subscribe:
			acks <- &packets.Suback{PacketID: m.PacketID, Reasons: []byte{1}, Properties: &packets.Properties{}}
		case *packets.Pingreq:
			acks <- &packets.Pingresp{}
		case *packets.Publish:
			c.take(m)
			acks <- &packets.Puback{PacketID: m.PacketID, Properties: &packets.Properties{}}
		}
	}
}

func (c *cloud) take(p *packets.Publish) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, body, err := wire.ParseUpHeader(p.Payload)
	if err != nil {
		c.refuses = err.Error()
		return
	}
	c.seen[h.Sequence]++
	c.order = append(c.order, h.Sequence)
	history := h.Sequence <= c.history
	switch p.Topic {
	case wire.UpTopic(gatewayID, wire.KindHello):
		c.hello, err = wire.ParseBody[wire.Hello](body)
	case wire.UpTopic(gatewayID, wire.KindReadings):
		var m wire.Readings
		m, err = wire.ParseReadings(body, nil)
		for _, r := range m.Readings {
			c.inOrder(part{r.Device, wire.ClassOf(m), history}, r.At)
		}
	case wire.UpTopic(gatewayID, wire.KindState):
		var m wire.State
		m, err = wire.ParseBody[wire.State](body)
		for _, d := range m.Devices {
			c.inOrder(part{d.Device, wire.ClassStates, history}, d.At)
		}
		if !history {
			c.oldest = max(c.oldest, time.Since(time.UnixMilli(int64(h.Sent))))
		}
	}
	if err != nil {
		c.refuses = err.Error()
	}
}

func (c *cloud) inOrder(of part, at wire.Time) {
	if at < c.lastOf[of] {
		c.refuses = fmt.Sprintf("%+v: what was at %d comes after what was at %d", of, at, c.lastOf[of])
	}
	c.lastOf[of] = at
}

// office is the traffic of 200 devices. The rates are those that
// TestReportingLeavesTheAirFree in package network finds among people and sun, and half
// as much again.
type office struct {
	luck     *rand.Rand
	link     *Link
	around   []wire.Reading
	metering []wire.Reading
	states   []wire.DeviceState
	energy   [200]float64
}

// perHour is how often a device tells of each, in an hour.
var perHour = map[sconce.Metric]float64{
	sconce.LinkQuality: 60, sconce.ActivePower: 40, sconce.Energy: 12, sconce.Temperature: 6,
	sconce.Occupancy: 3, sconce.Illuminance: 6, // of the sensors alone, spread over all
}

const statesPerHour = 30

// second is what is measured in a second, by chance.
func (o *office) second(now time.Time) {
	at := wire.Time(now.UnixMilli())
	for m, rate := range perHour {
		for range o.count(rate) {
			i := o.luck.IntN(len(o.energy))
			r := wire.Reading{Device: device(i), Metric: m, At: at, Value: float64(o.luck.IntN(400)) / 10}
			if m == sconce.Energy {
				o.energy[i] += 0.123
				r.Value = o.energy[i]
			}
			if wire.ClassOfMetric(m) == wire.ClassSurroundings {
				o.around = append(o.around, r)
			} else {
				o.metering = append(o.metering, r)
			}
		}
	}
	for range o.count(statesPerHour) {
		level := sconce.Level(o.luck.IntN(1001))
		o.states = append(o.states, wire.DeviceState{
			Device: device(o.luck.IntN(len(o.energy))), At: at, Reachable: true, Heard: at, On: new(level > 0), Level: &level, Cause: 1,
		})
	}
}

func device(i int) sconce.EUI64 { return 0x00124b0000000000 + sconce.EUI64(i) }

// count returns how often something happens in a second that happens at a rate an hour
// at each of the devices.
func (o *office) count(rate float64) int {
	mean := rate * float64(len(o.energy)) / 3600
	n := int(mean)
	if o.luck.Float64() < mean-float64(n) {
		n++
	}
	return n
}

// tell sends what was gathered, as package network gathers it.
func (o *office) tell() {
	if len(o.around) > 0 {
		o.link.Send(wire.Readings{Readings: o.around})
	}
	if len(o.metering) > 0 {
		o.link.Send(wire.Readings{Readings: o.metering})
	}
	if len(o.states) > 0 {
		o.link.Send(wire.State{Devices: o.states})
	}
	o.around, o.metering, o.states = nil, nil, nil
}

// live lets time pass with the traffic of the office.
func (o *office) live(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		apart := !o.link.Flowing()
		for range map[bool]int{false: 1, true: 30}[apart] {
			<-time.After(time.Second)
			o.second(time.Now())
		}
		o.tell()
	}
}

// settle lets time pass until the cloud has everything.
func (o *office) settle() {
	for o.link.Waiting() > 0 {
		<-time.After(10 * time.Millisecond)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// outage runs an office before, in and after an outage, and returns what came of it once
// the cloud has everything that the gateway still has.
func outage(t *testing.T, length time.Duration, maxBytes int, check func(o *office, c *cloud, replay time.Duration, held, heap int)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud()
		l := New(Config{
			Gateway: gatewayID, MaxBytes: maxBytes, Receive: func(wire.Down) {}, Log: slog.New(slog.DiscardHandler),
			Now: time.Now, Clock: time.Now,
		}, wire.Hello{Model: "test"})
		l.dial = c.dial
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { l.Run(ctx) })
		defer func() { cancel(); c.set(false, 0); wg.Wait(); c.running.Wait() }()
		o := &office{luck: rand.New(rand.NewPCG(1, uint64(length))), link: l}

		c.set(true, 0)
		o.live(time.Minute)
		o.settle() // what is on its way when the line is cut may come twice
		c.set(false, 0)
		before := heap()
		o.live(length)
		held, grown := l.buffer.Bytes(), int(heap())-int(before)
		l.mu.Lock()
		made := l.sequence
		l.mu.Unlock()
		c.set(true, made)
		for !l.Flowing() {
			<-time.After(10 * time.Millisecond)
		}
		begun := time.Now()
		for l.Waiting() > buffer.MaxTaken {
			o.live(time.Second)
		}
		replay := time.Since(begun)
		o.live(lossPause + time.Second) // what gave way after the hello is said by then
		o.settle()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.refuses != "" {
			t.Error(c.refuses)
		}
		check(o, c, replay, held, grown)
	})
}

// A day of outage of 200 devices fits into the buffer and is told within five minutes
// over a slow line: all of it, each message once, that of each device in order; and
// what happens meanwhile is told at once.
func TestADayFits(t *testing.T) {
	for _, length := range []time.Duration{time.Hour, 8 * time.Hour, 24 * time.Hour} {
		t.Run(length.String(), func(t *testing.T) {
			outage(t, length, buffer.DefaultMaxBytes, func(o *office, c *cloud, replay time.Duration, held, heap int) {
				t.Logf("%d messages; %.1f MiB in the buffer, %.1f MiB of the heap; told in %v; live states are %v old at most",
					o.link.sequence, float64(held)/(1<<20), float64(heap)/(1<<20), replay.Round(time.Second), c.oldest.Round(time.Millisecond))
				for s := uint64(1); s <= o.link.sequence; s++ {
					if c.seen[s] != 1 {
						t.Fatalf("message %d of %d came %d times", s, o.link.sequence, c.seen[s])
					}
				}
				if held > buffer.DefaultMaxBytes*2/3 || len(c.hello.Dropped) > 0 {
					t.Errorf("%d bytes are held, %v was dropped", held, c.hello.Dropped)
				}
				if heap > held*5/4 {
					t.Errorf("%d bytes of the heap for %d in the buffer", heap, held)
				}
				if replay > 5*time.Minute {
					t.Errorf("the replay takes %v", replay)
				}
				if c.oldest > 1500*time.Millisecond {
					t.Errorf("a live state came %v late", c.oldest)
				}
			})
		})
	}
}

// What does not fit gives way in the order of DESIGN §6, the oldest first, and is
// accounted for to the last message.
func TestAnOverflowIsAccountedFor(t *testing.T) {
	outage(t, 24*time.Hour, 0, func(o *office, c *cloud, _ time.Duration, held, _ int) {
		missing := uint64(0)
		for s := uint64(1); s <= o.link.sequence; s++ {
			switch c.seen[s] {
			case 0:
				missing++
			case 1:
			default:
				t.Fatalf("message %d came %d times", s, c.seen[s])
			}
		}
		if held > buffer.MinMaxBytes || missing == 0 {
			t.Errorf("%d bytes are held, %d messages are missing", held, missing)
		}
		accounted := uint64(0)
		for i, d := range c.hello.Dropped {
			t.Logf("class %d: %d of %s, made in %v", d.Class, d.Count, d.Kind, time.Duration(d.To-d.From)*time.Millisecond)
			accounted += d.Count
			if want := wire.ClassSurroundings + wire.Class(i); d.Class != want || d.From >= d.To {
				t.Errorf("%+v was dropped, want class %d", d, want)
			}
		}
		if accounted != missing {
			t.Errorf("%d messages are missing, and %d accounted for", missing, accounted)
		}
		if n := len(c.hello.Dropped); n == 0 || c.hello.Dropped[n-1].Class > wire.ClassStates {
			t.Errorf("dropped %+v", c.hello.Dropped)
		}
	})
}
