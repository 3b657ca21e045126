package edge

import (
	"strings"

	"sconce"
	"sconce/wire"
)

// gatewayRights are those of DESIGN §6: publish to one level below up/ of its own
// topics, subscribe below down/, nothing else. The prefixes end with a slash and
// hold no wildcard, so a filter that begins with one matches nothing outside.
type gatewayRights struct{ up, down string }

func rightsOf(g sconce.EUI64) gatewayRights {
	return gatewayRights{up: wire.UpTopic(g, ""), down: wire.DownTopic(g, "")}
}

func (r gatewayRights) MayPublish(topic string) bool {
	kind, ok := strings.CutPrefix(topic, r.up)
	return ok && kind != "" && strings.IndexByte(kind, '/') < 0
}

func (r gatewayRights) MaySubscribe(filter string) bool { return strings.HasPrefix(filter, r.down) }

// SubscribeWithin returns the rights to receive what is published below any of the given
// prefixes, such as "p/<project>/", and to publish nothing. Each prefix must end
// with a slash and hold no wildcard; one that does not gives no right.
func SubscribeWithin(prefixes []string) Rights {
	var r prefixRights
	for _, p := range prefixes {
		if strings.HasSuffix(p, "/") && len(p) > 1 && !strings.ContainsAny(p, "+#") {
			r = append(r, p)
		}
	}
	return r
}

type prefixRights []string

func (r prefixRights) MayPublish(string) bool { return false }

func (r prefixRights) MaySubscribe(filter string) bool {
	for _, p := range r {
		if strings.HasPrefix(filter, p) {
			return true
		}
	}
	return false
}
