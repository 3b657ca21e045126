package network

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// The limits of what is asked of devices at one time. The channel carries one
// frame at a time; a few exchanges in flight keep it busy while devices think,
// more would only collide.
const (
	maxOrdinary  = 6               // exchanges in flight in all, and one for each device
	maxUrgent    = 12              // exchanges of commands in flight beside those
	maxQueued    = 16              // exchanges waiting for each device; more are turned away
	patience     = 1 * time.Second // for the answer, from when the request arrived
	confirmation = 8 * time.Second // for the node to say whether it arrived: longer than its retries
)

var (
	errNoAnswer = errors.New("it does not answer")
	errBusy     = errors.New("too much is asked of it already")
)

// request is something asked of a device, and what to do with the answer.
type request struct {
	what     string // for people, as in "read its model"
	endpoint uint8
	profile  uint16
	cluster  uint16
	frame    frameMaker
	expect   expectation
	tries    int  // how often it is sent, at least 1
	urgent   bool // belongs to a command: goes ahead of everything else

	// done is called once: with the answer's payload (of a ZDO response,
	// including the sequence number), or with why there is none.
	done func(now time.Time, payload []byte, err error)
}

// frameMaker makes the payload of a request at the moment in which it is sent.
type frameMaker func(now time.Time, seq uint8, to zigbee.ShortAddr) []byte

// expectation says what an answer looks like.
type expectation struct {
	nothing  bool // the arrival is enough
	specific bool
	command  uint8
}

// exchange is a request under way.
type exchange struct {
	request
	device *device
	seq    uint8
	handle stack.Handle
	timer  *timer
}

// exchanges is everything that is asked of devices.
type exchanges struct {
	lastSeq  uint8
	active   map[*exchange]bool  // in flight, or pausing before the next try
	busy     map[*device]bool    // have an ordinary exchange among those
	pending  map[uint8]*exchange // in flight, by sequence number
	handles  map[stack.Handle]func(now time.Time, err error)
	ordinary int
	urgent   int
	waiting  []*exchange // ordinary, in the order in which they were asked
	hurry    []*exchange // urgent
}

func newExchanges() exchanges {
	return exchanges{
		active:  map[*exchange]bool{},
		busy:    map[*device]bool{},
		pending: map[uint8]*exchange{},
		handles: map[stack.Handle]func(time.Time, error){},
	}
}

// ask begins an exchange now, or when there is room for it.
func (n *Network) ask(now time.Time, d *device, r request) {
	x := &exchange{request: r, device: d}
	q := &n.exchange.waiting
	if r.urgent {
		q = &n.exchange.hurry
	}
	if countFor(*q, d) >= maxQueued {
		r.done(now, nil, errBusy)
		return
	}
	*q = append(*q, x)
	n.exchange.start(n, now)
}

func countFor(q []*exchange, d *device) (count int) {
	for _, x := range q {
		if x.device == d {
			count++
		}
	}
	return count
}

// start sends as many of the waiting requests as may be in flight.
func (e *exchanges) start(n *Network, now time.Time) {
	for len(e.hurry) > 0 && e.urgent < maxUrgent {
		x := e.hurry[0]
		e.hurry = e.hurry[1:]
		e.enter(x)
		e.send(n, now, x)
	}
	for e.ordinary < maxOrdinary {
		i := e.firstIdle()
		if i < 0 {
			return
		}
		x := e.waiting[i]
		e.waiting = slices.Delete(e.waiting, i, i+1)
		e.enter(x)
		e.send(n, now, x)
	}
}

func (e *exchanges) enter(x *exchange) {
	e.active[x] = true
	if x.urgent {
		e.urgent++
	} else {
		e.ordinary++
		e.busy[x.device] = true
	}
}

func (e *exchanges) leave(x *exchange) {
	delete(e.active, x)
	if x.urgent {
		e.urgent--
	} else {
		e.ordinary--
		delete(e.busy, x.device)
	}
}

// firstIdle returns the first waiting request to a device that is asked nothing else.
func (e *exchanges) firstIdle() int {
	return slices.IndexFunc(e.waiting, func(x *exchange) bool { return !e.busy[x.device] })
}

func (e *exchanges) send(n *Network, now time.Time, x *exchange) {
	x.tries--
	x.seq = e.freeSeq()
	e.pending[x.seq] = x
	short, ok := n.cfg.Node.Lookup(x.device.eui)
	if !ok {
		e.failed(n, now, x, errors.New("its address is not known"))
		return
	}
	h, err := n.cfg.Node.Data(now, stack.DataRequest{
		Dst: short, DstEndpoint: x.endpoint, SrcEndpoint: sourceEndpoint(x.profile),
		Profile: x.profile, Cluster: x.cluster, Payload: x.frame(now, x.seq, short), Ack: true,
	})
	if err != nil {
		e.failed(n, now, x, err)
		return
	}
	x.handle = h
	e.handles[h] = func(now time.Time, err error) { e.arrived(n, now, x, err) }
	x.timer = n.timers.at(now.Add(confirmation), func(now time.Time) { e.failed(n, now, x, errNoAnswer) })
}

func sourceEndpoint(profile uint16) uint8 {
	if profile == zdo.Profile {
		return zdo.Endpoint
	}
	return Endpoint
}

// freeSeq returns a sequence number that no exchange uses. There are far fewer
// exchanges than numbers.
func (e *exchanges) freeSeq() uint8 {
	for {
		e.lastSeq++
		if _, used := e.pending[e.lastSeq]; !used {
			return e.lastSeq
		}
	}
}

// confirmed takes the node's word on a frame.
func (e *exchanges) confirmed(n *Network, now time.Time, h stack.Handle, err error) {
	if call, ok := e.handles[h]; ok {
		delete(e.handles, h)
		call(now, err)
	}
}

// arrived says that a request has reached the device, or not.
func (e *exchanges) arrived(n *Network, now time.Time, x *exchange, err error) {
	if err != nil {
		e.failed(n, now, x, errNoAnswer)
		return
	}
	n.heard(now, x.device)
	if x.expect.nothing {
		e.finish(n, now, x, nil, nil)
		return
	}
	n.timers.stop(x.timer)
	x.timer = n.timers.at(now.Add(patience), func(now time.Time) { e.failed(n, now, x, errNoAnswer) })
}

// failed sends again while there are tries left.
func (e *exchanges) failed(n *Network, now time.Time, x *exchange, err error) {
	if !e.active[x] {
		return
	}
	if x.tries <= 0 {
		if errors.Is(err, errNoAnswer) { // anything else is our own trouble
			n.missed(now, x.device)
		}
		e.finish(n, now, x, nil, err)
		return
	}
	e.release(n, x)
	x.timer = n.timers.at(now.Add(retryPause), func(now time.Time) { e.send(n, now, x) })
}

// retryPause lets a collision or a burst of other traffic pass.
const retryPause = 30 * time.Millisecond

// finish ends an exchange and begins the next.
func (e *exchanges) finish(n *Network, now time.Time, x *exchange, payload []byte, err error) {
	e.release(n, x)
	e.leave(x)
	x.done(now, payload, err)
	e.start(n, now)
}

// release takes back what identifies an exchange on the air.
func (e *exchanges) release(n *Network, x *exchange) {
	n.timers.stop(x.timer)
	delete(e.handles, x.handle)
	delete(e.pending, x.seq)
}

// drop forgets everything that is asked of a device, without a word.
func (e *exchanges) drop(n *Network, d *device) {
	its := func(x *exchange) bool { return x.device == d }
	e.waiting = slices.DeleteFunc(e.waiting, its)
	e.hurry = slices.DeleteFunc(e.hurry, its)
	for x := range e.active {
		if x.device == d {
			e.release(n, x)
			e.leave(x)
		}
	}
}

// answerZDO matches a response of the device profile.
func (e *exchanges) answerZDO(n *Network, now time.Time, d *device, cluster uint16, payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	x, ok := e.pending[payload[0]]
	if !ok || x.device != d || x.profile != zdo.Profile || cluster != x.cluster|uint16(zdo.Response) {
		return false
	}
	e.finish(n, now, x, payload, nil)
	return true
}

// answerZCL matches a response of the cluster library.
func (e *exchanges) answerZCL(n *Network, now time.Time, d *device, cluster uint16, h zcl.Header, payload []byte) bool {
	x, ok := e.pending[h.Seq]
	if !ok || x.device != d || x.profile == zdo.Profile || x.cluster != cluster || x.expect.nothing || !h.FromServer {
		return false
	}
	switch {
	case h.Specific == x.expect.specific && h.Command == x.expect.command:
		e.finish(n, now, x, payload, nil)
	case !h.Specific && h.Command == zcl.CmdDefaultResponse:
		r, err := zcl.ParseDefaultResponse(payload)
		if err == nil && r.Status == zcl.Success {
			return true // it says more than that: the true answer follows
		}
		e.finish(n, now, x, nil, statusError(r.Status))
	default:
		return false
	}
	return true
}

// statusError is a device's refusal.
type statusError zcl.Status

func (s statusError) Error() string { return fmt.Sprintf("it refuses: %s", zcl.Status(s)) }
