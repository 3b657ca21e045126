package zigbee

import (
	"fmt"
	"math/bits"
	"strings"
)

// The channels of the 2.4 GHz band (802.15.4-2006, 6.1.2.1).
const (
	MinChannel uint8 = 11
	MaxChannel uint8 = 26
)

// ChannelMask is a set of channels: bit n stands for channel n, for n from
// [MinChannel] to [MaxChannel] (05-3474-22, 3.2.2.2.1).
type ChannelMask uint32

// AllChannels is the whole 2.4 GHz band.
const AllChannels ChannelMask = 0x07fff800

// Channels returns the mask of the given channels. Numbers outside the band are
// left out.
func Channels(numbers ...uint8) ChannelMask {
	var m ChannelMask
	for _, c := range numbers {
		if c >= MinChannel && c <= MaxChannel {
			m |= 1 << c
		}
	}
	return m
}

// Valid reports whether m holds at least one channel, and none outside the band.
func (m ChannelMask) Valid() bool { return m != 0 && m&^AllChannels == 0 }

// Has reports whether the channel is in m.
func (m ChannelMask) Has(channel uint8) bool { return channel < 32 && m>>channel&1 == 1 }

// Len returns how many channels are in m.
func (m ChannelMask) Len() int { return bits.OnesCount32(uint32(m)) }

// Nth returns the channel with n smaller ones in m, and 0 when there is none.
func (m ChannelMask) Nth(n int) uint8 {
	for c := MinChannel; c <= MaxChannel; c++ {
		if m.Has(c) {
			if n == 0 {
				return c
			}
			n--
		}
	}
	return 0
}

// String lists the channels, as in "11,15,20".
func (m ChannelMask) String() string {
	var s []string
	for n := range m.Len() {
		s = append(s, fmt.Sprint(m.Nth(n)))
	}
	return strings.Join(s, ",")
}
