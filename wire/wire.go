// Package wire is the contract between gateway and cloud: the topics, the
// messages in both directions, and their encoding. sconce.cddl is the same
// contract for people who write the other end; the tests hold the two together.
//
// A payload is a CBOR sequence (RFC 8742) of two items: a header, and a body
// whose form is named by the last level of the topic. Bodies are maps with
// integer keys (RFC 8949); a receiver ignores keys that it does not know, so
// fields are added without a new version. Encoding is deterministic (RFC 8949,
// 4.2.1).
//
// It is pure, and knows nothing of MQTT, of storage or of Zigbee.
package wire

import (
	"fmt"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"sconce"
)

// Version is the protocol version that every header carries.
const Version = 1

// MaxPayload is the largest payload in bytes that either side sends or accepts.
const MaxPayload = 64 << 10

// MaxItems is the largest number of elements in any list of a message.
const MaxItems = 1024

// Kind names a form of body; it is the last level of the topic.
type Kind string

// The kinds from gateway to cloud.
const (
	KindHello    Kind = "hello"    // sent first after every connect
	KindReadings Kind = "readings" // measured values
	KindEvents   Kind = "events"   // things that happened
	KindState    Kind = "state"    // latest state of devices
	KindResult   Kind = "result"   // what became of a command
	KindReport   Kind = "report"   // where each device stands against the desired state
	KindLog      Kind = "log"      // technical log lines
	// KindOccupancy is for how long sensors saw somebody, where single values are not told.
	KindOccupancy Kind = "occupancy"
)

// The kinds from cloud to gateway.
const (
	KindAdopt   Kind = "adopt"   // which project and network the gateway serves
	KindDesired Kind = "desired" // the whole configuration of its network
	KindCommand Kind = "command" // do this now
)

// UpTopic returns the topic that gateway g publishes a kind to.
func UpTopic(g sconce.EUI64, k Kind) string { return "g/" + g.String() + "/up/" + string(k) }

// DownTopic returns the topic on which gateway g receives a kind.
func DownTopic(g sconce.EUI64, k Kind) string { return "g/" + g.String() + "/down/" + string(k) }

// DownFilter returns the one subscription that gateway g needs.
func DownFilter(g sconce.EUI64) string { return "g/" + g.String() + "/down/+" }

// ParseUpTopic returns the gateway and kind of a topic made by [UpTopic]. The
// kind may be one that this version does not know.
func ParseUpTopic(topic string) (sconce.EUI64, Kind, error) { return parseTopic(topic, "up") }

// ParseDownTopic is [ParseUpTopic] for topics made by [DownTopic].
func ParseDownTopic(topic string) (sconce.EUI64, Kind, error) { return parseTopic(topic, "down") }

func parseTopic(topic, direction string) (sconce.EUI64, Kind, error) {
	var part [5]string
	n := 0
	for level := range strings.SplitSeq(topic, "/") {
		if n == len(part) {
			break
		}
		part[n] = level
		n++
	}
	g, err := sconce.ParseEUI64(part[1])
	if n != 4 || part[0] != "g" || part[2] != direction || part[3] == "" || err != nil || g.String() != part[1] {
		return 0, "", fmt.Errorf("topic %q: expected g/<16 hexadecimal digits>/%s/<kind>", topic, direction)
	}
	return g, Kind(part[3]), nil
}

// UpHeader is the first item of every message from a gateway. Boot and Sequence
// together name the message for ever: a gateway counts Sequence from 1 after
// each start, in the order in which it makes messages, and repeats a message
// with the numbers it first had.
type UpHeader struct {
	_        struct{} `cbor:",toarray"`
	Version  uint
	Boot     uint64 // drawn at random at each start of the gateway, 1 to 2^63-1
	Sequence uint64 // 1 to 2^63-1
	Sent     Time   // when the message was made, by the gateway's clock
}

// DownHeader is the first item of every message to a gateway.
type DownHeader struct {
	_       struct{} `cbor:",toarray"`
	Version uint
	Sent    Time
}

// Time is a moment in milliseconds since 1970-01-01 UTC.
type Time int64

var encode, decode = modes()

func modes() (cbor.EncMode, cbor.DecMode) {
	options := cbor.CoreDetEncOptions()
	options.NilContainers = cbor.NilContainerAsEmpty // a list of nothing is a list
	enc, err := options.EncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxArrayElements: MaxItems,
		MaxMapPairs:      64,
		MaxNestedLevels:  8,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}

// An Up is the body of a message from gateway to cloud.
type Up interface{ UpKind() Kind }

// A Down is the body of a message from cloud to gateway.
type Down interface{ DownKind() Kind }

// AppendUp appends the payload of an up message to b.
func AppendUp(b []byte, h UpHeader, body Up) ([]byte, error) { return appendMessage(b, h, body) }

// AppendDown appends the payload of a down message to b.
func AppendDown(b []byte, h DownHeader, body Down) ([]byte, error) { return appendMessage(b, h, body) }

func appendMessage(b []byte, header, body any) ([]byte, error) {
	h, err := encode.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("encoding message header: %w", err)
	}
	m, err := encode.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding message body: %w", err)
	}
	if len(h)+len(m) > MaxPayload {
		return nil, fmt.Errorf("encoding %T: %d bytes, at most %d allowed", body, len(h)+len(m), MaxPayload)
	}
	return append(append(b, h...), m...), nil
}

// ParseUpHeader reads the header of an up payload and returns the encoded body,
// unread: what has to be known to keep and acknowledge a message.
func ParseUpHeader(payload []byte) (h UpHeader, body []byte, err error) {
	body, ok := readUpHeader(payload, &h)
	if !ok || len(payload) > MaxPayload {
		h, body, err = parseUnusualHeader(payload)
	}
	switch {
	case err != nil:
	case h.Version != Version:
		err = fmt.Errorf("message version %d: this side speaks version %d", h.Version, Version)
	case h.Boot == 0 || h.Boot > 1<<63-1 || h.Sequence == 0 || h.Sequence > 1<<63-1:
		err = fmt.Errorf("message header: boot and sequence must be from 1 to 2^63-1")
	}
	return h, body, err
}

// parseUnusualHeader is apart so that the headers of the usual form stay on the stack.
func parseUnusualHeader(payload []byte) (h UpHeader, body []byte, err error) {
	body, err = parseHeader(payload, &h)
	return h, body, err
}

// ParseDownHeader is [ParseUpHeader] for a down payload.
func ParseDownHeader(payload []byte) (h DownHeader, body []byte, err error) {
	body, err = parseHeader(payload, &h)
	if err == nil && h.Version != Version {
		err = fmt.Errorf("message version %d: this side speaks version %d", h.Version, Version)
	}
	return h, body, err
}

func parseHeader(payload []byte, h any) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("message of %d bytes: at most %d allowed", len(payload), MaxPayload)
	}
	body, err := decode.UnmarshalFirst(payload, h)
	if err != nil {
		return nil, fmt.Errorf("message header: %w", err)
	}
	return body, nil
}

// ParseBody reads an encoded body of the form T, as returned by [ParseUpHeader]
// or [ParseDownHeader], and checks its ranges.
func ParseBody[T any, P interface {
	*T
	check() error
}](body []byte) (T, error) {
	var m T
	if err := decode.Unmarshal(body, &m); err != nil {
		return m, inBody(err)
	}
	return m, inBody(P(&m).check())
}

// inBody says of an error where it was found.
func inBody(err error) error {
	if err != nil {
		err = fmt.Errorf("message body: %w", err)
	}
	return err
}
