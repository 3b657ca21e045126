package network

import (
	"fmt"
	"slices"
	"time"

	"sconce"
	"sconce/zigbee"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// controlClusters are what a switch tells lights with, in this order.
var controlClusters = [...]uint16{zcl.ClusterOnOff, zcl.ClusterLevel, zcl.ClusterScenes}

// Control is a binding of a switch that this gateway has made: a cluster tells a group.
type Control struct {
	Cluster uint16             `cbor:"1,keyasint"`
	Group   sconce.GroupNumber `cbor:"2,keyasint"`
}

// nextControlStep returns what to ask of a switch for it to control the groups that it is
// in, and no others.
func (d *device) nextControlStep() (request, bool) {
	if d.kind != sconce.Switch {
		return request{}, false
	}
	for _, g := range d.groups {
		for _, c := range d.record.Controls {
			if b := (Control{c, g}); !slices.Contains(d.record.Controlled, b) {
				return d.control(b, zdo.Bind), true
			}
		}
	}
	for _, b := range d.record.Controlled {
		if !slices.Contains(d.groups, b.Group) {
			return d.control(b, zdo.Unbind), true
		}
	}
	return request{}, false
}

// control makes a cluster of a switch tell a group, or ends that.
func (d *device) control(b Control, c zdo.Cluster) request {
	doing := fmt.Sprintf("letting its cluster 0x%04x control group %d", b.Cluster, b.Group)
	if c == zdo.Unbind {
		doing = fmt.Sprintf("taking group %d from its cluster 0x%04x", b.Group, b.Cluster)
	}
	r := zdoRequest(doing, c, func(_ time.Time, seq uint8, _ zigbee.ShortAddr) []byte {
		return zdo.BindReq{
			Seq: seq, Source: d.eui, SrcEndpoint: d.record.Endpoint, Cluster: b.Cluster, ToGroup: true, Group: uint16(b.Group),
		}.Append(nil)
	})
	r.done = func(_ time.Time, payload []byte, err error) {
		var rsp zdo.StatusRsp
		if err == nil {
			rsp, err = zdo.ParseStatusRsp(payload)
		}
		gone := c == zdo.Unbind && rsp.Status == zdo.NoEntry
		if err == nil && rsp.Status != zdo.Success && !gone {
			err = fmt.Errorf("it refuses: %s", rsp.Status)
		}
		switch {
		case err != nil:
			d.failed(doing, err)
		case c == zdo.Bind:
			d.record.Controlled = append(d.record.Controlled, b)
			d.record.Settled = false // so that what was done is kept
		default:
			d.record.Controlled = slices.DeleteFunc(d.record.Controlled, func(o Control) bool { return o == b })
			d.record.Settled = false
		}
	}
	return r
}
