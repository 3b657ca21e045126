package ingest

import (
	"time"

	"sconce/cloud/telemetry"
	"sconce/wire"
)

// Clock is what a run of a gateway has told of its clock. All times that the gateway
// sends in a run are wrong by the same (see [wire.Clock]), however old the message. The
// zero value is that of a gateway that does not tell: its times are taken as they are.
type Clock struct {
	Known bool
	Ahead time.Duration // the cloud's time less the gateway's
}

const (
	// trusted is how far a clock may be out for its times to be taken as they are:
	// what a message takes to come and to be committed is no fault of the clock.
	trusted = 5 * time.Second
	// steady is how much a hello must differ from what is known to count: so the times of
	// a run are not moved to and fro by what its hellos took to come.
	steady = 2 * time.Second
)

// hello takes what a hello tells that was made for its connection.
func (c *Clock) hello(received time.Time, sent wire.Time) {
	ahead := time.Duration(received.UnixMilli()-int64(sent)) * time.Millisecond
	if !c.Known || (ahead-c.Ahead).Abs() >= steady {
		*c = Clock{Known: true, Ahead: ahead}
	}
}

// Wrong reports whether the times of the run are put right.
func (c Clock) Wrong() bool { return c.Known && c.Ahead.Abs() >= trusted }

// right returns a time as it would be by the cloud's clock; 0 stays "never".
func (c Clock) right(t wire.Time) wire.Time {
	if t == 0 || !c.Wrong() {
		return t
	}
	return t + wire.Time(c.Ahead.Milliseconds())
}

// drops returns what a hello says that the buffer had to drop.
func (c Clock) drops(list []wire.Dropped) (drops []telemetry.Drop) {
	for _, d := range list {
		drops = append(drops, telemetry.Drop{
			Kind: string(d.Kind), Class: uint8(d.Class), Count: d.Count, From: c.moment(d.From), To: c.moment(d.To),
		})
	}
	return drops
}

// moment returns a time by the cloud's clock; one that no calendar has is not known.
func (c Clock) moment(t wire.Time) time.Time {
	at := when(c.right(t))
	if y := at.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return at
}
