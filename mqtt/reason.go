package mqtt

import "fmt"

// Reason is a reason code of MQTT 5.0 (2.4). From 0x80 it means failure.
type Reason byte

// The reason codes.
const (
	Success              Reason = 0x00 // also: normal disconnection, granted QoS 0
	GrantedQoS1          Reason = 0x01
	GrantedQoS2          Reason = 0x02
	DisconnectWithWill   Reason = 0x04
	NoMatchingSubs       Reason = 0x10
	NoSubscription       Reason = 0x11
	ContinueAuth         Reason = 0x18
	Reauthenticate       Reason = 0x19
	Unspecified          Reason = 0x80
	Malformed            Reason = 0x81
	ProtocolError        Reason = 0x82
	ImplementationError  Reason = 0x83
	UnsupportedVersion   Reason = 0x84
	InvalidClientID      Reason = 0x85
	BadCredentials       Reason = 0x86
	NotAuthorized        Reason = 0x87
	ServerUnavailable    Reason = 0x88
	ServerBusy           Reason = 0x89
	Banned               Reason = 0x8A
	ServerShuttingDown   Reason = 0x8B
	BadAuthMethod        Reason = 0x8C
	KeepAliveTimeout     Reason = 0x8D
	SessionTakenOver     Reason = 0x8E
	InvalidFilter        Reason = 0x8F
	InvalidTopic         Reason = 0x90
	PacketIDInUse        Reason = 0x91
	PacketIDNotFound     Reason = 0x92
	ReceiveMaxExceeded   Reason = 0x93
	InvalidTopicAlias    Reason = 0x94
	PacketTooLarge       Reason = 0x95
	MessageRateTooHigh   Reason = 0x96
	QuotaExceeded        Reason = 0x97
	AdministrativeAction Reason = 0x98
	InvalidPayloadFormat Reason = 0x99
	RetainNotSupported   Reason = 0x9A
	QoSNotSupported      Reason = 0x9B
	UseAnotherServer     Reason = 0x9C
	ServerMoved          Reason = 0x9D
	SharedNotSupported   Reason = 0x9E
	ConnectionRate       Reason = 0x9F
	MaximumConnectTime   Reason = 0xA0
	SubIDNotSupported    Reason = 0xA1
	WildcardNotSupported Reason = 0xA2
)

// reasons gives each code its name and the packets that may carry it (2.4).
var reasons = map[Reason]struct {
	name string
	in   packets
}{
	Success:              {"success", inConnack | inAcks | inReleases | inUnsuback | inSuback | inDisconnect | inLeave | inAuth},
	GrantedQoS1:          {"granted QoS 1", inSuback},
	GrantedQoS2:          {"granted QoS 2", inSuback},
	DisconnectWithWill:   {"disconnect with will message", inDisconnect | inLeave},
	NoMatchingSubs:       {"no matching subscribers", inAcks},
	NoSubscription:       {"no subscription existed", inUnsuback},
	ContinueAuth:         {"continue authentication", inAuth},
	Reauthenticate:       {"re-authenticate", inAuth},
	Unspecified:          {"unspecified error", inConnack | inAcks | inSuback | inUnsuback | inDisconnect | inLeave},
	Malformed:            {"malformed packet", inConnack | inDisconnect | inLeave},
	ProtocolError:        {"protocol error", inConnack | inDisconnect | inLeave},
	ImplementationError:  {"implementation specific error", inConnack | inAcks | inSuback | inUnsuback | inDisconnect | inLeave},
	UnsupportedVersion:   {"unsupported protocol version", inConnack},
	InvalidClientID:      {"client identifier not valid", inConnack},
	BadCredentials:       {"bad user name or password", inConnack},
	NotAuthorized:        {"not authorized", inConnack | inAcks | inSuback | inUnsuback | inDisconnect},
	ServerUnavailable:    {"server unavailable", inConnack},
	ServerBusy:           {"server busy", inConnack | inDisconnect},
	Banned:               {"banned", inConnack},
	ServerShuttingDown:   {"server shutting down", inDisconnect},
	BadAuthMethod:        {"bad authentication method", inConnack | inDisconnect},
	KeepAliveTimeout:     {"keep alive timeout", inDisconnect},
	SessionTakenOver:     {"session taken over", inDisconnect},
	InvalidFilter:        {"topic filter invalid", inSuback | inUnsuback | inDisconnect},
	InvalidTopic:         {"topic name invalid", inConnack | inAcks | inDisconnect | inLeave},
	PacketIDInUse:        {"packet identifier in use", inAcks | inSuback | inUnsuback},
	PacketIDNotFound:     {"packet identifier not found", inReleases},
	ReceiveMaxExceeded:   {"receive maximum exceeded", inDisconnect | inLeave},
	InvalidTopicAlias:    {"topic alias invalid", inDisconnect | inLeave},
	PacketTooLarge:       {"packet too large", inConnack | inDisconnect | inLeave},
	MessageRateTooHigh:   {"message rate too high", inDisconnect | inLeave},
	QuotaExceeded:        {"quota exceeded", inConnack | inAcks | inSuback | inDisconnect | inLeave},
	AdministrativeAction: {"administrative action", inDisconnect | inLeave},
	InvalidPayloadFormat: {"payload format invalid", inConnack | inAcks | inDisconnect | inLeave},
	RetainNotSupported:   {"retain not supported", inConnack | inDisconnect},
	QoSNotSupported:      {"QoS not supported", inConnack | inDisconnect},
	UseAnotherServer:     {"use another server", inConnack | inDisconnect},
	ServerMoved:          {"server moved", inConnack | inDisconnect},
	SharedNotSupported:   {"shared subscriptions not supported", inSuback | inDisconnect},
	ConnectionRate:       {"connection rate exceeded", inConnack | inDisconnect},
	MaximumConnectTime:   {"maximum connect time", inDisconnect},
	SubIDNotSupported:    {"subscription identifiers not supported", inSuback | inDisconnect},
	WildcardNotSupported: {"wildcard subscriptions not supported", inSuback | inDisconnect},
}

func (r Reason) String() string {
	if e, ok := reasons[r]; ok {
		return e.name
	}
	return fmt.Sprintf("reason 0x%02x", byte(r))
}

// Failed reports whether the code means failure.
func (r Reason) Failed() bool { return r >= 0x80 }

// legacy returns the CONNACK return code of MQTT 3.1.1 (table 3.1) that comes
// nearest to the reason.
func (r Reason) legacy() byte {
	switch r {
	case Success:
		return 0
	case UnsupportedVersion:
		return 1
	case InvalidClientID:
		return 2
	case BadCredentials:
		return 4
	case NotAuthorized, Banned, BadAuthMethod:
		return 5
	default:
		return 3
	}
}

// packets is a set of places where a reason code or a property may stand.
type packets uint16

const (
	inConnect packets = 1 << iota
	inWill
	inConnack
	inPublish
	inAcks     // PUBACK and PUBREC
	inReleases // PUBREL and PUBCOMP
	inSubscribe
	inSuback
	inUnsubscribe
	inUnsuback
	inDisconnect
	inLeave // DISCONNECT of a client
	inAuth
)
