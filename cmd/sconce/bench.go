package main

import (
	"context"
	"os"

	"sconce/internal/bench"
)

// benchCommand measures, or is one of the servers that measuring needs.
type benchCommand struct {
	Measure benchMeasure `cmd:"" default:"withargs" help:"Measure, one JSON object a line (docs/PERFORMANCE.md)."`
	Serve   benchServe   `cmd:"" hidden:"" help:"Run a server to measure against."`
}

type benchMeasure struct {
	Only   []string `help:"Measure only these figures." placeholder:"NAME"`
	Rounds int      `default:"3" help:"How often each is measured."`

	Readings int `default:"1000000" help:"How many readings are stored beside what questions are answered from." placeholder:"N"`
}

// Run measures.
func (c *benchMeasure) Run(ctx context.Context) error {
	programs, err := ourPrograms()
	if err != nil {
		return err
	}
	return bench.Run(ctx, bench.Options{Programs: programs, Only: c.Only, Rounds: c.Rounds, Readings: c.Readings, Out: os.Stdout, Progress: os.Stderr})
}

type benchServe struct {
	Kind        string `required:"" enum:"edge,journal,postgres,live,tls" help:"What to serve."`
	Domain      string `required:"" help:"Domain of the host names."`
	Certificate string `required:"" help:"File of the certificate of the host names." type:"existingfile"`
	Key         string `required:"" help:"File of its key." type:"existingfile"`
	DeviceCA    string `required:"" name:"device-ca" help:"File of the certificate that signs devices." type:"existingfile"`
	Data        string `help:"Folder of a journal." type:"path"`

	Address []string `help:"Of each database, for a journal on PostgreSQL." sep:"none"`
}

// Run serves until standard input ends.
func (c *benchServe) Run() error {
	return bench.Serve(bench.ServeOptions{
		Kind: c.Kind, Domain: c.Domain, Certificate: c.Certificate, Key: c.Key, DeviceCA: c.DeviceCA, Data: c.Data, Addresses: c.Address,
	})
}
