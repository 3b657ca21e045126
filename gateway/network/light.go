package network

import (
	"time"

	"sconce"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// minOn is the lowest level that a light can be asked to be on at: moving to its
// minimum level, 1, with on/off switches it off (07-5123, 3.10.2.1.2).
const minOn = 2

// toZCL returns the level of the cluster library, 0 to 254, for a level in per
// mille: round(254·p/1000), but at least minOn for a light that is to be on.
func toZCL(l sconce.Level) uint8 {
	if l == 0 {
		return 0
	}
	return uint8(max(minOn, (int(zcl.MaxLevel)*int(l)+500)/1000))
}

// fromZCL returns the level in per mille, round(1000·z/254). Every z from minOn
// comes back from toZCL unchanged.
func fromZCL(z uint8) sconce.Level {
	return sconce.Level((1000*int(z) + int(zcl.MaxLevel)/2) / int(zcl.MaxLevel))
}

// light is what a light has said of itself.
type light struct {
	on     confirmed[bool]
	level  confirmed[uint8] // of the cluster library
	mireds confirmed[uint16]
	cause  sconce.Cause // of the last change of on, level or mireds
	faults confirmed[sconce.Faults]

	restarted time.Time // when the light last announced itself
	task      *task     // the command that it is carrying out
	lastTask  time.Time // until when a change belongs to the last command
}

// confirmed is a value that the device itself reported or answered.
type confirmed[T comparable] struct {
	value T
	at    time.Time // zero when it never did
}

func (c confirmed[T]) known() bool { return !c.at.IsZero() }

// is reports whether the device said v after a moment.
func (c confirmed[T]) is(v T, after time.Time) bool {
	return c.known() && c.value == v && !c.at.Before(after)
}

// outlet is what is sent to the cloud about a device at most every so often.
type outlet struct {
	quality time.Time // when its link quality was last told
}

const (
	// powerUpTime is how long after an announcement a change is put down to the
	// return of power.
	powerUpTime = 10 * time.Second
	// afterglow is how long after the end of a command a change is put down to it.
	afterglow = 1 * time.Second
	// qualityEvery is how often the link quality of a device is told.
	qualityEvery = 60 * time.Second
)

// indication takes a frame of a device.
func (n *Network) indication(now time.Time, e stack.DataIndication) {
	from := e.SrcEUI64
	if from == 0 {
		from, _ = n.cfg.Node.EUI64Of(e.Src)
	}
	d, ok := n.devices[from]
	if !ok || !d.joined {
		return
	}
	n.heard(now, d)
	if now.Sub(d.outlet.quality) >= qualityEvery {
		d.outlet.quality = now
		n.measured(now, d, sconce.LinkQuality, float64(e.LQI))
	}
	if e.Profile == zdo.Profile {
		n.exchange.answerZDO(n, now, d, e.Cluster, e.Payload)
		return
	}
	h, payload, err := zcl.ParseHeader(e.Payload)
	if err != nil || h.Manufacturer != makerOf(e.Cluster) || e.Profile != zcl.ProfileHomeAutomation {
		return
	}
	if e.SrcEndpoint == d.record.Endpoint && !h.Specific {
		n.attributes(now, d, e.Cluster, h, payload)
	}
	if !n.exchange.answerZCL(n, now, d, e.Cluster, h, payload) {
		n.respond(now, e, h)
	}
}

func makerOf(cluster uint16) uint16 {
	c, _ := zcl.FindCluster(cluster)
	return c.Maker
}

// attributes takes the values out of a report or an answer, whoever asked.
func (n *Network) attributes(now time.Time, d *device, cluster uint16, h zcl.Header, payload []byte) {
	switch h.Command {
	case zcl.CmdReportAttributes:
		for a, err := range zcl.ParseReport(payload) {
			if err == nil {
				n.attribute(now, d, cluster, a.ID, a.Value)
			}
		}
	case zcl.CmdReadAttributesResponse:
		for r, err := range zcl.ParseReadAttributesResponse(payload) {
			if err == nil && r.Status == zcl.Success {
				n.attribute(now, d, cluster, r.Attribute, r.Value)
			}
		}
	}
}

// attribute takes one value that a device has said.
func (n *Network) attribute(now time.Time, d *device, cluster, id uint16, v zcl.Value) {
	if !v.Valid() || !isReported(cluster, id) {
		return
	}
	switch {
	case cluster == zcl.ClusterOnOff && v.Type() == zcl.TypeBool:
		take(n, now, d, &d.light.on, v.Bool())
	case cluster == zcl.ClusterLevel && v.Type() == zcl.TypeUint8 && v.Uint() <= uint64(zcl.MaxLevel):
		take(n, now, d, &d.light.level, uint8(v.Uint()))
	case cluster == zcl.ClusterColor && v.Type() == zcl.TypeUint16 && v.Uint() > 0 && v.Uint() <= uint64(zcl.MaxMireds):
		take(n, now, d, &d.light.mireds, uint16(v.Uint()))
	case cluster == zcl.ClusterBallast && id == zcl.AttrBallastStatus && v.Type() == zcl.TypeMap8:
		n.faults(now, d, uint8(v.Uint()))
	default:
		if metric, value, ok := d.record.reading(cluster, id, v); ok {
			n.measured(now, d, metric, value)
		}
	}
}

// take notes a confirmed value, what made it change, and whether it ends a command.
func take[T comparable](n *Network, now time.Time, d *device, c *confirmed[T], v T) {
	if c.known() && c.value != v {
		d.light.cause = d.light.causeNow(now)
	}
	if !c.known() || c.value != v {
		n.out.touch(d)
	}
	c.value, c.at = v, now
	n.check(now, d)
}

// faults takes what a ballast says is wrong with it.
func (n *Network) faults(now time.Time, d *device, status uint8) {
	var f sconce.Faults
	if status&zcl.BallastLampFailure != 0 {
		f |= sconce.FaultLamp
	}
	if status&zcl.BallastNotOperational != 0 {
		f |= sconce.FaultDriver
	}
	if c := &d.light.faults; !c.known() || c.value != f {
		c.value, c.at = f, now
		n.out.touch(d)
	}
}

// causeNow says what a change at this moment comes from.
func (l *light) causeNow(now time.Time) sconce.Cause {
	switch {
	case l.task != nil || now.Before(l.lastTask):
		return sconce.CauseCommand
	case !l.restarted.IsZero() && now.Sub(l.restarted) < powerUpTime:
		return sconce.CausePowerUp
	}
	return sconce.CauseUnknown
}

// askValues reads what a cluster has to report, once, at the start.
func (d *device) askValues(cluster uint16) request {
	const doing = "reading its state"
	r := d.read(doing, cluster, attributesOf(cluster)...)
	r.done = func(_ time.Time, _ []byte, err error) {
		if err != nil {
			d.failed(doing, err)
			return
		}
		d.setup.read = append(d.setup.read, cluster) // the values were taken as they came
	}
	return r
}

// respond answers a command that nobody here carries out, where the library
// demands an answer (07-5123-08, 2.5.12).
func (n *Network) respond(now time.Time, e stack.DataIndication, h zcl.Header) {
	if h.NoDefault || e.Group != 0 || e.Dst.IsBroadcast() || !h.Specific && h.Command == zcl.CmdDefaultResponse {
		return
	}
	status := zcl.UnsupCommand
	if !h.Specific && (h.Command == zcl.CmdReportAttributes || isResponse(h.Command)) {
		status = zcl.Success
	}
	payload := zcl.AppendHeader(nil, zcl.Header{FromServer: !h.FromServer, NoDefault: true, Seq: h.Seq, Command: zcl.CmdDefaultResponse})
	payload = zcl.AppendDefaultResponse(payload, zcl.DefaultResponse{Command: h.Command, Status: status})
	// An answer that finds no room is not worth a retry: the device asks again.
	_, _ = n.cfg.Node.Data(now, stack.DataRequest{
		Dst: e.Src, DstEndpoint: e.SrcEndpoint, SrcEndpoint: e.DstEndpoint,
		Profile: e.Profile, Cluster: e.Cluster, Payload: payload,
	})
}

// isResponse reports whether a general command answers another.
func isResponse(command uint8) bool {
	switch command {
	case zcl.CmdReadAttributesResponse, zcl.CmdWriteAttributesResponse, zcl.CmdConfigureReportingRsp,
		zcl.CmdReadReportingResponse, zcl.CmdDiscoverAttributesRsp:
		return true
	}
	return false
}
