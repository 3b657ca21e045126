package sim

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sconce/device"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// A light measures, for its trust centre, how busy channels are where it hangs, and
// afterwards hears its network as before.
func TestLightMeasuresEnergy(t *testing.T) {
	all := lights(t, 2)
	b, err := NewBuilding(BuildingConfig{Air: AirConfig{Seed: 1, Start: epoch}, Channels: zigbee.Channels(11, 15, 20), Lights: all, Store: MemoryStore{}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, 1)
	h.admit(t, all)
	busy, quiet := uint8(24), uint8(26)
	b.Do(func(a *Air) {
		if _, err := a.Interfere(Interferer{Position: Position{X: 9, Y: 5}, Power: 0, Channels: zigbee.Channels(busy), Duty: 0.5}); err != nil {
			t.Fatal(err)
		}
	})
	h.events = nil
	h.ask(t, all[0].EUI64, stack.DataRequest{
		Cluster: uint16(zdo.MgmtNWKUpdate), Payload: zdo.MgmtNWKUpdateReq{Seq: 9, Channels: zigbee.Channels(busy, quiet), Duration: 3, Count: 1}.Append(nil),
	})
	var got zdo.MgmtNWKUpdateNotify
	h.run(t, "measured", 10*time.Second, func() bool {
		for _, e := range events[stack.DataIndication](h) {
			if e.Cluster == uint16(zdo.MgmtNWKUpdate|zdo.Response) {
				got, err = zdo.ParseMgmtNWKUpdateNotify(e.Payload)
				return true
			}
		}
		return false
	})
	if err != nil || got.Seq != 9 || got.Status != zdo.Success || got.Channels != zigbee.Channels(busy, quiet) || len(got.Energy) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Energy[0] < 100 || got.Energy[1] != 0 {
		t.Errorf("energy %v of a busy channel and one that nobody uses", got.Energy)
	}
	h.ask(t, all[0].EUI64, stack.DataRequest{
		DstEndpoint: device.Endpoint, SrcEndpoint: 1, Profile: zcl.ProfileHomeAutomation, Cluster: zcl.ClusterOnOff, Payload: []byte{1, 1, 0},
	})
	if s, _ := b.Light(all[0].EUI64); s.On {
		t.Error("the light hears nothing any more")
	}
}

// measurer is a device that wants the energy of channels.
type measurer struct {
	Firmware
	asked bool
	got   chan []stack.Energy
}

func (m *measurer) NextEvent() (device.Event, bool) {
	if !m.asked {
		m.asked = true
		return device.EnergyWanted{Channels: zigbee.Channels(11, 24), Duration: 50 * time.Millisecond}, true
	}
	return m.Firmware.NextEvent()
}

func (m *measurer) EnergyMeasured(_ time.Time, list []stack.Energy) { m.got <- list }

// A device that is driven on a radio measures with that.
func TestDriveMeasuresEnergy(t *testing.T) {
	b, err := NewBuilding(BuildingConfig{Air: AirConfig{Seed: 1, Start: epoch}, Channels: zigbee.Channels(11), Store: MemoryStore{}})
	if err != nil {
		t.Fatal(err)
	}
	b.Do(func(a *Air) {
		if _, err := a.Interfere(Interferer{Position: Position{X: 9}, Power: 0, Channels: zigbee.Channels(24), Duty: 0.5}); err != nil {
			t.Fatal(err)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = b.Run(ctx) })
	address, _ := serve(t, b.Paced, 0x99, Position{X: 7})
	l := lights(t, 1)[0]
	luck := rand.NewChaCha8([32]byte{1})
	lamp, err := device.NewLuminaire(device.Config{
		EUI64: zigbee.EUI64(l.EUI64), InstallCode: l.InstallCode, Model: "SV-1", Serial: "1", Firmware: "1", RatedPower: 20_000,
		Channels: zigbee.Channels(11), Random: func(p []byte) { _, _ = luck.Read(p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &measurer{Firmware: lamp, got: make(chan []stack.Energy, 1)}
	drive(t, address, m, l.EUI64, MemoryStore{})
	select {
	case list := <-m.got:
		if len(list) != 2 || list[0] != (stack.Energy{Channel: 11, DBm: -100}) || list[1].Channel != 24 || list[1].DBm < -60 {
			t.Errorf("measured %+v", list)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was measured within a minute")
	}
}
