package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Person is somebody who works in an office. A day of theirs is a function of the
// seed, the person and the date alone: arrival, time at the desk and with others, lunch
// outside, and the way home, in the manner of Page and others (A generalised
// stochastic model for the simulation of occupant presence, Energy and Buildings 40,
// 2008): the times spent at a place are exponential. The numbers are ours.
type Person struct {
	Seed uint64
	ID   int
	Desk int // the room
}

// Place is where a person can be: a room of an office, a corridor, or outside.
type Place int

// Outside is where people are who are not in the building.
const Outside Place = -1

// Corridor returns the corridor of a floor as a place, as its rooms are.
func (o Office) Corridor(floor int) Place { return Place(o.Rooms() + floor) }

// Floor returns the floor of a place in the building.
func (o Office) Floor(p Place) int {
	if int(p) >= o.Rooms() {
		return int(p) - o.Rooms()
	}
	return int(p) / o.RoomsOnFloor
}

// Stay says where a person is from a time on, until the next stay begins.
type Stay struct {
	From  time.Time
	Place Place
}

// The habits of people: means, and how much they differ.
const (
	arrival       = 8*time.Hour + 30*time.Minute // after midnight
	departure     = 17*time.Hour + 15*time.Minute
	dayDiffers    = 40 * time.Minute
	lunch         = 12*time.Hour + 15*time.Minute
	lunchDiffers  = 15 * time.Minute
	lunchTakes    = 40 * time.Minute
	atDesk        = 50 * time.Minute // mean
	withOthers    = 15 * time.Minute // mean
	leastStay     = 2 * time.Minute
	metresASecond = 1.3 // walking
)

// Day returns the stays of a person in an office on the day of a time, UTC: none
// on Saturdays and Sundays. The last ends outside.
func (p Person) Day(o Office, day time.Time) []Stay {
	day = day.UTC()
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	if d := midnight.Weekday(); d == time.Saturday || d == time.Sunday {
		return nil
	}
	//nolint:gosec // people are replayed from their seed
	luck := rand.New(rand.NewPCG(p.Seed^uint64(p.ID)<<32, uint64(midnight.Unix())))
	about := func(mean, differs time.Duration) time.Time {
		x := luck.NormFloat64()
		for math.Abs(x) > 2 { // drawn again, not cut off: nobody else leaves at the very same moment
			x = luck.NormFloat64()
		}
		return midnight.Add(mean + time.Duration(x*float64(differs)))
	}
	w := walk{office: o, luck: luck, person: p, at: Outside}
	home, eats := about(departure, dayDiffers), about(lunch, lunchDiffers)
	w.work(about(arrival, dayDiffers), eats)
	w.work(eats.Add(lunchTakes), home)
	return w.stays
}

// walk is a day as it is made up.
type walk struct {
	office Office
	luck   *rand.Rand
	person Person
	stays  []Stay
	at     Place
}

// work has the person come at a time, and leave the building at another.
func (w *walk) work(from, until time.Time) {
	for now := from; now.Before(until); {
		next, mean := Place(w.person.Desk), atDesk
		if w.at == next {
			next, mean = Place(w.luck.IntN(w.office.Rooms())), withOthers
		}
		arrived := w.to(now, next)
		now = arrived.Add(max(leastStay, time.Duration(w.luck.ExpFloat64()*float64(mean))))
	}
	w.to(until, Outside)
}

// to has the person walk to a place, through the corridors, and returns when they
// are there.
func (w *walk) to(now time.Time, next Place) time.Time {
	if next == w.at {
		return now
	}
	if n := len(w.stays); n > 0 && now.Before(w.stays[n-1].From) {
		now = w.stays[n-1].From // still on the way
	}
	for _, p := range []Place{w.at, next} {
		if p == Outside {
			p = 0 // by the ground floor
		}
		if c := w.office.Corridor(w.office.Floor(p)); len(w.stays) == 0 || w.stays[len(w.stays)-1].Place != c {
			w.stays = append(w.stays, Stay{now, c})
			now = now.Add(time.Duration(w.luck.Float64()*w.office.Length()/metresASecond*float64(time.Second)) + 5*time.Second)
		}
	}
	w.stays = append(w.stays, Stay{now, next})
	w.at = next
	return now
}

// Where returns where a person is at a time, and when they go somewhere else; never,
// when that is zero, on this day.
func Where(stays []Stay, now time.Time) (p Place, next time.Time) {
	i, _ := slices.BinarySearchFunc(stays, now, func(s Stay, t time.Time) int {
		if s.From.After(t) {
			return 1
		}
		return -1
	})
	if i < len(stays) {
		next = stays[i].From
	}
	if i == 0 {
		return Outside, next
	}
	return stays[i-1].Place, next
}
