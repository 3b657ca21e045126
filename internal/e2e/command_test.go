package e2e

import (
	"testing"
	"time"
)

// TestCommands dims a light and a group over the API, and looks into the virtual
// lights; the frames of it all are shown to tshark.
func TestCommands(t *testing.T) {
	s := boot(t, 12)
	light := s.Lights[4]
	command, err := s.client.Command(t.Context(), s.project, map[string]any{"device": light.EUI64, "level": 300, "fade_ms": 0})
	if err != nil {
		t.Fatal(err)
	}
	if command.Status != "confirmed" || command.Confirmed != 1 || command.Of != 1 {
		t.Fatalf("command: %+v", command)
	}
	if inside, _ := s.building.Light(light.EUI64); !inside.On || inside.Level != 76 { // round(0.3 × 254)
		t.Errorf("level 300 ‰ was confirmed; inside the light it is %+v", inside)
	}

	groups, err := s.client.Groups(t.Context(), s.project)
	if err != nil {
		t.Fatal(err)
	}
	command, err = s.client.Command(t.Context(), s.project, map[string]any{"group": groups[0].ID, "on": false})
	if err != nil {
		t.Fatal(err)
	}
	if command.Status != "confirmed" || command.Confirmed != 4 || command.Of != 4 {
		t.Fatalf("command: %+v", command)
	}
	for _, l := range s.Lights {
		inside, _ := s.building.Light(l.EUI64)
		if off := groups[0].Name == s.Groups[l.Group]; inside.On == off {
			t.Errorf("%s is on: %v, after its group was switched off: %v", l.Name, inside.On, off)
		}
	}

	t.Run("the lowest level", func(t *testing.T) {
		command, err := s.client.Command(t.Context(), s.project, map[string]any{"device": light.EUI64, "level": 1})
		if err != nil || command.Status != "confirmed" {
			t.Fatalf("command: %+v, %v", command, err)
		}
		if inside, _ := s.building.Light(light.EUI64); !inside.On {
			t.Errorf("inside the light it is %+v; a level above 0 is on", inside)
		}
	})

	t.Run("a light without power", func(t *testing.T) {
		dead := s.Lights[1]
		if err := s.building.SetPower(dead.EUI64, false); err != nil {
			t.Fatal(err)
		}
		command, err := s.client.Command(t.Context(), s.project, map[string]any{"group": groups[1].ID, "level": 800})
		if err != nil {
			t.Fatal(err)
		}
		if command.Status != "partial" || command.Confirmed != 3 || command.Of != 4 {
			t.Errorf("command: %+v", command)
		}
		for _, o := range command.Outcomes {
			if confirmed := o.Status == "confirmed"; confirmed == (o.EUI64 == dead.EUI64) {
				t.Errorf("outcome of %s: %s; without power is %s", o.EUI64, o.Status, dead.EUI64)
			}
		}
	})

	t.Run("power and time of each light", func(t *testing.T) {
		await(t, 30*time.Second, "a power reading of the light", func() bool {
			devices, err := s.client.Devices(t.Context(), s.project)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range devices {
				if d.EUI64 == light.EUI64 {
					inside, _ := s.building.Light(light.EUI64)
					return d.State.Power != nil && near(*d.State.Power, float64(inside.Power)/1000) && d.State.HeardAt != ""
				}
			}
			return false
		})
	})

	t.Run("by Home Assistant", func(t *testing.T) { s.commandByHomeAssistant(light.EUI64) })

	t.Run("tshark", func(t *testing.T) {
		judge(t, s)
	})
}

func near(a, b float64) bool { return a-b < 0.2 && b-a < 0.2 }
