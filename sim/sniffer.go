package sim

import (
	"fmt"
	"hash/maphash"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// A sniffer reads every frame on the air, as an attacker with the best antenna
// would, and checks what must hold of all of them. It has no keys.
type sniffer struct {
	random   maphash.Seed // fingerprints only; nothing that is printed depends on it
	counters map[sender]used
	hops     [nwk.DefaultRadius + 1]uint64 // unicasts on their last hop, by how many were before it
	airborne broadcasts

	plaintext violation // an application frame without security
	reused    violation // a frame counter used for two frames
}

// sender is a device under one network key, as far as one without keys can tell.
type sender struct {
	pan      zigbee.PANID
	sequence uint8
	eui64    zigbee.EUI64
}

// used are the frame counters that a sender has used: the fingerprint of the
// frame of each, in chunks.
type used map[uint32]*[counterChunk]uint32

const counterChunk = 256

// violation counts how often something that must not be was seen, and keeps the
// first.
type violation struct {
	count uint64
	first string
}

func (v *violation) add(at time.Time, format string, args ...any) {
	if v.count++; v.count == 1 {
		v.first = at.UTC().Format("15:04:05.000000") + " " + fmt.Sprintf(format, args...)
	}
}

func newSniffer() *sniffer {
	return &sniffer{random: maphash.MakeSeed(), counters: map[sender]used{}, airborne: broadcasts{seen: map[broadcastID]time.Time{}}}
}

// tap implements [AirConfig.Tap].
func (s *sniffer) tap(at time.Time, _ uint8, psdu []byte) {
	h, payload, err := mac.Parse(psdu[:len(psdu)-fcsLen])
	if err != nil || h.Type != mac.TypeData || len(payload) == 0 {
		return // commands and beacons of the MAC carry nothing of the application
	}
	if gp.IsFrame(payload) {
		s.greenPower(at, payload)
		return
	}
	n, rest, err := nwk.ParseHeader(payload)
	switch {
	case err != nil:
		s.plaintext.add(at, "a data frame that is none of the network's: %x", payload)
	case n.Secured:
		s.secured(at, h, n, rest, payload)
	default:
		s.unsecured(at, n, rest)
	}
}

// greenPower reads a frame of a Green Power device, which has to be encrypted but
// when it asks to be paired (14-0563-18, A.1.4.1).
func (s *sniffer) greenPower(at time.Time, npdu []byte) {
	f, err := gp.Parse(0, npdu)
	switch {
	case err != nil:
		s.plaintext.add(at, "a damaged frame of a switch: %x", npdu)
	case f.Level == gp.LevelEncrypted, f.Level == gp.LevelNone && f.Command() == gp.CommissioningGPDF:
	default:
		s.plaintext.add(at, "a frame of a switch without security: %x", npdu)
	}
}

func (s *sniffer) secured(at time.Time, h mac.Header, n nwk.Header, rest, npdu []byte) {
	aux, _, err := zigbee.ParseAux(rest)
	if err != nil || aux.Key != zigbee.KeyNetwork || !aux.HasSource {
		s.plaintext.add(at, "a frame that claims to be secured and is not: %x", npdu)
		return
	}
	id := sender{h.Dst.PAN, aux.KeySequence, aux.Source}
	u := s.counters[id]
	if u == nil {
		u = used{}
		s.counters[id] = u
	}
	if !u.use(aux.Counter, uint32(maphash.Bytes(s.random, npdu))|1) {
		s.reused.add(at, "%s uses counter %d of key %d twice", aux.Source, aux.Counter, aux.KeySequence)
	}
	switch {
	case n.Dst.IsBroadcast():
		s.airborne.note(at, h.Dst.PAN, n)
	case n.Type == nwk.TypeData && h.Dst.Mode == mac.ShortAddress && h.Dst.Short == n.Dst && n.Radius <= nwk.DefaultRadius:
		s.hops[nwk.DefaultRadius-n.Radius]++
	}
}

// use notes the frame of a counter. It returns false when that was used for
// another frame; the same one again is a retry.
func (u used) use(counter, fingerprint uint32) bool {
	c := u[counter/counterChunk]
	if c == nil {
		c = &[counterChunk]uint32{}
		u[counter/counterChunk] = c
	}
	was := &c[counter%counterChunk]
	if *was == 0 {
		*was = fingerprint
	}
	return *was == fingerprint
}

// unsecured lets pass what has to go without the network key: a key on its way
// to a device that has none, protected with that device's own, and how it is
// acknowledged. Commands of the network carry nothing of the application.
func (s *sniffer) unsecured(at time.Time, n nwk.Header, apdu []byte) {
	if n.Type == nwk.TypeCommand {
		return
	}
	a, _, err := aps.ParseHeader(apdu)
	if err != nil || a.Type == aps.TypeData || a.Type == aps.TypeCommand && !a.Secured {
		s.plaintext.add(at, "from %s to %s: %x", n.Src, n.Dst, apdu)
	}
}

// broadcasts counts the transactions that every router has to remember at a time.
type broadcasts struct {
	seen map[broadcastID]time.Time // since
	most int
}

type broadcastID struct {
	pan zigbee.PANID
	src zigbee.ShortAddr
	seq uint8
}

// broadcastLife is nwkNetworkBroadcastDeliveryTime.
const broadcastLife = 9 * time.Second

func (b *broadcasts) note(at time.Time, pan zigbee.PANID, n nwk.Header) {
	id := broadcastID{pan, n.Src, n.Seq}
	if _, again := b.seen[id]; again || n.Type == nwk.TypeCommand {
		return
	}
	for id, since := range b.seen {
		if at.Sub(since) > broadcastLife {
			delete(b.seen, id)
		}
	}
	b.seen[id] = at
	b.most = max(b.most, len(b.seen))
}
