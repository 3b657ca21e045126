// Package sim is a simulated building: an air that carries IEEE 802.15.4 frames
// at their true speed, devices that live on it, and virtual radio co-processors
// through which a gateway, ours or anybody's, joins them.
//
// The air is a discrete-event simulation on one clock from one seed: the same
// seed, devices and calls give the same frames, byte for byte. It follows IEEE
// 802.15.4-2006 for the 2.4 GHz O-QPSK PHY: airtime, unslotted CSMA-CA,
// acknowledgements, retries. Path loss grows with the distance, each link has
// shadowing of its own, frames collide, and the stronger may survive.
//
// In a trial, people walk through the rooms of an office, sensors see them, they press
// switches with and without batteries, and the sun shines or does not. All of that
// is a function of the seed and the date.
//
// It does not model multipath within a frame, other users of the band, or
// the time that a device takes to think. Reception is decided when a frame ends,
// from signal, interference and luck.
package sim
