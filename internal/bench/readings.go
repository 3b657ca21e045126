package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"sconce"
	"sconce/wire"
)

// A message of the load has this many readings: the power of as many lights, or
// what a gateway gathers in a second or two.
const readingsAMessage = 20

// readingsPeriod is the time between two messages of a gateway, by the times in
// them. The load runs through hours of it in seconds.
const readingsPeriod = 10 * time.Second

// readings makes the messages of one gateway: as package wire encodes them, each
// with its own number, times and values. Only these are written anew, so that the
// load costs little beside what it loads.
type readings struct {
	gateway        sconce.EUI64
	boot, sequence uint64
	begin          int64  // time of the first message, ms
	body           []byte // of a message, encoded
	places         []int  // in it, of the readings' times; eight bytes, and nine later the value's eight
}

// newReadings returns the messages of a gateway from a moment on. Its lights have
// addresses that follow from its own.
func newReadings(gateway sconce.EUI64, boot uint64, begin time.Time) (*readings, error) {
	r := &readings{gateway: gateway, boot: boot, begin: begin.UnixMilli()}
	message, err := r.message(0)
	if err != nil {
		return nil, err
	}
	if _, r.body, err = wire.ParseUpHeader(message); err != nil {
		return nil, fmt.Errorf("making readings: %w", err)
	}
	for i := range readingsAMessage {
		at := bytes.Index(r.body, appendUint(nil, uint64(r.at(i, 0))))
		if at < 0 {
			return nil, fmt.Errorf("making readings: the time of a reading is not found in its encoding")
		}
		r.places = append(r.places, at+1)
	}
	return r, nil
}

// message encodes the n-th message, from 0, by package wire.
func (r *readings) message(n uint64) ([]byte, error) {
	var body wire.Readings
	for i := range readingsAMessage {
		body.Readings = append(body.Readings, wire.Reading{
			Device: r.gateway<<8 + sconce.EUI64(i), Metric: sconce.ActivePower, At: r.at(i, n), Value: watts(i, n),
		})
	}
	header := wire.UpHeader{Version: wire.Version, Boot: r.boot, Sequence: n + 1, Sent: r.at(readingsAMessage, n)}
	message, err := wire.AppendUp(nil, header, body)
	if err != nil {
		return nil, fmt.Errorf("making readings: %w", err)
	}
	return message, nil
}

// at returns the time of a reading in the n-th message.
func (r *readings) at(i int, n uint64) wire.Time {
	return wire.Time(r.begin + int64(n)*readingsPeriod.Milliseconds() + 37*int64(i))
}

// watts returns the value of a reading in the n-th message: between 12 and 15, and
// in tenths that no short floating point number can hold, so that its encoding is
// as long as that of nearly every measured value.
func watts(i int, n uint64) float64 {
	tenths := (7*n + 13*uint64(i)) % 24 // of 3 times 8: no .0 and no .5
	return float64(120+10*(tenths/8)+[...]uint64{1, 2, 3, 4, 6, 7, 8, 9}[tenths%8]) / 10
}

// append appends the next message to b: what message returns, in less time.
func (r *readings) append(b []byte) []byte {
	n := r.sequence
	r.sequence++
	b = append(b, 0x84) // the header, an array of four (RFC 8949, 3.1)
	b = appendUint(b, wire.Version)
	b = appendUint(b, r.boot)
	b = appendUint(b, r.sequence)
	b = appendUint(b, uint64(r.at(readingsAMessage, n)))
	body := len(b)
	b = append(b, r.body...)
	for i, place := range r.places {
		binary.BigEndian.PutUint64(b[body+place:], uint64(r.at(i, n)))
		binary.BigEndian.PutUint64(b[body+place+9:], math.Float64bits(watts(i, n)))
	}
	return b
}

// appendUint appends an unsigned integer in the shortest form (RFC 8949, 4.2.1).
func appendUint(b []byte, v uint64) []byte {
	switch {
	case v < 24:
		return append(b, byte(v))
	case v < 1<<8:
		return append(b, 24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 26), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, 27), v)
	}
}
