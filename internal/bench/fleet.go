package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sconce"
	"sconce/factory"
	"sconce/gateway/link"
	"sconce/internal/installation"
	"sconce/internal/mqttload"
	"sconce/wire"
)

// fleet is many gateways with identities of their own.
type fleet struct {
	inst     *installation.Installation
	roots    *x509.CertPool // that signed the host names
	gateways []*factory.Identity
	groups   []tls.CurveID // of the key exchange; nil for those of our gateways
	first    bool          // each publishes a message when it is connected, and waits until it is acknowledged
}

// firstOfFleet is the address of the first gateway: locally administered.
const firstOfFleet sconce.EUI64 = 0x5ec0ce0000020000

// newFleet issues n identities at the installation's factory. A cloud must learn
// of them before it starts.
func newFleet(inst *installation.Installation, n int) (*fleet, error) {
	text, err := os.ReadFile(inst.HostCA())
	if err != nil {
		return nil, fmt.Errorf("reading host authority: %w", err)
	}
	f := &fleet{inst: inst, roots: x509.NewCertPool()}
	if !f.roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("reading host authority: %s is not a certificate", inst.HostCA())
	}
	authority, err := factory.Open(filepath.Dir(inst.Records()))
	if err != nil {
		return nil, err
	}
	for i := range n {
		id, err := authority.Issue(factory.Request{
			EUI64: firstOfFleet + sconce.EUI64(i), Kind: sconce.Gateway, Model: "SG-1", Serial: fmt.Sprintf("B-%05d", i), ApprovedBy: "the measurement",
		}, time.Now())
		if err != nil {
			return nil, err
		}
		f.gateways = append(f.gateways, id)
	}
	return f, nil
}

// connect connects all gateways to a server, with the TLS of our gateways. The
// connections end with ctx, or with the load.
func (f *fleet) connect(ctx context.Context, addr string, window int, payload func(b []byte, client int, n uint64) []byte) (*mqttload.Load, error) {
	load, err := mqttload.Connect(ctx, mqttload.Config{
		Addr: addr, Clients: len(f.gateways), Window: window, Payload: payload, First: f.first,
		Topic: func(i int) string { return wire.UpTopic(f.gateways[i].Record.EUI64, wire.KindReadings) },
		TLS: func(i int) *tls.Config {
			own := tls.Certificate{Certificate: [][]byte{f.gateways[i].Certificate.Raw}, PrivateKey: f.gateways[i].Key}
			c := link.ClientTLS(f.roots, "mq."+f.inst.Domain, own)
			if f.groups != nil {
				c.CurvePreferences = f.groups
			}
			return c
		},
	})
	if err != nil {
		return nil, fmt.Errorf("connecting %d gateways: %w", len(f.gateways), err)
	}
	context.AfterFunc(ctx, load.Close)
	return load, nil
}
