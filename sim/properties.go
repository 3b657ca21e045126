package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"sconce/radio"
	"sconce/radio/spinel"
)

// What the virtual firmware says of itself. The RCP API is that of OpenThread
// at the end of 2025.
const (
	firmware          = "SCONCE-SIM/1.0; virtual OpenThread RCP"
	interfaceThread   = 3
	rcpAPIVersion     = 11
	minHostAPIVersion = 4
	radioCaps         = spinel.RadioAckTimeout | spinel.RadioEnergyScan | spinel.RadioRetries |
		spinel.RadioCSMABackoff | spinel.RadioSleepToTx | spinel.RadioRxOnWhenIdle
)

func packed(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = spinel.AppendPacked(b, v)
	}
	return b
}

func channels() []byte {
	var b []byte
	for c := byte(minChannel); c <= maxChannel; c++ {
		b = append(b, c)
	}
	return b
}

// get returns the value of a property, and false for one that is not known.
func (c *coprocessor) get(p spinel.Property) ([]byte, bool) {
	if v, ok := c.identity(p); ok {
		return v, true
	}
	s, le := &c.settings, binary.LittleEndian
	switch p {
	case spinel.LastStatus:
		return packed(uint32(c.last)), true
	case spinel.PHYEnabled:
		return spinel.AppendBool(nil, s.enabled), true
	case spinel.PHYChan:
		return []byte{s.filter.Channel}, true
	case spinel.PHYFreq:
		return le.AppendUint32(nil, 2_405_000+5_000*uint32(s.filter.Channel-minChannel)), true
	case spinel.PHYCCAThreshold:
		return []byte{byte(s.cca)}, true
	case spinel.PHYTxPower:
		return []byte{byte(s.power)}, true
	case spinel.PHYRSSI:
		return []byte{byte(c.x.RSSI())}, true
	case spinel.MACScanState:
		if s.scanning {
			return []byte{spinel.ScanEnergy}, true
		}
		return []byte{spinel.ScanIdle}, true
	case spinel.MACScanMask:
		return s.scanMask, true
	case spinel.MACScanPeriod:
		return le.AppendUint16(nil, s.scanPeriod), true
	case spinel.MACLongAddress:
		return binary.BigEndian.AppendUint64(nil, s.filter.EUI64), true
	case spinel.MACShortAddress:
		return le.AppendUint16(nil, s.filter.Short), true
	case spinel.MACPANID:
		return le.AppendUint16(nil, s.filter.PANID), true
	case spinel.MACRawStreamEnabled:
		return spinel.AppendBool(nil, s.raw), true
	case spinel.MACPromiscuousMode:
		return []byte{s.promiscuous}, true
	case spinel.MACRxOnWhenIdle:
		return spinel.AppendBool(nil, s.rxOnWhenIdle), true
	case spinel.SrcMatchEnabled:
		return spinel.AppendBool(nil, s.match), true
	case spinel.SrcMatchShort:
		var b []byte
		for _, a := range s.short {
			b = le.AppendUint16(b, a)
		}
		return b, true
	case spinel.SrcMatchExtended:
		var b []byte
		for _, a := range s.extended {
			b = binary.BigEndian.AppendUint64(b, a)
		}
		return b, true
	case spinel.RCPTimestamp:
		return le.AppendUint64(nil, uint64(c.air.now/time.Microsecond)), true
	default:
		return nil, false
	}
}

// identity returns what never changes.
func (c *coprocessor) identity(p spinel.Property) ([]byte, bool) {
	sensitive := int8(sensitivity)
	switch p {
	case spinel.ProtocolVersion:
		return packed(spinel.ProtocolMajor, spinel.ProtocolMinor), true
	case spinel.NCPVersion:
		return append([]byte(firmware), 0), true
	case spinel.InterfaceType:
		return packed(interfaceThread), true
	case spinel.VendorID:
		return packed(0), true
	case spinel.Caps:
		return packed(uint32(spinel.CapIEEE802154v2006), uint32(spinel.CapOQPSK), uint32(spinel.CapConfigRadio),
			uint32(spinel.CapRCPAPIVersion), uint32(spinel.CapRCPMinHostVersion), uint32(spinel.CapMACRaw)), true
	case spinel.InterfaceCount:
		return []byte{1}, true
	case spinel.HWAddr:
		return binary.BigEndian.AppendUint64(nil, c.eui64), true
	case spinel.PHYChanSupported, spinel.PHYChanPreferred:
		return channels(), true
	case spinel.PHYRxSensitivity:
		return []byte{byte(sensitive)}, true
	case spinel.RCPAPIVersion:
		return packed(rcpAPIVersion), true
	case spinel.RCPMinHostAPIVersion:
		return packed(minHostAPIVersion), true
	case spinel.RadioCaps:
		return packed(radioCaps), true
	default:
		return nil, false
	}
}

// set assigns a property. A value that is too short, too long or out of range
// changes nothing.
func (c *coprocessor) set(p spinel.Property, value []byte) spinel.Status {
	if _, fixed := c.identity(p); fixed {
		return spinel.InvalidCommandOnProp
	}
	if p == spinel.MACScanState {
		return c.scan(value)
	}
	s := c.settings
	r := spinel.NewReader(value)
	valid := true
	switch p {
	case spinel.PHYEnabled:
		s.enabled = r.Bool()
	case spinel.PHYChan:
		s.filter.Channel = r.Uint8()
		valid = s.filter.Channel >= minChannel && s.filter.Channel <= maxChannel
	case spinel.PHYCCAThreshold:
		s.cca = r.Int8() // kept for the host; the air has one threshold for all
	case spinel.PHYTxPower:
		s.power = min(r.Int8(), maxPower)
	case spinel.MACScanMask:
		s.scanMask = slices.Clone(r.Rest())
		for _, channel := range s.scanMask {
			valid = valid && channel >= minChannel && channel <= maxChannel
		}
	case spinel.MACScanPeriod:
		s.scanPeriod = r.Uint16()
	case spinel.MACLongAddress:
		s.filter.EUI64 = r.EUI64()
	case spinel.MACShortAddress:
		s.filter.Short = r.Uint16()
	case spinel.MACPANID:
		s.filter.PANID = r.Uint16()
	case spinel.MACRawStreamEnabled:
		s.raw = r.Bool()
	case spinel.MACPromiscuousMode:
		s.promiscuous = r.Uint8()
		valid = s.promiscuous <= 2
	case spinel.MACRxOnWhenIdle:
		s.rxOnWhenIdle = r.Bool()
	case spinel.SrcMatchEnabled:
		s.match = r.Bool()
	case spinel.SrcMatchShort:
		s.short = nil
		for r.Len() > 0 {
			s.short = append(s.short, r.Uint16())
		}
	case spinel.SrcMatchExtended:
		s.extended = nil
		for r.Len() > 0 {
			s.extended = append(s.extended, r.EUI64())
		}
	default:
		return spinel.PropertyNotFound
	}
	switch {
	case r.Err() != nil:
		return spinel.ParseError
	case !valid || r.Len() > 0:
		return spinel.InvalidArgument
	case len(s.short) > radio.MaxPending || len(s.extended) > radio.MaxPending:
		return spinel.NoMemory
	}
	c.settings = s
	c.apply()
	return spinel.OK
}

// member inserts or removes one neighbour for whom frames are pending.
func (c *coprocessor) member(insert bool, p spinel.Property, value []byte) spinel.Status {
	s := &c.settings
	r := spinel.NewReader(value)
	var status spinel.Status
	switch p {
	case spinel.SrcMatchShort:
		s.short, status = change(s.short, r.Uint16(), insert)
	case spinel.SrcMatchExtended:
		s.extended, status = change(s.extended, r.EUI64(), insert)
	default:
		return spinel.InvalidCommandOnProp
	}
	if r.Err() != nil {
		return spinel.ParseError
	}
	c.apply()
	return status
}

func change[T comparable](list []T, v T, insert bool) ([]T, spinel.Status) {
	i := slices.Index(list, v)
	switch {
	case insert && i >= 0, !insert && i < 0:
		if insert {
			return list, spinel.OK
		}
		return list, spinel.ItemNotFound
	case insert && len(list) == radio.MaxPending:
		return list, spinel.NoMemory
	case insert:
		return append(slices.Clone(list), v), spinel.OK
	default:
		return slices.Delete(slices.Clone(list), i, i+1), spinel.OK
	}
}
