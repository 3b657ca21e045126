package edge_test

import (
	"context"
	"fmt"
	"testing"

	"sconce"
	"sconce/cloud/edge"
	"sconce/mqtt"
)

// letterbox is an edge.Inbox that answers by the first letter of what it is given.
type letterbox struct{ got chan string }

func (b *letterbox) Take(_ context.Context, topic string, payload []byte) error {
	b.got <- topic + "=" + string(payload)
	for letter, kind := range map[byte]sconce.ErrorKind{
		'f': sconce.Forbidden, 'i': sconce.Invalid, 'n': sconce.NotFound, 't': sconce.TooMany, 'u': sconce.Unavailable,
	} {
		if payload[0] == letter {
			return sconce.Errorf(kind, "as the test wants it")
		}
	}
	return nil
}

// program is the rights of an integrator whose messages have a recipient.
type program struct{}

func (program) MaySubscribe(filter string) bool {
	return edge.SubscribeWithin([]string{"h/"}).MaySubscribe(filter)
}
func (program) MayPublish(topic string) bool { return topic == "h/set" }

func withInbox(box *letterbox, filters int) option {
	return func(_ *edge.Config, f *fixture) {
		f.people.users["program"] = program{}
		f.people.inbox, f.people.filters = box, filters
	}
}

// TestInbox: what a principal with an inbox publishes goes there, is answered with what that
// says, and reaches no subscriber.
func TestInbox(t *testing.T) {
	box := &letterbox{make(chan string, 100)}
	f := start(t, withInbox(box, 0))
	all := f.webAs("all")
	all.subscribe(mqtt.Subscription{Filter: "#"})

	p := f.webAs("program")
	for i, c := range []struct {
		payload string
		want    mqtt.Reason
	}{
		{"yes", mqtt.Success},
		{"forbidden", mqtt.NotAuthorized},
		{"invalid", mqtt.InvalidPayloadFormat},
		{"not there", mqtt.InvalidTopic},
		{"too many", mqtt.QuotaExceeded},
		{"unavailable", mqtt.ImplementationError},
		{"yes again", mqtt.Success},
	} {
		p.send(&mqtt.Publish{Topic: "h/set", QoS: 1, ID: uint16(i + 1), Payload: []byte(c.payload), Retain: true})
		if ack, ok := p.next().(*mqtt.Ack); !ok || ack.ID != uint16(i+1) || ack.Reason != c.want {
			t.Errorf("%s: %+v", c.payload, ack)
		}
		if got := take(t, box.got); got != "h/set="+c.payload {
			t.Errorf("the inbox got %q", got)
		}
	}
	p.send(&mqtt.Publish{Topic: "h/other", QoS: 1, ID: 99, Payload: []byte("yes")})
	if ack, ok := p.next().(*mqtt.Ack); !ok || ack.Reason != mqtt.NotAuthorized {
		t.Errorf("outside the rights: %+v", ack)
	}
	for _, payload := range []string{"yes", "invalid", "unavailable"} { // nobody can be told, and the connection goes on
		p.send(&mqtt.Publish{Topic: "h/set", Payload: []byte(payload)})
		take(t, box.got)
	}
	p.ping()
	p.send(&mqtt.Publish{Topic: "h/set", Payload: []byte("forbidden")})
	p.ended(mqtt.NotAuthorized)
	take(t, box.got)

	p = f.webAs("program", v311)
	for i, payload := range []string{"yes", "invalid", "too many"} {
		p.send(&mqtt.Publish{Topic: "h/set", QoS: 1, ID: uint16(i + 1), Payload: []byte(payload)})
		if ack, ok := p.next().(*mqtt.Ack); !ok || ack.ID != uint16(i+1) {
			t.Errorf("3.1.1, %s: %+v", payload, ack)
		}
		take(t, box.got)
	}
	p.send(&mqtt.Publish{Topic: "h/set", QoS: 1, ID: 9, Payload: []byte("forbidden")})
	p.ended(mqtt.NotAuthorized)
	take(t, box.got)

	if s := f.Stats(); s.Declined != 8 || s.Unauthorised != 4 || s.Retained != 0 || len(box.got) != 0 {
		t.Errorf("%d declined, %d unauthorised, %d retained, %d more messages", s.Declined, s.Unauthorised, s.Retained, len(box.got))
	}
	all.ping() // and has got nothing before
}

// TestWillOfAProgram: the will of a principal with an inbox goes there too.
func TestWillOfAProgram(t *testing.T) {
	box := &letterbox{make(chan string, 100)}
	f := start(t, withInbox(box, 0))
	for _, v := range []mqtt.Version{mqtt.V5, mqtt.V311} {
		p := f.webAs("program", func(c *mqtt.Connect) {
			c.Version, c.Will = v, &mqtt.Will{Topic: "h/set", Payload: []byte("gone"), Retain: true}
		})
		_ = p.nc.Close()
		if got := take(t, box.got); got != "h/set=gone" {
			t.Errorf("the inbox got %q", got)
		}
		ack := f.web5().tryConnect(as("program", "right"), func(c *mqtt.Connect) {
			c.Version, c.Will = v, &mqtt.Will{Topic: "h/other", Payload: []byte("gone")}
		})
		if ack.Code == 0 {
			t.Error("a will outside the rights was taken")
		}
	}
	if n := f.Stats().Retained; n != 0 {
		t.Errorf("%d are retained", n)
	}
}

// TestManySubscriptions: a principal may be let have more subscriptions than others, as long as
// there is room for them, and they count for as long as they are there.
func TestManySubscriptions(t *testing.T) {
	const limit = 512 << 10
	f := start(t, withInbox(&letterbox{}, 100), func(c *edge.Config, _ *fixture) { c.Limits.QueuedBytes = limit })
	subscribe := func(p *peer) (granted int) {
		t.Helper()
		var filters []mqtt.Subscription
		for i := range 101 {
			filters = append(filters, mqtt.Subscription{Filter: fmt.Sprint("h/", i)})
		}
		for _, code := range p.subscribe(filters...) {
			if !code.Failed() {
				granted++
			}
		}
		return granted
	}
	first := f.webAs("program", named("first"), staying)
	if n := subscribe(first); n != 100 {
		t.Errorf("%d were granted, expected 100", n)
	}
	if held := f.Stats().QueuedBytes; held != 68*512 {
		t.Errorf("they count for %d bytes", held)
	}
	first.send(&mqtt.Unsubscribe{ID: 1, Filters: []string{"h/1", "h/1", "h/2"}})
	first.next()
	if held := f.Stats().QueuedBytes; held != 66*512 {
		t.Errorf("without two of them they count for %d bytes", held)
	}
	full := 0
	for i := range 16 {
		n := subscribe(f.webAs("program", named(fmt.Sprint("further", i))))
		if n < 32 {
			t.Fatalf("%d were granted: everybody may have 32", n)
		}
		if n == 32 {
			full++
		}
	}
	if held := f.Stats().QueuedBytes; full == 0 || held > limit {
		t.Errorf("%d bytes are held of %d, and %d clients found no room", held, limit, full)
	}
	f.people.end("program")
	eventually(t, "all of it is given back", func() bool { s := f.Stats(); return s.QueuedBytes == 0 && s.Sessions == 0 })
}

// TestKeepAliveOfAProgram: a principal may be let keep silent for longer than others.
func TestKeepAliveOfAProgram(t *testing.T) {
	f := start(t, withInbox(&letterbox{}, 0))
	for _, c := range []struct {
		who     string
		asked   uint16
		imposed uint32 // 0 for nothing
	}{
		{"program", 60, 0}, {"program", 300, 0}, {"program", 301, 300}, {"program", 0, 300}, {"all", 60, 18},
	} {
		ack := f.web5().connect(as(c.who, "right"), func(p *mqtt.Connect) { p.KeepAlive = c.asked })
		if got, ok := ack.Properties.Number(mqtt.ServerKeepAlive); ok != (c.imposed > 0) || got != c.imposed {
			t.Errorf("%s asked for %d s, and was told %d: %v", c.who, c.asked, got, ok)
		}
	}
}
