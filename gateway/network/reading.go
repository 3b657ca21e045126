package network

import (
	"errors"
	"math"
	"time"

	"sconce"
	"sconce/zigbee/zcl"
)

// energyStep is the energy after which it is reported again, in kWh.
const energyStep = 0.01

// reading returns what a value of an attribute that matters measures, and false
// when it is none or its scale is not known.
func (r *Record) reading(cluster, attribute uint16, v zcl.Value) (sconce.Metric, float64, bool) {
	info, ok := zcl.FindAttribute(cluster, attribute)
	if !ok || info.Type != v.Type() || !isReported(cluster, attribute) {
		return 0, 0, false
	}
	switch cluster {
	case zcl.ClusterElectrical:
		return sconce.ActivePower, float64(v.Int()) * float64(r.Multiplier) / float64(r.Divisor), r.Divisor > 0
	case zcl.ClusterMetering:
		const wattHours = 1000 // in a kWh
		energy := wattHours * float64(v.Uint()) * float64(r.EnergyMultiplier) / float64(r.EnergyDivisor)
		return sconce.Energy, energy, r.EnergyMultiplier > 0 && r.EnergyDivisor > 0
	case zcl.ClusterTemperature:
		return sconce.Temperature, float64(v.Int()), true
	case zcl.ClusterOccupancy:
		return sconce.Occupancy, float64(v.Uint() & 1), true
	case zcl.ClusterIlluminance:
		return sconce.Illuminance, lux(v.Uint()), true
	case zcl.ClusterPower:
		return sconce.Battery, float64(v.Uint()) / 2, true
	case zcl.ClusterDiagnostics:
		return sconce.Signal, float64(v.Int()), true
	case zcl.ClusterBallast:
		return sconce.BurnHours, float64(v.Uint()), attribute == zcl.AttrLampBurnHours
	}
	return 0, 0, false
}

// lux returns the illuminance of a value (07-5123-08, 4.2.2.2.1); 0 is too dark
// to be measured.
func lux(value uint64) float64 {
	if value == 0 {
		return 0
	}
	return math.Pow(10, float64(value-1)/10_000)
}

// inKWh is the unit of measure of energy that is understood (07-5123-08, 10.4.2.2.4).
const inKWh = 0

// askEnergyScale reads what the energy is to be multiplied with. Of a device that
// does not count in kilowatt-hours, or does not say, it is not told.
func (d *device) askEnergyScale() request {
	const doing = "reading the scale of its energy"
	r := d.read(doing, zcl.ClusterMetering, zcl.AttrMeteringUnit, zcl.AttrMeteringMultiplier, zcl.AttrMeteringDivisor)
	r.done = func(_ time.Time, payload []byte, err error) {
		var refused statusError
		if err != nil && !errors.As(err, &refused) {
			d.failed(doing, err)
			return
		}
		understood := false
		multiplier, divisor := uint32(1), uint32(1)
		for rec, err := range zcl.ParseReadAttributesResponse(payload) {
			if err != nil || rec.Status != zcl.Success {
				continue
			}
			switch v := uint32(rec.Value.Uint()); {
			case rec.Attribute == zcl.AttrMeteringUnit:
				understood = v == inKWh
			case v == 0:
			case rec.Attribute == zcl.AttrMeteringMultiplier:
				multiplier = v
			case rec.Attribute == zcl.AttrMeteringDivisor:
				divisor = v
			}
		}
		if !understood {
			multiplier = 0
		}
		d.record.EnergyMultiplier, d.record.EnergyDivisor = multiplier, divisor
	}
	return r
}
