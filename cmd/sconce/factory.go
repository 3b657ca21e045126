package main

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sconce"
	"sconce/factory"
)

type factoryCommand struct {
	Init  factoryInit  `cmd:"" help:"Make a new factory: an authority that signs device certificates."`
	Issue factoryIssue `cmd:"" help:"Issue identities: certificate, key, install or claim code, label."`
}

type factoryInit struct {
	Dir  string `required:"" help:"Folder of the factory." type:"path"`
	Name string `required:"" help:"Name that device certificates show as their issuer."`
}

// Run makes the factory.
func (c *factoryInit) Run() error {
	if err := factory.Init(c.Dir, c.Name, time.Now()); err != nil {
		return err
	}
	fmt.Printf("Made the factory %q in %s. Keep its key file secret; clouds trust %s.\n", c.Name, c.Dir, filepath.Join(c.Dir, factory.CertificateFile))
	return nil
}

type factoryIssue struct {
	Dir        string            `required:"" help:"Folder of the factory." type:"path"`
	Out        string            `required:"" help:"Folder that gets a new folder for each identity, named by its address." type:"path"`
	Kind       sconce.DeviceKind `required:"" help:"luminaire, sensor, switch or gateway."`
	EUI64      sconce.EUI64      `required:"" name:"eui64" help:"Address of the (first) device, 16 hexadecimal digits."`
	Model      string            `required:"" help:"Model, at most 32 characters."`
	Serial     string            `required:"" help:"Serial of the device, at most 32 characters; with --count, -1, -2, … is added."`
	ApprovedBy string            `required:"" help:"Security officer who approved it."`
	Count      int               `default:"1" help:"How many identities, of consecutive addresses."`
	CSR        string            `name:"csr" help:"Signing request (PEM) of a device that made its own key." type:"existingfile"`
}

// Run issues the identities.
func (c *factoryIssue) Run() error {
	if c.Count < 1 || c.CSR != "" && c.Count != 1 {
		return sconce.Errorf(sconce.Invalid, "--count must be at least 1, and 1 with --csr")
	}
	authority, err := factory.Open(c.Dir)
	if err != nil {
		return err
	}
	csr, err := c.request()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return fmt.Errorf("making folder: %w", err)
	}
	for n := range c.Count {
		serial := c.Serial
		if c.Count > 1 {
			serial = fmt.Sprintf("%s-%d", c.Serial, n+1)
		}
		id, err := authority.Issue(factory.Request{
			EUI64: c.EUI64 + sconce.EUI64(n), Kind: c.Kind, Model: c.Model, Serial: serial, ApprovedBy: c.ApprovedBy, CSR: csr,
		}, time.Now())
		if err != nil {
			return err
		}
		dir := filepath.Join(c.Out, id.Record.EUI64.String())
		if err := id.Write(dir); err != nil {
			return err
		}
		fmt.Println(dir)
	}
	return nil
}

// request returns the DER of the signing request, nil without one.
func (c *factoryIssue) request() ([]byte, error) {
	if c.CSR == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.CSR)
	if err != nil {
		return nil, fmt.Errorf("reading signing request: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, sconce.Errorf(sconce.Invalid, "%s: expected a PEM block CERTIFICATE REQUEST", c.CSR)
	}
	return block.Bytes, nil
}
