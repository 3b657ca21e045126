package zcl

// MakerSconce is the manufacturer code of Sconce's own clusters: one that the
// Connectivity Standards Alliance keeps for tests, as Sconce has none of its own.
const MakerSconce uint16 = 0xfff1

// AttrRatedPower is the electrical input of a luminaire at full output. The library
// has no attribute for it.
const AttrRatedPower uint16 = 0x0000

// behaviourCluster is what Sconce's lights have beyond the library: their rated power,
// and where light behaviours will be configured and told of: which behaviour a light
// runs, with what settings, and what made it change last. The
// identifier is reserved here; it lies in the range that the library leaves to
// makers (07-5123-08, table 2-9), and means this only together with
// [MakerSconce], which every frame of the cluster carries.
var behaviourCluster = ClusterInfo{
	ID: ClusterBehaviour, Name: "Light Behaviour", Clause: "none: Sconce's own", Revision: 1, Maker: MakerSconce,
	Attributes: []AttributeInfo{
		{ID: AttrRatedPower, Name: "RatedPower", Type: TypeUint16, Unit: "0.1 W", Clause: "none: Sconce's own"},
	},
}
