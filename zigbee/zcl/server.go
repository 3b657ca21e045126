package zcl

import (
	"errors"
	"fmt"
	"time"

	"sconce/zigbee"
)

// Limits of a [Server].
const (
	// MaxReports is how many attributes can be configured for reporting; what
	// is beyond is refused with [InsufficientSpace].
	MaxReports = 32
	// MaxOutgoing is how many frames wait to be taken. Answers beyond are
	// dropped and counted; reports wait until there is room.
	MaxOutgoing = 16
)

// An Endpoint is one that a [Server] answers for.
type Endpoint struct {
	ID       uint8
	Profile  uint16
	Clusters []uint16 // of the table
}

// An Application is the device behind a [Server]. It holds the attributes: the
// server asks for a value when it needs it and keeps none, so that what it says
// is what is.
type Application interface {
	// Attribute returns the value that an attribute has now, and false for one
	// that the application does not have. It is asked for attributes of the
	// table only.
	Attribute(now time.Time, endpoint uint8, cluster, attribute uint16) (Reading, bool)

	// Write sets an attribute that the table calls writable to a value of its
	// type and within its range.
	Write(now time.Time, endpoint uint8, cluster uint16, a Attribute)

	// Command carries out a command of the table. It returns the response that
	// the cluster defines, or nil and a status.
	Command(now time.Time, m Message, c Command) (Command, Status)
}

// A Reading is the value of an attribute at a moment.
type Reading struct {
	Value  Value
	Moving bool // on its way to another value; reported at most once a second
}

// A Message is a frame that came from the network, and how.
type Message struct {
	Src         zigbee.ShortAddr
	SrcEndpoint uint8
	Endpoint    uint8 // own; 0xff for all
	Unicast     bool  // to this node alone
	Profile     uint16
	Cluster     uint16
	Payload     []byte
}

// An Outgoing is a frame for the network. The owner tells the end of a report
// with [Server.Reported].
type Outgoing struct {
	Dst         zigbee.ShortAddr
	DstEndpoint uint8
	SrcEndpoint uint8
	Profile     uint16
	Cluster     uint16
	Payload     []byte // the receiver's to keep
	Report      bool
}

// ServerCounters counts what a [Server] met.
type ServerCounters struct {
	Received  uint64 // frames for an endpoint of the server
	Malformed uint64 // without a readable header; nobody can be answered
	Ignored   uint64 // for another endpoint or profile
	Dropped   uint64 // answers that found MaxOutgoing frames waiting
	Reports   uint64 // sent
	Failed    uint64 // reports that did not arrive, and are sent again
}

// A Server is the ZCL of a device: it reads, writes, and configures the
// reporting of attributes, gives commands to the application and answers as the
// library demands (07-5123-08, 2.3 to 2.5), and reports.
//
// Reports are addressed to whoever configured them last. Bindings are not in the
// server: an owner who has a binding table sends a report where that says.
//
// After every call that may have changed an attribute, including those to the
// application that the server does not see, the owner calls [Server.Advance].
type Server struct {
	app       Application
	endpoints []Endpoint
	maxFrame  int

	out      []Outgoing
	reports  []report
	next     time.Time // the next report; zero for none
	held     time.Time // no change is reported before
	seq      uint8
	changes  uint64
	counters ServerCounters
}

// NewServer returns a server whose frames are at most maxFrame bytes, at least
// 16. It resumes the reporting entries given, and refuses those that do not fit
// the endpoints.
func NewServer(app Application, maxFrame int, endpoints []Endpoint, resume []ReportingEntry) (*Server, error) {
	if app == nil || maxFrame < 16 {
		return nil, errors.New("zcl server: expected an application and frames of at least 16 bytes")
	}
	for _, e := range endpoints {
		for _, c := range e.Clusters {
			if _, ok := FindCluster(c); !ok {
				return nil, fmt.Errorf("zcl server: cluster 0x%04x of endpoint %d is not in the table", c, e.ID)
			}
		}
	}
	s := &Server{app: app, endpoints: endpoints, maxFrame: maxFrame}
	for _, e := range resume {
		if err := s.resume(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Next returns and removes the oldest frame for the network.
func (s *Server) Next() (Outgoing, bool) {
	if len(s.out) == 0 {
		return Outgoing{}, false
	}
	o := s.out[0]
	s.out = append(s.out[:0], s.out[1:]...)
	return o, true
}

// Counters returns what was counted since the server was made.
func (s *Server) Counters() ServerCounters { return s.counters }

// Receive takes a frame from the network.
func (s *Server) Receive(now time.Time, m Message) {
	heard := false
	for i := range s.endpoints {
		e := &s.endpoints[i]
		if (m.Endpoint == e.ID || m.Endpoint == 0xff) && (m.Profile == e.Profile || m.Profile == 0xffff) {
			heard = true
			s.receive(now, e, m)
		}
	}
	if !heard {
		s.counters.Ignored++
	}
	s.Advance(now)
}

func (s *Server) receive(now time.Time, e *Endpoint, m Message) {
	s.counters.Received++
	m.Endpoint, m.Profile = e.ID, e.Profile
	h, payload, err := ParseHeader(m.Payload)
	if err != nil {
		s.counters.Malformed++
		return
	}
	if !h.Specific && h.Command == CmdDefaultResponse {
		return
	}
	x := exchange{Server: s, now: now, m: m, h: h, payload: payload}
	status := x.dispatch(e)
	if !x.answered {
		x.defaultResponse(status)
	}
}

// exchange is one received frame on its way through the server.
type exchange struct {
	*Server
	now      time.Time
	m        Message
	h        Header
	payload  []byte
	answered bool // a response other than the default response was sent, or none is due
}

// dispatch carries out the frame and returns its status.
func (x *exchange) dispatch(e *Endpoint) Status {
	switch {
	case !e.has(x.m.Cluster) || x.h.FromServer:
		return UnsupportedCluster
	case x.h.Manufacturer != makerOf(x.m.Cluster):
		return UnsupCommand
	case x.h.Specific:
		return x.command()
	}
	switch x.h.Command {
	case CmdReadAttributes:
		return x.read()
	case CmdWriteAttributes, CmdWriteAttributesUndivided, CmdWriteAttributesNoResponse:
		return x.write()
	case CmdConfigureReporting:
		return x.configure()
	case CmdReadReporting:
		return x.readReporting()
	case CmdDiscoverAttributes:
		return x.discover()
	}
	return UnsupCommand
}

func makerOf(cluster uint16) uint16 {
	c, _ := FindCluster(cluster)
	return c.Maker
}

func (e *Endpoint) has(cluster uint16) bool {
	for _, c := range e.Clusters {
		if c == cluster {
			return true
		}
	}
	return false
}

func (x *exchange) command() Status {
	c, err := ParseCommand(CommandID{Cluster: x.m.Cluster, Command: x.h.Command}, x.payload)
	switch {
	case errors.Is(err, ErrUnknownCommand):
		return UnsupCommand
	case err != nil:
		return MalformedCommand
	}
	response, status := x.app.Command(x.now, x.m, c)
	if response != nil {
		x.answer(response.Append(x.begin(true, response.ID().Command)))
	}
	return status
}

// defaultResponse answers a frame that has no other answer, except that success
// is not told to those who do not want to know (07-5123-08, 2.5.12.2).
func (x *exchange) defaultResponse(status Status) {
	if status == Success && x.h.NoDefault {
		return
	}
	x.answerGlobal(AppendDefaultResponse(x.begin(false, CmdDefaultResponse), DefaultResponse{x.h.Command, status}))
}

// begin returns the beginning of an answer to the frame.
func (x *exchange) begin(specific bool, command uint8) []byte {
	return AppendHeader(nil, x.h.response(specific, command))
}

// within returns the frame that became longer, or the shorter one it was made
// from when it has become too long.
func (x *exchange) within(longer, shorter []byte) []byte {
	if len(longer) > x.maxFrame {
		return shorter
	}
	return longer
}

// answerGlobal sends an answer that the library defines for all clusters. A frame
// that was not for this node alone gets none, so that a groupcast is not
// followed by a storm.
func (x *exchange) answerGlobal(frame []byte) {
	if x.answered = true; x.m.Unicast {
		x.answer(frame)
	}
}

func (x *exchange) answer(frame []byte) {
	x.answered = true
	if len(x.out) == MaxOutgoing {
		x.counters.Dropped++
		return
	}
	x.out = append(x.out, Outgoing{
		Dst: x.m.Src, DstEndpoint: x.m.SrcEndpoint, SrcEndpoint: x.m.Endpoint,
		Profile: x.m.Profile, Cluster: x.m.Cluster, Payload: frame,
	})
}
