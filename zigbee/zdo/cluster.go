package zdo

import "fmt"

// A Cluster names a command of the device profile. A response has the identifier
// of its request with the highest bit set.
type Cluster uint16

// The clusters (05-3474-22, 2.4.3 and 2.4.4).
const (
	NWKAddr           Cluster = 0x0000
	IEEEAddr          Cluster = 0x0001
	NodeDesc          Cluster = 0x0002
	PowerDesc         Cluster = 0x0003
	SimpleDesc        Cluster = 0x0004
	ActiveEP          Cluster = 0x0005
	MatchDesc         Cluster = 0x0006
	DeviceAnnce       Cluster = 0x0013 // has no response
	ParentAnnce       Cluster = 0x001f
	Bind              Cluster = 0x0021
	Unbind            Cluster = 0x0022
	MgmtLqi           Cluster = 0x0031
	MgmtRtg           Cluster = 0x0032
	MgmtLeave         Cluster = 0x0034
	MgmtPermitJoining Cluster = 0x0036
)

// Response is the bit that makes a response of a request.
const Response Cluster = 0x8000

// IsResponse reports whether c is the cluster of a response.
func (c Cluster) IsResponse() bool { return c&Response != 0 }

// Status is how a request ended (05-3474-22, 2.4.5).
type Status uint8

// The statuses.
const (
	Success            Status = 0x00
	InvalidRequestType Status = 0x80
	DeviceNotFound     Status = 0x81
	InvalidEndpoint    Status = 0x82
	NotActive          Status = 0x83
	NotSupported       Status = 0x84
	Timeout            Status = 0x85
	NoMatch            Status = 0x86
	NoEntry            Status = 0x88
	NoDescriptor       Status = 0x89
	InsufficientSpace  Status = 0x8a
	NotPermitted       Status = 0x8b
	TableFull          Status = 0x8c
	NotAuthorised      Status = 0x8d
)

func (s Status) String() string {
	switch s {
	case Success:
		return "success"
	case InvalidRequestType:
		return "invalid request type"
	case DeviceNotFound:
		return "device not found"
	case InvalidEndpoint:
		return "invalid endpoint"
	case NotActive:
		return "endpoint not active"
	case NotSupported:
		return "not supported"
	case Timeout:
		return "timeout"
	case NoMatch:
		return "no match"
	case NoEntry:
		return "no entry"
	case NoDescriptor:
		return "no descriptor"
	case InsufficientSpace:
		return "insufficient space"
	case NotPermitted:
		return "not permitted"
	case TableFull:
		return "table full"
	case NotAuthorised:
		return "not authorised"
	default:
		return fmt.Sprintf("zdo status 0x%02x", uint8(s))
	}
}
