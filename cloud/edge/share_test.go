package edge_test

import (
	"fmt"
	"testing"

	"sconce/mqtt"
)

// Of the sessions of a principal that share a subscription each message goes to one, in turn,
// and to one that is connected. Another principal has no part in it.
func TestSharedSubscriptions(t *testing.T) {
	f := start(t)
	f.people.users["other"] = everything{}
	named := func(id string) func(*mqtt.Connect) { return func(c *mqtt.Connect) { c.ClientID = id } }
	from := f.webAs("all", named("from"))
	from.send(&mqtt.Publish{Topic: "x/kept", Retain: true, QoS: 1, ID: 1, Payload: []byte("kept")})
	from.next()
	a, b, other := f.webAs("all", named("a"), staying), f.webAs("all", named("b")), f.webAs("other", named("a"))
	shared := mqtt.Subscription{Filter: "$share/cleaners/x/+", QoS: 1}
	for _, p := range []*peer{a, b, other} {
		if codes := p.subscribe(shared); codes[0] != mqtt.GrantedQoS1 {
			t.Fatalf("SUBACK %v", codes)
		}
		p.ping() // nothing that is retained comes
	}
	publish := func(s string) {
		from.send(&mqtt.Publish{Topic: "x/y", QoS: 1, ID: 9, Payload: []byte(s)})
		if ack := from.next().(*mqtt.Ack); ack.Reason != mqtt.Success {
			t.Fatalf("PUBACK %v", ack.Reason)
		}
	}
	got := map[*peer]int{}
	for i := range 6 {
		publish(fmt.Sprint(i))
		turn := []*peer{a, b}[(i+1)%2]
		for _, p := range []*peer{turn, other} {
			if m := p.message(); string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d: %+v", i, m)
			}
			got[p]++
		}
	}
	if got[a] != 3 || got[b] != 3 || got[other] != 6 {
		t.Errorf("%d, %d, and %d for another principal", got[a], got[b], got[other])
	}
	_ = a.nc.Close() // its session stays
	eventually(t, "gone", func() bool { return f.Stats().Principals == 3 })
	for i := range 2 {
		publish(fmt.Sprint("b", i))
		if m := b.message(); string(m.Payload) != fmt.Sprint("b", i) {
			t.Fatalf("%+v", m)
		}
	}
	b.send(&mqtt.Unsubscribe{ID: 5, Filters: []string{shared.Filter}})
	if codes := b.next().(*mqtt.Grants).Codes; codes[0] != mqtt.Success {
		t.Errorf("UNSUBACK %v", codes)
	}
	publish("waits")
	b.ping() // nothing came
	a = f.webAs("all", named("a"), staying)
	if m := a.message(); string(m.Payload) != "waits" {
		t.Errorf("for a session without a connection, when there is no other: %+v", m)
	}
}
