package stack

import (
	"testing"
	"time"

	"sconce/zigbee/aps"
)

// No new key is used before the state that holds it is saved.
func TestNewKeysAreSavedFirst(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	m.run(5*time.Second, nil)
	tc.manual = true
	old := tc.State()
	if err := tc.RotateNetworkKey(m.now); err != nil {
		t.Fatal(err)
	}
	tc.drain()
	tc.Saved(old)
	if m.run(time.Second, nil); tc.rotation.step != keyStoring {
		t.Error("a network key that is not saved is sent")
	}
	lamps[0].manual = true
	old = lamps[0].State()
	if err := lamps[0].aps.SetKey(tcAddress, aps.Provisional, code(t, 9).LinkKey()); err != nil {
		t.Fatal(err)
	}
	lamps[0].changed()
	lamps[0].renewal = renewal{revision: lamps[0].save.revision}
	lamps[0].Saved(old)
	if lamps[0].renewal.tries != 0 {
		t.Error("a link key that is not saved is proved")
	}
}
