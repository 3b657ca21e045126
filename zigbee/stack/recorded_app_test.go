package stack

import (
	"fmt"
	"iter"
	"reflect"
	"strings"

	"sconce/zigbee"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

type appender interface{ Append([]byte) []byte }

func parser[T appender](parse func([]byte) (T, error)) func([]byte) (appender, error) {
	return func(p []byte) (appender, error) { return parse(p) }
}

// zdoParsers returns the parser of each message of the device profile.
func zdoParsers() map[zdo.Cluster]func([]byte) (appender, error) {
	const response = 0x8000
	return map[zdo.Cluster]func([]byte) (appender, error){
		zdo.NWKAddr:               parser(zdo.ParseNWKAddrReq),
		zdo.NWKAddr | response:    parser(zdo.ParseAddrRsp),
		zdo.IEEEAddr:              parser(zdo.ParseIEEEAddrReq),
		zdo.IEEEAddr | response:   parser(zdo.ParseAddrRsp),
		zdo.NodeDesc:              parser(zdo.ParseDescReq),
		zdo.NodeDesc | response:   parser(zdo.ParseNodeDescRsp),
		zdo.SimpleDesc:            parser(zdo.ParseSimpleDescReq),
		zdo.SimpleDesc | response: parser(zdo.ParseSimpleDescRsp),
		zdo.ActiveEP:              parser(zdo.ParseDescReq),
		zdo.ActiveEP | response:   parser(zdo.ParseEndpointsRsp),
		zdo.MatchDesc:             parser(zdo.ParseMatchDescReq),
		zdo.MatchDesc | response:  parser(zdo.ParseEndpointsRsp),
		zdo.DeviceAnnce:           parser(zdo.ParseAnnounce),
		zdo.Bind:                  parser(zdo.ParseBindReq),
		zdo.Bind | response:       parser(zdo.ParseStatusRsp),
		zdo.MgmtLqi:               parser(zdo.ParseMgmtLqiReq),
		zdo.MgmtLqi | response:    parser(zdo.ParseMgmtLqiRsp),
		zdo.MgmtRtg:               parser(zdo.ParseMgmtRtgReq),
		zdo.MgmtRtg | response:    parser(zdo.ParseMgmtRtgRsp),
		zdo.MgmtLeave:             parser(zdo.ParseMgmtLeaveReq),
		zdo.MgmtLeave | response:  parser(zdo.ParseStatusRsp),
		zdo.MgmtPermitJoining:     parser(zdo.ParseMgmtPermitJoiningReq),
	}
}

func (d *dissector) zdo(cluster zdo.Cluster, p []byte) {
	parse, ok := zdoParsers()[cluster]
	if !ok {
		d.t.Fatalf("no parser for %v", cluster)
	}
	m, err := parse(p)
	d.check("device profile", err)
	d.same("device profile", m.Append(nil), p)
	d.say(fmt.Sprintf("zdo %04x", uint16(cluster)), m)
}

func (d *dissector) zcl(cluster uint16, frame []byte) {
	h, p, err := zcl.ParseHeader(frame)
	d.check("ZCL header", err)
	d.same("ZCL header", append(zcl.AppendHeader(nil, h), p...), frame)
	d.say("zcl", h)
	if h.Specific {
		c, err := zcl.ParseCommand(zcl.CommandID{Cluster: cluster, FromServer: h.FromServer, Command: h.Command}, p)
		if err == nil {
			d.same("command", c.Append(nil), p)
			d.say("zcl-command", c)
		} else {
			d.lines = append(d.lines, fmt.Sprintf("payload %x", p))
		}
		return
	}
	switch h.Command {
	case zcl.CmdReadAttributes:
		records(d, zcl.ParseReadAttributes(p))
	case zcl.CmdReadAttributesResponse:
		records(d, zcl.ParseReadAttributesResponse(p))
	case zcl.CmdWriteAttributes:
		records(d, zcl.ParseWriteAttributes(p))
	case zcl.CmdWriteAttributesResponse:
		records(d, zcl.ParseWriteAttributesResponse(p))
	case zcl.CmdConfigureReporting:
		records(d, zcl.ParseConfigureReporting(p))
	case zcl.CmdConfigureReportingRsp:
		records(d, zcl.ParseConfigureReportingResponse(p))
	case zcl.CmdReportAttributes:
		records(d, zcl.ParseReport(p))
	case zcl.CmdDefaultResponse:
		r, err := zcl.ParseDefaultResponse(p)
		d.check("default response", err)
		d.say("default-response", r)
	case zcl.CmdDiscoverAttributesRsp:
		r, err := zcl.ParseDiscoveredAttributes(p)
		d.check("discovered attributes", err)
		d.say("discovered", r)
	default:
		d.lines = append(d.lines, fmt.Sprintf("payload %x", p))
	}
}

func records[T any](d *dissector, list iter.Seq2[T, error]) {
	for r, err := range list {
		d.check("record", err)
		if v := reflect.ValueOf(r); v.Kind() != reflect.Struct {
			d.say("record", struct{ Attribute T }{r})
			continue
		}
		d.say("record", r)
	}
}

// describe writes the fields of a struct that are not zero, in order.
func describe(v any) string {
	var b strings.Builder
	value := reflect.ValueOf(v)
	for i := range value.NumField() {
		f := value.Field(i)
		if name := value.Type().Field(i).Name; !f.IsZero() && value.Type().Field(i).IsExported() {
			if f.Kind() == reflect.Bool {
				fmt.Fprintf(&b, " %s", name)
				continue
			}
			fmt.Fprintf(&b, " %s=%s", name, word(f))
		}
	}
	return b.String()
}

// word writes one value: keys and bytes as they are, addresses as they print
// themselves, numbers of 16 bits (clusters, attributes) as hexadecimal digits.
func word(f reflect.Value) string {
	switch v := f.Interface().(type) {
	case zigbee.NetworkKey:
		return fmt.Sprintf("%x", v.Bytes())
	case zigbee.LinkKey:
		return fmt.Sprintf("%x", v.Bytes())
	case zigbee.Capability:
		return fmt.Sprintf("%02x", uint8(v))
	case fmt.Stringer:
		return v.String()
	}
	switch f.Kind() {
	case reflect.Struct:
		return "{" + strings.TrimPrefix(describe(f.Interface()), " ") + "}"
	case reflect.Pointer:
		return word(f.Elem())
	case reflect.Slice, reflect.Array:
		if f.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("%x", f.Interface())
		}
		var all []string
		for i := range f.Len() {
			all = append(all, word(f.Index(i)))
		}
		return "[" + strings.Join(all, " ") + "]"
	case reflect.Uint16:
		return fmt.Sprintf("%04x", f.Uint())
	default:
		return fmt.Sprint(f.Interface())
	}
}
