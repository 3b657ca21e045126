package device

import (
	"time"

	"sconce/zigbee/zcl"
)

// The attributes of a luminaire that never change.
const (
	zclVersion    uint8  = 8
	powerDivisor  uint16 = 10 // ActivePower is in 0.1 W
	activePowerAC uint32 = 1  // MeasurementType: active measurement (AC)
	noGroupNames  uint8  = 0  // NameSupport
)

// application is what a luminaire shows to its ZCL server.
type application struct{ *Luminaire }

// Attribute implements [zcl.Application].
func (l application) Attribute(now time.Time, _ uint8, cluster, attribute uint16) (zcl.Reading, bool) {
	var v zcl.Value
	switch cluster {
	case zcl.ClusterBasic:
		v = l.basic(attribute)
	case zcl.ClusterIdentify:
		v = zcl.Uint16(l.identify.remaining(now))
	case zcl.ClusterGroups:
		v = zcl.Map8(noGroupNames)
	case zcl.ClusterOnOff:
		v = l.onOff(attribute)
	case zcl.ClusterLevel:
		v = l.level(now, attribute)
	case zcl.ClusterElectrical:
		v = l.electrical(now, attribute)
	}
	moving := l.light.moving() &&
		(cluster == zcl.ClusterLevel && attribute == zcl.AttrCurrentLevel || cluster == zcl.ClusterElectrical)
	return zcl.Reading{Value: v, Moving: moving}, v != zcl.Value{}
}

func (l *Luminaire) basic(attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrZCLVersion:
		return zcl.Uint8(zclVersion)
	case zcl.AttrManufacturer:
		return zcl.Text(ManufacturerName)
	case zcl.AttrModel:
		return zcl.Text(l.cfg.Model)
	case zcl.AttrPowerSource:
		return zcl.Enum8(zcl.PowerSourceMains)
	case zcl.AttrSerialNumber:
		return zcl.Text(l.cfg.Serial)
	case zcl.AttrSWBuild:
		return zcl.Text(l.cfg.Firmware)
	}
	return zcl.Value{}
}

func (l *Luminaire) onOff(attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrOnOff:
		return zcl.Bool(l.light.on)
	case zcl.AttrStartUpOnOff:
		return zcl.Enum8(l.light.startUpOnOff)
	}
	return zcl.Value{}
}

func (l *Luminaire) level(now time.Time, attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrCurrentLevel:
		return zcl.Uint8(l.light.levelAt(now))
	case zcl.AttrRemainingTime:
		return zcl.Uint16(l.light.remaining(now))
	case zcl.AttrMinLevel:
		return zcl.Uint8(minLevel)
	case zcl.AttrMaxLevel:
		return zcl.Uint8(maxLevel)
	case zcl.AttrLevelOptions:
		return zcl.Map8(l.light.options)
	case zcl.AttrOnOffTransitionTime:
		return zcl.Uint16(l.light.onOffTime)
	case zcl.AttrOnLevel:
		return zcl.Uint8(l.light.onLevel)
	case zcl.AttrOnTransitionTime:
		return zcl.Uint16(l.light.onTime)
	case zcl.AttrOffTransitionTime:
		return zcl.Uint16(l.light.offTime)
	case zcl.AttrDefaultMoveRate:
		return zcl.Uint8(l.light.moveRate)
	case zcl.AttrStartUpLevel:
		return zcl.Uint8(l.light.startUpLevel)
	}
	return zcl.Value{}
}

func (l *Luminaire) electrical(now time.Time, attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrMeasurementType:
		return zcl.Map32(activePowerAC)
	case zcl.AttrActivePower:
		const unit = 1000 / Milliwatts(powerDivisor)
		return zcl.Int16(int16((l.Light(now).Power + unit/2) / unit))
	case zcl.AttrACPowerMultiplier:
		return zcl.Uint16(1)
	case zcl.AttrACPowerDivisor:
		return zcl.Uint16(powerDivisor)
	}
	return zcl.Value{}
}

// Write implements [zcl.Application].
func (l application) Write(now time.Time, _ uint8, cluster uint16, a zcl.Attribute) {
	small, wide := uint8(a.Value.Uint()), uint16(a.Value.Uint())
	s := &l.light.settings
	switch cluster {
	case zcl.ClusterIdentify:
		l.identify.set(now, wide)
	case zcl.ClusterOnOff:
		s.startUpOnOff = small
	case zcl.ClusterLevel:
		switch a.ID {
		case zcl.AttrLevelOptions:
			s.options = small
		case zcl.AttrOnOffTransitionTime:
			s.onOffTime = wide
		case zcl.AttrOnLevel:
			s.onLevel = small
		case zcl.AttrOnTransitionTime:
			s.onTime = wide
		case zcl.AttrOffTransitionTime:
			s.offTime = wide
		case zcl.AttrDefaultMoveRate:
			s.moveRate = small
		case zcl.AttrStartUpLevel:
			s.startUpLevel = small
		}
	}
}

// Command implements [zcl.Application].
func (l application) Command(now time.Time, m zcl.Message, c zcl.Command) (zcl.Command, zcl.Status) {
	switch c := c.(type) {
	case zcl.On:
		l.light.switchOn(now)
	case zcl.Off:
		l.light.switchOff(now)
	case zcl.Toggle:
		l.light.toggle(now)
	case zcl.MoveToLevel:
		return nil, l.light.moveToLevel(now, c)
	case zcl.Move:
		return nil, l.light.move(now, c)
	case zcl.Step:
		return nil, l.light.step(now, c)
	case zcl.Stop:
		l.light.stop(now, c)
	case zcl.Identify:
		l.identify.set(now, c.Time)
	case zcl.IdentifyQuery:
		if l.identify.activeAt(now) {
			return zcl.IdentifyQueryResponse{Remaining: l.identify.remaining(now)}, zcl.Success
		}
	default:
		return l.groups(now, m, c)
	}
	return nil, zcl.Success
}
