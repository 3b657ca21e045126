package aps

import (
	"time"

	"sconce/zigbee"
)

// Incoming is a frame from the network layer.
type Incoming struct {
	Src      zigbee.ShortAddr
	SrcEUI64 zigbee.EUI64 // 0 when not known
	Secured  bool         // with the network key
	Data     []byte
}

// Indication is a received frame for the layer above: data, or a command.
type Indication struct {
	Header  Header
	Payload []byte // of data; valid until the next call
	Command Command
	Use     KeyUse       // of the link key that protected it; 0 for none
	Key     zigbee.KeyID // which key, when Use is not 0
	Source  zigbee.EUI64 // who protected it, when Use is not 0
}

// Receive takes a frame. Without network security only a command that a key
// made from a link key protects is passed up: a network key on its way here.
func (l *Layer) Receive(now time.Time, in Incoming) (Indication, bool) {
	h, rest, err := ParseHeader(in.Data)
	if err != nil {
		l.countParse(err)
		return Indication{}, false
	}
	ind := Indication{Header: h, Payload: rest}
	if h.Secured {
		ind.Payload, ind.Key, ind.Use, ind.Source = l.open(in.Data, rest, in.SrcEUI64)
		if ind.Use == 0 {
			return Indication{}, false
		}
	}
	if !in.Secured && (h.Type != TypeCommand || ind.Key != zigbee.KeyTransport || ind.Use == 0) {
		l.counters.NoKey++
		return Indication{}, false
	}
	if h.Type == TypeAck {
		l.acknowledged(in.Src, h)
		return Indication{}, false
	}
	if h.Fragment != Whole && in.Secured {
		return l.reassemble(now, in, ind)
	}
	what := h.Cluster
	if h.Type == TypeCommand {
		if ind.Command, err = ParseCommand(ind.Payload); err != nil {
			l.countParse(err)
			return Indication{}, false
		}
		what = uint16(ind.Command.ID)
	}
	if h.AckRequest && in.Secured {
		l.acknowledge(in, ind)
	}
	return ind, !l.isDuplicate(now, heard{src: in.Src, counter: h.Counter, what: what})
}

func (l *Layer) countParse(err error) {
	if err == ErrUnsupported { //nolint:errorlint // our own codec returns it bare
		l.counters.Unknown++
		return
	}
	l.counters.Malformed++
}

// acknowledge answers a frame (2.2.8.4.1), protected as the frame was.
func (l *Layer) acknowledge(in Incoming, ind Indication) {
	h := ind.Header
	r := Request{Dst: in.Src, Header: Header{
		Type: TypeAck, CommandAck: h.Type == TypeCommand, Counter: h.Counter,
		DstEndpoint: h.SrcEndpoint, SrcEndpoint: h.DstEndpoint, Cluster: h.Cluster, Profile: h.Profile,
		Fragment: h.Fragment, Block: h.Block, Acked: h.Acked,
	}}
	if ind.Use != 0 {
		r.Security = Security{Use: ind.Use, Key: zigbee.KeyData, Peer: ind.Source}
	}
	if l.Send(r) != nil {
		l.counters.AckDropped++
	}
}
