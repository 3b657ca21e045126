package sim

import (
	"reflect"
	"testing"
	"time"

	"sconce/internal/corpus"
)

// FuzzParseFaults: a script that parses gives faults within their limits, the same
// each time.
func FuzzParseFaults(f *testing.F) {
	for _, s := range []string{
		"power@10m+30s:room=3,death@1h:light=17", "loss@5m+10m:0.3/0.5", "wifi@2h+1h:15-18/0.4", "trolley@30m+5m", "random=5", "power@1s:room=any", "",
	} {
		f.Add(s, uint64(7))
	}
	corpus.Fuzz(f, func(t *testing.T, script string, seed uint64) {
		all, err := ParseFaults(script, seed, time.Hour)
		if err != nil {
			return
		}
		if len(all) > maxFaults {
			t.Fatalf("%d faults", len(all))
		}
		for _, x := range all {
			if x.Kind < PowerCut || x.Kind > Trolley || x.At < 0 || x.For < 0 || x.Room < AnyRoom || x.Light < AllRooms ||
				!(x.Loss >= 0 && x.Loss <= 1) || !(x.Share >= 0 && x.Share <= 1) || !(x.Duty >= 0 && x.Duty <= 1) {
				t.Fatalf("%q gives %+v", script, x)
			}
		}
		if again, err := ParseFaults(script, seed, time.Hour); err != nil || !reflect.DeepEqual(again, all) {
			t.Fatalf("%q gives %+v, and then %+v, %v", script, all, again, err)
		}
	})
}
