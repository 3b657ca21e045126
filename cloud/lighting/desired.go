package lighting

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/wire"
)

// lockSending returns the lock under which desired states are read and sent to a
// gateway, so that an older one never follows a newer one.
func (s *Service) lockSending(gateway sconce.EUI64) *sync.Mutex {
	return &s.sending[uint64(gateway)%uint64(len(s.sending))]
}

// GatewayConnected tells a gateway which network it serves and what is desired
// there. It is called when a gateway has connected and listens, and when its
// assignment has changed.
func (s *Service) GatewayConnected(ctx context.Context, gateway sconce.EUI64) error {
	l := s.lockSending(gateway)
	l.Lock()
	defer l.Unlock()
	scope, err := s.Entrance.EnterGateway(ctx, gateway)
	if sconce.KindOf(err) == sconce.NotFound {
		return s.send(gateway, wire.Adopt{})
	}
	if err != nil {
		return err
	}
	_, network := scope.Gateway()
	adopt := wire.Adopt{Project: scope.Project(), Network: network}
	if adopt.Occupancy, err = s.occupancyPeriod(ctx, scope); err != nil {
		return err
	}
	if err := s.send(gateway, adopt); err != nil {
		return err
	}
	return s.sendDesired(ctx, scope, gateway, network)
}

// occupancyPeriod returns the period in minutes of which gateways of the project tell
// occupancy, 0 for single values.
func (s *Service) occupancyPeriod(ctx context.Context, scope project.Scope) (uint8, error) {
	aggregated, name, err := s.Store.Discretion(ctx, scope)
	if err != nil || !aggregated {
		return 0, err
	}
	zone, err := project.Zone(name)
	if err != nil {
		return 0, err
	}
	return period(zone, time.Now().Year()), nil
}

// period returns the longest period in minutes, of 60, 30 and 15, at whose ends all hours of a
// time zone begin in a year and the next: what is asked is by the hour there, and gateways
// count periods in UTC.
func period(zone *time.Location, year int) uint8 {
	longest := 60
	for month := range 24 {
		_, offset := time.Date(year, time.Month(1+month), 1, 0, 0, 0, 0, zone).Zone()
		for offset%(longest*60) != 0 && longest > 15 {
			longest /= 2
		}
	}
	return uint8(longest)
}

// changed brings a change of the desired state to the gateway of the network. One
// that cannot be told now is told when it connects.
func (s *Service) changed(ctx context.Context, scope project.Scope, network sconce.NetworkID) {
	if s.Changed != nil {
		s.Changed(scope.Project())
	}
	gateway, err := s.Store.NetworkGateway(ctx, scope, network)
	if err == nil && gateway != 0 && s.Presence.Online(gateway) {
		l := s.lockSending(gateway)
		l.Lock()
		defer l.Unlock()
		err = s.sendDesired(ctx, scope, gateway, network)
	}
	if err != nil {
		s.Log.Warn("sending the desired state; it is sent when the gateway connects", "gateway", gateway, "network", network, "error", err)
	}
}

func (s *Service) sendDesired(ctx context.Context, scope project.Scope, gateway sconce.EUI64, network sconce.NetworkID) error {
	version, devices, err := s.Store.Desired(ctx, scope, network)
	if err != nil || version == 0 {
		return err
	}
	d := wire.Desired{Version: version}
	for _, one := range devices {
		code, err := s.Vault.Open(one.InstallCode, codeField(one.Position))
		if err != nil {
			return fmt.Errorf("opening the install code of %s: %w", one.Device, err)
		}
		d.Devices = append(d.Devices, wire.DesiredDevice{Device: one.Device, Kind: one.Kind, InstallCode: code, Groups: one.Groups})
	}
	return s.send(gateway, d)
}

func (s *Service) send(gateway sconce.EUI64, body wire.Down) error {
	payload, err := wire.AppendDown(nil, wire.DownHeader{Version: wire.Version, Sent: wire.Time(time.Now().UnixMilli())}, body)
	if err != nil {
		return err
	}
	if err := s.Down.Send(gateway, body.DownKind(), payload); err != nil {
		return fmt.Errorf("sending %s to gateway %s: %w", body.DownKind(), gateway, err)
	}
	return nil
}
