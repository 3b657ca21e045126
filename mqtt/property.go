package mqtt

import (
	"encoding/binary"
	"iter"
)

// Property identifies a property of MQTT 5.0 (table 2-4).
type Property byte

// The properties.
const (
	PayloadFormat          Property = 0x01
	MessageExpiry          Property = 0x02
	ContentType            Property = 0x03
	ResponseTopic          Property = 0x08
	CorrelationData        Property = 0x09
	SubscriptionID         Property = 0x0B
	SessionExpiry          Property = 0x11
	AssignedClientID       Property = 0x12
	ServerKeepAlive        Property = 0x13
	AuthMethod             Property = 0x15
	AuthData               Property = 0x16
	RequestProblemInfo     Property = 0x17
	WillDelay              Property = 0x18
	RequestResponseInfo    Property = 0x19
	ResponseInfo           Property = 0x1A
	ServerReference        Property = 0x1C
	ReasonString           Property = 0x1F
	ReceiveMaximum         Property = 0x21
	TopicAliasMaximum      Property = 0x22
	TopicAlias             Property = 0x23
	MaximumQoS             Property = 0x24
	RetainAvailable        Property = 0x25
	UserProperty           Property = 0x26
	MaximumPacketSize      Property = 0x27
	WildcardAvailable      Property = 0x28
	SubscriptionIDsAllowed Property = 0x29
	SharedAvailable        Property = 0x2A
)

// form is how the value of a property is encoded.
type form byte

const (
	formFlag  form = iota + 1 // a byte, 0 or 1
	formShort                 // two bytes
	formCount                 // two bytes, not 0
	formLong                  // four bytes
	formSize                  // four bytes, not 0
	formVar                   // a Variable Byte Integer, not 0
	formText
	formTopic // text that is a topic name
	formBinary
	formPair // two texts
)

const inAnswers = inConnack | inAcks | inReleases | inSuback | inUnsuback | inDisconnect | inAuth

// properties says how each property is encoded and where it may stand. A form
// of 0 marks an identifier that is not assigned.
var properties = [...]struct {
	form form
	in   packets
}{
	PayloadFormat:          {formFlag, inPublish | inWill},
	MessageExpiry:          {formLong, inPublish | inWill},
	ContentType:            {formText, inPublish | inWill},
	ResponseTopic:          {formTopic, inPublish | inWill},
	CorrelationData:        {formBinary, inPublish | inWill},
	SubscriptionID:         {formVar, inPublish | inSubscribe},
	SessionExpiry:          {formLong, inConnect | inConnack | inDisconnect},
	AssignedClientID:       {formText, inConnack},
	ServerKeepAlive:        {formShort, inConnack},
	AuthMethod:             {formText, inConnect | inConnack | inAuth},
	AuthData:               {formBinary, inConnect | inConnack | inAuth},
	RequestProblemInfo:     {formFlag, inConnect},
	WillDelay:              {formLong, inWill},
	RequestResponseInfo:    {formFlag, inConnect},
	ResponseInfo:           {formText, inConnack},
	ServerReference:        {formText, inConnack | inDisconnect},
	ReasonString:           {formText, inAnswers},
	ReceiveMaximum:         {formCount, inConnect | inConnack},
	TopicAliasMaximum:      {formShort, inConnect | inConnack},
	TopicAlias:             {formShort, inPublish},
	MaximumQoS:             {formFlag, inConnack},
	RetainAvailable:        {formFlag, inConnack},
	UserProperty:           {formPair, inConnect | inWill | inPublish | inSubscribe | inUnsubscribe | inAnswers},
	MaximumPacketSize:      {formSize, inConnect | inConnack},
	WildcardAvailable:      {formFlag, inConnack},
	SubscriptionIDsAllowed: {formFlag, inConnack},
	SharedAvailable:        {formFlag, inConnack},
}

// Properties is the property field of a packet as it stands on the wire,
// without its length. Properties that were parsed have been checked (2.2.2):
// known, allowed in their packet, within their range, and none twice that may
// not be. Keeping the bytes costs no allocation, and what is forwarded is
// forwarded unaltered, as the standard asks. The zero value is the empty set.
type Properties []byte

// properties reads a property field that stands in one of the given places.
func (r *reader) properties(in packets) Properties {
	n := r.varint()
	field := reader{b: r.take(int(n)), err: r.err}
	all := Properties(field.b)
	var seen uint64
	for len(field.b) > 0 {
		id := Property(field.varint())
		if field.err == nil && (int(id) >= len(properties) || properties[id].form == 0 || properties[id].in&in == 0) {
			field.fail(malformed("property 0x%02x is not allowed here", byte(id)))
		}
		repeatable := id == UserProperty || id == SubscriptionID && in == inPublish
		if field.err == nil && seen&(1<<id) != 0 && !repeatable {
			field.fail(violation("property 0x%02x occurs twice", byte(id)))
		}
		seen |= 1 << (id & 63)
		field.value(id)
	}
	if field.err == nil && seen&(1<<AuthData) != 0 && seen&(1<<AuthMethod) == 0 {
		field.fail(violation("authentication data without a method")) // 3.1.2.11.10
	}
	if field.err != nil {
		r.fail(field.err)
		return nil
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// value reads and checks the value of one property, and returns it as the
// number that it is, or as its first text.
func (r *reader) value(id Property) (number uint32, text []byte) {
	if r.err != nil {
		return 0, nil
	}
	f := properties[id].form
	switch f {
	case formFlag:
		number = uint32(r.byte())
	case formShort, formCount:
		number = uint32(r.uint16())
	case formLong, formSize:
		number = r.uint32()
	case formVar:
		number = r.varint()
	case formText:
		text = r.text()
	case formTopic:
		text = r.text()
		if r.err == nil && !validTopicBytes(text) {
			r.fail(violation("response topic %q is not a topic name", text)) // [MQTT-3.3.2-14]
		}
	case formBinary:
		text = r.binary()
	case formPair:
		text = r.text()
		r.text()
	}
	switch {
	case r.err != nil:
	case f == formFlag && number > 1:
		r.fail(violation("property 0x%02x: expected 0 or 1", byte(id)))
	case (f == formCount || f == formSize || f == formVar) && number == 0:
		r.fail(violation("property 0x%02x: 0 is not allowed", byte(id)))
	}
	return number, text
}

// all yields each property with its value and with its whole encoding.
func (p Properties) all() iter.Seq2[Property, propertyValue] {
	return func(yield func(Property, propertyValue) bool) {
		r := reader{b: p}
		for len(r.b) > 0 {
			whole := r.b
			id := Property(r.varint())
			number, text := r.value(id)
			if r.err != nil || !yield(id, propertyValue{number, text, whole[:len(whole)-len(r.b)]}) {
				return
			}
		}
	}
}

type propertyValue struct {
	number uint32
	text   []byte
	whole  []byte
}

// Number returns the value of a property that is a number.
func (p Properties) Number(id Property) (uint32, bool) {
	for i, v := range p.all() {
		if i == id {
			return v.number, true
		}
	}
	return 0, false
}

// Text returns the value of a property that is text or binary data; it aliases p.
func (p Properties) Text(id Property) ([]byte, bool) {
	for i, v := range p.all() {
		if i == id {
			return v.text, true
		}
	}
	return nil, false
}

// AppendNumber returns p with a property that is a number added.
func (p Properties) AppendNumber(id Property, v uint32) Properties {
	p = append(p, byte(id))
	switch properties[id].form {
	case formFlag:
		return append(p, byte(v))
	case formShort, formCount:
		return binary.BigEndian.AppendUint16(p, uint16(v))
	case formVar:
		return appendVarint(p, v)
	default:
		return binary.BigEndian.AppendUint32(p, v)
	}
}

// AppendText returns p with a property that is text or binary data added.
func (p Properties) AppendText(id Property, v string) Properties {
	return appendText(append(p, byte(id)), v)
}

// without returns the properties whose identifiers are not in drop.
func (p Properties) without(drop ...Property) Properties {
	var kept Properties
next:
	for id, v := range p.all() {
		for _, d := range drop {
			if id == d {
				continue next
			}
		}
		kept = append(kept, v.whole...)
	}
	return kept
}

// appendProperties appends the length and the properties (2.2.2).
func appendProperties(b []byte, p Properties) []byte {
	return append(appendVarint(b, uint32(len(p))), p...)
}
