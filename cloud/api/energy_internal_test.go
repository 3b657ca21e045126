package api

import (
	"reflect"
	"testing"
)

func TestKnownShare(t *testing.T) {
	for _, test := range []struct {
		known, expected int64
		want            OrNull[float64]
	}{
		{0, 0, OrNull[float64]{}},
		{0, 10, some(0.0)},
		{5, 10, some(0.5)},
		{10, 10, some(1.0)},
		{5, 0, some(1.0)}, // told before the device was said to hang there
	} {
		if got := knownShare(test.known, test.expected); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%d of %d is %+v, want %+v", test.known, test.expected, got, test.want)
		}
	}
}
