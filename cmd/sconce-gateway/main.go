// Command sconce-gateway is the edge program: it runs the light network of a
// building on a radio, and speaks to the cloud. It reads one configuration file,
// listens on nothing, and ends cleanly on SIGINT and SIGTERM.
//
// It ends with 2 when its arguments or its configuration are wrong, and with 1
// when it cannot go on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"sconce/gateway"
	"sconce/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := Program{Stdout: os.Stdout, Stderr: os.Stderr}.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Program is the program with what it touches of the process, so that tests run
// the very same.
type Program struct {
	Stdout, Stderr io.Writer
}

type arguments struct {
	Config string `required:"" type:"path" placeholder:"FILE" help:"The configuration, in YAML."`
	Check  bool   `help:"Only say whether the configuration is right."`
}

// The exit codes.
const (
	exitFailed = 1
	exitWrong  = 2
)

// errHelp says that help was asked for and has been given.
var errHelp = errors.New("help was given")

// Run runs the program until ctx is done, and returns its exit code.
func (p Program) Run(ctx context.Context, args []string) int {
	a, err := p.parse(args)
	if errors.Is(err, errHelp) {
		return 0
	}
	if err != nil {
		return p.wrong(err)
	}
	var s settings
	if err := config.Load(a.Config, &s); err != nil {
		return p.wrong(err)
	}
	if a.Check {
		_, _ = fmt.Fprintf(p.Stdout, "%s is right\n", a.Config)
		return 0
	}
	if err := p.run(ctx, s); err != nil {
		_, _ = fmt.Fprintf(p.Stderr, "sconce-gateway: %v\n", err)
		return exitFailed
	}
	return 0
}

func (p Program) run(ctx context.Context, s settings) error {
	handler := slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: s.level()})
	g, err := gateway.New(s.gateway(handler, firmware()))
	if err != nil {
		return err
	}
	return errors.Join(g.Run(ctx), g.Close())
}

func (p Program) wrong(err error) int {
	_, _ = fmt.Fprintln(p.Stderr, err) // there is nowhere else to say it
	return exitWrong
}

func (p Program) parse(args []string) (a arguments, err error) {
	helped := false
	parser, err := kong.New(
		&a, kong.Name("sconce-gateway"), kong.Description("The edge program of a building: its lights, and its link to the cloud."),
		kong.Writers(p.Stdout, p.Stderr), kong.Exit(func(int) { helped = true }),
	)
	if err != nil {
		return a, fmt.Errorf("sconce-gateway: %w", err)
	}
	_, err = parser.Parse(args)
	if helped {
		return a, errHelp
	}
	if err != nil {
		return a, fmt.Errorf("sconce-gateway: %w (--help says more)", err)
	}
	return a, nil
}

// firmware returns the version of the program, as the build knows it.
func firmware() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
