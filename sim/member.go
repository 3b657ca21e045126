package sim

import (
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// member is a light, a sensor or a switch of a controller's network.
type member struct {
	eui64 sconce.EUI64
	code  zigbee.InstallCode
	room  int
	every time.Duration // it reports at least so often; 0: never
	plan  []step        // its configuration

	authorised bool
	done       int // steps of its configuration
	waiting    bool
	joined     bool
	short      zigbee.ShortAddr
	reportFrom time.Time // counted from here; zero: not yet, or not now
	reported   bool      // since then

	// Of a light.
	groups    []uint16
	want      bool      // on, as commanded last
	commanded time.Time // zero: it has obeyed
	round     *round    // whose command came last
	state     LightState

	// Of a sensor.
	told    bool      // occupied, as reported last
	changed time.Time // when it was told that it changed its mind; zero: that has been reported
}

// step is a step of a device's configuration.
type step struct {
	cluster uint16
	zdo     bool // for the device's management, not its application
	payload func(seq uint8) []byte
}

// configured reports whether a device has all that it was to get.
func (m *member) configured() bool { return m.authorised && m.done == len(m.plan) }

// ready reports whether a light can be counted on to obey.
func (m *member) ready() bool { return m.configured() && m.state.Joined }

// What sensors are set to. They poll rarely: nobody has anything to say to them, and
// every poll costs their batteries as much as minutes of sleep.
const (
	sensorHold    = 300 // seconds: nobody counts as gone after the last motion before
	sensorReports = 10 * time.Minute
	lightChange   = 414         // of MeasuredValue: 10 %
	lightPause    = 60          // seconds between two reports of a change
	sleepersPoll  = uint32(240) // quarters of a second
)

func (c *controller) addLight(l LightConfig, room int) *member {
	m := &member{eui64: l.EUI64, code: l.InstallCode, room: room, groups: []uint16{everyLight, groupOf(room)}, every: c.trial.cfg.ReportEvery}
	m.plan = []step{reporting(zcl.ClusterOnOff, zcl.Reporting{Attribute: zcl.AttrOnOff, Type: zcl.TypeBool, Max: seconds(m.every)})}
	for _, g := range m.groups {
		m.plan = append(m.plan, command(zcl.AddGroup{Group: g}))
	}
	c.lights = append(c.lights, m)
	return c.add(m)
}

func (c *controller) addSensor(s SleeperConfig, room int) *member {
	return c.add(&member{eui64: s.EUI64, code: s.InstallCode, room: room, every: sensorReports, plan: []step{
		{cluster: zcl.ClusterOccupancy, payload: func(seq uint8) []byte {
			return zcl.AppendWriteAttributes(nil, seq, zcl.Attribute{ID: zcl.AttrOccupancyPIRDelay, Value: zcl.Uint16(sensorHold)})
		}},
		reporting(zcl.ClusterOccupancy, zcl.Reporting{Attribute: zcl.AttrOccupancy, Type: zcl.TypeMap8, Max: seconds(sensorReports)}),
		reporting(zcl.ClusterIlluminance, zcl.Reporting{
			Attribute: zcl.AttrIlluminance, Type: zcl.TypeUint16, Min: lightPause, Max: seconds(sensorReports), Change: zcl.Uint16(lightChange),
		}),
		command(zcl.SetLongPollInterval{Interval: sleepersPoll}),
	}})
}

func (c *controller) addSwitch(s SleeperConfig, room int) *member {
	return c.add(&member{eui64: s.EUI64, code: s.InstallCode, room: room, plan: []step{
		{cluster: uint16(zdo.Bind), zdo: true, payload: func(seq uint8) []byte {
			return zdo.BindReq{
				Seq: seq, Source: zigbee.EUI64(s.EUI64), SrcEndpoint: device.Endpoint, Cluster: zcl.ClusterOnOff, ToGroup: true, Group: groupOf(room),
			}.Append(nil)
		}},
		command(zcl.SetLongPollInterval{Interval: sleepersPoll}),
	}})
}

func (c *controller) add(m *member) *member {
	c.members = append(c.members, m)
	c.byEUI[m.eui64] = m
	return m
}

func seconds(d time.Duration) uint16 { return uint16(d / time.Second) }

func reporting(cluster uint16, r zcl.Reporting) step {
	return step{cluster: cluster, payload: func(seq uint8) []byte { return zcl.AppendConfigureReporting(nil, seq, r) }}
}

func command(c zcl.Command) step {
	return step{cluster: c.ID().Cluster, payload: func(seq uint8) []byte { return zcl.AppendRequest(nil, seq, c) }}
}

// received takes a report.
func (c *controller) received(now time.Time, e stack.DataIndication) {
	h, payload, err := zcl.ParseHeader(e.Payload)
	if err != nil || h.Specific || h.Command != zcl.CmdReportAttributes {
		return
	}
	m := c.byEUI[sconce.EUI64(e.SrcEUI64)]
	if m == nil {
		return
	}
	c.reports(m).Received++
	m.reported = true
	if m.reportFrom.IsZero() {
		m.reportFrom = now
	}
	for a, err := range zcl.ParseReport(payload) {
		if err == nil && e.Cluster == zcl.ClusterOccupancy && a.ID == zcl.AttrOccupancy {
			c.toldOccupied(now, m, a.Value.Uint()&1 == 1)
		}
	}
}

// reports returns where the reports of a device are counted.
func (c *controller) reports(m *member) *Delivery {
	if m.groups == nil {
		return &c.delivery.SensorReports
	}
	return &c.delivery.Reports
}

// reportSlack is how late a report may be: tries again, and the clock of a device.
const reportSlack = 3 * time.Second

// auditReports counts, once for each interval, the devices that have reported in
// it and those that should have.
func (c *controller) auditReports(now time.Time) {
	for _, m := range c.members {
		switch {
		case m.every == 0:
		case !m.joined || !m.configured():
			m.reportFrom, m.reported = time.Time{}, false
		case m.reportFrom.IsZero():
			m.reportFrom = now
		case now.Sub(m.reportFrom) >= m.every+reportSlack:
			d := c.reports(m)
			d.Sent++
			if m.reported {
				d.Delivered++
			}
			m.reportFrom, m.reported = now, false
		}
	}
}

// occupancySlack is how late a change may be reported: the sensor tries again.
const occupancySlack = lookEvery + 5*time.Second

// occupied is told that a sensor has changed its mind.
func (c *controller) occupied(now time.Time, m *member, occupied bool) {
	if !m.joined || !m.configured() {
		m.changed = time.Time{}
		return
	}
	c.delivery.Occupancy.Sent++
	if m.changed.IsZero() && m.told == occupied { // it was quicker than who looks
		c.delivery.Occupancy.Delivered++
		return
	}
	m.changed = now
}

func (c *controller) toldOccupied(now time.Time, m *member, occupied bool) {
	if !m.changed.IsZero() && m.told != occupied {
		if now.Sub(m.changed) <= occupancySlack {
			c.delivery.Occupancy.Delivered++
		}
		m.changed = time.Time{}
	}
	m.told = occupied
}
