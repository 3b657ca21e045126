package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/store"
)

// again is how long a keeper waits before it begins anew.
const again = 2 * time.Second

// keeper runs the cloud, and begins anew, with nothing that it remembered, when its databases
// were lost: another process may have had them meanwhile. While it waits for them there is no
// cloud; its ports are closed, so that gateways keep what they have, and only operators get
// an answer.
type keeper struct {
	config *cloudConfig
	log    *slog.Logger

	mu    sync.Mutex
	cloud *cloud // nil while there is none
	why   error  // then
}

var (
	errNotRunning = errors.New("the cloud is not running")
	// errLost says that the store may be another process's now.
	errLost = errors.New("the databases were lost")
)

// run runs clouds until ctx ends or something else is wrong than databases that are away.
func (k *keeper) run(ctx context.Context) error {
	k.without(errNotRunning)
	operators, err := (&net.ListenConfig{}).Listen(ctx, "tcp", k.config.Operator.Listen)
	if err != nil {
		return unavailable("operator.listen", k.config.Operator.Listen, err)
	}
	l := plainServer(operators, api.Operator(k.ready, k.metrics, k.log))
	served := make(chan error, 1)
	go func() { served <- l.serve() }()
	err = k.keep(ctx)
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if shut := l.shutdown(deadline); !errors.Is(shut, context.DeadlineExceeded) {
		err = errors.Join(err, shut)
	}
	return errors.Join(err, <-served)
}

func (k *keeper) keep(ctx context.Context) error {
	for lost := false; ; {
		err := k.once(ctx)
		lost = lost || errors.Is(err, errLost) // whatever keeps it from the databases then may pass
		if err == nil || ctx.Err() != nil || !lost && !store.Away(err) {
			return err
		}
		k.without(err)
		k.log.Error("the databases are away; the cloud begins anew when they are back", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// once runs one cloud, whose error is an errLost when its databases were lost.
func (k *keeper) once(ctx context.Context) error {
	c, err := newCloud(ctx, k.config, k.log)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.cloud = c
	k.mu.Unlock()
	err = c.run(ctx)
	k.without(errNotRunning)
	return errors.Join(err, c.store.Close())
}

// without says that there is no cloud, and why.
func (k *keeper) without(why error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cloud, k.why = nil, why
}

func (k *keeper) now() (*cloud, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cloud, k.why
}

// ready returns nil when the cloud can do its work, and else why not.
func (k *keeper) ready(ctx context.Context) error {
	c, why := k.now()
	if c == nil {
		return why
	}
	return c.ready(ctx)
}

// metrics gathers what the cloud counts.
func (k *keeper) metrics() []api.Metric {
	away := api.Metric{Name: "sconce_store_away", Help: "Whether the databases cannot be had: nothing is served.", Value: 1}
	c, _ := k.now()
	if c == nil {
		return []api.Metric{away}
	}
	away.Value = 0
	return append(c.metrics(), away)
}

// unavailable says that a port cannot be had.
func unavailable(key, address string, err error) error {
	return sconce.Errorf(sconce.Unavailable, "%s: %s cannot be had (%w): stop the program that uses it, or choose another in the configuration", key, address, err)
}

// ready returns nil when databases and journal are there and ports are open.
func (c *cloud) ready(ctx context.Context) error {
	if !c.serving.Load() {
		return errNotRunning
	}
	return errors.Join(c.store.Check(ctx), c.journal.Check())
}
