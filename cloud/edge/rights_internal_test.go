package edge

import (
	"testing"

	"sconce"
	"sconce/wire"
)

// TestGatewayTopics crosses the topics of both directions with the own gateway, another
// and none: a gateway publishes one level below its own up/, and receives below its down/.
func TestGatewayTopics(t *testing.T) {
	const own, other = sconce.EUI64(0x10), sconce.EUI64(0x20)
	rights := rightsOf(own)
	for _, kind := range []wire.Kind{
		wire.KindHello, wire.KindReadings, wire.KindEvents, wire.KindState, wire.KindResult, wire.KindReport, wire.KindLog,
		wire.KindAdopt, wire.KindDesired, wire.KindCommand, "+", "brand-new",
	} {
		for _, g := range []sconce.EUI64{own, other, 0} {
			for topic, can := range map[string]struct{ publish, subscribe bool }{
				wire.UpTopic(g, kind): {publish: g == own}, wire.DownTopic(g, kind): {subscribe: g == own},
				wire.UpTopic(g, kind) + "/x": {}, "p/" + g.String() + "/device/" + string(kind): {},
			} {
				if got := rights.MayPublish(topic); got != can.publish {
					t.Errorf("publishes to %s: %v", topic, got)
				}
				if got := rights.MaySubscribe(topic); got != can.subscribe {
					t.Errorf("subscribes to %s: %v", topic, got)
				}
			}
		}
	}
}
