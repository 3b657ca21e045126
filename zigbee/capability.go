package zigbee

// Capability is the capability information that a device states when it joins
// and when it announces itself (802.15.4-2006, 7.3.1.2; 05-3474-22, 2.3.2.3.6).
type Capability uint8

// The bits of a capability. The others are reserved.
const (
	AlternateCoordinator Capability = 1 << 0
	FullFunction         Capability = 1 << 1 // a router or coordinator
	MainsPowered         Capability = 1 << 2
	RxOnWhenIdle         Capability = 1 << 3
	SecurityCapable      Capability = 1 << 6 // 0 in Zigbee
	AllocateAddress      Capability = 1 << 7 // asks its parent for a short address
)

// RouterCapability is what a router on mains power states.
const RouterCapability = FullFunction | MainsPowered | RxOnWhenIdle | AllocateAddress

// SleepyCapability is what a battery-powered end device that sleeps states.
const SleepyCapability = AllocateAddress

// Has reports whether every bit of c2 is set in c.
func (c Capability) Has(c2 Capability) bool { return c&c2 == c2 }
