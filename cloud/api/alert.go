package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/project"
)

// Alert is something that is, or was, wrong with one or more devices of a network.
type Alert struct {
	ID       sconce.AlertID      `json:"id"`
	Network  sconce.NetworkID    `json:"network_id"`
	Rule     rules.Kind          `json:"rule" enum:"lamp_failure,driver_fault,overheated,device_offline,gateway_offline,battery_low,power_high,energy_high,sensor_stuck,data_lost"`
	Severity rules.Severity      `json:"severity" enum:"info,warning,critical"`
	Raised   Time                `json:"raised_at"`
	Cleared  OrNull[Time]        `json:"cleared_at" doc:"Null while it is open."`
	Times    int                 `json:"times" doc:"How often it began: again, when it had been cleared for less than an hour."`
	Devices  int                 `json:"devices" doc:"How many devices it is about."`
	Wrong    int                 `json:"wrong" doc:"How many of them still."`
	Seen     OrNull[Time]        `json:"acknowledged_at"`
	SeenBy   OrNull[AlertPerson] `json:"acknowledged_by" doc:"Null also for those who may not handle alerts."`
}

// AlertPerson is somebody who handles alerts.
type AlertPerson struct {
	Account sconce.AccountID `json:"account_id"`
	Name    string           `json:"name" doc:"Empty when the account is gone."`
}

// AlertMember is a device that an alert is about. Of the gateway and of the energy of the
// project it is the gateway.
type AlertMember struct {
	Device  sconce.EUI64 `json:"eui64"`
	Since   Time         `json:"since"`
	Cleared OrNull[Time] `json:"cleared_at"`
	Value   float64      `json:"value" doc:"What was too much or too little when it was raised; 0 where there is none."`
}

// AlertNote is what somebody wrote about an alert.
type AlertNote struct {
	Author AlertPerson `json:"author"`
	At     Time        `json:"at"`
	Text   string      `json:"text"`
}

// AlertDetail is an alert with its devices, and for those who may handle alerts its notes.
type AlertDetail struct {
	Alert
	Members []AlertMember `json:"members" nullable:"false"`
	Notes   []AlertNote   `json:"notes" nullable:"false"`
}

// Alerts is a page of alerts, the newest first.
type Alerts struct {
	Items []Alert `json:"items" nullable:"false"`
	Next  string  `json:"next_cursor,omitempty"`
	Open  int     `json:"open" doc:"How many alerts of the project are open, whatever was asked for."`
}

// NewAlertNote is a note to write.
type NewAlertNote struct {
	Text string `json:"text" minLength:"1" maxLength:"1000"`
}

// Acknowledgement says that somebody sees to an alert.
type Acknowledgement struct {
	Note string `json:"note,omitempty" maxLength:"1000"`
}

// AlertPath names an alert of the project.
type AlertPath struct {
	Alert sconce.AlertID `path:"alert" maxLength:"100" doc:"Identifier of the alert."`
}

type alertQuery struct {
	Page
	State    alert.State        `query:"state" enum:"open,cleared" doc:"Only those that are open, or cleared."`
	Severity text[severity]     `query:"severity" doc:"Only those of this severity or a worse one: info, warning or critical."`
	Rule     text[ruleKind]     `query:"rule" doc:"Only those of this rule."`
	Device   text[sconce.EUI64] `query:"device" doc:"Only those about the device with this address."`
}

type (
	severity = rules.Severity
	ruleKind = rules.Kind
)

func (a *API) alertRoutes() {
	within(a, route{
		id: "list-alerts", method: http.MethodGet, path: "/alerts", status: http.StatusOK,
		summary: "What is, or was, wrong in the project, the newest first", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *alertQuery) (*struct{ Body Alerts }, error) {
		f := alert.Filter{State: in.State, Least: in.Severity.value, Kind: in.Rule.value, Device: in.Device.value}
		all, err := a.Alerts.List(ctx, scope, f, sconce.AlertID(in.Cursor), min(in.Limit+1, alert.MaxPage))
		if err != nil {
			return nil, inCursor(in.Cursor, err)
		}
		kept, next := cut(all, min(in.Limit, alert.MaxPage-1), func(one alert.Alert) string { return string(one.ID) })
		items, err := a.alertsOf(ctx, scope, kept)
		if err != nil {
			return nil, err
		}
		open, err := a.Alerts.CountOpen(ctx, scope)
		return &struct{ Body Alerts }{Alerts{items, next, open}}, err
	})

	within(a, route{
		id: "get-alert", method: http.MethodGet, path: "/alerts/{alert}", status: http.StatusOK,
		summary: "An alert with its devices", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *AlertPath) (*alertAnswer, error) {
		return a.alertDetail(ctx, scope, in.Alert)
	})

	within(a, route{
		id: "acknowledge-alert", method: http.MethodPost, path: "/alerts/{alert}/acknowledgement", status: http.StatusOK,
		summary: "Say that you see to an alert", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		AlertPath
		Body Acknowledgement
	},
	) (*alertAnswer, error) {
		if err := a.Alerts.Acknowledge(ctx, scope, in.Alert, in.Body.Note); err != nil {
			return nil, err
		}
		return a.alertDetail(ctx, scope, in.Alert)
	})

	within(a, route{
		id: "note-alert", method: http.MethodPost, path: "/alerts/{alert}/notes", status: http.StatusCreated,
		summary: "Write a note about an alert", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		AlertPath
		Body NewAlertNote
	},
	) (*alertAnswer, error) {
		if err := a.Alerts.AddNote(ctx, scope, in.Alert, in.Body.Text); err != nil {
			return nil, err
		}
		return a.alertDetail(ctx, scope, in.Alert)
	})
}

// inCursor says of a cursor that names no alert what is wrong with it.
func inCursor(cursor string, err error) error {
	if cursor != "" && sconce.KindOf(err) == sconce.Invalid {
		return errCursor()
	}
	return err
}

type alertAnswer struct{ Body AlertDetail }

func (a *API) alertDetail(ctx context.Context, scope project.Scope, id sconce.AlertID) (*alertAnswer, error) {
	one, notes, err := a.Alerts.Get(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	items, err := a.alertsOf(ctx, scope, []alert.Alert{one})
	if err != nil {
		return nil, err
	}
	authors := make([]sconce.AccountID, len(notes))
	for i, n := range notes {
		authors[i] = n.Author
	}
	people, err := a.Identity.Accounts(ctx, authors)
	if err != nil {
		return nil, err
	}
	detail := AlertDetail{Alert: items[0], Members: []AlertMember{}, Notes: []AlertNote{}}
	for _, m := range one.Members {
		detail.Members = append(detail.Members, AlertMember{m.Device, Time(m.Since), momentOrNull(m.Cleared), m.Value})
	}
	for _, n := range notes {
		detail.Notes = append(detail.Notes, AlertNote{AlertPerson{n.Author, people[n.Author].Name}, Time(n.At), n.Text})
	}
	return &alertAnswer{detail}, nil
}

// alertsOf returns alerts as the person who asks may see them.
func (a *API) alertsOf(ctx context.Context, scope project.Scope, all []alert.Alert) ([]Alert, error) {
	var ids []sconce.AccountID
	named := scope.May().Has(project.HandleAlerts)
	for _, one := range all {
		if named && one.SeenBy != "" && !slices.Contains(ids, one.SeenBy) {
			ids = append(ids, one.SeenBy)
		}
	}
	people, err := a.Identity.Accounts(ctx, ids)
	if err != nil {
		return nil, err
	}
	items := make([]Alert, len(all))
	for i, one := range all {
		items[i] = Alert{
			ID: one.ID, Network: one.Network, Rule: one.Kind, Severity: one.Severity, Raised: Time(one.Raised), Cleared: momentOrNull(one.Cleared),
			Times: one.Times, Devices: len(one.Members), Wrong: one.Wrong(), Seen: momentOrNull(one.Seen),
		}
		if named && one.SeenBy != "" {
			items[i].SeenBy = some(AlertPerson{one.SeenBy, people[one.SeenBy].Name})
		}
	}
	return items, nil
}

// AlertRule is when something is an alert.
type AlertRule struct {
	Rule     rules.Kind     `json:"rule" enum:"lamp_failure,driver_fault,overheated,device_offline,gateway_offline,battery_low,power_high,energy_high,sensor_stuck,data_lost"`
	On       bool           `json:"on"`
	Severity rules.Severity `json:"severity" enum:"info,warning,critical"`
	Delay    int            `json:"delay_s" minimum:"0" maximum:"604800" doc:"How long it must have been so before it is raised."`
	Hold     int            `json:"hold_s" minimum:"0" maximum:"604800" doc:"How long it must be over before it is cleared; longer when it comes again and again."`
	Limit    float64        `json:"limit" minimum:"0" maximum:"1000000" doc:"In the unit of the rule; 0 where it has none."`
	Slack    float64        `json:"slack" minimum:"0" maximum:"1000000" doc:"How far from the limit it must have come back to be over."`
	Unit     string         `json:"unit" readOnly:"true"`
}

// QuietHours are those in which no letters about alerts are sent.
type QuietHours struct {
	On       bool   `json:"on"`
	From     string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"22:00"`
	To       string `json:"to" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"06:00"`
	Zone     string `json:"time_zone" maxLength:"64" example:"Europe/Berlin" doc:"IANA name; empty is the time zone of the project."`
	Critical bool   `json:"critical_passes" doc:"Critical alerts are told at any time."`
}

// AlertSettings are all rules of a project, and its quiet hours.
type AlertSettings struct {
	Rules []AlertRule `json:"rules" maxItems:"50" nullable:"false" doc:"Rules that are left out get their defaults."`
	Quiet QuietHours  `json:"quiet_hours"`
}

// Letters are which alerts one gets letters about.
type Letters struct {
	Least string `json:"least_severity" enum:"info,warning,critical,none"`
}

// Webhook is a program elsewhere that is told of alerts.
type Webhook struct {
	ID      alert.HookID   `json:"id"`
	URL     string         `json:"url"`
	Least   rules.Severity `json:"least_severity" enum:"info,warning,critical"`
	Made    Time           `json:"created_at"`
	Failing OrNull[Time]   `json:"failing_since" doc:"Since when it takes nothing; null while it does."`
}

// WebhookTrial is what came of a test of a webhook.
type WebhookTrial struct {
	Delivered bool                      `json:"delivered" doc:"It answered with a status from 200 to 299."`
	Reason    OrNull[alert.TrialReason] `json:"reason" doc:"Why not: no_address (its name leads to no public address), no_connection, no_answer, no_certificate, or answered with a status."`
	Status    OrNull[int]               `json:"status" doc:"Of its answer, when that was the reason."`
}

// NewWebhook is a webhook to make.
type NewWebhook struct {
	URL   string         `json:"url" minLength:"9" maxLength:"500" doc:"https://… It must be reachable from the internet, and answer with a status from 200 to 299 within 10 seconds."`
	Least rules.Severity `json:"least_severity" enum:"info,warning,critical"`
}

// MadeWebhook is a webhook with its secret, which is shown once.
type MadeWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"Signs what it is told: Sconce-Signature is v1= and the hexadecimal HMAC-SHA-256, with this text as the key, of Sconce-Timestamp, a full stop, and the body. Refuse what is older than a few minutes."`
}

// Webhooks are the webhooks of a project, at most 10.
type Webhooks struct {
	Items []Webhook `json:"items" nullable:"false"`
}

func webhookOf(h alert.Hook) Webhook {
	return Webhook{h.ID, h.Address, h.Least, Time(h.Made), momentOrNull(h.Failing)}
}

type settingsAnswer struct {
	ETag string `header:"ETag"`
	Body AlertSettings
}

func answerSettings(s alert.Settings, err error) (*settingsAnswer, error) {
	if err != nil {
		return nil, err
	}
	body := settingsOf(s)
	return &settingsAnswer{etagOf(body), body}, nil
}

func (a *API) alertSettingsRoutes() {
	within(a, route{
		id: "get-alert-settings", method: http.MethodGet, path: "/alert-settings", status: http.StatusOK,
		summary: "When something is an alert, and when letters are sent", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*settingsAnswer, error) {
		return answerSettings(a.Alerts.Settings(ctx, scope))
	})

	within(a, route{
		id: "change-alert-settings", method: http.MethodPut, path: "/alert-settings", status: http.StatusOK,
		summary: "Decide when something is an alert, and when letters are sent", tag: "alerts", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Unchanged
		Body AlertSettings
	},
	) (*settingsAnswer, error) {
		was, err := a.Alerts.Settings(ctx, scope)
		if err != nil {
			return nil, err
		}
		if err := in.check(ctx, settingsOf(was)); err != nil {
			return nil, err
		}
		set, err := in.Body.settings()
		if err != nil {
			return nil, err
		}
		return answerSettings(a.Alerts.SetSettings(ctx, scope, set))
	})

	within(a, route{
		id: "get-alert-letters", method: http.MethodGet, path: "/alert-letters", status: http.StatusOK,
		summary: "Which alerts you get letters about", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*struct{ Body Letters }, error) {
		r, err := a.Alerts.Reader(ctx, scope)
		return &struct{ Body Letters }{lettersOf(r.Wants())}, err
	})

	within(a, route{
		id: "change-alert-letters", method: http.MethodPut, path: "/alert-letters", status: http.StatusOK,
		summary: "Decide which alerts you get letters about; in person", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body Letters }) (*struct{ Body Letters }, error) {
		least := alert.Never
		if in.Body.Least != "none" {
			if err := least.UnmarshalText([]byte(in.Body.Least)); err != nil {
				return nil, err
			}
		}
		return &struct{ Body Letters }{lettersOf(least)}, a.Alerts.SetReader(ctx, scope, least)
	})

	a.webhookRoutes()
}

func (a *API) webhookRoutes() {
	within(a, route{
		id: "list-webhooks", method: http.MethodGet, path: "/webhooks", status: http.StatusOK,
		summary: "The programs elsewhere that are told of alerts", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*struct{ Body Webhooks }, error) {
		hooks, err := a.Alerts.Hooks(ctx, scope)
		items := make([]Webhook, len(hooks))
		for i, h := range hooks {
			items[i] = webhookOf(h)
		}
		return &struct{ Body Webhooks }{Webhooks{items}}, err
	})

	within(a, route{
		id: "make-webhook", method: http.MethodPost, path: "/webhooks", status: http.StatusCreated,
		summary: "Have a program elsewhere told of alerts", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body NewWebhook }) (*struct{ Body MadeWebhook }, error) {
		h, err := a.Alerts.AddHook(ctx, scope, in.Body.URL, in.Body.Least)
		return &struct{ Body MadeWebhook }{MadeWebhook{webhookOf(h), h.Secret.Reveal()}}, err
	})

	within(a, route{
		id: "test-webhook", method: http.MethodPost, path: "/webhooks/{webhook}/test", status: http.StatusOK,
		summary: "Tell a program elsewhere that this is a test (news: test), signed as everything, and see what comes of it", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Webhook alert.HookID `path:"webhook" maxLength:"100" doc:"Identifier of the webhook."`
	},
	) (*struct{ Body WebhookTrial }, error) {
		t, err := a.Alerts.TestHook(ctx, scope, in.Webhook)
		out := WebhookTrial{Delivered: t.Reason == ""}
		if t.Reason != "" {
			out.Reason = some(t.Reason)
		}
		if t.Status > 0 {
			out.Status = some(t.Status)
		}
		return &struct{ Body WebhookTrial }{out}, err
	})

	within(a, route{
		id: "remove-webhook", method: http.MethodDelete, path: "/webhooks/{webhook}", status: http.StatusNoContent,
		summary: "Tell a program elsewhere no more", tag: "alerts",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Webhook alert.HookID `path:"webhook" maxLength:"100" doc:"Identifier of the webhook."`
	},
	) (*none, error) {
		return nil, a.Alerts.RemoveHook(ctx, scope, in.Webhook)
	})
}

func lettersOf(least rules.Severity) Letters {
	if least == alert.Never {
		return Letters{"none"}
	}
	return Letters{least.String()}
}

func settingsOf(s alert.Settings) AlertSettings {
	all := s.Effective()
	out := AlertSettings{Rules: []AlertRule{}, Quiet: QuietHours{s.Quiet.On, clock(s.Quiet.From), clock(s.Quiet.To), s.Quiet.Zone, s.Quiet.Critical}}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		r := all[k]
		out.Rules = append(out.Rules, AlertRule{k, r.On, r.Severity, int(r.Delay / time.Second), int(r.Hold / time.Second), r.Limit, r.Slack, k.Unit()})
	}
	return out
}

func (in AlertSettings) settings() (alert.Settings, error) {
	s := alert.Settings{Rules: rules.Set{}, Quiet: alert.Quiet{On: in.Quiet.On, Zone: in.Quiet.Zone, Critical: in.Quiet.Critical}}
	for _, r := range in.Rules {
		if _, twice := s.Rules[r.Rule]; twice {
			return s, sconce.FieldErrorf("rules", "the rule %s is there twice", r.Rule)
		}
		s.Rules[r.Rule] = rules.Rule{
			On: r.On, Severity: r.Severity, Delay: time.Duration(r.Delay) * time.Second, Hold: time.Duration(r.Hold) * time.Second, Limit: r.Limit, Slack: r.Slack,
		}
	}
	var err error
	if s.Quiet.From, err = minutes(in.Quiet.From); err == nil {
		s.Quiet.To, err = minutes(in.Quiet.To)
	}
	return s, err
}

// clock writes minutes since midnight as 22:00, and minutes reads that.
func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

func minutes(clock string) (int, error) {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return 0, sconce.FieldErrorf("quiet_hours", "expected a time of day such as 22:00")
	}
	return t.Hour()*60 + t.Minute(), nil
}
