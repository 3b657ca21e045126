package device

import (
	"encoding/binary"
	"slices"
	"time"

	"sconce/zigbee/zcl"
)

// MaxScenes is how many scenes a luminaire keeps; what is beyond is refused with
// [zcl.InsufficientSpace].
const MaxScenes = 32

// look is what a light is seen to do: what a scene holds. A look may leave
// something as it is.
type look struct {
	on       bool
	level    uint8  // 0: as it is
	mireds   uint16 // 0: as it is
	switched bool   // on is given
}

// scene is a look under a name.
type scene struct {
	id     zcl.SceneID
	length uint32 // of the transition, tenths of a second
	look   look
}

// scenes are the scenes of a luminaire (07-5123-08, 3.7), and the one that was
// recalled or stored last.
type scenes struct {
	list    []scene
	current zcl.SceneID
	look    look // of current
	valid   bool // there is a current one
}

// global is the scene that OffWithEffect keeps (07-5123-08, 3.8.2.2.2).
type global struct {
	kept bool // GlobalSceneControl is false
	look look
}

func (s *scenes) find(id zcl.SceneID) (scene, bool) {
	for _, sc := range s.list {
		if sc.id == id {
			return sc, true
		}
	}
	return scene{}, false
}

// put adds or replaces scenes; all of them, or none when there is no room.
func (s *scenes) put(revision *uint64, added ...scene) zcl.Status {
	list := slices.DeleteFunc(slices.Clone(s.list), func(old scene) bool {
		return slices.ContainsFunc(added, func(n scene) bool { return n.id == old.id })
	})
	if len(list)+len(added) > MaxScenes {
		return zcl.InsufficientSpace
	}
	s.list = append(list, added...)
	*revision++
	return zcl.Success
}

// remove removes the scenes of which gone reports true, and returns how many.
func (s *scenes) remove(revision *uint64, gone func(zcl.SceneID) bool) int {
	before := len(s.list)
	s.list = slices.DeleteFunc(s.list, func(sc scene) bool { return gone(sc.id) })
	if before != len(s.list) {
		*revision++
	}
	s.valid = s.valid && !gone(s.current)
	return before - len(s.list)
}

func (s *scenes) clear(revision *uint64) {
	s.remove(revision, func(zcl.SceneID) bool { return true })
}

// ofGroup returns the scenes of a group.
func (s *scenes) ofGroup(group uint16) []scene {
	return slices.DeleteFunc(slices.Clone(s.list), func(sc scene) bool { return sc.id.Group != group })
}

// look returns what the light does now.
func (l *Luminaire) look(now time.Time) look {
	return look{switched: true, on: l.light.on && !l.light.fade.off, level: l.light.levelAt(now), mireds: l.tone.at(now)}
}

// settledLook returns what the light will do when it has come to rest.
func (l *Luminaire) settledLook() look {
	m := l.light.settled()
	return look{switched: true, on: m.on, level: m.level, mireds: l.tone.settled().mireds}
}

// show goes to a look.
func (l *Luminaire) show(now time.Time, k look, length time.Duration) {
	l.light.show(now, k, length)
	if k.mireds != 0 && l.tone.white.tunable() {
		l.tone.goTo(now, k.mireds, length)
	}
}

// show goes to a look. One that is off has its level when it is switched on again.
func (l *light) show(now time.Time, k look, length time.Duration) {
	l.advance(now)
	switch {
	case k.switched && k.on && k.level != 0:
		l.raise(now, k.level, length)
	case k.switched && k.on:
		if !l.on || l.fade.off {
			l.raise(now, l.resume, length)
		}
	case k.switched:
		l.showOff(now, k.level, length)
	case k.level != 0:
		l.goTo(now, k.level, length, false)
	}
}

// showOff goes off, with a level for when it is switched on again.
func (l *light) showOff(now time.Time, level uint8, length time.Duration) {
	if l.on {
		l.lower(now, length, true)
	} else {
		l.memory, l.fade = l.settled(), fade{}
	}
	if level == 0 {
		return
	}
	if l.resume = level; !l.on {
		l.level = level
	}
}

// sceneCommand carries out the commands of the Scenes cluster. Only who asked this
// luminaire alone is answered.
func (l *Luminaire) sceneCommand(now time.Time, m zcl.Message, c zcl.Command) (zcl.Command, zcl.Status) {
	var answer zcl.Command
	status := zcl.Success
	switch c := c.(type) {
	case zcl.AddScene:
		status = l.addScene(c)
		answer = zcl.AddSceneResponse{SceneStatus: zcl.SceneStatus{Status: status, ID: c.SceneID}, Enhanced: c.Enhanced}
	case zcl.ViewScene:
		answer = l.viewScene(c)
	case zcl.RemoveScene:
		status = l.knows(c.Scene)
		l.scenes.remove(&l.revision, func(id zcl.SceneID) bool { return id == c.Scene })
		answer = zcl.RemoveSceneResponse{SceneStatus: zcl.SceneStatus{Status: status, ID: c.Scene}}
	case zcl.RemoveAllScenes:
		if status = l.member(c.Group); status == zcl.Success {
			l.scenes.remove(&l.revision, func(id zcl.SceneID) bool { return id.Group == c.Group })
		}
		answer = zcl.RemoveAllScenesResponse{Status: status, Group: c.Group}
	case zcl.StoreScene:
		status = l.storeScene(now, c.Scene)
		answer = zcl.StoreSceneResponse{SceneStatus: zcl.SceneStatus{Status: status, ID: c.Scene}}
	case zcl.RecallScene:
		return nil, l.recallScene(now, c)
	case zcl.GetSceneMembership:
		answer = l.sceneMembership(c.Group)
	case zcl.CopyScene:
		status = l.copyScene(c)
		answer = zcl.CopySceneResponse{SceneStatus: zcl.SceneStatus{Status: status, ID: c.From}}
	}
	if !m.Unicast {
		answer = nil
	}
	return answer, status
}

// member says whether the light may have scenes of a group.
func (l *Luminaire) member(group uint16) zcl.Status {
	if group != 0 && !slices.Contains(l.node.Groups(Endpoint), group) {
		return zcl.InvalidField
	}
	return zcl.Success
}

// knows says whether the light has a scene.
func (l *Luminaire) knows(id zcl.SceneID) zcl.Status {
	if status := l.member(id.Group); status != zcl.Success {
		return status
	}
	if _, ok := l.scenes.find(id); !ok {
		return zcl.NotFound
	}
	return zcl.Success
}

func (l *Luminaire) addScene(c zcl.AddScene) zcl.Status {
	if status := l.member(c.SceneID.Group); status != zcl.Success {
		return status
	}
	length := uint32(c.Scene.Transition)
	if !c.Enhanced {
		length *= 10
	}
	return l.scenes.put(&l.revision, scene{id: c.SceneID, length: length, look: l.lookOf(c.Scene.Fields)})
}

// The place of the colour temperature in what a scene holds of Colour Control
// (07-5123-08, 5.2.2.4), in bytes.
const (
	toneAt   = 11
	toneSize = 13
)

// lookOf reads what a scene holds. What this luminaire does not have, or cannot
// be, is left as it is.
func (l *Luminaire) lookOf(fields []zcl.FieldSet) look {
	var k look
	for _, f := range fields {
		switch {
		case f.Cluster == zcl.ClusterOnOff && len(f.Values) >= 1:
			k.switched, k.on = true, f.Values[0] == 1
		case f.Cluster == zcl.ClusterLevel && len(f.Values) >= 1 && validLevel(f.Values[0]):
			k.level = f.Values[0]
		case f.Cluster == zcl.ClusterColor && len(f.Values) >= toneSize && l.tone.white.tunable():
			if mireds := binary.LittleEndian.Uint16(f.Values[toneAt:]); mireds != 0 {
				k.mireds = l.tone.white.clamp(int(mireds))
			}
		}
	}
	return k
}

// fields returns what a scene with the look holds.
func (k look) fields() []zcl.FieldSet {
	var list []zcl.FieldSet
	if k.switched {
		on := byte(0)
		if k.on {
			on = 1
		}
		list = append(list, zcl.FieldSet{Cluster: zcl.ClusterOnOff, Values: []byte{on}})
	}
	if k.level != 0 {
		list = append(list, zcl.FieldSet{Cluster: zcl.ClusterLevel, Values: []byte{k.level}})
	}
	if k.mireds != 0 {
		values := binary.LittleEndian.AppendUint16(make([]byte, toneAt, toneSize), k.mireds)
		list = append(list, zcl.FieldSet{Cluster: zcl.ClusterColor, Values: values})
	}
	return list
}

func (l *Luminaire) viewScene(c zcl.ViewScene) zcl.Command {
	answer := zcl.ViewSceneResponse{SceneStatus: zcl.SceneStatus{Status: l.knows(c.Scene), ID: c.Scene}, Enhanced: c.Enhanced}
	if answer.Status != zcl.Success {
		return answer
	}
	sc, _ := l.scenes.find(c.Scene)
	length := sc.length
	if !c.Enhanced {
		length /= 10
	}
	answer.Scene = zcl.Scene{Transition: uint16(min(length, 0xffff)), Fields: sc.look.fields()}
	return answer
}

// storeScene makes a scene of what the light does. The transition of a scene that
// is already there stays (07-5123-08, 3.7.2.4).
func (l *Luminaire) storeScene(now time.Time, id zcl.SceneID) zcl.Status {
	if status := l.member(id.Group); status != zcl.Success {
		return status
	}
	sc, _ := l.scenes.find(id)
	sc.id, sc.look = id, l.look(now)
	status := l.scenes.put(&l.revision, sc)
	if status == zcl.Success {
		l.scenes.current, l.scenes.look, l.scenes.valid = id, l.settledLook(), true
	}
	return status
}

func (l *Luminaire) recallScene(now time.Time, c zcl.RecallScene) zcl.Status {
	if status := l.knows(c.Scene); status != zcl.Success {
		return status
	}
	sc, _ := l.scenes.find(c.Scene)
	length := time.Duration(sc.length) * tenth
	if c.Transition != zcl.AsFastAsPossible {
		length = time.Duration(c.Transition) * tenth
	}
	l.show(now, sc.look, length)
	l.scenes.current, l.scenes.look, l.scenes.valid = c.Scene, l.settledLook(), true
	return zcl.Success
}

func (l *Luminaire) sceneMembership(group uint16) zcl.Command {
	answer := zcl.SceneMembership{Status: l.member(group), Capacity: uint8(MaxScenes - len(l.scenes.list)), Group: group}
	for _, sc := range l.scenes.ofGroup(group) {
		answer.Scenes = append(answer.Scenes, sc.id.Scene)
	}
	return answer
}

func (l *Luminaire) copyScene(c zcl.CopyScene) zcl.Status {
	switch {
	case l.member(c.From.Group) != zcl.Success, l.member(c.To.Group) != zcl.Success:
		return zcl.InvalidField
	case c.All:
		copies := l.scenes.ofGroup(c.From.Group)
		for i := range copies {
			copies[i].id.Group = c.To.Group
		}
		return l.scenes.put(&l.revision, copies...)
	}
	sc, ok := l.scenes.find(c.From)
	if !ok {
		return zcl.NotFound
	}
	sc.id = c.To
	return l.scenes.put(&l.revision, sc)
}

// offWithEffect keeps what the light does, once, and switches it off (07-5123-08,
// 3.8.2.3.4).
func (l *Luminaire) offWithEffect(now time.Time, c zcl.OffWithEffect) {
	if !l.global.kept {
		l.global = global{kept: true, look: l.look(now)}
	}
	l.light.offWithEffect(now, c)
}

// recallGlobal goes back to before [Luminaire.offWithEffect] (07-5123-08,
// 3.8.2.3.5).
func (l *Luminaire) recallGlobal(now time.Time) {
	if l.global.kept {
		l.global.kept = false
		l.show(now, l.global.look, l.light.time(l.light.onTime))
		l.light.timed.lit(now)
	}
}
