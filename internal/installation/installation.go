// Package installation makes a complete Sconce on one machine, in one folder:
// a factory with its devices, certificates for the host names, configuration of
// cloud, gateway and virtual building, an owner's account, and, through the API
// as an installer would, a project with its network, groups and lights. The demo,
// the end-to-end tests and the measurements all stand on it, so that what is
// shown is what is tested.
//
// Everything in the folder is for this machine alone: the certificate authority
// of the host names is made here and trusted by nobody else.
package installation

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/factory"
	"sconce/sim"
)

// Plan says what to make. All ports are on 127.0.0.1.
type Plan struct {
	Dir        string   // is made if it is not there
	Domain     string   // of the host names, as in sconce.localhost
	TLSPort    int      // HTTPS, MQTT and MQTT over WebSocket, by host name
	HTTPPort   int      // plain HTTP
	OpsPort    int      // health and metrics, for operators
	RCPPort    int      // the virtual radio, Spinel over TCP
	Seed       uint64   // of the virtual building
	Groups     []string // names; the lights are dealt to them in turn
	LightCount int      // at most 250
	Sensors    bool     // one in each group, and people whom they see
}

// An Installation is a folder that [Prepare] has made ready.
type Installation struct {
	Plan
	Email    string // of the owner
	Password string
	Made     time.Time
	Gateway  Device
	Lights   []Light
	Sensed   []Sensor
}

// Device is a device and the secret on its label.
type Device struct {
	EUI64  sconce.EUI64
	Secret string // a gateway's claim code, a light's install code
}

// Light is a virtual light and where it hangs.
type Light struct {
	Device
	Serial string
	Name   string
	Group  int // index in Plan.Groups
	Watts  float64
	X, Y   float64 // metres
}

// Sensor is a virtual sensor of occupancy and light, and where it hangs.
type Sensor struct {
	Device
	Serial string
	Name   string
	Group  int     // index in Plan.Groups
	X, Y   float64 // metres
}

// Office returns the building that the groups are in: each has a room, and the last of several the corridor.
func (p Plan) Office() sim.Office {
	return sim.Office{Floors: 1, RoomsOnFloor: max(1, len(p.Groups)-1)}
}

// Place returns where a group is.
func (p Plan) Place(group int) sim.Place { return sim.Place(group) }

// centre returns the middle of where a group is.
func (p Plan) centre(group int) sim.Position {
	o := p.Office()
	if group < o.Rooms() {
		return o.InRoom(group, 0.5, 0.5, sim.CeilingHeight)
	}
	return o.InCorridor(0, 0.5, sim.CeilingHeight)
}

// People returns how many people have a desk there: none without sensors, which would see them.
func (p Plan) People() int {
	if !p.Sensors {
		return 0
	}
	return peopleInRoom * p.Office().Rooms()
}

const peopleInRoom = 3

// The files of an installation's folder.
const (
	manifestFile      = "installation.json"
	cloudConfigFile   = "cloud.yaml"
	gatewayConfigFile = "gateway.yaml"
	buildingFile      = "building.yaml"
	passwordFile      = "owner-password.txt"
	factoryDir        = "factory"
	devicesDir        = "devices"
	hostCAFile        = "host-ca.crt"
)

// CloudConfig returns the path of the cloud's configuration.
func (i *Installation) CloudConfig() string { return i.path(cloudConfigFile) }

// GatewayConfig returns the path of the gateway's configuration.
func (i *Installation) GatewayConfig() string { return i.path(gatewayConfigFile) }

// BuildingConfig returns the path of the virtual building's configuration.
func (i *Installation) BuildingConfig() string { return i.path(buildingFile) }

// Records returns the path of the factory's records.
func (i *Installation) Records() string { return i.path(factoryDir, factory.RecordsFile) }

// PasswordFile returns the path of the file with the owner's password.
func (i *Installation) PasswordFile() string { return i.path(passwordFile) }

// HostCA returns the path of the certificate that signed the host names'.
func (i *Installation) HostCA() string { return i.path(hostCAFile) }

// HostCertificate returns the path of the host names' certificate.
func (i *Installation) HostCertificate() string { return i.path(hostCertificateFile) }

// HostKey returns the path of that certificate's key.
func (i *Installation) HostKey() string { return i.path(hostKeyFile) }

// DeviceCA returns the path of the certificate that signed the devices'.
func (i *Installation) DeviceCA() string { return i.path(factoryDir, factory.CertificateFile) }

// IdentityFiles returns the paths of a device's certificate and key.
func (i *Installation) IdentityFiles(eui sconce.EUI64) (certificate, key string) {
	dir := i.path(devicesDir, eui.String())
	return filepath.Join(dir, factory.IdentityCertificateFile), filepath.Join(dir, factory.IdentityKeyFile)
}

func (i *Installation) path(elements ...string) string {
	return filepath.Join(append([]string{i.Dir}, elements...)...)
}

// Prepare makes the folder ready, or reads back what an earlier call made; then
// only the ports may differ from the plan it was made with. A folder that was
// left half made is an error that says to remove it.
func Prepare(p Plan) (*Installation, error) {
	i := &Installation{Plan: p}
	text, err := os.ReadFile(i.path(manifestFile))
	switch {
	case err == nil:
		if err := json.Unmarshal(text, i); err != nil {
			return nil, fmt.Errorf("reading %s: %w", i.path(manifestFile), err)
		}
		i.Dir, i.TLSPort, i.HTTPPort, i.OpsPort, i.RCPPort = p.Dir, p.TLSPort, p.HTTPPort, p.OpsPort, p.RCPPort
		return i, i.writeConfigurations()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading installation: %w", err)
	}
	if entries, err := os.ReadDir(p.Dir); err == nil && len(entries) > 0 {
		return nil, sconce.Errorf(sconce.Conflict, "%s holds files but no finished installation: remove it and start again", p.Dir)
	}
	if err := i.make(); err != nil {
		return nil, err
	}
	return i, nil
}

// make fills a new folder; the manifest comes last, and marks it as finished.
func (i *Installation) make() error {
	if err := os.MkdirAll(i.Dir, 0o700); err != nil {
		return fmt.Errorf("making installation folder: %w", err)
	}
	var random [15]byte
	_, _ = rand.Read(random[:]) // never fails (Go 1.24)
	i.Email = "owner@" + i.Domain
	i.Password = strings.ToLower(base32.StdEncoding.EncodeToString(random[:]))
	if err := os.WriteFile(i.PasswordFile(), []byte(i.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing password: %w", err)
	}
	i.Made = time.Now()
	if err := i.makeDevices(i.Made); err != nil {
		return err
	}
	if err := i.makeHostCertificates(i.Made); err != nil {
		return err
	}
	if err := i.writeConfigurations(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(i, "", "  ") //nolint:gosec // the password of this machine's demo, in a file of mode 0600
	if err != nil {
		return fmt.Errorf("encoding installation: %w", err)
	}
	return os.WriteFile(i.path(manifestFile), text, 0o600)
}

// The addresses of the virtual devices: locally administered (bit 1 of the first
// byte), so that they are nobody's.
const (
	firstGateway sconce.EUI64 = 0x5ec0ce0000010000
	firstLight   sconce.EUI64 = 0x5ec0ce0000000001
	firstSensor  sconce.EUI64 = 0x5ec0ce0000030001
)

func (i *Installation) makeDevices(now time.Time) error {
	if err := factory.Init(i.path(factoryDir), "Sconce factory of this machine", now); err != nil {
		return err
	}
	authority, err := factory.Open(i.path(factoryDir))
	if err != nil {
		return err
	}
	if err := os.Mkdir(i.path(devicesDir), 0o700); err != nil {
		return fmt.Errorf("making device folder: %w", err)
	}
	issue := func(eui sconce.EUI64, kind sconce.DeviceKind, model, serial string) (*factory.Identity, error) {
		id, err := authority.Issue(factory.Request{EUI64: eui, Kind: kind, Model: model, Serial: serial, ApprovedBy: "this machine's owner"}, now)
		if err != nil {
			return nil, err
		}
		return id, id.Write(i.path(devicesDir, eui.String()))
	}
	gateway, err := issue(firstGateway, sconce.Gateway, "SG-1", "G-0001")
	if err != nil {
		return err
	}
	i.Gateway = Device{firstGateway, gateway.ClaimCode.Reveal()}
	inGroup := make([]int, len(i.Groups))
	for n := range i.LightCount {
		id, err := issue(firstLight+sconce.EUI64(n), sconce.Luminaire, "SL-1", fmt.Sprintf("L-%04d", n+1))
		if err != nil {
			return err
		}
		group := n % len(i.Groups)
		inGroup[group]++
		i.Lights = append(i.Lights, Light{
			Device: Device{id.Record.EUI64, strings.ReplaceAll(id.InstallCode.Label(), " ", "")},
			Serial: id.Record.Serial,
			Name:   i.Groups[group] + " " + strconv.Itoa(inGroup[group]),
			Group:  group,
			Watts:  24,
			X:      i.centre(group).X + 3*float64(inGroup[group]-1),
			Y:      i.centre(group).Y,
		})
	}
	if !i.Sensors {
		return nil
	}
	for group, name := range i.Groups {
		id, err := issue(firstSensor+sconce.EUI64(group), sconce.Sensor, "SO-1", fmt.Sprintf("O-%04d", group+1))
		if err != nil {
			return err
		}
		at := i.centre(group)
		i.Sensed = append(i.Sensed, Sensor{
			Device: Device{id.Record.EUI64, strings.ReplaceAll(id.InstallCode.Label(), " ", "")},
			Serial: id.Record.Serial, Name: name + " sensor", Group: group, X: at.X, Y: at.Y,
		})
	}
	return nil
}

// CheckPorts says in one sentence which port of the plan is in use, if any.
func (p Plan) CheckPorts(ctx context.Context) error {
	for what, port := range map[string]int{"HTTPS and MQTT": p.TLSPort, "the browser": p.HTTPPort, "operators": p.OpsPort, "the radio": p.RCPPort} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address(port))
		if err != nil {
			return sconce.Errorf(sconce.Conflict, "port %d of 127.0.0.1, for %s, cannot be had (%w): stop the program that uses it, or choose another port", port, what, err)
		}
		_ = l.Close() // it was only opened to see that it can be
	}
	return nil
}

// FreePorts chooses four ports that are free now.
func (p *Plan) FreePorts(ctx context.Context) error {
	for _, port := range []*int{&p.TLSPort, &p.HTTPPort, &p.OpsPort, &p.RCPPort} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("looking for a free port: %w", err)
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
