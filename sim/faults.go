package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/zigbee"
)

// A Fault is something bad that happens in a trial, at a time. Scripts of faults
// are read by [ParseFaults].
type Fault struct {
	At   time.Duration // since the start
	Kind FaultKind
	For  time.Duration // 0: to the end

	Room     int                // PowerCut: the circuit of this room; [AllRooms], or [AnyRoom]
	Light    int                // Death: which, counted from 0; [AnyLight]
	Loss     float64            // LossyLinks: the probability that a frame is missed
	Share    float64            // LossyLinks: the share of all links
	Duty     float64            // Interference: the share of the time
	Channels zigbee.ChannelMask // Interference
}

// FaultKind says what a fault is.
type FaultKind uint8

// The kinds of fault.
const (
	PowerCut     FaultKind = iota + 1 // a circuit has no mains power
	Death                             // a light fails for good
	LossyLinks                        // some links lose frames
	Interference                      // somebody else uses some channels
	Trolley                           // something large is moved along a corridor
	Lift                              // a lift runs between the floors
)

// Values of Fault.Room and Fault.Light.
const (
	AllRooms = -2
	AnyRoom  = -3 // the seed decides
	AnyLight = -1
)

// faultSyntax tells how a fault is written.
const faultSyntax = `faults: expected KIND@TIME[+LENGTH][:DETAILS], separated by commas, such as
  power@10m+30s:room=3      the circuit of room 3 has no power for 30 s; room=all, room=any
  death@1h:light=17         light 17 fails for good; light=any
  loss@5m+10m:0.3/0.5       half of all links lose 30 % of the frames
  wifi@2h+1h:15-18/0.4      noise on channels 15 to 18 for 40 % of the time
  trolley@30m+5m            something of metal is moved along the ground floor's corridor
  lift@10m+20m              a car of steel goes up and down in the middle of the building
or random=N for N faults that the seed draws`

// ParseFaults reads a script of faults, as in
// "power@10m+30s:room=3,wifi@2h+1h:15-18/0.4". The word random=N stands for N
// faults within the duration, which the seed draws.
func ParseFaults(script string, seed uint64, duration time.Duration) ([]Fault, error) {
	var all []Fault
	for word := range strings.SplitSeq(script, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		if count, ok := strings.CutPrefix(word, "random="); ok {
			n, err := strconv.Atoi(count)
			if err != nil || n < 0 || n > maxFaults {
				return nil, sconce.Errorf(sconce.Invalid, "%q: %s", word, faultSyntax)
			}
			all = append(all, drawFaults(n, seed, duration)...)
			continue
		}
		f, err := parseFault(word)
		if err != nil {
			return nil, sconce.Errorf(sconce.Invalid, "%q: %w; %s", word, err, faultSyntax)
		}
		all = append(all, f)
	}
	if len(all) > maxFaults {
		return nil, sconce.Errorf(sconce.Invalid, "%d faults; expected at most %d", len(all), maxFaults)
	}
	return all, nil
}

// maxFaults is how many faults a trial may have.
const maxFaults = 1000

var faultKinds = [...]string{PowerCut: "power", Death: "death", LossyLinks: "loss", Interference: "wifi", Trolley: "trolley", Lift: "lift"}

func parseFault(word string) (f Fault, err error) {
	head, details, _ := strings.Cut(word, ":")
	kind, times, ok := strings.Cut(head, "@")
	if f.Kind = FaultKind(max(slices.Index(faultKinds[:], kind), 0)); f.Kind == 0 || !ok {
		return f, fmt.Errorf("no kind of fault and its time")
	}
	at, length, _ := strings.Cut(times, "+")
	if f.At, err = time.ParseDuration(at); err != nil || f.At < 0 {
		return f, fmt.Errorf("no time: %q", at)
	}
	if length != "" {
		if f.For, err = time.ParseDuration(length); err != nil || f.For <= 0 {
			return f, fmt.Errorf("no length of time: %q", length)
		}
	}
	return f, f.details(details)
}

// details reads what a fault of a kind needs to know beside its time.
func (f *Fault) details(text string) (err error) {
	switch f.Kind {
	case PowerCut:
		f.Room, err = place(text, "room", AnyRoom)
	case Death:
		f.Light, err = place(text, "light", AnyLight)
		if f.Light == AllRooms {
			err = fmt.Errorf("light=all: nobody would be left")
		}
	case LossyLinks:
		loss, share, _ := strings.Cut(text, "/")
		if f.Loss, err = ratio(loss); err == nil {
			f.Share, err = ratio(share)
		}
	case Interference:
		channels, duty, _ := strings.Cut(text, "/")
		first, last, _ := strings.Cut(channels, "-")
		if last == "" {
			last = first
		}
		low, err1 := strconv.Atoi(first)
		high, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || low < minChannel || high > maxChannel || low > high {
			return fmt.Errorf("no channels from %d to %d: %q", minChannel, maxChannel, channels)
		}
		for c := low; c <= high; c++ {
			f.Channels |= zigbee.Channels(uint8(c))
		}
		if f.Duty, err = ratio(duty); err == nil && (f.Duty == 0 || f.Duty == 1) {
			err = fmt.Errorf("%q is no share of the time between 0 and 1", duty)
		}
	case Trolley, Lift:
		if text != "" {
			err = fmt.Errorf("a trolley or a lift has no details")
		}
	}
	return err
}

// place reads "what=NUMBER", counted from 1, or what=any or what=all.
func place(text, what string, anywhere int) (int, error) {
	name, value, _ := strings.Cut(text, "=")
	n, err := strconv.Atoi(value)
	switch {
	case name != what:
	case value == "any":
		return anywhere, nil
	case value == "all":
		return AllRooms, nil
	case err == nil && n >= 1:
		return n - 1, nil
	}
	return 0, fmt.Errorf("no %s: %q", what, text)
}

func ratio(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("%q is no number from 0 to 1", text)
	}
	return v, nil
}

// drawFaults returns n faults that the seed decides, the more frequent kinds more
// often, after the first quarter of the time: there the building is set up.
func drawFaults(n int, seed uint64, duration time.Duration) []Fault {
	//nolint:gosec // a simulation is replayed from its seed
	luck := rand.New(rand.NewPCG(seed, 0x6661756c7473))
	all := make([]Fault, n)
	for i := range all {
		f := Fault{
			At:  duration/4 + time.Duration(luck.Int64N(int64(duration/2)+1)),
			For: 10*time.Second + time.Duration(luck.Int64N(int64(10*time.Minute))),
		}
		switch luck.IntN(8) {
		case 0:
			f.Kind, f.Light = Death, AnyLight
		case 1, 2:
			f.Kind, f.Loss, f.Share = LossyLinks, 0.1+0.4*luck.Float64(), 0.1+0.4*luck.Float64()
		case 3, 4:
			first := uint8(minChannel + 5*luck.IntN(3))
			f.Kind, f.Channels, f.Duty = Interference, zigbee.Channels(first, first+1, first+2, first+3), 0.1+0.4*luck.Float64()
		case 5:
			f.Kind = Trolley
		default:
			f.Kind, f.Room = PowerCut, AnyRoom
		}
		all[i] = f
	}
	return all
}

// schedule lets the fault happen when it is due.
func (f Fault) schedule(t *trial) error {
	if f.Kind == PowerCut && f.Room >= t.cfg.Office.Rooms() || f.Kind == Death && f.Light >= t.cfg.Lights {
		return sconce.Errorf(sconce.Invalid, "a fault is for room %d or light %d: there are %d rooms and %d lights", f.Room+1, f.Light+1, t.cfg.Office.Rooms(), t.cfg.Lights)
	}
	t.air.After(f.At, func() {
		end := f.begin(t)
		if f.For > 0 && end != nil {
			t.air.After(f.For, end)
		}
	})
	return nil
}

// begin lets the fault happen, and returns what ends it.
func (f Fault) begin(t *trial) (end func()) {
	switch f.Kind {
	case PowerCut:
		var lights []sconce.EUI64
		switch f.Room {
		case AllRooms:
			lights = t.building.order
		case AnyRoom:
			lights = t.circuits[t.air.random.IntN(t.cfg.Office.Rooms())]
		default:
			lights = t.circuits[f.Room]
		}
		t.setPower(lights, false)
		return func() { t.setPower(lights, true) }
	case Death:
		i := f.Light
		if i == AnyLight {
			i = t.air.random.IntN(t.cfg.Lights)
		}
		t.kill(t.building.order[i])
	case LossyLinks:
		return t.spoilLinks(f.Loss, f.Share)
	case Interference:
		o := t.cfg.Office
		noise, err := t.air.Interfere(Interferer{
			Position: o.InRoom(t.air.random.IntN(o.Rooms()), t.air.random.Float64(), t.air.random.Float64(), 2),
			Power:    10, Channels: f.Channels, Duty: f.Duty,
		})
		if err != nil {
			t.failed(err)
			return nil
		}
		return noise.Stop
	case Trolley:
		return t.roll(f.For)
	case Lift:
		return t.lift()
	}
	return nil
}

// setPower switches a circuit. What has died stays dead.
func (t *trial) setPower(lights []sconce.EUI64, on bool) {
	for _, e := range lights {
		if l := t.building.lights[e]; !l.dead {
			if err := l.setPower(on); err != nil {
				t.failed(err)
			}
		}
	}
}

func (t *trial) kill(e sconce.EUI64) {
	t.setPower([]sconce.EUI64{e}, false)
	t.building.lights[e].dead = true
}

// spoilLinks lets a share of all links lose frames, and returns what mends them.
func (t *trial) spoilLinks(loss, share float64) (mend func()) {
	type pair struct{ x, y *Transceiver }
	var spoilt []pair
	for _, x := range t.air.all {
		for i := range x.links {
			if y := x.links[i].to; y.id > x.id && t.air.random.Float64() < share {
				spoilt = append(spoilt, pair{x, y})
			}
		}
	}
	for _, p := range spoilt {
		p.x.SetLoss(p.y, loss)
	}
	return func() {
		for _, p := range spoilt {
			p.x.SetLoss(p.y, t.cfg.Loss)
		}
	}
}

// roll moves something of metal along the corridor of the ground floor, for a
// time; 0 is a minute.
func (t *trial) roll(d time.Duration) (end func()) {
	const step, radius, loss = 2 * time.Second, 0.8, 12
	if d == 0 {
		d = time.Minute
	}
	o := t.air.AddObstacle(radius, loss)
	begun := t.air.Now()
	gone := false
	var move func()
	move = func() {
		share := float64(t.air.Now().Sub(begun)) / float64(d)
		if gone || share > 1 {
			o.Remove()
			return
		}
		o.Move(t.cfg.Office.InCorridor(0, share, 1.5))
		t.air.After(step, move)
	}
	move()
	return func() { gone = true }
}

// lift lets a lift run between the floors, in a shaft in the middle of the building,
// until it is ended: to a floor that luck draws, a metre a second, and there it waits.
func (t *trial) lift() (end func()) {
	const (
		radius, loss = 1.2, 20 // metres, dB: a car of steel
		perFloor     = FloorHeight * float64(time.Second)
		wait         = 30 * time.Second // mean
	)
	o := t.air.AddObstacle(radius, loss)
	gone := false
	at, to := 0, 0
	var move func()
	move = func() {
		if gone {
			o.Remove()
			return
		}
		o.Move(t.cfg.Office.InCorridor(at, 0.5, radius))
		next := time.Duration(perFloor)
		switch {
		case at < to:
			at++
		case at > to:
			at--
		default:
			next = time.Duration(t.air.random.ExpFloat64() * float64(wait))
			to = t.air.random.IntN(t.cfg.Office.Floors)
		}
		t.air.After(next, move)
	}
	move()
	return func() { gone = true }
}
