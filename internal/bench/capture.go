package bench

import (
	"encoding/binary"
	"fmt"
	"time"
)

// airFrame is a frame of a capture.
type airFrame struct {
	at  time.Time     // its start
	air time.Duration // how long it was on the air
}

func (f airFrame) end() time.Time { return f.at.Add(f.air) }

// The air of IEEE 802.15.4 at 2.4 GHz carries a byte in 32 µs, and before a frame
// a preamble of 4, a delimiter and a length (2006, 6.3 and 6.5).
const (
	byteTime  = 32 * time.Microsecond
	phyHeader = 6
)

// parseCapture returns the frames of a capture file as the virtual building
// writes it: pcap, little endian, microseconds, each frame with its check
// sequence.
func parseCapture(b []byte) ([]airFrame, error) {
	const fileHeader, frameHeader = 24, 16
	if len(b) < fileHeader || binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 {
		return nil, fmt.Errorf("reading capture: no pcap of microseconds")
	}
	var frames []airFrame
	for b = b[fileHeader:]; len(b) > 0; {
		if len(b) < frameHeader || len(b)-frameHeader < int(binary.LittleEndian.Uint32(b[8:])) {
			return nil, fmt.Errorf("reading capture: frame %d is cut", len(frames)+1)
		}
		seconds, micros, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
		frames = append(frames, airFrame{
			at:  time.Unix(int64(seconds), int64(micros)*1000),
			air: time.Duration(phyHeader+size) * byteTime,
		})
		b = b[frameHeader+size:]
	}
	return frames, nil
}
