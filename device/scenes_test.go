package device

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

func sceneID(group uint16, n uint8) zcl.SceneID { return zcl.SceneID{Group: group, Scene: n} }

// TestScenesRecallExactly: whatever a light did when a scene was stored, and
// whatever it does when it is recalled, afterwards it does the same.
func TestScenesRecallExactly(t *testing.T) {
	l := lone(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		l.light, l.tone, l.scenes = newLight(), newTone(white), scenes{}
		now := start
		wander := func() {
			for range rapid.IntRange(0, 6).Draw(t, "commands") {
				apply(t, &l.light, now)
				l.light.onLevel = unset // by which off is at another level
				l.tone.command(now, true, zcl.MoveToColorTemperature{Mireds: rapid.Uint16Range(0, 500).Draw(t, "mireds"), Transition: rapid.Uint16Range(0, 50).Draw(t, "tenths")})
				now = now.Add(time.Duration(rapid.Int64Range(0, 5000).Draw(t, "ms")) * time.Millisecond)
				l.advance(now)
			}
		}
		wander()
		now = now.Add(2 * time.Hour) // at rest
		l.advance(now)
		want := l.look(now)
		if status := l.storeScene(now, sceneID(0, 1)); status != zcl.Success {
			t.Fatal(status)
		}
		wander()
		length := rapid.Uint16Range(0, 100).Draw(t, "transition")
		if status := l.recallScene(now, zcl.RecallScene{Scene: sceneID(0, 1), Transition: length}); status != zcl.Success {
			t.Fatal(status)
		}
		end := now.Add(time.Duration(length) * tenth)
		l.advance(end)
		if got := l.look(end); got != want || l.light.moving() || l.tone.moving() {
			t.Fatalf("recalled %+v, want %+v", got, want)
		}
		if v := l.sceneAttribute(zcl.AttrSceneValid); v != zcl.Bool(true) {
			t.Fatal("the scene is not valid")
		}
	})
}

func TestScenes(t *testing.T) {
	b := newBuilding(t)
	b.white = white
	l := b.join()
	answers := func(c zcl.Command, want zcl.Command) {
		t.Helper()
		if got := b.command(l, c); !bytes.Equal(got, want.Append(nil)) {
			t.Errorf("%+v: answered %x, want %x of %+v", c, got, want.Append(nil), want)
		}
	}
	ended := func(s zcl.Status, id zcl.SceneID) zcl.SceneStatus { return zcl.SceneStatus{Status: s, ID: id} }
	evening, work := sceneID(7, 1), sceneID(7, 2)
	content := zcl.Scene{Transition: 5, Fields: look{on: true, switched: true, level: 60, mireds: 350}.fields()}

	answers(zcl.AddScene{SceneID: evening, Scene: content}, zcl.AddSceneResponse{SceneStatus: ended(zcl.InvalidField, evening)})
	b.command(l, zcl.AddGroup{Group: 7})
	b.command(l, zcl.AddGroup{Group: 8})
	answers(zcl.AddScene{SceneID: evening, Scene: content}, zcl.AddSceneResponse{SceneStatus: ended(zcl.Success, evening)})
	answers(zcl.ViewScene{Scene: evening}, zcl.ViewSceneResponse{SceneStatus: ended(zcl.Success, evening), Scene: content})
	content.Transition = 50
	answers(zcl.ViewScene{Scene: evening, Enhanced: true}, zcl.ViewSceneResponse{SceneStatus: ended(zcl.Success, evening), Scene: content, Enhanced: true})
	content.Transition = 7
	answers(zcl.AddScene{SceneID: work, Scene: content, Enhanced: true}, zcl.AddSceneResponse{SceneStatus: ended(zcl.Success, work), Enhanced: true})
	answers(zcl.GetSceneMembership{Group: 7}, zcl.SceneMembership{Capacity: MaxScenes - 2, Group: 7, Scenes: []uint8{1, 2}})
	answers(zcl.GetSceneMembership{Group: 9}, zcl.SceneMembership{Status: zcl.InvalidField, Capacity: MaxScenes - 2, Group: 9})
	answers(zcl.ViewScene{Scene: sceneID(7, 9)}, zcl.ViewSceneResponse{SceneStatus: ended(zcl.NotFound, sceneID(7, 9))})

	// A groupcast recalls in five seconds.
	b.data(stack.DataRequest{Group: 7, Cluster: zcl.ClusterScenes, Payload: zcl.AppendRequest(nil, 1, zcl.RecallScene{Scene: evening, Transition: zcl.AsFastAsPossible})})
	b.run(4*time.Second, nil)
	if got := l.Light(b.now); got.Level == 60 || got.Mireds == 350 {
		t.Errorf("a second early: %+v", got)
	}
	b.run(2*time.Second, nil)
	if got := l.Light(b.now); got.Level != 60 || got.Mireds != 350 {
		t.Errorf("recalled: %+v", got)
	}
	if got := b.read(l, zcl.ClusterScenes, zcl.AttrSceneValid); got != zcl.Bool(true) {
		t.Error("the scene is not valid after it was recalled")
	}
	b.command(l, zcl.MoveToLevel{Level: 61})
	if got := b.read(l, zcl.ClusterScenes, zcl.AttrSceneValid); got != zcl.Bool(false) {
		t.Error("the scene is valid at another level")
	}

	answers(zcl.StoreScene{Scene: work}, zcl.StoreSceneResponse{SceneStatus: ended(zcl.Success, work)})
	content = zcl.Scene{Transition: 7, Fields: look{on: true, switched: true, level: 61, mireds: 350}.fields()}
	answers(zcl.ViewScene{Scene: work, Enhanced: true}, zcl.ViewSceneResponse{SceneStatus: ended(zcl.Success, work), Scene: content, Enhanced: true})
	answers(zcl.CopyScene{All: true, From: evening, To: sceneID(8, 0)}, zcl.CopySceneResponse{SceneStatus: ended(zcl.Success, evening)})
	answers(zcl.CopyScene{From: sceneID(7, 9), To: sceneID(8, 9)}, zcl.CopySceneResponse{SceneStatus: ended(zcl.NotFound, sceneID(7, 9))})
	answers(zcl.RemoveScene{Scene: work}, zcl.RemoveSceneResponse{SceneStatus: ended(zcl.Success, work)})
	answers(zcl.RemoveScene{Scene: work}, zcl.RemoveSceneResponse{SceneStatus: ended(zcl.NotFound, work)})

	// They survive a power cut, and go with their group.
	b.run(time.Second, nil)
	l = b.powerCycle(l)
	b.run(5*time.Second, func() bool { return l.up })
	answers(zcl.GetSceneMembership{Group: 8}, zcl.SceneMembership{Capacity: MaxScenes - 3, Group: 8, Scenes: []uint8{1, 2}})
	answers(zcl.RemoveAllScenes{Group: 7}, zcl.RemoveAllScenesResponse{Group: 7})
	if got := b.read(l, zcl.ClusterScenes, zcl.AttrSceneCount); got != zcl.Uint8(2) {
		t.Errorf("%s scenes, want 2", got)
	}
	b.command(l, zcl.RemoveGroup{Group: 8})
	if got := b.read(l, zcl.ClusterScenes, zcl.AttrSceneCount); got != zcl.Uint8(0) {
		t.Errorf("%s scenes, want none", got)
	}
}

func TestScenesAreBounded(t *testing.T) {
	l := lone(t, nil)
	for n := range uint8(MaxScenes + 1) {
		want := zcl.Success
		if n == MaxScenes {
			want = zcl.InsufficientSpace
		}
		if got := l.storeScene(start, sceneID(0, n)); got != want {
			t.Errorf("scene %d: %v, want %v", n, got, want)
		}
	}
	if got := l.storeScene(start, sceneID(0, 3)); got != zcl.Success {
		t.Errorf("a scene that is there: %v", got)
	}
	if got := len(l.remember(nil)); got != lampSize+MaxScenes*sceneSize+burntSize {
		t.Errorf("remembers %d bytes", got)
	}
}

func TestTimedOff(t *testing.T) {
	const s = time.Second
	after := func(d time.Duration) time.Time { return start.Add(d) }
	timedOn := zcl.OnWithTimedOff{OnTime: 100, OffWaitTime: 50}
	for _, test := range []struct {
		name     string
		light    light
		do       func(l *light)
		at       time.Duration
		on       bool
		ons, off uint16 // OnTime and OffWaitTime
	}{
		{"on", dark(100), func(l *light) { l.onWithTimedOff(start, timedOn) }, 4 * s, true, 60, 50},
		{"off by itself", dark(100), func(l *light) { l.onWithTimedOff(start, timedOn) }, 10 * s, false, 0, 0},
		{"again, later", dark(100), func(l *light) { l.onWithTimedOff(start, timedOn); l.onWithTimedOff(after(6*s), timedOn) }, 15 * s, true, 10, 50},
		{"again, shorter", dark(100), func(l *light) {
			l.onWithTimedOff(start, timedOn)
			l.onWithTimedOff(after(s), zcl.OnWithTimedOff{OnTime: 10})
		}, 9 * s, true, 10, 0},
		{"only when on", dark(100), func(l *light) { l.onWithTimedOff(start, zcl.OnWithTimedOff{OnlyWhenOn: true, OnTime: 100}) }, 0, false, 0, 0},
		{"switched off, it waits", dark(100), func(l *light) { l.onWithTimedOff(start, timedOn); l.switchOff(after(s)) }, 2 * s, false, 0, 40},
		{"while it waits", dark(100), func(l *light) {
			l.onWithTimedOff(start, timedOn)
			l.switchOff(after(s))
			l.onWithTimedOff(after(2*s), timedOn)
		}, 3 * s, false, 0, 30},
		{"after it has waited", dark(100), func(l *light) {
			l.onWithTimedOff(start, timedOn)
			l.switchOff(after(s))
			l.onWithTimedOff(after(7*s), timedOn)
		}, 8 * s, true, 90, 50},
		{"On does not wait", dark(100), func(l *light) { l.onWithTimedOff(start, timedOn); l.switchOff(after(s)); l.switchOn(after(2 * s)) }, 99 * s, true, 0, 0},
		{"without an end", dark(100), func(l *light) { l.onWithTimedOff(start, zcl.OnWithTimedOff{OnTime: endless}) }, time.Hour, true, endless, 0},
	} {
		l := test.light
		test.do(&l)
		l.advance(after(test.at))
		on, wait := l.timed.at(after(test.at))
		if l.on != test.on || on != test.ons || wait != test.off {
			t.Errorf("%s: on %v, times %d and %d; want %v, %d and %d", test.name, l.on, on, wait, test.on, test.ons, test.off)
		}
	}
}

func TestOffWithEffect(t *testing.T) {
	for _, test := range []struct {
		c    zcl.OffWithEffect
		at   time.Duration
		want uint8 // level; 0: off
	}{
		{zcl.OffWithEffect{}, 400 * time.Millisecond, 100},
		{zcl.OffWithEffect{}, 800 * time.Millisecond, 0},
		{zcl.OffWithEffect{Variant: 1}, 0, 0},
		{zcl.OffWithEffect{Variant: 2}, 800 * time.Millisecond, 100},
		{zcl.OffWithEffect{Variant: 2}, 12 * time.Second, 8},
		{zcl.OffWithEffect{Variant: 2}, 12800 * time.Millisecond, 0},
		{zcl.OffWithEffect{Effect: zcl.DyingLight}, 500 * time.Millisecond, 250},
		{zcl.OffWithEffect{Effect: zcl.DyingLight}, 1500 * time.Millisecond, 0},
	} {
		l := lone(t, nil)
		l.light = lit(200)
		if l.onOffCommand(start, test.c); l.settledLook().on {
			t.Errorf("%+v: comes to rest on", test.c)
		}
		at := start.Add(test.at)
		l.light.advance(at)
		if got := l.light.levelAt(at); l.light.on != (test.want != 0) || l.light.on && got != test.want {
			t.Errorf("%+v after %v: on %v at %d, want %d", test.c, test.at, l.light.on, got, test.want)
		}
		// And back as it was.
		later := start.Add(time.Hour)
		l.light.advance(later)
		l.onOffCommand(later, zcl.OnWithRecallGlobalScene{})
		if got := l.look(later); !got.on || got.level != 200 || l.global.kept {
			t.Errorf("%+v: came back as %+v", test.c, got)
		}
	}
}

// GlobalSceneControl is true again as soon as something lights the lamp.
func TestGlobalSceneControl(t *testing.T) {
	for _, lights := range []zcl.Command{
		zcl.On{}, zcl.Toggle{}, zcl.OnWithRecallGlobalScene{}, zcl.OnWithTimedOff{OnTime: 100}, zcl.MoveToLevel{Level: 9, WithOnOff: true},
	} {
		b := newBuilding(t)
		l := b.join()
		b.command(l, zcl.OffWithEffect{})
		b.command(l, zcl.OffWithEffect{}) // keeps what was kept
		b.run(2*time.Second, nil)
		if got := b.read(l, zcl.ClusterOnOff, zcl.AttrGlobalScene); got != zcl.Bool(false) || !l.global.look.on || l.Light(b.now).On {
			t.Fatalf("after going off: %s, keeps %+v", got, l.global.look)
		}
		b.command(l, lights)
		if got := b.read(l, zcl.ClusterOnOff, zcl.AttrGlobalScene); got != zcl.Bool(true) || !l.Light(b.now).On {
			t.Errorf("after %T: %s", lights, got)
		}
	}
}
