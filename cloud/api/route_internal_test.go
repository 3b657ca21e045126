package api

import (
	"reflect"
	"testing"
)

type hiddenPeriod struct {
	From string `query:"from"`
}

type hiddenWithout struct{ Name string }

// TestOverlooked: an input whose parameters huma would not see is found, and no other.
func TestOverlooked(t *testing.T) {
	for want, input := range map[string]reflect.Type{
		"hiddenPeriod": reflect.TypeFor[struct {
			hiddenPeriod
			Format string `query:"format"`
		}](),
		"": reflect.TypeFor[struct {
			Page
			hiddenWithout
			period hiddenPeriod
		}](),
	} {
		if got := overlooked(input); got != want {
			t.Errorf("overlooked are the parameters of %q, want %q", got, want)
		}
	}
}
