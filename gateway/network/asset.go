package network

import (
	"errors"
	"strings"
	"time"

	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/zcl"
)

// asset returns what the device has said of itself, nil before it did.
func (r *Record) asset() *wire.Asset {
	if !r.Identified {
		return nil
	}
	return &wire.Asset{
		Model: printed(r.Model), Manufacturer: printed(r.Manufacturer), Hardware: r.Hardware,
		Firmware: printed(r.Software), Serial: printed(r.Serial), RatedPower: float64(r.RatedPower) / 10,
	}
}

// printed returns a text of a device as people should see it: devices fill their texts
// up, and some write what is none.
func printed(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(cutText(s))
}

// maxText is the longest text of a device that is told, in bytes.
const maxText = 32

func cutText(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

func (d *device) askIdentity() request {
	return d.ask("reading its model", zcl.ClusterBasic, func(attribute uint16, v zcl.Value) {
		switch attribute {
		case zcl.AttrManufacturer:
			d.record.Manufacturer = v.Text()
		case zcl.AttrModel:
			d.record.Model = v.Text()
		}
	}, func() { d.record.Identified = true }, zcl.AttrManufacturer, zcl.AttrModel)
}

// askLabel reads what else the device says of itself: apart from its model, as both would
// not fit a frame, and again now and then, as its firmware may change.
func (d *device) askLabel() request {
	return d.ask("reading its label", zcl.ClusterBasic, func(attribute uint16, v zcl.Value) {
		switch attribute {
		case zcl.AttrHWVersion:
			d.record.Hardware = uint8(v.Uint())
		case zcl.AttrSWBuild:
			d.record.Software = v.Text()
		case zcl.AttrSerialNumber:
			d.record.Serial = v.Text()
		}
	}, func() { d.record.Labelled = true }, zcl.AttrHWVersion, zcl.AttrSWBuild, zcl.AttrSerialNumber)
}

func (d *device) askRatedPower() request {
	r := d.ask("reading its rated power", zcl.ClusterBehaviour, func(_ uint16, v zcl.Value) {
		d.record.RatedPower = uint16(v.Uint())
	}, func() { d.setup.unrated = d.record.RatedPower == 0 }, zcl.AttrRatedPower)
	r.frame = func(_ time.Time, seq uint8, _ zigbee.ShortAddr) []byte {
		return zcl.AppendReadMaker(nil, seq, zcl.MakerSconce, zcl.AttrRatedPower)
	}
	return r
}

// ask makes a request for attributes that a device may refuse to tell: each value of the
// type that the library says is given to take, and then done is called.
func (d *device) ask(what string, cluster uint16, take func(attribute uint16, v zcl.Value), done func(), attributes ...uint16) request {
	r := d.read(what, cluster, attributes...)
	r.done = func(_ time.Time, payload []byte, err error) {
		var refused statusError
		if err != nil && !errors.As(err, &refused) {
			d.failed(what, err)
			return
		}
		for rec, err := range zcl.ParseReadAttributesResponse(payload) {
			info, known := zcl.FindAttribute(cluster, rec.Attribute)
			if err == nil && rec.Status == zcl.Success && known && info.Type == rec.Value.Type() && rec.Value.Valid() {
				take(rec.Attribute, rec.Value)
			}
		}
		done()
	}
	return r
}
