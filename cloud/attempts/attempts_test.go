package attempts

import (
	"strconv"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestLimit(t *testing.T) {
	l := New(3, time.Minute, 10)
	for i, want := range []bool{true, true, true, false, false} {
		if got := l.Take(start.Add(time.Duration(i)*time.Second), "a"); got != want {
			t.Errorf("attempt %d: %v", i+1, got)
		}
	}
	if !l.Take(start, "b") {
		t.Error("another key is refused too")
	}
	if l.Take(start.Add(59*time.Second), "a") {
		t.Error("granted before the window has passed")
	}
	if !l.Take(start.Add(time.Minute), "a") {
		t.Error("refused after the window has passed")
	}
}

func TestForget(t *testing.T) {
	l := New(1, time.Minute, 10)
	l.Take(start, "a")
	l.Forget("a")
	l.Forget("never seen")
	if !l.Take(start, "a") {
		t.Error("refused after the count was dropped")
	}
}

func TestFullTableForgetsTheOldest(t *testing.T) {
	const size = 100
	l := New(1, time.Hour, size)
	for i := range 3 * size {
		l.Take(start.Add(time.Duration(i)), strconv.Itoa(i))
	}
	if l.Len() != size {
		t.Fatalf("%d keys, expected %d", l.Len(), size)
	}
	if l.Take(start.Add(time.Second), strconv.Itoa(3*size-1)) {
		t.Error("forgot the newest key")
	}
	if !l.Take(start.Add(time.Second), "0") {
		t.Error("kept the oldest key")
	}
}

func TestUndo(t *testing.T) {
	l := New(2, time.Minute, 10)
	l.Undo("never seen")
	l.Take(start, "a")
	l.Take(start, "a")
	l.Undo("a")
	if !l.Take(start, "a") || l.Take(start, "a") {
		t.Error("expected exactly one attempt after one was taken back")
	}
	for range 5 {
		l.Undo("a")
	}
	for i, want := range []bool{true, true, false} {
		if l.Take(start, "a") != want {
			t.Errorf("after taking back more than was taken, attempt %d: %v", i+1, !want)
		}
	}
}
