package gateway

import (
	"context"

	"sconce/zigbee/stack"
)

// measure is the job of measuring how busy the channels are, before a network is
// formed. A radio that cannot is no fault: the node then judges by what it hears.
func (j job) measure(ctx context.Context) outcome {
	o := outcome{radio: j.radio, node: j.node, measured: true}
	for i := range j.energy.Channels.Len() {
		c := j.energy.Channels.Nth(i)
		dBm, err := j.radio.EnergyScan(ctx, c, j.energy.Duration)
		if err != nil {
			return o
		}
		o.energy = append(o.energy, stack.Energy{Channel: c, DBm: dBm})
	}
	return o
}
