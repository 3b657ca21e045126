package device

import (
	"encoding/binary"
	"errors"
	"time"

	"sconce/zigbee/zcl"
)

var errMemory = errors.New("its state is not one of such a device")

// The first byte of what the firmware of each kind remembers.
const (
	uncountedMemory = 1 // of a luminaire whose firmware did not count how long its lamp is lit
	sensorMemory    = 2
	switchMemory    = 3
	luminaireMemory = 4
)

// Sizes of the parts of what a luminaire remembers, in bytes.
const (
	lampSize  = 36
	sceneSize = 11
	burntSize = 4
)

// Bits of the flags of a look.
const (
	lookOn       = 1 << 0
	lookSwitched = 1 << 1
)

// remember appends what a luminaire keeps through a power cut.
func (l *Luminaire) remember(b []byte) []byte {
	k := l.lamp()
	m := k.light
	b = append(b, luminaireMemory, bit(m.on), m.level, m.resume, m.options)
	for _, v := range []uint16{m.onOffTime, m.onTime, m.offTime} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = append(b, m.onLevel, m.moveRate, m.startUpOnOff, m.startUpLevel)
	b = binary.BigEndian.AppendUint16(b, k.tone.mireds)
	b = binary.BigEndian.AppendUint16(b, k.tone.startUp)
	b = append(b, k.tone.options, bit(k.global.kept))
	b = k.global.look.append(b)
	b = binary.BigEndian.AppendUint64(b, l.meter.energy.micro)
	b = binary.BigEndian.AppendUint16(b, l.resets)
	b = append(b, uint8(len(l.scenes.list)))
	for _, s := range l.scenes.list {
		b = append(binary.BigEndian.AppendUint16(b, s.id.Group), s.id.Scene)
		b = s.look.append(binary.BigEndian.AppendUint32(b, s.length))
	}
	return binary.BigEndian.AppendUint32(b, uint32(l.meter.burnt/time.Second))
}

func (k look) append(b []byte) []byte {
	b = append(b, bit(k.on)*lookOn|bit(k.switched)*lookSwitched, k.level)
	return binary.BigEndian.AppendUint16(b, k.mireds)
}

func bit(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

func parseLook(b []byte) look {
	return look{on: b[0]&lookOn != 0, switched: b[0]&lookSwitched != 0, level: b[1], mireds: binary.BigEndian.Uint16(b[2:])}
}

// recall reads what [Luminaire.remember] wrote, and starts up as it says.
func (l *Luminaire) recall(b []byte) error {
	if len(b) > lampSize && b[0] == luminaireMemory && len(b) >= burntSize {
		end := len(b) - burntSize
		l.meter.burnt = time.Duration(binary.BigEndian.Uint32(b[end:])) * time.Second
		b = b[:end]
	} else if len(b) == 0 || b[0] != uncountedMemory {
		return errMemory
	}
	if len(b) < lampSize || len(b) != lampSize+int(b[lampSize-1])*sceneSize {
		return errMemory
	}
	m := memory{
		on: b[1] == 1, level: b[2], resume: b[3],
		settings: settings{
			options: b[4], onOffTime: binary.BigEndian.Uint16(b[5:]), onTime: binary.BigEndian.Uint16(b[7:]),
			offTime: binary.BigEndian.Uint16(b[9:]), onLevel: b[11], moveRate: b[12], startUpOnOff: b[13], startUpLevel: b[14],
		},
	}
	if b[1] > 1 || !validLevel(m.level) || !validLevel(m.resume) || b[lampSize-1] > MaxScenes {
		return errMemory
	}
	l.light = restoredLight(m)
	l.tone.restore(toneMemory{mireds: binary.BigEndian.Uint16(b[15:]), startUp: binary.BigEndian.Uint16(b[17:]), options: b[19]})
	l.global = global{kept: b[20] == 1, look: parseLook(b[21:])}
	l.meter.energy.micro = binary.BigEndian.Uint64(b[25:])
	l.resets = binary.BigEndian.Uint16(b[33:]) + 1
	for s := b[lampSize:]; len(s) > 0; s = s[sceneSize:] {
		l.scenes.list = append(l.scenes.list, scene{
			id:     zcl.SceneID{Group: binary.BigEndian.Uint16(s), Scene: s[2]},
			length: binary.BigEndian.Uint32(s[3:]), look: parseLook(s[7:]),
		})
	}
	valid := l.global.look.level == 0 || validLevel(l.global.look.level)
	for _, s := range l.scenes.list {
		valid = valid && (s.look.level == 0 || validLevel(s.look.level))
	}
	if !valid {
		return errMemory
	}
	return nil
}

func validLevel(v uint8) bool { return v >= minLevel && v <= maxLevel }
