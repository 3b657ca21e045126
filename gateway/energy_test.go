package gateway

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"sconce/radio"
	"sconce/zigbee"
	"sconce/zigbee/stack"
)

// meter is a radio that measures energy, up to a channel.
type meter struct {
	radio.Radio
	last uint8
}

func (m meter) EnergyScan(_ context.Context, channel uint8, d time.Duration) (int8, error) {
	if channel > m.last || d != time.Second {
		return 0, errors.New("cannot measure")
	}
	return -int8(channel), nil
}

// What could be measured is told, and what could not is no fault of the radio.
func TestEnergyIsMeasured(t *testing.T) {
	for last, want := range map[uint8][]stack.Energy{
		26: {{Channel: 11, DBm: -11}, {Channel: 20, DBm: -20}},
		15: {{Channel: 11, DBm: -11}},
		10: nil,
	} {
		j := job{radio: meter{last: last}, energy: &stack.EnergyWanted{Channels: zigbee.Channels(11, 20), Duration: time.Second}}
		o := j.do(t.Context())
		if !o.measured || o.err != nil || !slices.Equal(o.energy, want) {
			t.Errorf("up to channel %d: %+v", last, o)
		}
	}
}
