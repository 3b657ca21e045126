package sim

import (
	"math/rand/v2"
	"time"

	"sconce"
	"sconce/device"
)

// LifeConfig says who lives in a building, and under which sun.
type LifeConfig struct {
	Office Office // the rooms; devices are in those that their positions say
	People int    // their desks are dealt to the rooms in turn
	Seed   uint64
	Sun    Sun

	// Press, optional, is told that somebody wants to press a switch of a room; without
	// it, they press the first switch with a battery that is there. It is called while the
	// air is held.
	Press func(room Place, on bool)

	// Occupied, optional, is told that a sensor takes its room for occupied, or not
	// any more: within [lookEvery] of when it does. It is called while the air is held.
	Occupied func(e sconce.EUI64, occupied bool)
}

// The habits of people with switches. Who comes in switches on when it is too dark
// for them; who is in already does so now and then (Reinhart's Lightswitch-2002: 5 %
// every five minutes below 200 lx); the last one out often switches off. The numbers
// without a source are ours.
const (
	dimmest, brightestDark = 100.0, 300.0 // lx: below what people find it dark
	darkWhileThere         = 200.0        // lx
	onWhileThere           = 0.01         // probability in a minute
	offOnLeaving           = 0.5          // probability, for a while
	offOnGoingHome         = 0.9
)

// How often sensors look, and how surely one sees somebody who sits at a desk
// within that time. Its range, 4 m, is a room's.
const (
	lookEvery    = 10 * time.Second
	seenAtDesk   = 0.5
	looksForAlux = 6 // lookEvery after which light is measured
)

// life is people and a sun at work on a building. Everything in it comes from its
// seed, and from what the lights do.
type life struct {
	cfg      LifeConfig
	building *Building
	air      *Air
	luck     *rand.Rand
	people   []resident
	rooms    []room // by place, corridors too
	looks    int
}

// resident is a person on a day.
type resident struct {
	Person
	dark  float64 // lx
	day   []Stay
	place Place
}

// room is a place, and who and what is there.
type room struct {
	people  int
	lights  []*light
	sensors []*watcher
	button  *sleeper // on the wall; nil without
	factor  float64  // of daylight, on the desks in the middle
	desk    Position
}

// watcher is a sensor, and what it was last known to take its room for.
type watcher struct {
	*sleeper
	factor   float64
	desk     Position // below it
	occupied bool
}

// Inhabit lets people and the sun into a building. It is called once.
func (b *Building) Inhabit(cfg LifeConfig) {
	//nolint:gosec // people are replayed from their seed
	l := &life{cfg: cfg, building: b, luck: rand.New(rand.NewPCG(cfg.Seed, 0x6c696665))}
	o := cfg.Office
	l.rooms = make([]room, o.Rooms()+o.Floors)
	for i := range o.Rooms() {
		r := &l.rooms[i]
		r.desk = o.InRoom(i, 0.5, 0.5, deskHeight)
		r.factor = o.DaylightFactor(i, r.desk)
	}
	for _, e := range b.order {
		lamp := b.lights[e]
		r := &l.rooms[o.PlaceOf(lamp.cfg.Position)]
		r.lights = append(r.lights, lamp)
	}
	for _, c := range b.cfg.Sleepers {
		place := o.PlaceOf(c.Position)
		if c.Kind == WallSwitch {
			if l.rooms[place].button == nil {
				l.rooms[place].button = b.sleepers[c.EUI64]
			}
			continue
		}
		w := &watcher{sleeper: b.sleepers[c.EUI64], desk: c.Position}
		w.desk.Z += deskHeight - CeilingHeight
		w.factor = o.DaylightFactor(int(place), w.desk)
		l.rooms[place].sensors = append(l.rooms[place].sensors, w)
	}
	for i := range cfg.People {
		l.people = append(l.people, resident{
			Person: Person{Seed: cfg.Seed, ID: i, Desk: i % o.Rooms()}, place: Outside,
			dark: dimmest + (brightestDark-dimmest)*l.luck.Float64(),
		})
	}
	b.Do(func(a *Air) {
		l.air = a
		for i := range l.people {
			l.live(&l.people[i])
		}
		l.look()
	})
}

// live takes a person to where they are now, and again when they go on.
func (l *life) live(p *resident) {
	now := l.air.Now()
	if len(p.day) == 0 || !sameDay(p.day[0].From, now) {
		p.day = p.Day(l.cfg.Office, now)
	}
	place, next := Where(p.day, now)
	if next.IsZero() {
		next = now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	}
	l.move(p, place)
	l.air.After(next.Sub(now), func() { l.live(p) })
}

func sameDay(a, b time.Time) bool {
	return a.UTC().Truncate(24 * time.Hour).Equal(b.UTC().Truncate(24 * time.Hour))
}

// move has a person leave one place and come to another.
func (l *life) move(p *resident, to Place) {
	from := p.place
	if from == to {
		return
	}
	p.place = to
	if from != Outside {
		l.rooms[from].people--
		l.leave(p, from)
	}
	if to != Outside {
		l.rooms[to].people++
		l.enter(p, to)
	}
}

// enter has the sensors see who comes, who then finds it dark, or not.
func (l *life) enter(p *resident, place Place) {
	for _, w := range l.rooms[place].sensors {
		l.see(w)
	}
	if l.isRoom(place) && l.desk(place) < p.dark {
		l.press(place, true)
	}
}

// leave has the last one out think of the light, or not.
func (l *life) leave(p *resident, place Place) {
	if !l.isRoom(place) || l.rooms[place].people > 0 || !l.lit(place) {
		return
	}
	off := offOnLeaving
	if n := len(p.day); n > 0 && l.air.Now().After(p.day[n-1].From.Add(-time.Hour)) {
		off = offOnGoingHome
	}
	if l.luck.Float64() < off {
		l.press(place, false)
	}
}

func (l *life) isRoom(p Place) bool { return int(p) < l.cfg.Office.Rooms() }

func (l *life) press(place Place, on bool) {
	if l.cfg.Press != nil {
		l.cfg.Press(place, on)
	} else if button := l.rooms[place].button; button != nil {
		button.press(buttonFor(on))
	}
}

// lit reports whether a light of a room is on.
func (l *life) lit(place Place) bool {
	for _, lamp := range l.rooms[place].lights {
		if d := lamp.lamp(); d != nil && d.Light(l.air.Now()).On {
			return true
		}
	}
	return false
}

// desk returns the illuminance on the desks in the middle of a room, in lux.
func (l *life) desk(place Place) float64 {
	r := &l.rooms[place]
	return l.illuminance(r, r.factor, r.desk)
}

func (l *life) illuminance(r *room, factor float64, desk Position) float64 {
	now := l.air.Now()
	lux := factor * l.cfg.Sun.Sky(now)
	for _, lamp := range r.lights {
		if d := lamp.lamp(); d != nil {
			share := float64(d.Light(now).Output) / float64(sconce.MaxLevel)
			lux += lampLight(share*lamp.cfg.RatedPower.Watts(), lamp.cfg.Position, desk)
		}
	}
	return lux
}

// see has a sensor see somebody.
func (l *life) see(w *watcher) {
	w.sense(func(now time.Time, d *device.Sensor) { d.Motion(now) })
	l.tell(w)
}

// tell tells when a sensor has changed its mind.
func (l *life) tell(w *watcher) {
	d, ok := w.fw.(*device.Sensor)
	if !ok {
		return
	}
	if now := d.Occupied(l.air.Now()); now != w.occupied {
		w.occupied = now
		if l.cfg.Occupied != nil {
			l.cfg.Occupied(w.eui64, now)
		}
	}
}

// look lets all sensors look at who and what is there, and people at the light.
func (l *life) look() {
	l.looks++
	for i := range l.rooms {
		r := &l.rooms[i]
		unseen := 1.0
		for range r.people {
			unseen *= 1 - seenAtDesk
		}
		for _, w := range r.sensors {
			if r.people > 0 && l.luck.Float64() >= unseen {
				l.see(w)
			}
			l.tell(w)
			if l.looks%looksForAlux == 0 {
				lux := l.illuminance(r, w.factor, w.desk)
				w.sense(func(now time.Time, d *device.Sensor) { d.Lux(now, lux) })
			}
		}
		if l.looks%looksForAlux == 0 && r.people > 0 && l.isRoom(Place(i)) {
			l.mind(Place(i))
		}
	}
	l.air.After(lookEvery, l.look)
}

// mind has somebody who sits in the dark switch on the light, now and then.
func (l *life) mind(place Place) {
	for range l.rooms[place].people {
		if l.luck.Float64() < onWhileThere && l.desk(place) < darkWhileThere {
			l.press(place, true)
			return
		}
	}
}
