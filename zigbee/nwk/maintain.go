package nwk

import (
	"encoding/binary"

	"sconce/zigbee"
)

// The commands that keep a network together (05-3474-22, 3.4, table 3-49).
const (
	RejoinResponse     CommandID = 0x07
	NetworkReport      CommandID = 0x09
	NetworkUpdate      CommandID = 0x0a
	EndDeviceTimeoutRs CommandID = 0x0c
)

// AppendRejoinRequest appends a rejoin request to b (3.4.6).
func AppendRejoinRequest(b []byte, c zigbee.Capability) []byte {
	return append(b, uint8(RejoinRequest), uint8(c))
}

// ParseRejoinRequest reads a rejoin request. R23's trailing TLVs are read over
// (canonical form: without them).
func ParseRejoinRequest(b []byte) (zigbee.Capability, error) {
	if len(b) < 2 || b[0] != uint8(RejoinRequest) {
		return 0, ErrMalformed
	}
	return zigbee.Capability(b[1]), nil
}

// RejoinAnswer is the content of a rejoin response (3.4.7). The status is that
// of an association: 0 for success.
type RejoinAnswer struct {
	Short  zigbee.ShortAddr
	Status uint8
}

// AppendRejoinResponse appends a rejoin response to b.
func AppendRejoinResponse(b []byte, r RejoinAnswer) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, uint8(RejoinResponse)), uint16(r.Short))
	return append(b, r.Status)
}

// ParseRejoinResponse reads a rejoin response. R23's trailing TLVs are read over
// (canonical form: without them).
func ParseRejoinResponse(b []byte) (RejoinAnswer, error) {
	if len(b) < 4 || b[0] != uint8(RejoinResponse) {
		return RejoinAnswer{}, ErrMalformed
	}
	return RejoinAnswer{Short: zigbee.ShortAddr(binary.LittleEndian.Uint16(b[1:])), Status: b[3]}, nil
}

// AppendTimeoutRequest appends an end device timeout request to b (3.4.11). The
// end device configuration is 0: no bit of it is defined.
func AppendTimeoutRequest(b []byte, t Timeout) []byte {
	return append(b, uint8(EndDeviceTimeoutRq), uint8(t), 0)
}

// ParseTimeoutRequest reads an end device timeout request. A timeout that is not
// in the enumeration is returned as it is: [Timeout.Valid] tells.
func ParseTimeoutRequest(b []byte) (Timeout, error) {
	if len(b) != 3 || b[0] != uint8(EndDeviceTimeoutRq) || b[2] != 0 {
		return 0, ErrMalformed
	}
	return Timeout(b[1]), nil
}

// ParentInfo says what keeps a child from ageing (3.4.12.3.2, table 3-56).
type ParentInfo uint8

// The bits of the parent information.
const (
	KeepAliveByPoll    ParentInfo = 1 << 0 // a data poll
	KeepAliveByTimeout ParentInfo = 1 << 1 // an end device timeout request
)

// TimeoutAnswer is the content of an end device timeout response (3.4.12).
type TimeoutAnswer struct {
	Status uint8 // 0: success; 1: incorrect value
	Parent ParentInfo
}

// AppendTimeoutResponse appends an end device timeout response to b.
func AppendTimeoutResponse(b []byte, a TimeoutAnswer) []byte {
	return append(b, uint8(EndDeviceTimeoutRs), a.Status, uint8(a.Parent))
}

// ParseTimeoutResponse reads an end device timeout response.
func ParseTimeoutResponse(b []byte) (TimeoutAnswer, error) {
	if len(b) != 3 || b[0] != uint8(EndDeviceTimeoutRs) {
		return TimeoutAnswer{}, ErrMalformed
	}
	return TimeoutAnswer{Status: b[1], Parent: ParentInfo(b[2])}, nil
}

// Report is the content of a network report command (3.4.9): the identifiers of
// networks that the sender hears, one of which is also its own.
type Report struct {
	Extended zigbee.ExtendedPANID // of the sender's network
	PANs     []zigbee.PANID       // at most maxReported
}

// maxReported is how many identifiers a report holds.
const maxReported = 31

// The command options of reports and updates (3.4.9.3.1, 3.4.10.3.1): a count
// and a type, which is 0 for an identifier conflict and an identifier update.
const optionCount = 0x1f

// AppendReport appends a network report to b; of more than 31 identifiers the rest is left out.
func AppendReport(b []byte, r Report) []byte {
	pans := r.PANs[:min(len(r.PANs), maxReported)]
	b = binary.LittleEndian.AppendUint64(append(b, uint8(NetworkReport), uint8(len(pans))), uint64(r.Extended))
	for _, p := range pans {
		b = binary.LittleEndian.AppendUint16(b, uint16(p))
	}
	return b
}

// ParseReport reads a network report.
func ParseReport(b []byte) (Report, error) {
	if len(b) < 10 || b[0] != uint8(NetworkReport) || b[1]&^optionCount != 0 || len(b) != 10+2*int(b[1]) {
		return Report{}, ErrMalformed
	}
	r := Report{Extended: zigbee.ExtendedPANID(binary.LittleEndian.Uint64(b[2:]))}
	for p := b[10:]; len(p) > 0; p = p[2:] {
		r.PANs = append(r.PANs, zigbee.PANID(binary.LittleEndian.Uint16(p)))
	}
	return r, nil
}

// Update is the content of a network update command (3.4.10): the network gets
// a new identifier.
type Update struct {
	Extended zigbee.ExtendedPANID
	UpdateID uint8
	PAN      zigbee.PANID
}

// AppendUpdate appends a network update to b.
func AppendUpdate(b []byte, u Update) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, uint8(NetworkUpdate), 1), uint64(u.Extended))
	return binary.LittleEndian.AppendUint16(append(b, u.UpdateID), uint16(u.PAN))
}

// ParseUpdate reads a network update.
func ParseUpdate(b []byte) (Update, error) {
	if len(b) != 13 || b[0] != uint8(NetworkUpdate) || b[1] != 1 {
		return Update{}, ErrMalformed
	}
	return Update{
		Extended: zigbee.ExtendedPANID(binary.LittleEndian.Uint64(b[2:])),
		UpdateID: b[10], PAN: zigbee.PANID(binary.LittleEndian.Uint16(b[11:])),
	}, nil
}
