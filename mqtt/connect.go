package mqtt

// Connect is a CONNECT packet (3.1).
type Connect struct {
	Version     Version
	CleanStart  bool   // Clean Session in MQTT 3.1.1
	KeepAlive   uint16 // seconds; 0 for none
	ClientID    string
	Will        *Will
	Username    string
	HasUsername bool
	Password    Secret
	HasPassword bool
	Properties  Properties
}

// Will is the message that a client leaves for the case that its connection
// ends without DISCONNECT (3.1.2.5).
type Will struct {
	Topic      string
	Payload    []byte
	QoS        QoS
	Retain     bool
	Properties Properties
}

// The bits of the Connect Flags (3.1.2.3).
const (
	flagReserved   = 1 << 0
	flagCleanStart = 1 << 1
	flagWill       = 1 << 2
	flagWillRetain = 1 << 5
	flagPassword   = 1 << 6
	flagUsername   = 1 << 7
)

// parseConnect copies what it keeps: nothing aliases body.
func parseConnect(body []byte) (*Connect, error) {
	r := reader{b: body}
	name := string(r.text())
	p := &Connect{Version: Version(r.byte())}
	switch {
	case r.err != nil:
		return nil, r.err
	case name != "MQTT" && name != "MQIsdp":
		return nil, malformed("protocol name %q", name) // [MQTT-3.1.2-1]
	case name != "MQTT" || p.Version != V311 && p.Version != V5:
		return nil, &Error{UnsupportedVersion, "protocol version is not 3.1.1 or 5.0"} // [MQTT-3.1.2-2]
	}
	flags := r.byte()
	p.KeepAlive = r.uint16()
	if r.err == nil {
		if err := checkConnectFlags(flags, p.Version); err != nil {
			return nil, err
		}
	}
	p.CleanStart = flags&flagCleanStart != 0
	if p.Version == V5 {
		p.Properties = Properties(string(r.properties(inConnect)))
	}
	p.ClientID = string(r.text())
	if flags&flagWill != 0 {
		p.Will = r.will(flags, p.Version)
	}
	if p.HasUsername = flags&flagUsername != 0; p.HasUsername {
		p.Username = string(r.text())
	}
	if p.HasPassword = flags&flagPassword != 0; p.HasPassword {
		p.Password = Secret(string(r.binary()))
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return p, nil
}

func checkConnectFlags(flags byte, v Version) error {
	qos := flags >> 3 & 3
	switch {
	case flags&flagReserved != 0:
		return malformed("reserved connect flag is set") // [MQTT-3.1.2-3]
	case qos == 3:
		return malformed("will QoS 3") // [MQTT-3.1.2-12]
	case flags&flagWill == 0 && (qos != 0 || flags&flagWillRetain != 0):
		return malformed("will QoS or retain without a will") // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
	case v == V311 && flags&flagPassword != 0 && flags&flagUsername == 0:
		return malformed("password without a user name") // 3.1.1: [MQTT-3.1.2-22]
	}
	return nil
}

func (r *reader) will(flags byte, v Version) *Will {
	w := &Will{QoS: QoS(flags >> 3 & 3), Retain: flags&flagWillRetain != 0}
	if v == V5 {
		w.Properties = Properties(string(r.properties(inWill)))
	}
	topic := r.text()
	w.Topic, w.Payload = string(topic), []byte(string(r.binary()))
	if r.err == nil && !validTopicBytes(topic) {
		r.fail(&Error{InvalidTopic, "will topic is not a topic name"})
	}
	return w
}

// Append implements [Packet]; the version is the packet's own.
func (p *Connect) Append(b []byte, _ Version) []byte {
	b, start := begin(b, TypeConnect, 0)
	b = append(appendText(b, "MQTT"), byte(p.Version), p.flags(), byte(p.KeepAlive>>8), byte(p.KeepAlive))
	if p.Version == V5 {
		b = appendProperties(b, p.Properties)
	}
	b = appendText(b, p.ClientID)
	if w := p.Will; w != nil {
		if p.Version == V5 {
			b = appendProperties(b, w.Properties)
		}
		b = appendText(appendText(b, w.Topic), w.Payload)
	}
	if p.HasUsername {
		b = appendText(b, p.Username)
	}
	if p.HasPassword {
		b = appendText(b, p.Password)
	}
	return finish(b, start)
}

func (p *Connect) flags() byte {
	var f byte
	if p.CleanStart {
		f |= flagCleanStart
	}
	if w := p.Will; w != nil {
		f |= flagWill | byte(w.QoS)<<3
		if w.Retain {
			f |= flagWillRetain
		}
	}
	if p.HasUsername {
		f |= flagUsername
	}
	if p.HasPassword {
		f |= flagPassword
	}
	return f
}

// Connack is a CONNACK packet (3.2). In MQTT 3.1.1, Code is one of that
// version's return codes (0 to 5) and there are no properties.
type Connack struct {
	SessionPresent bool
	Code           byte
	Properties     Properties
}

func parseConnack(body []byte, v Version) (*Connack, error) {
	r := reader{b: body}
	flags := r.byte()
	p := &Connack{SessionPresent: flags&1 != 0}
	if flags > 1 {
		r.fail(malformed("reserved CONNACK flag is set")) // [MQTT-3.2.2-1]
	}
	if v == V5 {
		p.Code = byte(r.reason(inConnack))
		p.Properties = r.properties(inConnack)
	} else if p.Code = r.byte(); p.Code > 5 {
		r.fail(violation("return code %d", p.Code))
	}
	if p.SessionPresent && p.Code != 0 {
		r.fail(violation("session present in a refusal")) // [MQTT-3.2.2-6]
	}
	return p, r.end()
}

// Append implements [Packet].
func (p *Connack) Append(b []byte, v Version) []byte {
	b, start := begin(b, TypeConnack, 0)
	flags := byte(0)
	if p.SessionPresent {
		flags = 1
	}
	b = append(b, flags, p.Code)
	if v == V5 {
		b = appendProperties(b, p.Properties)
	}
	return finish(b, start)
}
