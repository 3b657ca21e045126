package aps

import (
	"errors"

	"sconce/zigbee"
)

// KeyUse says in which part of its life a link key is.
type KeyUse uint8

// The uses of a link key. A device may have one of each.
const (
	Established KeyUse = iota + 1 // both sides have proved that they hold it
	Provisional                   // handed over, not yet proved
	Joining                       // made from the install code; good for one join
)

// AnyDevice stands, in a Joining key, for the trust centre that is not known yet.
const AnyDevice zigbee.EUI64 = 0

var errNoRoomForKey = errors.New("aps: link key table is full")

type linkKey struct {
	device   zigbee.EUI64
	use      KeyUse
	key      zigbee.LinkKey
	envelope *zigbee.Envelope
	next     uint32 // lowest acceptable incoming frame counter
}

// KeyInfo is what has to survive a restart of a link key.
type KeyInfo struct {
	Device zigbee.EUI64
	Use    KeyUse
	Key    zigbee.LinkKey
	Next   uint32 // lowest acceptable incoming frame counter
}

// SetKey sets the link key of a device for a use. The incoming frame counter
// starts at 0 unless that very key is already there. It fails when the table is full.
//
// A Provisional key that is the device's Joining key takes that one's place, with
// its counter: one key has one counter, and a frame under it has one use. Trust
// centres that let a device keep the key of its install code hand it over so.
func (l *Layer) SetKey(device zigbee.EUI64, use KeyUse, k zigbee.LinkKey) error {
	if j := l.find(device, Joining); use == Provisional && j != nil && j.key.Equal(k) {
		l.DropKey(device, Provisional)
		j.use = Provisional
		return nil
	}
	return l.setKey(KeyInfo{Device: device, Use: use, Key: k})
}

func (l *Layer) setKey(i KeyInfo) error {
	e := l.find(i.Device, i.Use)
	switch {
	case e == nil && len(l.keys) == MaxKeys:
		return errNoRoomForKey
	case e == nil:
		e = &linkKey{}
		l.keys = append(l.keys, e)
	case e.key.Equal(i.Key) && i.Next == 0:
		return nil
	}
	*e = linkKey{device: i.Device, use: i.Use, key: i.Key, envelope: zigbee.NewEnvelope(i.Key), next: i.Next}
	return nil
}

// Key returns the link key of a device for a use.
func (l *Layer) Key(device zigbee.EUI64, use KeyUse) (zigbee.LinkKey, bool) {
	if k := l.find(device, use); k != nil {
		return k.key, true
	}
	return zigbee.LinkKey{}, false
}

// DropKey forgets a key.
func (l *Layer) DropKey(device zigbee.EUI64, use KeyUse) {
	for i, k := range l.keys {
		if k.device == device && k.use == use {
			l.keys = append(l.keys[:i], l.keys[i+1:]...)
			return
		}
	}
}

// Promote makes the Provisional key of a device its Established one, with the
// counters that it has, and forgets its Joining key.
func (l *Layer) Promote(device zigbee.EUI64) {
	k := l.find(device, Provisional)
	if k == nil {
		return
	}
	l.DropKey(device, Established)
	l.DropKey(device, Joining)
	k.use = Established
}

// Keys returns all keys.
func (l *Layer) Keys() []KeyInfo {
	list := make([]KeyInfo, 0, len(l.keys))
	for _, k := range l.keys {
		list = append(list, KeyInfo{Device: k.device, Use: k.use, Key: k.key, Next: k.next})
	}
	return list
}

// RestoreKey takes back one of what [Layer.Keys] gave.
func (l *Layer) RestoreKey(i KeyInfo) error { return l.setKey(i) }

func (l *Layer) find(device zigbee.EUI64, use KeyUse) *linkKey {
	for _, k := range l.keys {
		if k.device == device && k.use == use {
			return k
		}
	}
	return nil
}

// envelopeFor returns the envelope of a key itself or of a key made from it (4.5.3).
func (k *linkKey) envelopeFor(id zigbee.KeyID) *zigbee.Envelope {
	switch id {
	case zigbee.KeyTransport:
		return zigbee.NewEnvelope(k.key.KeyTransport())
	case zigbee.KeyLoad:
		return zigbee.NewEnvelope(k.key.KeyLoad())
	default:
		return k.envelope
	}
}

// open decrypts a secured frame with the first key of its source that fits, and
// returns the payload, which lies in the layer's buffer, and the use of that key.
func (l *Layer) open(frame, secured []byte, source zigbee.EUI64) (payload []byte, id zigbee.KeyID, use KeyUse, from zigbee.EUI64) {
	aux, _, err := zigbee.ParseAux(secured)
	if err != nil || aux.Key == zigbee.KeyNetwork || len(frame) > len(l.rx) {
		l.counters.Malformed++
		return nil, 0, 0, 0
	}
	if aux.HasSource {
		source = aux.Source
	}
	replayed, tried := false, false
	for _, k := range l.keys {
		if k.device != source && (k.device != AnyDevice || k.use != Joining) {
			continue
		}
		tried = true
		if aux.Counter < k.next || aux.Counter == 1<<32-1 {
			replayed = true
			continue
		}
		n := copy(l.rx[:], frame)
		p, err := k.envelopeFor(aux.Key).Open(l.rx[:n], len(frame)-len(secured), aux, source)
		if err != nil {
			continue
		}
		k.next = aux.Counter + 1
		return p, aux.Key, k.use, source
	}
	switch {
	case replayed:
		l.counters.Replayed++
	case tried:
		l.counters.Forged++
	default:
		l.counters.NoKey++
	}
	return nil, 0, 0, 0
}
