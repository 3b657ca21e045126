package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// DeviceEvent is something that happened to a device.
type DeviceEvent struct {
	At       Time                   `json:"at"`
	Kind     string                 `json:"kind" enum:"placed,taken_down,joined,restarted,left,pressed,alert_began,alert_ended,unknown"`
	Position OrNull[string]         `json:"position_name" doc:"With placed and taken_down."`
	Rule     OrNull[rules.Kind]     `json:"rule" doc:"With alert_began and alert_ended: what was wrong."`
	Severity OrNull[rules.Severity] `json:"severity"`
	Alert    OrNull[string]         `json:"alert_id"`
}

// DeviceEvents is a page of what happened to a device, the newest first.
type DeviceEvents struct {
	Items []DeviceEvent `json:"items" nullable:"false"`
	Next  string        `json:"next_cursor,omitempty"`
}

// eventKinds are the names of what gateways tell.
var eventKinds = map[telemetry.EventKind]string{1: "joined", 2: "restarted", 3: "left", 4: "pressed"}

func (a *API) historyRoutes() {
	within(a, route{
		id: "list-device-events", method: http.MethodGet, path: "/devices/{device}/events", status: http.StatusOK,
		summary: "What happened to a device, the newest first: where it hung, when it came and went, what was wrong", tag: "devices",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Device text[sconce.EUI64] `path:"device" doc:"Address of the device, which may have been replaced or taken down since."`
		Page
	},
	) (*struct{ Body DeviceEvents }, error) {
		from, err := parsePlace(in.Cursor)
		if err != nil {
			return nil, err
		}
		limit := min(in.Limit, telemetry.MaxEvents-1)
		events, err := a.Telemetry.DeviceEvents(ctx, scope, in.Device.value, time.UnixMilli(from.at), min(limit+from.passed+1, telemetry.MaxEvents))
		if err != nil {
			return nil, err
		}
		stays, err := a.Lighting.Stays(ctx, scope, in.Device.value)
		if err != nil {
			return nil, err
		}
		alerts, err := a.Alerts.List(ctx, scope, alert.Filter{Device: in.Device.value}, "", alert.MaxPage)
		if err != nil {
			return nil, err
		}
		items, next := from.page(history(in.Device.value, events, stays, alerts), limit)
		return &struct{ Body DeviceEvents }{DeviceEvents{items, next}}, nil
	})
}

// history brings what is known of a device into the order of times, the newest first.
func history(device sconce.EUI64, events []telemetry.Event, stays []lighting.Stay, alerts []alert.Alert) []DeviceEvent {
	var all []DeviceEvent
	for _, a := range alerts {
		for _, m := range a.Members {
			if m.Device != device {
				continue
			}
			one := DeviceEvent{At: Time(m.Since), Kind: "alert_began", Rule: some(a.Kind), Severity: some(a.Severity), Alert: some(string(a.ID))}
			if !m.Cleared.IsZero() {
				ended := one
				ended.At, ended.Kind = Time(m.Cleared), "alert_ended"
				all = append(all, ended)
			}
			all = append(all, one)
		}
	}
	for _, e := range events {
		all = append(all, DeviceEvent{At: Time(e.At), Kind: cmp.Or(eventKinds[e.Kind], "unknown")})
	}
	for _, s := range slices.Backward(stays) {
		if !s.Until.IsZero() {
			all = append(all, DeviceEvent{At: Time(s.Until), Kind: "taken_down", Position: some(s.Name)})
		}
		all = append(all, DeviceEvent{At: Time(s.From), Kind: "placed", Position: some(s.Name)})
	}
	slices.SortStableFunc(all, func(a, b DeviceEvent) int { return time.Time(b.At).Compare(time.Time(a.At)) })
	return all
}

// place is where a page of a history begins: at a time in milliseconds, behind so many of that time.
type place struct {
	at     int64
	passed int
}

// parsePlace reads a cursor, "" for the newest.
func parsePlace(cursor string) (p place, err error) {
	if cursor == "" {
		return place{at: math.MaxInt64 / int64(time.Millisecond)}, nil
	}
	at, passed, _ := strings.Cut(cursor, ".")
	if p.at, err = strconv.ParseInt(at, 10, 64); err == nil {
		p.passed, err = strconv.Atoi(passed)
	}
	if err != nil || p.passed < 0 || p.passed > telemetry.MaxEvents || p.String() != cursor {
		return place{}, errCursor()
	}
	return p, nil
}

func (p place) String() string { return fmt.Sprintf("%d.%d", p.at, p.passed) }

// page returns the first of all that come from a place on, and the cursor of the rest.
func (p place) page(all []DeviceEvent, limit int) (items []DeviceEvent, next string) {
	ms := func(e DeviceEvent) int64 { return time.Time(e.At).UnixMilli() }
	begin := slices.IndexFunc(all, func(e DeviceEvent) bool { return ms(e) <= p.at })
	if begin < 0 {
		return []DeviceEvent{}, ""
	}
	rest := all[begin:]
	rest = rest[min(p.passed, len(rest)):]
	if len(rest) <= limit {
		return append([]DeviceEvent{}, rest...), ""
	}
	items = rest[:limit]
	after := place{at: ms(items[limit-1])}
	for _, e := range all[:begin+min(p.passed, len(all))+limit] {
		if ms(e) == after.at {
			after.passed++
		}
	}
	return items, after.String()
}
