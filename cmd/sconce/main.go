// Command sconce is the program for people: it runs the cloud, a factory, a
// virtual building and the demo, administers a cloud, and measures.
//
// It only wires: what it runs is in the other packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"sconce"
	"sconce/internal/config"
)

// version is set by the build.
var version = "development"

// cli is the command line.
type cli struct {
	Cloud   cloudCommand     `cmd:"" help:"Run the cloud."`
	Demo    demoCommand      `cmd:"" help:"Run cloud, gateway and a virtual building on this machine."`
	Sim     simCommand       `cmd:"" help:"Run a virtual building behind a virtual radio."`
	Device  deviceCommand    `cmd:"" help:"Run one virtual device on any radio, such as a dongle."`
	Factory factoryCommand   `cmd:"" help:"Make device identities."`
	Ctl     ctlCommand       `cmd:"" help:"Administer a cloud on this machine."`
	Bench   benchCommand     `cmd:"" help:"Measure, one JSON object a line."`
	Version kong.VersionFlag `help:"Print the version."`
}

// The exit codes beside 0.
const (
	exitFailure = 1 // something went wrong
	exitUsage   = 2 // the command line or a configuration is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("sconce"), kong.Description("Open, self-hostable connected lighting."),
		kong.Vars{"version": version}, kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(os.Stderr, "sconce:", err)
		return exitFailure
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sconce:", err)
		return exitUsage
	}
	if err := command.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		var wrong *config.Error
		if errors.As(err, &wrong) || sconce.KindOf(err) == sconce.Invalid {
			return exitUsage
		}
		return exitFailure
	}
	return 0
}
