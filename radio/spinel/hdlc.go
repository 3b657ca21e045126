package spinel

import "iter"

// MaxFrame is the largest Spinel frame in bytes, before framing
// (SPINEL_FRAME_MAX_SIZE of OpenThread).
const MaxFrame = 1300

// The reserved bytes of HDLC-lite. All five are escaped inside a frame.
const (
	flag    = 0x7e
	escape  = 0x7d
	xon     = 0x11
	xoff    = 0x13
	special = 0xf8 // reserved by OpenThread for vendors
	flip    = 0x20 // an escaped byte has this bit inverted
)

// AppendHDLC appends one frame with its check sequence, escaped, between two
// flags. This is the canonical form: a [Deframer] also takes frames that share
// a flag, or that leave the flow-control bytes unescaped.
func AppendHDLC(dst, frame []byte) []byte {
	dst = append(dst, flag)
	fcs := uint16(fcsInit)
	for _, b := range frame {
		fcs = fcsUpdate(fcs, b)
		dst = appendEscaped(dst, b)
	}
	fcs = ^fcs
	dst = appendEscaped(dst, byte(fcs))
	dst = appendEscaped(dst, byte(fcs>>8))
	return append(dst, flag)
}

func appendEscaped(dst []byte, b byte) []byte {
	switch b {
	case flag, escape, xon, xoff, special:
		return append(dst, escape, b^flip)
	default:
		return append(dst, b)
	}
}

// A Deframer cuts a stream of bytes into frames. What is not a frame with a
// good check sequence, of at least one and at most [MaxFrame] bytes, is dropped
// and counted. The zero value is ready for use.
type Deframer struct {
	buf     []byte
	fcs     uint16
	started bool // something came since the last flag
	escaped bool // the next byte is inverted
	bad     bool // the frame is too long already
	dropped uint64
}

// Dropped returns how many damaged frames were dropped. Stray bytes before the
// first flag count as one.
func (d *Deframer) Dropped() uint64 { return d.dropped }

// Frames takes the next bytes of the stream and yields each frame that is now
// complete. A frame is valid until the iteration continues. An iteration that
// is broken off loses the rest of p.
func (d *Deframer) Frames(p []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, b := range p {
			if frame, ok := d.push(b); ok && !yield(frame) {
				return
			}
		}
	}
}

func (d *Deframer) push(b byte) (frame []byte, ok bool) {
	switch {
	case b == flag:
		return d.end()
	case b == escape:
		d.started = true
		d.bad = d.bad || d.escaped
		d.escaped = true
		return nil, false
	case d.escaped:
		b ^= flip
		d.escaped = false
	}
	if len(d.buf) == 0 {
		d.fcs = fcsInit
	}
	d.started = true
	if len(d.buf) == MaxFrame+2 {
		d.bad = true
		return nil, false
	}
	d.buf = append(d.buf, b)
	d.fcs = fcsUpdate(d.fcs, b)
	return nil, false
}

func (d *Deframer) end() ([]byte, bool) {
	frame, n := d.buf, len(d.buf)-2
	good := n >= 1 && d.fcs == fcsGood && !d.bad && !d.escaped
	if d.started && !good {
		d.dropped++
	}
	d.buf, d.started, d.escaped, d.bad = d.buf[:0], false, false, false
	if !good {
		return nil, false
	}
	return frame[:n], true
}

// The frame check sequence of RFC 1662, C.2 (CRC-16/X-25): reflected polynomial
// 0x8408, start and final inversion.
const (
	fcsInit = 0xffff
	fcsGood = 0xf0b8
)

func fcsUpdate(fcs uint16, b byte) uint16 {
	fcs ^= uint16(b)
	for range 8 {
		low := fcs & 1
		fcs >>= 1
		if low != 0 {
			fcs ^= 0x8408
		}
	}
	return fcs
}
