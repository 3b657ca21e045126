package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sconce"
	"sconce/device"
	"sconce/radio"
	"sconce/zigbee/stack"
)

// DriveConfig says what [Drive] drives. All fields are required.
type DriveConfig struct {
	Radio  radio.Radio
	Device Firmware
	EUI64  sconce.EUI64 // under which the store keeps the device's states
	Store  Store

	// Observe is told what the device tells, beside what Drive itself carries out.
	Observe func(now time.Time, e device.Event)

	// Do brings what the world does to the device: each call may call the device.
	Do <-chan func(now time.Time)
}

// Drive runs a device on a radio by the wall clock: a dongle, or a virtual radio,
// becomes that device.
//
// It returns when ctx ends, the radio is lost, or a state cannot be saved: a device
// must not go on with counters that it would use again.
func Drive(ctx context.Context, cfg DriveConfig) error {
	d := &driver{DriveConfig: cfg}
	timer := time.NewTimer(idleWait)
	defer timer.Stop()
	d.Device.Start(time.Now())
	for {
		if err := d.settle(ctx); err != nil {
			return err
		}
		timer.Reset(d.wait())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f, ok := <-d.Radio.Frames():
			if !ok {
				return d.lost(d.Radio.Err())
			}
			// A radio that has to sleep hears nothing; this one may be no such.
			if d.tuned && d.Device.Filter().Listening {
				d.Device.Receive(time.Now(), f.Data, f.LQI)
			}
		case do := <-d.Do:
			do(time.Now())
		case <-timer.C:
			d.Device.Advance(time.Now())
		}
	}
}

// driver is a device on its radio. One thing happens at a time: while the radio
// sends, received frames wait in its queue.
type driver struct {
	DriveConfig
	tuned bool // the radio has been set
}

// lost says that the radio does not serve any more.
func (d *driver) lost(cause error) error {
	if cause == nil {
		cause = radio.ErrClosed
	}
	return sconce.Errorf(sconce.Unavailable, "the radio was lost (%w): it was unplugged, or another program has taken it; start again when it is free", cause)
}

// settle carries out what the device wants, until it wants nothing.
func (d *driver) settle(ctx context.Context) error {
	for {
		if err := d.drain(ctx); err != nil {
			return err
		}
		f, ok := d.Device.NextFrame()
		if !ok {
			return nil
		}
		if !d.tuned {
			d.Device.FrameDone(time.Now(), stack.TxStatus{})
			continue
		}
		result, err := d.Radio.Transmit(ctx, f.Data)
		if err != nil && !errors.Is(err, radio.ErrFrameSize) {
			return d.failed(ctx, err)
		}
		d.Device.FrameDone(time.Now(), stack.TxStatus{Sent: err == nil && result.Status == radio.Sent, FramePending: result.FramePending})
	}
}

// failed tells the end of the program from that of the radio.
func (d *driver) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return d.lost(err)
}

// drain takes the events of the device.
func (d *driver) drain(ctx context.Context) error {
	for {
		e, ok := d.Device.NextEvent()
		if !ok {
			return nil
		}
		switch e := e.(type) {
		case device.EnergyWanted:
			if err := d.measure(ctx, e); err != nil {
				return err
			}
		case device.RadioChanged:
			if err := d.tune(ctx); err != nil {
				return d.failed(ctx, err)
			}
		case device.SaveState:
			state := d.Device.State()
			if err := d.Store.Save(d.EUI64, state.Append(nil)); err != nil {
				return fmt.Errorf("saving the device: %w", err)
			}
			d.Device.Saved(state)
		default:
			d.Observe(time.Now(), e)
		}
	}
}

// measure measures the energy of channels. What the radio cannot measure is left out.
func (d *driver) measure(ctx context.Context, w device.EnergyWanted) error {
	var list []stack.Energy
	for i := range w.Channels.Len() {
		channel := w.Channels.Nth(i)
		dBm, err := d.Radio.EnergyScan(ctx, channel, w.Duration)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			list = append(list, stack.Energy{Channel: channel, DBm: dBm})
		}
	}
	d.Device.EnergyMeasured(time.Now(), list)
	return nil
}

// tune sets the radio as the device wants it.
func (d *driver) tune(ctx context.Context) error {
	f := d.Device.Filter()
	if f.Channel == 0 {
		return nil // nothing to say or hear yet
	}
	if err := d.Radio.Configure(ctx, radio.Filter{Channel: f.Channel, PANID: uint16(f.PANID), Short: uint16(f.Short), EUI64: uint64(f.EUI64)}); err != nil {
		return err
	}
	d.tuned = true
	short, extended := pendingFor(f)
	return d.Radio.SetPending(ctx, short, extended)
}

// wait returns how long the device wants nothing by itself.
func (d *driver) wait() time.Duration {
	at, ok := d.Device.Deadline()
	if !ok {
		return idleWait
	}
	return max(again, time.Until(at))
}
