package nwk

import (
	"testing"
	"time"

	"sconce/zigbee"
)

// A broadcast of a stranger may be an old one: it counts only when the stranger has
// shown that it is there, and knows this node.
func TestStrangersBroadcastsMayBeOld(t *testing.T) {
	status := func(t *testing.T, a *Layer, links ...Link) []byte {
		h := Header{Type: TypeCommand, Dst: zigbee.BroadcastRouters, Radius: 1, Secured: true, SrcEUI64: alice}
		var b [maxFrame]byte
		if !a.enqueue(start, h, 0, AppendLinkStatus(b[:0], true, true, links)) {
			t.Fatal("not taken")
		}
		return next(t, a, start)
	}
	for _, c := range []struct {
		name  string
		meet  func(t *testing.T, a, b *Layer)
		taken bool
	}{
		{"never heard", func(*testing.T, *Layer, *Layer) {}, false},
		{"its link status names others", func(t *testing.T, a, b *Layer) { b.Receive(start, 1, status(t, a, Link{Short: 9, Incoming: 1}), 200) }, false},
		{"its link status does not hear this node", func(t *testing.T, a, b *Layer) { b.Receive(start, 1, status(t, a, Link{Short: 2}), 200) }, false},
		{"its link status names this node", func(t *testing.T, a, b *Layer) {
			b.Receive(start, 1, status(t, a, Link{Short: 2, Incoming: 1}), 200)
		}, true},
		{"a frame of it for this node", func(t *testing.T, a, b *Layer) { b.Receive(start, 1, send(t, a, 2, "x"), 200) }, true},
		{"a frame of it for another", func(t *testing.T, a, b *Layer) { b.Receive(start, 1, send(t, a, 9, "x"), 200) }, false},
		{"its child", func(_ *testing.T, _, b *Layer) { b.AddChild(start, Child{EUI64: alice, Short: 1, Timeout: 1}) }, true},
		{"it came through it", func(_ *testing.T, _, b *Layer) { b.Learn(alice, 1); b.RouteThrough(start, 1) }, true},
		{"another came through it", func(_ *testing.T, _, b *Layer) { b.Learn(alice, 1); b.RouteThrough(start, 9) }, false},
		{"its parent", func(_ *testing.T, _, b *Layer) { b.Learn(alice, 1); b.SetParent(1) }, true},
		{"let in", func(_ *testing.T, _, b *Layer) { b.Admit(start, alice) }, true},
		{"known before a restart", func(_ *testing.T, _, b *Layer) {
			b.RestorePeer(Peer{EUI64: alice, Short: 1, Current: true})
			b.Start(start)
		}, true},
		{"not known before a restart", func(_ *testing.T, _, b *Layer) { b.RestorePeer(Peer{EUI64: alice, Short: 1, Next: 0}); b.Start(start) }, false},
		{"known long before a restart", func(_ *testing.T, _, b *Layer) {
			b.RestorePeer(Peer{EUI64: alice, Short: 1, Current: true})
			b.Start(start.Add(-freshGrace))
		}, false},
		{"not heard for long", func(_ *testing.T, _, b *Layer) { b.Admit(start.Add(-freshLife), alice) }, false},
		{"heard not long ago", func(t *testing.T, a, b *Layer) {
			b.Admit(start.Add(-freshLife), alice)
			b.Receive(start.Add(-time.Minute), 1, send(t, a, 9, "x"), 200)
		}, true},
		{"known, and gone when the key changed", func(_ *testing.T, _, b *Layer) {
			b.Admit(start, alice)
			b.PrepareKey(1, testKey(2))
			b.SwitchKey(1)
		}, false},
		{"known, and there when the key changed", func(t *testing.T, a, b *Layer) {
			b.Receive(start, 1, status(t, a, Link{Short: 2, Incoming: 1}), 200)
			b.PrepareKey(1, testKey(2))
			b.SwitchKey(1)
		}, true},
		{"known, and has left", func(_ *testing.T, _, b *Layer) {
			b.Admit(start, alice)
			b.Leave()
			b.SetNetwork(Network{PAN: 1, Extended: 2, Short: 2})
			b.SetKey(0, testKey(1))
		}, false},
	} {
		a, b := newLayer(alice, 1), newLayer(bob, 2)
		c.meet(t, a, b)
		if _, key, _ := b.Key(); key.Equal(testKey(2)) {
			a.SetKey(1, testKey(2))
		}
		before := b.Counters().Outdated
		_, ok := b.Receive(start.Add(time.Millisecond), 1, send(t, a, zigbee.BroadcastRxOn, "all off"), 200)
		if ok != c.taken || (b.Counters().Outdated > before) == c.taken || (len(b.broadcasts) > 0) != c.taken {
			t.Errorf("%s: taken %v", c.name, ok)
		}
		if saved := b.Peers(); len(saved) == 1 && saved[0].Current != c.taken {
			t.Errorf("%s: %+v is saved", c.name, saved)
		}
	}
}

// What a stranger passes on of a broadcast that others have just said is known already, and
// saves repeating it.
func TestStrangerEchoesWhatIsNew(t *testing.T) {
	a, b, stranger := newLayer(alice, 1), newLayer(bob, 2), newLayer(0xc, 3)
	acquaint(a, b)
	acquaint(a, stranger)
	f := send(t, a, zigbee.BroadcastRxOn, "all")
	stranger.Receive(start, 1, append([]byte(nil), f...), 200)
	at, _ := stranger.Deadline()
	stranger.Advance(at)
	echo := next(t, stranger, at)
	if _, ok := b.Receive(start, 1, f, 200); !ok {
		t.Fatal("not taken from the one who is known")
	}
	b.Receive(at, 3, echo, 200)
	if c := b.Counters(); c.Duplicates != 1 || c.Outdated != 0 {
		t.Errorf("%+v", c)
	}
}
