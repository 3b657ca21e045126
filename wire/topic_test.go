package wire

import (
	"testing"

	"sconce/internal/corpus"
)

// FuzzTopic: a topic that parses is the topic of what it names.
func FuzzTopic(f *testing.F) {
	f.Add("g/5ec0ce0000000001/up/readings")
	f.Add("g/5ec0ce0000000001/down/desired")
	f.Add("g/5EC0CE0000000001/up/hello/x")
	corpus.Fuzz(f, func(t *testing.T, topic string) {
		if g, kind, err := ParseUpTopic(topic); err == nil && UpTopic(g, kind) != topic {
			t.Errorf("%q is %q", topic, UpTopic(g, kind))
		}
		if g, kind, err := ParseDownTopic(topic); err == nil && DownTopic(g, kind) != topic {
			t.Errorf("%q is %q", topic, DownTopic(g, kind))
		}
	})
}
