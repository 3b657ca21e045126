package network

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// The pauses between attempts to set up a device that does not answer or refuses.
const (
	setupMinPause = 5 * time.Second
	setupMaxPause = 5 * time.Minute
	// verifyEvery is how often the groups of a device are read again: drift is
	// found and mended.
	verifyEvery  = 6 * time.Hour
	maxEndpoints = 8 // that are looked at
)

// Record is what an interview found out about a device: it is kept, so that a
// gateway that starts again need not ask again.
type Record struct {
	Device       sconce.EUI64 `cbor:"1,keyasint"`
	Joined       bool         `cbor:"2,keyasint"` // was authorised at some time
	Described    bool         `cbor:"3,keyasint"` // Endpoint and Clusters are known
	Endpoint     uint8        `cbor:"4,keyasint"` // the one with the light
	Clusters     []uint16     `cbor:"5,keyasint"` // server clusters there, those that matter to us
	Identified   bool         `cbor:"6,keyasint"` // Model, Manufacturer and Software are known
	Model        string       `cbor:"7,keyasint"`
	Manufacturer string       `cbor:"8,keyasint"`
	Software     string       `cbor:"9,keyasint"`
	Multiplier   uint16       `cbor:"10,keyasint"` // of active power, 0 for not known
	Divisor      uint16       `cbor:"11,keyasint"`
	Reporting    bool         `cbor:"12,keyasint"` // bound, and told when to report
	Settled      bool         `cbor:"13,keyasint"` // was brought to the groups of the desired state

	Reports    uint8  `cbor:"18,keyasint"` // reportsVersion by which it was told
	Labelled   bool   `cbor:"19,keyasint"` // Hardware, Serial and RatedPower were asked for
	Hardware   uint8  `cbor:"20,keyasint"`
	Serial     string `cbor:"21,keyasint"`
	RatedPower uint16 `cbor:"22,keyasint"` // in 0.1 W; 0 for not known

	Controls   []uint16  `cbor:"16,keyasint,omitempty"` // of a switch: client clusters there
	Controlled []Control `cbor:"17,keyasint,omitempty"` // of a switch: what it tells whom

	EnergyMultiplier uint32 `cbor:"14,keyasint"` // of energy in kWh, 0 for one that cannot be told
	EnergyDivisor    uint32 `cbor:"15,keyasint"` // 0 for not known
}

func (r Record) has(cluster uint16) bool { return slices.Contains(r.Clusters, cluster) }

// setup is how far the configuration of a device has come since the gateway
// started or the device was restarted.
type setup struct {
	badCode   error // the install code of the desired state is none
	running   bool  // an exchange is under way
	endpoints []uint8
	listed    bool     // endpoints is known
	grouped   bool     // groups is known
	groups    []uint16 // as the device said
	bound     []uint16 // clusters whose reports come to us
	reporting []uint16 // clusters that were told when to report
	read      []uint16 // clusters whose values have been read
	unrated   bool     // it does not say its rated power
	reason    string   // why it stands still, for people
	pause     time.Duration
	retry     *timer
}

// restart forgets what a restarted device may have forgotten.
func (s *setup) restart() {
	s.listed, s.endpoints = false, nil
	s.grouped, s.groups = false, nil
	s.bound, s.reporting, s.read = nil, nil, nil
	s.pause, s.reason = 0, ""
}

// relevantClusters are those whose presence is kept in a [Record].
func relevantClusters() []uint16 {
	return append([]uint16{zcl.ClusterBasic, zcl.ClusterGroups, zcl.ClusterBehaviour}, reportedClusters()...)
}

// proceed does the next thing that is missing for a device to be as desired. It
// looks at what is known and what differs, so it can be called at any time.
func (n *Network) proceed(now time.Time, d *device) {
	if !d.joined || d.setup.running {
		return
	}
	n.timers.stop(d.setup.retry)
	r, more := d.nextStep()
	if !more {
		n.settle(now, d)
		return
	}
	done := r.done
	r.done = func(now time.Time, payload []byte, err error) {
		d.setup.running = false
		d.setup.reason = ""
		done(now, payload, err)
		if d.setup.reason != "" {
			n.postpone(now, d)
			return
		}
		d.setup.pause = 0
		n.proceed(now, d)
	}
	r.tries = 2
	d.setup.running = true
	n.ask(now, d, r)
}

// settle notes that nothing is missing, and looks again after a while.
func (n *Network) settle(now time.Time, d *device) {
	if !d.record.Settled {
		d.record.Settled = true
		n.unsaved = true
		n.cfg.Log.Info("a device is configured", "device", d.eui, "model", d.record.Model, "manufacturer", d.record.Manufacturer)
	}
	if !d.record.Reporting {
		d.record.Reporting, d.record.Reports = true, reportsVersion
		n.unsaved = true
	}
	n.stage(d)
	d.setup.retry = n.timers.at(now.Add(verifyEvery), func(now time.Time) {
		d.setup.grouped = false
		d.record.Labelled = false // its firmware may be another
		n.proceed(now, d)
	})
}

// postpone waits before the next attempt, each time longer.
func (n *Network) postpone(now time.Time, d *device) {
	d.setup.pause = min(max(2*d.setup.pause, setupMinPause), setupMaxPause)
	n.cfg.Log.Info("the setting up of a device is put off", "device", d.eui, "reason", d.setup.reason, "again_in", d.setup.pause)
	n.stage(d)
	d.setup.retry = n.timers.at(now.Add(d.setup.pause), func(now time.Time) { n.proceed(now, d) })
}

// nextStep returns the next thing to ask of the device, and false when it is as
// desired.
func (d *device) nextStep() (request, bool) {
	s, r := &d.setup, &d.record
	if !r.Described {
		if !s.listed {
			return d.askEndpoints(), true
		}
		return d.askDescriptor(s.endpoints[0]), true
	}
	if !r.Identified && r.has(zcl.ClusterBasic) {
		return d.askIdentity(), true
	}
	if !r.Labelled && r.has(zcl.ClusterBasic) {
		return d.askLabel(), true
	}
	if r.RatedPower == 0 && !s.unrated && r.has(zcl.ClusterBehaviour) {
		return d.askRatedPower(), true
	}
	if r.Multiplier == 0 && r.has(zcl.ClusterElectrical) {
		return d.askScale(), true
	}
	if r.EnergyDivisor == 0 && r.has(zcl.ClusterMetering) {
		return d.askEnergyScale(), true
	}
	if r.has(zcl.ClusterGroups) {
		if req, differs := d.nextGroupStep(); differs {
			return req, true
		}
	}
	if req, differs := d.nextControlStep(); differs {
		return req, true
	}
	if req, missing := d.nextReportingStep(); missing {
		return req, true
	}
	for _, c := range reportedClusters() {
		if r.has(c) && !slices.Contains(s.read, c) {
			return d.askValues(c), true
		}
	}
	return request{}, false
}

// failed notes why a step did not succeed.
func (d *device) failed(doing string, err error) { d.setup.reason = doing + ": " + err.Error() }

// zdoRequest makes a request of the device profile.
func zdoRequest(what string, c zdo.Cluster, frame frameMaker) request {
	return request{what: what, endpoint: zdo.Endpoint, profile: zdo.Profile, cluster: uint16(c), frame: frame}
}

// zclRequest makes a request of a general command of the cluster library.
func (d *device) zclRequest(what string, cluster uint16, answer uint8, frame frameMaker) request {
	return request{
		what: what, endpoint: d.record.Endpoint, profile: zcl.ProfileHomeAutomation, cluster: cluster,
		frame: frame, expect: expectation{command: answer},
	}
}

func (d *device) askEndpoints() request {
	const doing = "asking for its endpoints"
	r := zdoRequest(doing, zdo.ActiveEP, func(_ time.Time, seq uint8, to zigbee.ShortAddr) []byte {
		return zdo.DescReq{Seq: seq, Addr: to}.Append(nil)
	})
	r.done = func(_ time.Time, payload []byte, err error) {
		var rsp zdo.EndpointsRsp
		if err == nil {
			rsp, err = zdo.ParseEndpointsRsp(payload)
		}
		if err == nil && rsp.Status != zdo.Success {
			err = fmt.Errorf("it refuses: %s", rsp.Status)
		}
		if err == nil && len(rsp.Endpoints) == 0 {
			err = errors.New("it has none")
		}
		if err != nil {
			d.failed(doing, err)
			return
		}
		d.setup.listed = true
		d.setup.endpoints = rsp.Endpoints[:min(len(rsp.Endpoints), maxEndpoints)]
	}
	return r
}

// askDescriptor looks whether an endpoint is the one with the light, or the
// switch, or the sensor: the first that has what its kind needs.
func (d *device) askDescriptor(endpoint uint8) request {
	const doing = "asking what it can do"
	r := zdoRequest(doing, zdo.SimpleDesc, func(_ time.Time, seq uint8, to zigbee.ShortAddr) []byte {
		return zdo.SimpleDescReq{Seq: seq, Addr: to, Endpoint: endpoint}.Append(nil)
	})
	r.done = func(_ time.Time, payload []byte, err error) {
		var rsp zdo.SimpleDescRsp
		if err == nil {
			rsp, err = zdo.ParseSimpleDescRsp(payload)
		}
		if err != nil {
			d.failed(doing, err)
			return
		}
		if rsp.Status == zdo.Success && d.fits(rsp.Descriptor) {
			d.record.Described = true
			d.record.Endpoint = endpoint
			for _, c := range relevantClusters() {
				if slices.Contains(rsp.Descriptor.In, c) {
					d.record.Clusters = append(d.record.Clusters, c)
				}
			}
			for _, c := range controlClusters {
				if d.kind == sconce.Switch && slices.Contains(rsp.Descriptor.Out, c) {
					d.record.Controls = append(d.record.Controls, c)
				}
			}
			return
		}
		if d.setup.endpoints = d.setup.endpoints[1:]; len(d.setup.endpoints) == 0 {
			d.setup.listed = false // ask anew next time: its firmware may have changed
			d.failed(doing, fmt.Errorf("none of its endpoints is a %s", d.kind))
		}
	}
	return r
}

// fits reports whether an endpoint is what the device is for.
func (d *device) fits(s zdo.SimpleDescriptor) bool {
	if s.Profile != zcl.ProfileHomeAutomation {
		return false
	}
	return d.kind != sconce.Luminaire || slices.Contains(s.In, zcl.ClusterOnOff)
}

// askScale reads what active power is to be multiplied with. A device that does
// not say means watts (07-5123-08, 4.9.2.2.8).
func (d *device) askScale() request {
	const doing = "reading the scale of its power"
	r := d.read(doing, zcl.ClusterElectrical, zcl.AttrACPowerMultiplier, zcl.AttrACPowerDivisor)
	r.done = func(_ time.Time, payload []byte, err error) {
		var refused statusError
		if err != nil && !errors.As(err, &refused) {
			d.failed(doing, err)
			return
		}
		d.record.Multiplier, d.record.Divisor = 1, 1
		for rec, err := range zcl.ParseReadAttributesResponse(payload) {
			if err != nil || rec.Status != zcl.Success || rec.Value.Uint() == 0 {
				continue
			}
			switch rec.Attribute {
			case zcl.AttrACPowerMultiplier:
				d.record.Multiplier = uint16(rec.Value.Uint())
			case zcl.AttrACPowerDivisor:
				d.record.Divisor = uint16(rec.Value.Uint())
			}
		}
	}
	return r
}

// read makes a request for attributes.
func (d *device) read(what string, cluster uint16, attributes ...uint16) request {
	return d.zclRequest(what, cluster, zcl.CmdReadAttributesResponse, func(_ time.Time, seq uint8, _ zigbee.ShortAddr) []byte {
		return zcl.AppendReadAttributes(nil, seq, attributes...)
	})
}

// stage puts where the device stands into the next report.
func (n *Network) stage(d *device) {
	r := wire.DeviceReport{Device: sconce.EUI64(d.eui), Stage: wire.StageJoined}
	switch {
	case d.setup.badCode != nil && !d.joined:
		r.Stage, r.Reason = wire.StageFailed, d.setup.badCode.Error()
	case !d.joined:
		r.Stage = wire.StageWaiting
	case d.record.Settled:
		r.Stage = wire.StageConfigured
	case d.setup.reason != "":
		r.Stage, r.Reason = wire.StageFailed, d.setup.reason
	}
	r.Asset = d.record.asset()
	n.out.stage(r)
}

// reportAll puts every device into the next report.
func (n *Network) reportAll() {
	for _, d := range n.sorted() {
		n.stage(d)
	}
	n.out.reportDue = true
}
