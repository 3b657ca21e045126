package edge_test

import (
	"testing"

	"sconce/cloud/edge"
	"sconce/mqtt"
)

const (
	gw1 = 0x5ec0ce0000000001
	gw2 = 0x5ec0ce0000000002
)

func TestGatewayPublishesAndReceives(t *testing.T) {
	f := start(t)
	p := f.mqttAs(f.gateway(gw1))
	if got := take(t, f.presence.calls); got != "+5ec0ce0000000001" {
		t.Fatalf("presence %q", got)
	}
	p.send(&mqtt.Publish{Topic: "g/5ec0ce0000000001/up/hello", Payload: []byte("hi"), QoS: 1, ID: 9})
	if ack, ok := p.next().(*mqtt.Ack); !ok || ack.ID != 9 || ack.Reason != mqtt.Success {
		t.Fatalf("acknowledged %+v", ack)
	}
	if m := take(t, f.intake.got); m.from != gw1 || m.topic != "g/5ec0ce0000000001/up/hello" || m.payload != "hi" {
		t.Fatalf("intake got %+v", m)
	}
	if codes := p.subscribe(mqtt.Subscription{Filter: "g/5ec0ce0000000001/down/+", QoS: 2}); codes[0] != mqtt.GrantedQoS1 {
		t.Fatalf("SUBACK %v", codes)
	}
	if n, err := f.Publish("g/5ec0ce0000000001/down/command", []byte("on"), edge.PublishOptions{QoS: 1}); n != 1 || err != nil {
		t.Fatalf("Publish = %d, %v", n, err)
	}
	if m := p.message(); m.Topic != "g/5ec0ce0000000001/down/command" || string(m.Payload) != "on" || m.QoS != 1 {
		t.Fatalf("received %+v", m)
	}
	p.send(&mqtt.Disconnect{})
	if got := take(t, f.presence.calls); got != "-5ec0ce0000000001" {
		t.Fatalf("presence %q", got)
	}
}
