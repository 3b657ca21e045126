package device

import (
	"testing"
	"time"

	"sconce/zigbee/zcl"
)

func TestTriggerEffect(t *testing.T) {
	after := func(d time.Duration) time.Time { return start.Add(d) }
	const s, ms = time.Second, time.Millisecond
	for name, test := range map[string]struct {
		do   func(i *identify)
		last time.Duration // how long it blinks
	}{
		"blink":   {func(i *identify) { i.trigger(start, zcl.TriggerEffect{Effect: zcl.EffectBlink}) }, s},
		"breathe": {func(i *identify) { i.trigger(start, zcl.TriggerEffect{Effect: zcl.EffectBreathe}) }, 15 * s},
		"another": {func(i *identify) {
			i.trigger(start, zcl.TriggerEffect{Effect: zcl.EffectBreathe})
			i.trigger(after(s), zcl.TriggerEffect{Effect: zcl.EffectOkay})
		}, 2 * s},
		"finish": {func(i *identify) {
			i.trigger(start, zcl.TriggerEffect{Effect: zcl.EffectBreathe})
			i.trigger(after(2300*ms), zcl.TriggerEffect{Effect: zcl.EffectFinish})
		}, 3 * s},
		"stop": {func(i *identify) {
			i.trigger(start, zcl.TriggerEffect{Effect: zcl.EffectBreathe})
			i.trigger(after(2300*ms), zcl.TriggerEffect{Effect: zcl.EffectStop})
		}, 0},
		"while it identifies": {func(i *identify) {
			i.set(start, 9)
			i.trigger(after(s), zcl.TriggerEffect{Effect: zcl.EffectBlink})
		}, 9 * s},
	} {
		var i identify
		test.do(&i)
		if test.last > 0 && !i.activeAt(after(test.last-1)) || i.activeAt(after(test.last)) {
			t.Errorf("%s: blinks until %v, want %v", name, i.until.Sub(start), test.last)
		}
		if name != "while it identifies" && i.remaining(start) != 0 {
			t.Errorf("%s counts as identifying", name)
		}
	}
	var i identify
	if got := i.trigger(start, zcl.TriggerEffect{Effect: 0x77}); got != zcl.InvalidField {
		t.Errorf("an effect that is not known: %v", got)
	}
}
