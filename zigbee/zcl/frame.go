package zcl

// Header is the header of a frame (07-5123-08, 2.4.1).
type Header struct {
	Specific     bool   // the command belongs to the cluster; else to the library
	Manufacturer uint16 // whose extension this is; 0 for the standard
	FromServer   bool   // direction: server to client
	NoDefault    bool   // no default response is wanted unless there is an error
	Seq          uint8  // names the transaction; a response repeats it
	Command      uint8
}

// Bits of the frame control field (07-5123-08, 2.4.1.1).
const (
	controlType         = 0x03
	controlSpecific     = 0x01
	controlManufacturer = 1 << 2
	controlFromServer   = 1 << 3
	controlNoDefault    = 1 << 4
)

// AppendHeader appends h to b.
func AppendHeader(b []byte, h Header) []byte {
	var control uint8
	if h.Specific {
		control |= controlSpecific
	}
	if h.FromServer {
		control |= controlFromServer
	}
	if h.NoDefault {
		control |= controlNoDefault
	}
	if h.Manufacturer != 0 {
		b = appendU16(append(b, control|controlManufacturer), h.Manufacturer)
	} else {
		b = append(b, control)
	}
	return append(b, h.Seq, h.Command)
}

// ParseHeader reads the header of a frame and returns the payload. Reserved bits
// are ignored; a reserved frame type, and a manufacturer code of 0, which is
// nobody's, are [ErrMalformed].
func ParseHeader(frame []byte) (Header, []byte, error) {
	r := reader{rest: frame}
	control := r.u8()
	h := Header{
		Specific:   control&controlType == controlSpecific,
		FromServer: control&controlFromServer != 0,
		NoDefault:  control&controlNoDefault != 0,
	}
	if control&controlManufacturer != 0 {
		h.Manufacturer = r.u16()
	}
	h.Seq, h.Command = r.u8(), r.u8()
	if r.bad || control&controlType > controlSpecific || (control&controlManufacturer != 0) != (h.Manufacturer != 0) {
		return Header{}, nil, ErrMalformed
	}
	return h, r.rest, nil
}

// response returns the header of an answer to h.
func (h Header) response(specific bool, command uint8) Header {
	return Header{
		Specific: specific, Manufacturer: h.Manufacturer, FromServer: !h.FromServer,
		NoDefault: true, Seq: h.Seq, Command: command,
	}
}
