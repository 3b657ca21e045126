package sim

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// linkType is LINKTYPE_IEEE802_15_4_WITHFCS of the registry of the Tcpdump Group.
const linkType = 195

// A Pcap writes MAC frames with their frame check sequence into a capture file
// (draft-ietf-opsawg-pcap, times in microseconds). Use it as the tap of an [Air].
// The first error stops it.
type Pcap struct {
	w   io.Writer
	err error
}

// NewPcap begins a capture with the file header.
func NewPcap(w io.Writer) *Pcap {
	p := &Pcap{w: w}
	var h []byte
	for _, field := range []uint32{0xa1b2c3d4, 4<<16 | 2, 0, 0, 256, linkType} {
		h = binary.LittleEndian.AppendUint32(h, field)
	}
	p.write(h)
	return p
}

// Tap is the [AirConfig.Tap] that records everything.
func (p *Pcap) Tap(at time.Time, _ uint8, psdu []byte) {
	us := at.UnixMicro()
	record := make([]byte, 0, 16+maxPSDU)
	for _, field := range []uint32{uint32(us / 1e6), uint32(us % 1e6), uint32(len(psdu)), uint32(len(psdu))} {
		record = binary.LittleEndian.AppendUint32(record, field)
	}
	p.write(append(record, psdu...))
}

func (p *Pcap) write(b []byte) {
	if p.err != nil {
		return
	}
	if _, err := p.w.Write(b); err != nil {
		p.err = fmt.Errorf("writing the capture: %w", err)
	}
}

// Err returns the first error of writing.
func (p *Pcap) Err() error { return p.err }
