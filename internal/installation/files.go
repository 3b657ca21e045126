package installation

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"text/template"
	"time"
)

const (
	hostCertificateFile = "host.crt"
	hostKeyFile         = "host.key"
)

// makeHostCertificates makes an authority that signs one certificate for the
// host names, and forgets the authority's key.
func (i *Installation) makeHostCertificates(now time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making host authority: %w", err)
	}
	ca := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Sconce hosts of this machine"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
		// Whoever is talked into trusting it trusts it for these names only.
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{i.Domain},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return fmt.Errorf("signing host authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making host key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: i.Domain},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{i.Domain, "mq." + i.Domain, "web.mqtt." + i.Domain},
	}, ca, key.Public(), caKey)
	if err != nil {
		return fmt.Errorf("signing host certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding host key: %w", err)
	}
	for _, f := range []struct {
		name, block string
		der         []byte
	}{{hostCAFile, "CERTIFICATE", caDER}, {hostCertificateFile, "CERTIFICATE", der}, {hostKeyFile, "PRIVATE KEY", keyDER}} {
		text := pem.EncodeToMemory(&pem.Block{Type: f.block, Bytes: f.der})
		if err := os.WriteFile(i.path(f.name), text, 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", f.name, err)
		}
	}
	return nil
}

// The configurations are written anew at every start, for the ports may change.
// Paths in them are relative to their own folder.
var configurations = map[string]*template.Template{
	cloudConfigFile: template.Must(template.New("").Parse(`# The cloud of this installation. Written anew at every start of the demo.
domain: {{.Domain}}
listen: 127.0.0.1:{{.TLSPort}}
tls:
  certificate_file: host.crt
  key_file: host.key
devices:
  ca_file: factory/factory-ca.crt
data:
  dir: cloud
  master_key_file: master.key
operator:
  listen: 127.0.0.1:{{.OpsPort}}
demo:
  listen: 127.0.0.1:{{.HTTPPort}} # plain HTTP: on this machine only
`)),
	gatewayConfigFile: template.Must(template.New("").Parse(`# The gateway of this installation. Written anew at every start of the demo.
cloud:
  address: 127.0.0.1:{{.TLSPort}}
  server_name: mq.{{.Domain}}
  ca_file: host-ca.crt
identity:
  certificate_file: devices/{{.Gateway.EUI64}}/identity.crt
  key_file: devices/{{.Gateway.EUI64}}/identity.key
radio:
  url: spinel+tcp://127.0.0.1:{{.RCPPort}}
state:
  file: gateway/state.sealed
  key_file: gateway/state.key
`)),
	buildingFile: template.Must(template.New("").Parse(`# The virtual building of this installation. Written anew at every start of the demo.
seed: {{.Seed}}
lights:
{{- range .Lights}}
  - {eui64: {{.EUI64}}, install_code: {{.Secret}}, model: SL-1, serial: {{.Serial}}, watts: {{.Watts}}, x: {{.X}}, y: {{.Y}}}
{{- end}}
{{- if .Sensed}}
sensors:
{{- range .Sensed}}
  - {eui64: {{.EUI64}}, install_code: {{.Secret}}, model: SO-1, serial: {{.Serial}}, x: {{.X}}, y: {{.Y}}}
{{- end}}
rooms: {{.Office.Rooms}}
people: {{.People}}
{{- end}}
`)),
}

func (i *Installation) writeConfigurations() error {
	if err := os.MkdirAll(i.path("gateway"), 0o700); err != nil {
		return fmt.Errorf("making gateway folder: %w", err)
	}
	for name, t := range configurations {
		var text bytes.Buffer
		if err := t.Execute(&text, i); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(i.path(name), text.Bytes(), 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
