package network

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sconce"
	"sconce/zigbee"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// nextGroupStep returns what to ask for the device's groups to be those desired.
func (d *device) nextGroupStep() (request, bool) {
	if !d.setup.grouped {
		return d.askGroups(), true
	}
	for _, g := range d.groups {
		if !slices.Contains(d.setup.groups, uint16(g)) {
			return d.addGroup(uint16(g)), true
		}
	}
	for _, g := range d.setup.groups {
		if !slices.Contains(d.groups, sconce.GroupNumber(g)) {
			return d.removeGroup(g), true
		}
	}
	return request{}, false
}

// groupRequest makes a request of a command of the Groups cluster.
func (d *device) groupRequest(what string, c, answer zcl.Command) request {
	r := d.zclRequest(what, zcl.ClusterGroups, answer.ID().Command, func(_ time.Time, seq uint8, _ zigbee.ShortAddr) []byte {
		return zcl.AppendRequest(nil, seq, c)
	})
	r.expect.specific = true
	return r
}

func (d *device) askGroups() request {
	const doing = "asking for its groups"
	r := d.groupRequest(doing, zcl.GetGroupMembership{}, zcl.GroupMembership{})
	r.done = func(_ time.Time, payload []byte, err error) {
		m, err := parseAnswer[zcl.GroupMembership](payload, err)
		if err != nil {
			d.failed(doing, err)
			return
		}
		d.setup.grouped, d.setup.groups = true, m.Groups
	}
	return r
}

func (d *device) addGroup(g uint16) request {
	doing := fmt.Sprintf("adding it to group %d", g)
	r := d.groupRequest(doing, zcl.AddGroup{Group: g}, zcl.AddGroupResponse{})
	r.done = func(_ time.Time, payload []byte, err error) {
		m, err := parseAnswer[zcl.AddGroupResponse](payload, err)
		// DUPLICATE_EXISTS is what devices before revision 8 say when it is there.
		if err == nil && m.Status != zcl.Success && m.Status != zcl.DuplicateExists {
			err = statusError(m.Status)
		}
		if err != nil {
			d.failed(doing, err)
			return
		}
		d.setup.groups = append(d.setup.groups, g)
	}
	return r
}

func (d *device) removeGroup(g uint16) request {
	doing := fmt.Sprintf("taking it out of group %d", g)
	r := d.groupRequest(doing, zcl.RemoveGroup{Group: g}, zcl.RemoveGroupResponse{})
	r.done = func(_ time.Time, payload []byte, err error) {
		m, err := parseAnswer[zcl.RemoveGroupResponse](payload, err)
		if err == nil && m.Status != zcl.Success && m.Status != zcl.NotFound {
			err = statusError(m.Status)
		}
		if err != nil {
			d.failed(doing, err)
			return
		}
		d.setup.groups = slices.DeleteFunc(d.setup.groups, func(x uint16) bool { return x == g })
	}
	return r
}

// parseAnswer reads the answer to a command of a cluster, unless there was none.
func parseAnswer[T zcl.Command](payload []byte, err error) (T, error) {
	var m T
	if err != nil {
		return m, err
	}
	c, err := zcl.ParseCommand(m.ID(), payload)
	if err != nil {
		return m, err
	}
	m, ok := c.(T)
	if !ok {
		return m, errors.New("it answers something else")
	}
	return m, nil
}

// nextReportingStep returns what to ask for the device to report by itself.
func (d *device) nextReportingStep() (request, bool) {
	for _, c := range reportedClusters() {
		switch {
		case !d.record.has(c):
		case !slices.Contains(d.setup.bound, c):
			return d.bind(c), true
		case !slices.Contains(d.setup.reporting, c):
			return d.configureReporting(c), true
		}
	}
	return request{}, false
}

// bind makes the reports of a cluster come to the gateway.
func (d *device) bind(cluster uint16) request {
	doing := fmt.Sprintf("binding its cluster 0x%04x", cluster)
	r := zdoRequest(doing, zdo.Bind, func(_ time.Time, seq uint8, _ zigbee.ShortAddr) []byte {
		return zdo.BindReq{
			Seq: seq, Source: d.eui, SrcEndpoint: d.record.Endpoint, Cluster: cluster,
			Device: d.reportTo, DstEndpoint: Endpoint,
		}.Append(nil)
	})
	r.done = func(_ time.Time, payload []byte, err error) {
		var rsp zdo.StatusRsp
		if err == nil {
			rsp, err = zdo.ParseStatusRsp(payload)
		}
		// A device without a binding table reports to whoever configured it.
		if err == nil && rsp.Status != zdo.Success && rsp.Status != zdo.NotSupported {
			err = fmt.Errorf("it refuses: %s", rsp.Status)
		}
		if err != nil {
			d.failed(doing, err)
			return
		}
		d.setup.bound = append(d.setup.bound, cluster)
	}
	return r
}

func (d *device) configureReporting(cluster uint16) request {
	doing := fmt.Sprintf("configuring the reports of its cluster 0x%04x", cluster)
	r := d.zclRequest(doing, cluster, zcl.CmdConfigureReportingRsp, func(_ time.Time, seq uint8, _ zigbee.ShortAddr) []byte {
		return zcl.AppendConfigureReporting(nil, seq, d.reports(cluster)...)
	})
	r.done = func(_ time.Time, payload []byte, err error) {
		if err == nil {
			for s, perr := range zcl.ParseConfigureReportingResponse(payload) {
				if perr != nil {
					err = perr
				} else if s.Status != zcl.Success {
					err = statusError(s.Status)
				}
			}
		}
		var refused statusError
		switch {
		case err != nil && !errors.As(err, &refused):
			d.failed(doing, err)
			return
		case err != nil && (cluster == zcl.ClusterOnOff || cluster == zcl.ClusterLevel):
			// A light that does not report what it does cannot be shown truly.
			// Without its readings, it still can.
			d.failed(doing, err)
			return
		}
		d.setup.reporting = append(d.setup.reporting, cluster)
	}
	return r
}
