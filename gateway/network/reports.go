package network

import (
	"math"
	"slices"

	"sconce/zigbee/zcl"
)

// row is when one attribute is to be reported (07-5123-08, 2.5.7).
type row struct {
	cluster, attribute uint16
	min, max           uint16  // seconds between two reports
	change             float64 // how large a change is reported, in the unit of the device's reading or of the attribute
}

// unchanging is for values that are told now and then, and not when they change.
const unchanging = 0

// reported is what is asked of devices to report, in the order in which it is set up.
// What it costs the air is measured by TestReportingLeavesTheAirFree. A longest time
// makes good a report that was lost, and gives silence a meaning.
var reported = [...]row{
	// At once, because a person looks at a screen while somebody else presses a switch;
	// and before presence asks (see quietAfter): a report takes half the frames of a
	// question and its answer.
	{zcl.ClusterOnOff, zcl.AttrOnOff, 0, lightMax, 0},
	// The same. A light that fades reports at most once a second (07-5123-08, 3.10.2.2).
	// On/off says that the light is there, so the level need not.
	{zcl.ClusterLevel, zcl.AttrCurrentLevel, 0, 1800, 1},
	// A tenth of what people see as another white, at 2,700 K: some 10 mireds.
	{zcl.ClusterColor, zcl.AttrColorTemperature, 1, 3600, 5},
	// Who dims a light sees its watts follow. Half a watt is 2 % of a typical luminaire.
	{zcl.ClusterElectrical, zcl.AttrActivePower, 2, 1800, powerChange},
	// Each quarter of an hour, because rollups are of quarters; a change says no more than
	// the power does, unless it is large.
	{zcl.ClusterMetering, zcl.AttrEnergyDelivered, 600, 900, energyStep},
	// A driver warms up by 40 °C within an hour; what it is at rest does not matter.
	{zcl.ClusterTemperature, zcl.AttrCurrentTemperature, 600, 3600, 5},
	// A fault is told at once; that there is none, now and then.
	{zcl.ClusterBallast, zcl.AttrBallastStatus, 1, 14400, 0},
	// Hours count in hours: in steps of four, and twice a day.
	{zcl.ClusterBallast, zcl.AttrLampBurnHours, 3600, 43200, 4},
	// How strong the device hears others; it changes with doors and people all the time.
	{zcl.ClusterDiagnostics, zcl.AttrLastRSSI, 3600, 3600, unchanging},
	// Somebody comes in: at once. The sensor holds the state, so it does not flicker.
	{zcl.ClusterOccupancy, zcl.AttrOccupancy, 0, 1800, 0},
	// 12 % more or less light: what an eye notices. Clouds change it by the second.
	{zcl.ClusterIlluminance, zcl.AttrIlluminance, 60, 1800, 500},
	// One per cent, and twice a day: a battery lasts for years.
	{zcl.ClusterPower, zcl.AttrBatteryPercentage, 3600, 43200, 2},
}

// reportsVersion counts the changes of the table: a device that was set up by another is
// set up anew.
const reportsVersion = 2

// lightMax is the longest time in seconds in which a light says nothing.
const lightMax = 90

// powerChange is the change of power that is reported, in watts.
const powerChange = 0.5

// reportedClusters are bound and report, in this order.
func reportedClusters() (list []uint16) {
	for _, r := range reported {
		if !slices.Contains(list, r.cluster) {
			list = append(list, r.cluster)
		}
	}
	return list
}

// attributesOf returns what of a cluster is reported.
func attributesOf(cluster uint16) (list []uint16) {
	for _, r := range reported {
		if r.cluster == cluster {
			list = append(list, r.attribute)
		}
	}
	return list
}

// isReported reports whether an attribute matters.
func isReported(cluster, attribute uint16) bool {
	return slices.ContainsFunc(reported[:], func(r row) bool { return r.cluster == cluster && r.attribute == attribute })
}

// reports returns when the attributes of a cluster are to be reported.
func (d *device) reports(cluster uint16) (list []zcl.Reporting) {
	for _, r := range reported {
		if r.cluster != cluster {
			continue
		}
		info, _ := zcl.FindAttribute(cluster, r.attribute)
		c := zcl.Reporting{Attribute: r.attribute, Type: info.Type, Min: r.min, Max: r.max}
		if info.Type.Analog() {
			c.Change = zcl.NewValue(info.Type, uint64(d.record.units(r)))
		}
		list = append(list, c)
	}
	return list
}

// units returns the change of a row as the device counts it, rounded up.
func (r *Record) units(row row) float64 {
	switch {
	case row.cluster == zcl.ClusterElectrical && r.Multiplier > 0:
		return min(math.Ceil(row.change*float64(r.Divisor)/float64(r.Multiplier)), math.MaxInt16)
	case row.cluster == zcl.ClusterMetering && r.EnergyMultiplier > 0:
		return math.Ceil(row.change * float64(r.EnergyDivisor) / float64(r.EnergyMultiplier))
	default:
		return max(1, row.change)
	}
}
