// Package interop lets strangers run our lights: Zigbee2MQTT with its adapter
// "zoh", whose coordinator and trust centre are zigbee-on-host, an independent
// Zigbee stack (R23) on the far side of our virtual radio co-processor. It holds
// tests only; `make interop` runs them, as they need what `scripts/setup
// interop` installs.
//
// The strangers are under the GPL: they run as programs of their own, and
// nothing of them is linked, copied or shipped.
package interop
