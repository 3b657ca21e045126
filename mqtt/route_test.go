package mqtt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// matches is the rule of 4.7 written as plainly as can be, to check the tables with.
func matches(filter, topic string) bool {
	f, n := strings.Split(filter, "/"), strings.Split(topic, "/")
	if strings.HasPrefix(topic, "$") && (f[0] == "+" || f[0] == "#") {
		return false
	}
	for i, level := range f {
		if level == "#" {
			return true
		}
		if i >= len(n) || level != "+" && level != n[i] {
			return i >= len(n) && level == "#"
		}
	}
	return len(f) == len(n) || len(f) == len(n)+1 && f[len(n)] == "#"
}

func TestMatchRule(t *testing.T) {
	// The examples of 4.7.1 and 4.7.2.
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/#", "sport", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"#", "$SYS/x", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/x", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"#", "a/b", true},
		{"A", "a", false},
	} {
		if matches(c.filter, c.topic) != c.want {
			t.Errorf("the plain rule is wrong for %q and %q", c.filter, c.topic)
		}
		var tree Tree[int]
		tree.Add(c.filter, 1, Grant{})
		got := false
		tree.Match(c.topic, func(int, Grant) { got = true })
		if got != c.want {
			t.Errorf("tree: %q and %q: %v", c.filter, c.topic, got)
		}
		r := NewRetained(10, 10_000)
		r.Put(&Message{Topic: c.topic, Payload: []byte("x")})
		got = false
		r.Match(epoch, c.filter, func(*Message) { got = true })
		if got != c.want {
			t.Errorf("retained: %q and %q: %v", c.filter, c.topic, got)
		}
	}
}

func draw(r *rand.Rand, levels []string) string {
	s := make([]string, 1+r.IntN(4))
	for i := range s {
		s[i] = levels[r.IntN(len(levels))]
	}
	return strings.Join(s, "/")
}

// TestTablesAgainstTheRule adds, removes and looks up at random, beside a list
// that is searched with the plain rule.
func TestTablesAgainstTheRule(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	type sub struct {
		filter string
		who    int
	}
	var tree Tree[int]
	subs := map[sub]QoS{}
	retained, kept := NewRetained(1000, 1<<20), map[string]string{}
	names, wild := []string{"a", "b", "", "$x"}, []string{"a", "b", "", "$x", "+", "#"}
	for range 5_000 {
		topic, filter := draw(r, names), draw(r, wild)
		if topic == "" || !ValidFilter(filter) {
			continue
		}
		s := sub{filter, r.IntN(3)}
		switch r.IntN(4) {
		case 0:
			_, had := subs[s]
			q := QoS(r.IntN(2))
			if tree.Add(filter, s.who, Grant{QoS: q}) == had {
				t.Fatal("new, and yet not")
			}
			subs[s] = q
		case 1:
			tree.Remove(filter, s.who)
			delete(subs, s)
		case 2:
			payload := []string{"", "x", "yy"}[r.IntN(3)]
			retained.Put(&Message{Topic: topic, Payload: []byte(payload)})
			if kept[topic] = payload; payload == "" {
				delete(kept, topic)
			}
		}
		var got, want []string
		tree.Match(topic, func(who int, g Grant) { got = append(got, fmt.Sprint(who, g.QoS)) })
		for s, q := range subs {
			if matches(s.filter, topic) {
				want = append(want, fmt.Sprint(s.who, q))
			}
		}
		same(t, "subscribers of "+topic, got, want)
		got, want = nil, nil
		retained.Match(epoch, filter, func(m *Message) { got = append(got, m.Topic+"="+string(m.Payload)) })
		for topic, payload := range kept {
			if matches(filter, topic) {
				want = append(want, topic+"="+payload)
			}
		}
		same(t, "retained of "+filter, got, want)
	}
	for s := range subs {
		tree.Remove(s.filter, s.who)
	}
	for topic := range kept {
		retained.Put(&Message{Topic: topic})
	}
	if count, bytes := retained.Len(); len(tree.root.children) != 0 || len(retained.root.children) != 0 || count != 0 || bytes != 0 {
		t.Error("the emptied tables are not empty")
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %q, expected %q", what, got, want)
	}
}

func TestRetainedLimits(t *testing.T) {
	r := NewRetained(2, 1000)
	put := func(topic, payload string) bool { return r.Put(&Message{Topic: topic, Payload: []byte(payload)}) }
	if !put("a", "1") || !put("b", "1") || put("c", "1") {
		t.Error("count is not held to 2")
	}
	if !put("a", "2") || put("a", strings.Repeat("x", 1000)) {
		t.Error("replacing: within the bytes, or beyond them")
	}
	if !put("b", "") || !put("c", "1") {
		t.Error("room was not given back")
	}
	if put(strings.Repeat("/", 40), "1") {
		t.Error("too many levels")
	}
	r.Put(&Message{Topic: "a", Payload: []byte("3"), Expires: epoch.Add(time.Minute)})
	n := 0
	r.Match(epoch.Add(time.Minute), "#", func(*Message) { n++ })
	if count, _ := r.Len(); n != 1 || count != 1 {
		t.Errorf("%d found, %d kept after one expired", n, count)
	}
}
