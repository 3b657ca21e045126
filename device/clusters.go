package device

import (
	"math"
	"time"

	"sconce/zigbee/zcl"
)

// The attributes of a luminaire that never change.
const (
	zclVersion    uint8  = 8         // of the library: its revision
	appVersion    uint8  = 1         // of what this package does
	stackVersion  uint8  = 22        // of the stack: the revision of 05-3474
	hwVersion     uint8  = 1         // of the virtual driver
	powerDivisor  uint16 = 10        // ActivePower is in 0.1 W
	voltDivisor   uint16 = 10        // RMSVoltage is in 0.1 V
	ampereDivisor uint16 = 1000      // RMSCurrent is in mA
	activePowerAC uint32 = 1         // MeasurementType: active measurement (AC)
	noNames       uint8  = 0         // NameSupport of groups and scenes
	energyDivisor uint64 = 3_600_000 // CurrentSummationDelivered is in watt-seconds
	unitKWh       uint8  = 0         // UnitofMeasure: kWh, binary
	electricMeter uint8  = 0         // MeteringDeviceType
	weakest       int    = -97       // dBm, of LQI 0 of the virtual radio
	lqiRange      int    = 50        // dB above it, of LQI 255
	energyDigits  uint8  = 0xfa      // SummationFormatting: no leading zeros, 15 digits, 2 of them behind the point
)

// application is what a luminaire shows to its ZCL server.
type application struct{ *Luminaire }

// Attribute implements [zcl.Application].
func (l application) Attribute(now time.Time, _ uint8, cluster, attribute uint16) (zcl.Reading, bool) {
	var v zcl.Value
	moving := false
	switch cluster {
	case zcl.ClusterTemperature:
		v = l.temperature(attribute)
	case zcl.ClusterGroups:
		v = zcl.Map8(noNames)
	case zcl.ClusterScenes:
		v = l.sceneAttribute(attribute)
	case zcl.ClusterOnOff:
		v = l.onOff(now, attribute)
	case zcl.ClusterLevel:
		v, moving = l.level(now, attribute), attribute == zcl.AttrCurrentLevel && l.light.moving()
	case zcl.ClusterColor:
		v, moving = l.color(now, attribute), attribute == zcl.AttrColorTemperature && l.tone.moving()
	case zcl.ClusterMetering:
		v = l.metering(now, attribute)
	case zcl.ClusterElectrical:
		v, moving = l.electrical(now, attribute), l.light.moving()
	case zcl.ClusterDiagnostics:
		v = l.diagnostics(attribute)
	case zcl.ClusterBallast:
		v = l.ballast(now, attribute)
	case zcl.ClusterBehaviour:
		if attribute == zcl.AttrRatedPower {
			v = zcl.Uint16(uint16(l.cfg.RatedPower / (1000 / Milliwatts(powerDivisor))))
		}
	default:
		v = l.common(now, cluster, attribute, zcl.PowerSourceMains)
	}
	return zcl.Reading{Value: v, Moving: moving}, v != zcl.Value{}
}

// common returns the attributes that all devices have.
func (d *body) common(now time.Time, cluster, attribute uint16, source uint8) zcl.Value {
	switch cluster {
	case zcl.ClusterBasic:
		return d.basic(attribute, source)
	case zcl.ClusterIdentify:
		return zcl.Uint16(d.identify.remaining(now))
	}
	return zcl.Value{}
}

func (d *body) basic(attribute uint16, source uint8) zcl.Value {
	switch attribute {
	case zcl.AttrZCLVersion:
		return zcl.Uint8(zclVersion)
	case zcl.AttrAppVersion:
		return zcl.Uint8(appVersion)
	case zcl.AttrStackVersion:
		return zcl.Uint8(stackVersion)
	case zcl.AttrHWVersion:
		return zcl.Uint8(hwVersion)
	case zcl.AttrManufacturer:
		return zcl.Text(ManufacturerName)
	case zcl.AttrModel:
		return zcl.Text(d.cfg.Model)
	case zcl.AttrPowerSource:
		return zcl.Enum8(source)
	case zcl.AttrSerialNumber:
		return zcl.Text(d.cfg.Serial)
	case zcl.AttrSWBuild:
		return zcl.Text(d.cfg.Firmware)
	}
	return zcl.Value{}
}

func (l *Luminaire) temperature(attribute uint16) zcl.Value {
	whole := func(over float64) zcl.Value { return zcl.Int16(int16(math.Round(ambient + over))) }
	switch attribute {
	case zcl.AttrCurrentTemperature:
		return whole(l.meter.over)
	case zcl.AttrMinTemperature:
		return whole(l.meter.coldest)
	case zcl.AttrMaxTemperature:
		return whole(l.meter.hottest)
	}
	return zcl.Value{}
}

func (l *Luminaire) sceneAttribute(attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrSceneCount:
		return zcl.Uint8(uint8(len(l.scenes.list)))
	case zcl.AttrCurrentScene:
		return zcl.Uint8(l.scenes.current.Scene)
	case zcl.AttrCurrentGroup:
		return zcl.Uint16(l.scenes.current.Group)
	case zcl.AttrSceneValid:
		return zcl.Bool(l.scenes.valid && l.scenes.look == l.settledLook())
	case zcl.AttrSceneNames:
		return zcl.Map8(noNames)
	}
	return zcl.Value{}
}

func (l *Luminaire) onOff(now time.Time, attribute uint16) zcl.Value {
	onTime, waitTime := l.light.timed.at(now)
	switch attribute {
	case zcl.AttrGlobalScene:
		return zcl.Bool(!l.global.kept)
	case zcl.AttrOnTime:
		return zcl.Uint16(onTime)
	case zcl.AttrOffWaitTime:
		return zcl.Uint16(waitTime)
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

func (l *Luminaire) color(now time.Time, attribute uint16) zcl.Value {
	if !l.tone.white.tunable() {
		return zcl.Value{}
	}
	switch attribute {
	case zcl.AttrColorRemainingTime:
		return zcl.Uint16(l.tone.remaining(now))
	case zcl.AttrColorTemperature:
		return zcl.Uint16(l.tone.at(now))
	case zcl.AttrColorMode, zcl.AttrEnhancedColorMode:
		return zcl.Enum8(zcl.ColorModeTemperature)
	case zcl.AttrColorOptions:
		return zcl.Map8(l.tone.options)
	case zcl.AttrNumberOfPrimaries:
		return zcl.Uint8(0)
	case zcl.AttrColorCapabilities:
		return zcl.NewValue(zcl.TypeMap16, uint64(zcl.ColorTemperatureCapable))
	case zcl.AttrColorTemperatureMin, zcl.AttrCoupledTemperature:
		return zcl.Uint16(l.tone.white.Coolest)
	case zcl.AttrColorTemperatureMax:
		return zcl.Uint16(l.tone.white.Warmest)
	case zcl.AttrStartUpTemperature:
		return zcl.Uint16(l.tone.startUp)
	}
	return zcl.Value{}
}

func (l *Luminaire) metering(now time.Time, attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrEnergyDelivered:
		return zcl.NewValue(zcl.TypeUint48, l.Energy(now))
	case zcl.AttrMeteringStatus:
		return zcl.Map8(0)
	case zcl.AttrMeteringUnit:
		return zcl.Enum8(unitKWh)
	case zcl.AttrMeteringMultiplier:
		return zcl.NewValue(zcl.TypeUint24, 1)
	case zcl.AttrMeteringDivisor:
		return zcl.NewValue(zcl.TypeUint24, energyDivisor)
	case zcl.AttrMeteringFormat:
		return zcl.Map8(energyDigits)
	case zcl.AttrMeteringDevice:
		return zcl.Map8(electricMeter)
	}
	return zcl.Value{}
}

func (l *Luminaire) ballast(now time.Time, attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrPhysicalMinLevel, zcl.AttrBallastMinLevel:
		return zcl.Uint8(minLevel)
	case zcl.AttrPhysicalMaxLevel, zcl.AttrBallastMaxLevel:
		return zcl.Uint8(maxLevel)
	case zcl.AttrBallastStatus:
		var status uint8
		if l.meter.hot {
			status |= zcl.BallastNotOperational
		}
		if l.faults.Lamp {
			status |= zcl.BallastLampFailure
		}
		return zcl.Map8(status)
	case zcl.AttrBallastLampCount:
		return zcl.Uint8(1)
	case zcl.AttrLampBurnHours:
		return zcl.NewValue(zcl.TypeUint24, uint64(l.BurnTime(now)/time.Hour))
	}
	return zcl.Value{}
}

func (l *Luminaire) diagnostics(attribute uint16) zcl.Value {
	c := l.node.Counters()
	switch attribute {
	case zcl.AttrResets:
		return zcl.Uint16(l.resets)
	case zcl.AttrMemoryWrites:
		return zcl.Uint16(uint16(c.Saves))
	case zcl.AttrNWKDecryptFailure:
		return zcl.Uint16(uint16(c.NWK.Forged + c.NWK.UnknownKey))
	case zcl.AttrNoPacketBuffer:
		return zcl.Uint16(uint16(c.EventsDropped))
	case zcl.AttrLastLQI:
		return zcl.Uint8(l.lqi)
	case zcl.AttrLastRSSI:
		return zcl.NewValue(zcl.TypeInt8, uint64(int64(weakest+int(l.lqi)*lqiRange/math.MaxUint8)))
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
	case zcl.AttrRMSVoltage:
		return zcl.Uint16(mainsVolts * voltDivisor)
	case zcl.AttrRMSCurrent:
		const unit = mainsVolts * 1000 / Milliwatts(ampereDivisor)
		return zcl.Uint16(uint16((l.Light(now).Power + unit/2) / unit))
	case zcl.AttrACVoltageMultiplier, zcl.AttrACCurrentMultiplier, zcl.AttrACPowerMultiplier:
		return zcl.Uint16(1)
	case zcl.AttrACVoltageDivisor:
		return zcl.Uint16(voltDivisor)
	case zcl.AttrACCurrentDivisor:
		return zcl.Uint16(ampereDivisor)
	case zcl.AttrACPowerDivisor:
		return zcl.Uint16(powerDivisor)
	}
	return zcl.Value{}
}

// Write implements [zcl.Application].
func (l application) Write(now time.Time, _ uint8, cluster uint16, a zcl.Attribute) {
	small, wide := uint8(a.Value.Uint()), uint16(a.Value.Uint())
	switch cluster {
	case zcl.ClusterIdentify:
		l.identify.set(now, wide)
	case zcl.ClusterOnOff:
		l.writeOnOff(now, a)
	case zcl.ClusterLevel:
		l.light.write(a)
	case zcl.ClusterColor:
		if a.ID == zcl.AttrColorOptions {
			l.tone.options = small
		} else {
			l.tone.startUp = wide
		}
	}
}

func (l *Luminaire) writeOnOff(now time.Time, a zcl.Attribute) {
	on, wait := l.light.timed.at(now)
	switch a.ID {
	case zcl.AttrStartUpOnOff:
		l.light.startUpOnOff = uint8(a.Value.Uint())
	case zcl.AttrOnTime:
		l.light.timed.set(now, uint16(a.Value.Uint()), wait)
	case zcl.AttrOffWaitTime:
		l.light.timed.set(now, on, uint16(a.Value.Uint()))
	}
}

func (s *settings) write(a zcl.Attribute) {
	small, wide := uint8(a.Value.Uint()), uint16(a.Value.Uint())
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

// Command implements [zcl.Application].
func (l application) Command(now time.Time, m zcl.Message, c zcl.Command) (zcl.Command, zcl.Status) {
	switch c.ID().Cluster {
	case zcl.ClusterIdentify:
		return l.identifyCommand(now, c)
	case zcl.ClusterGroups:
		return l.groups(now, m, c)
	case zcl.ClusterScenes:
		return l.sceneCommand(now, m, c)
	case zcl.ClusterOnOff:
		return nil, l.onOffCommand(now, c)
	case zcl.ClusterLevel:
		return nil, l.levelCommand(now, c)
	case zcl.ClusterColor:
		return nil, l.tone.command(now, l.light.on && !l.light.fade.off, c)
	}
	return nil, zcl.UnsupCommand
}

func (d *body) identifyCommand(now time.Time, c zcl.Command) (zcl.Command, zcl.Status) {
	switch c := c.(type) {
	case zcl.Identify:
		d.identify.set(now, c.Time)
	case zcl.TriggerEffect:
		return nil, d.identify.trigger(now, c)
	case zcl.IdentifyQuery:
		if remaining := d.identify.remaining(now); remaining > 0 {
			return zcl.IdentifyQueryResponse{Remaining: remaining}, zcl.Success
		}
	}
	return nil, zcl.Success
}

func (l *Luminaire) onOffCommand(now time.Time, c zcl.Command) zcl.Status {
	switch c := c.(type) {
	case zcl.On:
		l.light.switchOn(now)
	case zcl.Off:
		l.light.switchOff(now)
	case zcl.Toggle:
		l.light.toggle(now)
	case zcl.OffWithEffect:
		l.offWithEffect(now, c)
	case zcl.OnWithRecallGlobalScene:
		l.recallGlobal(now)
	case zcl.OnWithTimedOff:
		l.light.onWithTimedOff(now, c)
	}
	return zcl.Success
}

// levelCommand carries out a command of Level Control. When the colour temperature
// is coupled to the level, it follows.
func (l *Luminaire) levelCommand(now time.Time, c zcl.Command) zcl.Status {
	var status zcl.Status
	var options zcl.Options
	before := l.light
	switch c := c.(type) {
	case zcl.MoveToLevel:
		status, options = l.light.moveToLevel(now, c), c.Options
	case zcl.Move:
		status, options = l.light.move(now, c), c.Options
	case zcl.Step:
		status, options = l.light.step(now, c), c.Options
	case zcl.Stop:
		l.light.stop(now, c)
		options = c.Options
	}
	if l.light != before && options.Apply(l.light.options)&zcl.CoupleColor != 0 {
		to, length := l.light.level, time.Duration(0)
		if f := l.light.fade; f.active() {
			to, length = f.to, f.length
		}
		l.tone.follow(now, to, length)
	}
	return status
}
