package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sconce"
	"sconce/internal/installation"
)

const (
	commandLights   = 3
	commandsARound  = 100
	commandsAtLeast = 200 // whatever the number of rounds: a 99th percentile needs many
	configureTime   = 2 * time.Minute
)

// timed is a command from the request to the answer that says it is confirmed.
type timed struct{ asked, confirmed time.Time }

func (t timed) ms() float64 { return milliseconds(t.confirmed.Sub(t.asked)) }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// commands measures commands to one light through the true programs, beside the
// airtime of their frames, which is known from a capture of the very run.
func (b *bench) commands(ctx context.Context) (figures []Figure, err error) {
	inst, err := b.install(ctx, "commands", commandLights)
	if err != nil {
		return nil, err
	}
	capture := filepath.Join(b.dir, "commands.pcap")
	rounds, err := b.command(ctx, inst, capture)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(capture)
	if err != nil {
		return nil, fmt.Errorf("reading capture: %w", err)
	}
	frames, err := parseCapture(text)
	if err != nil {
		return nil, err
	}
	var all, before, during, after, airtime []float64
	var halves, tails []round
	for _, commands := range rounds {
		var took, air []float64
		for _, c := range commands {
			x, ok := exchangeOf(frames, c)
			if !ok {
				return nil, errors.New("a confirmed command left no frame in the capture")
			}
			took, air = append(took, c.ms()), append(air, milliseconds(x.airtime))
			before = append(before, milliseconds(x.first.Sub(c.asked)))
			during = append(during, milliseconds(x.last.Sub(x.first)))
			after = append(after, milliseconds(c.confirmed.Sub(x.last)))
		}
		halves = append(halves, round{median(took), median(air)})
		tails = append(tails, round{percentile(took, 99), median(air)})
		all, airtime = append(all, took...), append(airtime, air...)
	}
	b.say("  %d commands; medians: %.1f ms to the first frame, %.1f ms to the end of the last (%.1f ms of airtime), %.1f ms to the answer; the longest took %.1f ms",
		len(all), median(before), median(during), median(airtime), median(after), percentile(all, 100))
	return []Figure{
		newFigure("command_ms_p50", "ms", "airtime_of_its_frames_ms_p50", halves, valueAtMost(60)),
		newFigure("command_ms_p99", "ms", "airtime_of_its_frames_ms_p50", tails, valueAtMost(200)),
	}, nil
}

// exchange is what one command caused on the air.
type exchange struct {
	first, last time.Time     // the start of the first frame and the end of the last
	airtime     time.Duration // of all its frames
}

// exchangeOf gathers the frames that began between the request and the answer.
// Now and then one of them has another cause; a median does not mind.
func exchangeOf(frames []airFrame, c timed) (x exchange, ok bool) {
	for _, f := range frames {
		if f.at.Before(c.asked) || f.at.After(c.confirmed) {
			continue
		}
		if !ok {
			x.first, ok = f.at, true
		}
		x.last = f.end()
		x.airtime += f.air
	}
	return x, ok
}

// command runs the programs and returns the commands of each round.
func (b *bench) command(ctx context.Context, inst *installation.Installation, capture string) (rounds [][]timed, err error) {
	var log bytes.Buffer // what a program says counts only when it ends in its start
	if err := inst.Initialise(ctx, b.Programs); err != nil {
		return nil, err
	}
	cloud, err := inst.StartCloud(ctx, b.Programs, &log)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, log.Bytes())
	}
	defer cloud.Kill()
	client, project, err := signIn(ctx, inst)
	if err != nil {
		return nil, err
	}
	building, err := inst.StartBuilding(b.Programs, io.Discard, capture)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, building.Stop()) }() // by itself, so that the capture is whole
	gateway, err := inst.StartGateway(b.Programs, io.Discard)
	if err != nil {
		return nil, err
	}
	defer gateway.Kill()
	if err := awaitConfigured(ctx, client, project); err != nil {
		return nil, err
	}
	each := max(commandsARound, (commandsAtLeast+b.Rounds-1)/b.Rounds)
	for range b.Rounds {
		var commands []timed
		for n := range each {
			c, err := b.dim(ctx, client, project, inst.Lights[n%len(inst.Lights)].EUI64, 300+500*(n/len(inst.Lights)%2))
			if err != nil {
				return nil, err
			}
			commands = append(commands, c)
		}
		rounds = append(rounds, commands)
	}
	return rounds, nil
}

// dim brings one light to a level without a fade, after a pause that the air's
// own times do not divide.
func (b *bench) dim(ctx context.Context, client *installation.Client, project sconce.ProjectID, light sconce.EUI64, level int) (timed, error) {
	if err := pause(ctx, time.Duration(50+b.luck.IntN(100))*time.Millisecond); err != nil {
		return timed{}, err
	}
	c := timed{asked: time.Now()}
	result, err := client.Command(ctx, project, map[string]any{"device": light, "level": level, "fade_ms": 0})
	c.confirmed = time.Now()
	if err == nil && result.Status != "confirmed" {
		err = fmt.Errorf("a command to light %s ended as %q", light, result.Status)
	}
	return c, err
}

func awaitConfigured(ctx context.Context, client *installation.Client, project sconce.ProjectID) error {
	ctx, cancel := context.WithTimeout(ctx, configureTime)
	defer cancel()
	for {
		var devices struct {
			Items []installation.DeviceView `json:"items"`
		}
		if err := client.Do(ctx, http.MethodGet, "/projects/"+string(project)+"/devices", nil, &devices); err != nil {
			return err
		}
		configured := 0
		for _, d := range devices.Items {
			if d.Stage == "configured" && d.State != nil && d.State.Level != nil {
				configured++
			}
		}
		if configured == commandLights {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for %d lights to be configured; %d are: %w", commandLights, configured, err)
		}
	}
}

// pause waits, or returns the error of ctx when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
