package device

import "sconce"

// MaxRatedPower is the largest power that ActivePower can express at the
// resolution of 0.1 W that the luminaire reports with.
const MaxRatedPower Milliwatts = 3_276_700

// The electrical model of a luminaire with a LED driver:
//
//	off:  standby
//	on:   standby + (rated - standby) × (overhead + (1 - overhead) × output)
//
// The overhead is what a driver loses as soon as it drives, 4 % of full load;
// above it, the current through the diodes and the light are proportional. At
// full output the power is the rated one. The driver corrects its power factor to 1.
const (
	mainsVolts                 = 230
	standbyPower    Milliwatts = 300
	overheadPercent int64      = 4
)

// InputPower returns the electrical input power at a light output.
func InputPower(rated Milliwatts, on bool, output sconce.Level) Milliwatts {
	if !on {
		return standbyPower
	}
	const full = int64(sconce.MaxLevel)
	load := overheadPercent*full + (100-overheadPercent)*int64(output) // in 1/100 per mille
	return standbyPower + Milliwatts((int64(rated-standbyPower)*load+50*full)/(100*full))
}
