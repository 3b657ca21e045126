package gp

import (
	"encoding/binary"
	"slices"
)

// MaxRules is how many rules a switch may have.
const MaxRules = 8

// maxActionPayload is the longest payload of an action in bytes.
const maxActionPayload = 16

// Action is a command of the cluster library to a group.
type Action struct {
	Group   uint16
	Cluster uint16
	Command uint8
	Payload []byte // at most 16 bytes
}

// Rule says what is done when a switch gives a command, in place of what the command
// does by itself.
type Rule struct {
	Command  CommandID
	Contacts uint8 // of [VectorPress] and [VectorRelease]: exactly these; 0 for any
	Action   Action
}

func (r Rule) matches(c CommandID, payload []byte) bool {
	return r.Command == c && (r.Contacts == 0 || len(payload) > 0 && payload[0] == r.Contacts)
}

// The clusters of the actions and their commands (07-5123-08, 3.7, 3.8 and 3.10).
const (
	clusterScenes = 0x0005
	clusterOnOff  = 0x0006
	clusterLevel  = 0x0008

	scenesStore  = 0x04
	scenesRecall = 0x05

	levelMove          = 0x01
	levelStep          = 0x02
	levelStop          = 0x03
	levelWithOnOff     = 0x04 // added to one of those
	levelUp            = 0
	levelDown          = 1
	rateOfTheLight     = 0xff
	transitionOfLight  = 0xffff
	defaultStep        = 0x20
	scenesOfEachDevice = 8
)

// Translate returns what a command of a switch does to a group by itself, and false
// for one that does nothing: those of identification and of contacts, which need a
// [Rule] (A.3.6.2.2).
func Translate(c CommandID, payload []byte, group uint16) (Action, bool) {
	a := Action{Group: group}
	switch {
	case c >= RecallScene0 && c < RecallScene0+scenesOfEachDevice:
		a.Cluster, a.Command = clusterScenes, scenesRecall
		a.Payload = append(binary.LittleEndian.AppendUint16(nil, group), uint8(c-RecallScene0))
	case c >= StoreScene0 && c < StoreScene0+scenesOfEachDevice:
		a.Cluster, a.Command = clusterScenes, scenesStore
		a.Payload = append(binary.LittleEndian.AppendUint16(nil, group), uint8(c-StoreScene0))
	case c >= Off && c <= Toggle:
		a.Cluster, a.Command = clusterOnOff, uint8(c-Off) // off, on and toggle have the same order
	case c == LevelStop:
		a.Cluster, a.Command = clusterLevel, levelStop
	case c >= MoveUp && c <= StepDownWithOnOff:
		return level(a, c, payload), true
	default:
		return Action{}, false
	}
	return a, true
}

// level translates moves and steps. A switch may leave out its rate, step and time:
// then the light's own are taken.
func level(a Action, c CommandID, payload []byte) Action {
	a.Cluster, a.Command = clusterLevel, levelMove
	if c >= MoveUpWithOnOff {
		a.Command += levelWithOnOff
		c -= MoveUpWithOnOff - MoveUp
	}
	direction := uint8(levelUp)
	if c == MoveDown || c == StepDown {
		direction = levelDown
	}
	r := reader{rest: payload}
	if c == MoveUp || c == MoveDown {
		rate := r.u8()
		if r.bad {
			rate = rateOfTheLight
		}
		a.Payload = []byte{direction, rate}
		return a
	}
	a.Command++ // from move to step
	step := r.u8()
	if r.bad {
		step = defaultStep
	}
	transition := r.u16()
	if r.bad {
		transition = transitionOfLight
	}
	a.Payload = binary.LittleEndian.AppendUint16([]byte{direction, step}, transition)
	return a
}

// actions returns what a command of a switch does.
func (e *sinkEntry) actions(c CommandID, payload []byte) []Action {
	var list []Action
	for _, r := range e.rules {
		if r.matches(c, payload) {
			list = append(list, r.Action)
		}
	}
	if list == nil && e.group != 0 {
		if a, ok := Translate(c, payload, e.group); ok {
			list = []Action{a}
		}
	}
	return list
}

func cloneRules(rules []Rule) []Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].Action.Payload = slices.Clone(rules[i].Action.Payload)
	}
	return rules
}
