package sim

import (
	"slices"
	"testing"
	"time"
)

var (
	testOffice = Office{Floors: 3, RoomsOnFloor: 6}
	monday     = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
)

func TestPersonDay(t *testing.T) {
	noon, office := 0, 0
	moments := map[time.Time]int{}
	for id := range 200 {
		p := Person{Seed: 1, ID: id, Desk: id % testOffice.Rooms()}
		day := p.Day(testOffice, monday)
		if !slices.Equal(day, p.Day(testOffice, monday.Add(5*time.Hour))) {
			t.Fatal("a day depends on the hour at which one asks")
		}
		if len(day) < 6 || day[len(day)-1].Place != Outside {
			t.Fatalf("a day that does not end outside: %v", day)
		}
		if h := day[0].From.Hour(); h < 7 || h > 10 {
			t.Errorf("comes at %v", day[0].From)
		}
		if h := day[len(day)-1].From.Hour(); h < 15 || h > 19 {
			t.Errorf("leaves at %v", day[len(day)-1].From)
		}
		before := Stay{Place: Outside}
		for _, s := range day {
			if other, is := moments[s.From]; is && other != id {
				t.Errorf("%d goes somewhere at %v, as %d does", id, s.From, other)
			}
			moments[s.From] = id
			if s.From.Before(before.From) || s.Place == before.Place || s.Place < Outside || int(s.Place) >= testOffice.Rooms()+testOffice.Floors {
				t.Fatalf("from %v to %v", before, s)
			}
			if walks := int(s.Place) >= testOffice.Rooms(); !walks && before.Place >= 0 && int(before.Place) < testOffice.Rooms() {
				t.Fatalf("through a wall, from %v to %v", before, s)
			}
			before = s
		}
		if at, _ := Where(day, monday.Add(-2*time.Hour)); at == Place(p.Desk) {
			office++
		}
		if at, _ := Where(day, monday.Add(40*time.Minute)); at == Outside {
			noon++
		}
	}
	if office < 120 || office > 190 {
		t.Errorf("%d of 200 people are at their desks at ten", office)
	}
	if noon < 120 {
		t.Errorf("only %d of 200 people are out for lunch", noon)
	}
	other := Person{Seed: 2, ID: 3, Desk: 3}
	if p := (Person{Seed: 1, ID: 3, Desk: 3}); slices.Equal(p.Day(testOffice, monday), other.Day(testOffice, monday)) ||
		p.Day(testOffice, monday)[0].From.Hour() == 0 || p.Day(testOffice, monday.Add(5*24*time.Hour)) != nil {
		t.Error("people are all alike, or work on Saturdays")
	}
}

func TestWhere(t *testing.T) {
	day := []Stay{{monday, 3}, {monday.Add(time.Hour), Outside}}
	for _, test := range []struct {
		at   time.Time
		want Place
		next time.Time
	}{
		{monday.Add(-time.Second), Outside, monday},
		{monday, 3, monday.Add(time.Hour)},
		{monday.Add(time.Minute), 3, monday.Add(time.Hour)},
		{monday.Add(time.Hour), Outside, time.Time{}},
	} {
		if at, next := Where(day, test.at); at != test.want || !next.Equal(test.next) {
			t.Errorf("%v: in %d until %v, want %d until %v", test.at, at, next, test.want, test.next)
		}
	}
	if at, next := Where(nil, monday); at != Outside || !next.IsZero() {
		t.Errorf("on a free day in %d until %v", at, next)
	}
}
