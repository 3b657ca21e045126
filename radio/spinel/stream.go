package spinel

import (
	"encoding/binary"
	"math"
)

// MaxPSDU is the largest 802.15.4 frame in bytes, with its frame check sequence
// (aMaxPHYPacketSize; 802.15.4-2006, 6.4.1).
const MaxPSDU = 127

// fcsLen is the room for the frame check sequence at the end of each PSDU. The
// RCP computes it when it sends.
const fcsLen = 2

// NoLimit leaves the choice of a transmit power to the RCP.
const NoLimit = math.MaxInt8

// TxRequest is the value of [StreamRaw] from host to RCP.
type TxRequest struct {
	Frame             []byte // without frame check sequence; 0 to 125 bytes
	Channel           uint8
	MaxBackoffs       uint8 // macMaxCSMABackoffs
	MaxRetries        uint8 // macMaxFrameRetries
	CSMA              bool
	HeaderUpdated     bool
	Retransmission    bool
	SecurityProcessed bool   // the RCP must not encrypt
	Delay, DelayBase  uint32 // microseconds; 0: now
	ChannelAfter      uint8
	Power             int8 // dBm, or [NoLimit]
}

// AppendTxRequest appends t with all its optional fields.
func AppendTxRequest(dst []byte, t TxRequest) []byte {
	dst = appendPSDU(dst, t.Frame)
	dst = append(dst, t.Channel, t.MaxBackoffs, t.MaxRetries)
	dst = AppendBool(dst, t.CSMA)
	dst = AppendBool(dst, t.HeaderUpdated)
	dst = AppendBool(dst, t.Retransmission)
	dst = AppendBool(dst, t.SecurityProcessed)
	dst = binary.LittleEndian.AppendUint32(dst, t.Delay)
	dst = binary.LittleEndian.AppendUint32(dst, t.DelayBase)
	return append(dst, t.ChannelAfter, byte(t.Power))
}

// ParseTxRequest reads the value of [StreamRaw] at the RCP. All that follows
// the channel may be missing, from any point on; what is missing has
// OpenThread's default. More than the known fields is ignored.
func ParseTxRequest(value []byte) (TxRequest, error) {
	r := NewReader(value)
	frame, err := parsePSDU(r)
	if err != nil {
		return TxRequest{}, err
	}
	t := TxRequest{Frame: frame, Channel: r.Uint8()}
	if err := r.Err(); err != nil {
		return TxRequest{}, err
	}
	t.MaxBackoffs, t.MaxRetries, t.CSMA = 4, 3, true
	t.ChannelAfter, t.Power = t.Channel, NoLimit
	for _, optional := range []func(){
		func() { t.MaxBackoffs = r.Uint8() },
		func() { t.MaxRetries = r.Uint8() },
		func() { t.CSMA = r.Bool() },
		func() { t.HeaderUpdated = r.Bool() },
		func() { t.Retransmission = r.Bool() },
		func() { t.SecurityProcessed = r.Bool() },
		func() { t.Delay = r.Uint32() },
		func() { t.DelayBase = r.Uint32() },
		func() { t.ChannelAfter = r.Uint8() },
		func() { t.Power = r.Int8() },
	} {
		if r.Len() == 0 {
			break
		}
		optional()
	}
	return t, r.Err()
}

// RxFrame is the value of [StreamRaw] from RCP to host: a received frame, or
// the acknowledgement in a [TxDone].
type RxFrame struct {
	PSDU      []byte // with frame check sequence
	RSSI      int8   // dBm
	Noise     int8   // dBm, -128 when not measured
	Flags     uint16
	Channel   uint8
	LQI       uint8
	Timestamp uint64 // microseconds, of the RCP's own clock
	Error     uint32 // an otError, 0 for none
}

// AppendRxFrame appends f, with the structs for PHY, vendor and MAC data as
// OpenThread's firmware writes them.
func AppendRxFrame(dst []byte, f RxFrame) []byte {
	dst = AppendData(dst, f.PSDU)
	dst = append(dst, byte(f.RSSI), byte(f.Noise))
	dst = binary.LittleEndian.AppendUint16(dst, f.Flags)
	phy := binary.LittleEndian.AppendUint64([]byte{f.Channel, f.LQI}, f.Timestamp)
	dst = AppendData(dst, phy)
	dst = AppendData(dst, AppendPacked(nil, f.Error))
	return AppendData(dst, make([]byte, 5)) // key and frame counter of an enhanced acknowledgement
}

// ParseRxFrame reads the value of [StreamRaw] at the host. Metadata may be
// missing from any field on, as older firmware does; unknown fields at the end
// of a struct and of the whole are ignored.
func ParseRxFrame(value []byte) (RxFrame, error) {
	r := NewReader(value)
	f := RxFrame{PSDU: r.Data(), RSSI: -128, Noise: -128}
	if err := r.Err(); err != nil {
		return RxFrame{}, err
	}
	if r.Len() == 0 {
		return f, nil
	}
	f.RSSI, f.Noise, f.Flags = r.Int8(), r.Int8(), r.Uint16()
	if r.Len() > 0 {
		f.parsePHY(r.Data())
	}
	if r.Len() > 0 {
		if vendor := NewReader(r.Data()); vendor.Len() > 0 {
			f.Error = vendor.Packed()
			if err := vendor.Err(); err != nil {
				return RxFrame{}, err
			}
		}
	}
	return f, r.Err()
}

func (f *RxFrame) parsePHY(b []byte) {
	if len(b) >= 2 {
		f.Channel, f.LQI = b[0], b[1]
	}
	if len(b) >= 10 {
		f.Timestamp = binary.LittleEndian.Uint64(b[2:])
	}
}

// TxDone is the value of [LastStatus] that ends a transmission.
type TxDone struct {
	Status        Status
	FramePending  bool // in the acknowledgement
	HeaderUpdated bool
	Ack           *RxFrame // nil where none came
}

// AppendTxDone appends t. When Status is [OK], an absent acknowledgement is
// written as an empty frame, as OpenThread's firmware does.
func AppendTxDone(dst []byte, t TxDone) []byte {
	dst = AppendPacked(dst, uint32(t.Status))
	dst = AppendBool(dst, t.FramePending)
	dst = AppendBool(dst, t.HeaderUpdated)
	if t.Status != OK {
		return dst
	}
	if t.Ack == nil {
		return AppendRxFrame(dst, RxFrame{Noise: -128})
	}
	return AppendRxFrame(dst, *t.Ack)
}

// ParseTxDone reads t. Everything after the status may be missing.
func ParseTxDone(value []byte) (TxDone, error) {
	r := NewReader(value)
	t := TxDone{Status: Status(r.Packed())}
	if r.Len() > 0 {
		t.FramePending = r.Bool()
	}
	if r.Len() > 0 {
		t.HeaderUpdated = r.Bool()
	}
	if err := r.Err(); err != nil {
		return TxDone{}, err
	}
	if t.Status != OK || r.Len() == 0 {
		return t, nil
	}
	ack, err := ParseRxFrame(r.Rest())
	if err != nil {
		return TxDone{}, err
	}
	if len(ack.PSDU) > 0 {
		t.Ack = &ack
	}
	return t, nil
}

func appendPSDU(dst, frame []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(frame)+fcsLen))
	dst = append(dst, frame...)
	return append(dst, 0, 0)
}

func parsePSDU(r *Reader) ([]byte, error) {
	psdu := r.Data()
	if err := r.Err(); err != nil {
		return nil, err
	}
	if len(psdu) < fcsLen || len(psdu) > MaxPSDU {
		return nil, errPSDU
	}
	return psdu[:len(psdu)-fcsLen], nil
}
