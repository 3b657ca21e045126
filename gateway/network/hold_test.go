package network

import (
	"testing"
	"time"

	"sconce/wire"
)

// A command that comes while nothing can be sent is carried out when something can, and
// its light is not blamed for the silence before.
func TestACommandWaitsForTheAir(t *testing.T) {
	w := ready(t, 1)
	w.net.SetAir(w.now, false)
	c := w.switchTo(0, true)
	w.net.Command(w.now, c)
	w.run(commandPatience + time.Second)
	if len(w.sent) != 0 || len(told[wire.Result](w)) != 0 {
		t.Errorf("%d frames and %d results without an air", len(w.sent), len(told[wire.Result](w)))
	}
	w.net.SetAir(w.now, true)
	w.run(time.Second)
	if r := w.result(); r.Command != c.ID || r.Outcomes[0].Status != wire.Confirmed || len(w.sent) != 1 {
		t.Errorf("%+v after %d frames", r, len(w.sent))
	}
}

// One that waits for ever has an end all the same, and so many do not pile up.
func TestHeldCommandsAreBounded(t *testing.T) {
	w := ready(t, 1)
	w.net.SetAir(w.now, false)
	w.light(0).deaf = true
	for i := range maxCommands + 10 {
		c := w.switchTo(0, i%2 == 0)
		c.ID = commandID(i)
		w.net.Command(w.now, c)
	}
	if n := len(w.net.commands.held); n != maxCommands {
		t.Errorf("%d commands wait", n)
	}
	w.run(airPatience + commandPatience + time.Second)
	results := told[wire.Result](w)
	for _, r := range results {
		if len(r.Outcomes) != 1 || r.Outcomes[0].Status == wire.Confirmed {
			t.Errorf("%+v", r)
		}
	}
	if len(results) != maxCommands+10 || len(w.net.commands.held) != 0 {
		t.Errorf("%d results, %d wait", len(results), len(w.net.commands.held))
	}
}
