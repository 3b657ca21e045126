package api

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
)

// LogEntry is a line of the security log of a project. People and things are named by
// their identifiers, behind their kind and a colon.
type LogEntry struct {
	Number uint64        `json:"number" doc:"From 1, without gaps."`
	At     Time          `json:"at"`
	Who    audit.Subject `json:"who" doc:"As in account:0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f, gateway:00124b0000000001 or operator."`
	Origin audit.Origin  `json:"origin" doc:"From where: the session, for one."`
	Action audit.Action  `json:"action" doc:"As in member.set."`
	Target string        `json:"target" doc:"What it was done to."`
	Detail string        `json:"detail"`
	Result audit.Result  `json:"result" enum:"done,refused"`
	Digest audit.Digest  `json:"digest" doc:"SHA-256 of the entry and the digest of the one before. Keep one, with its number, to prove later that nothing before it was changed."`
}

// SecurityLog is a page of the security log, the newest entry first.
type SecurityLog struct {
	Items []LogEntry `json:"items" nullable:"false"`
	Next  string     `json:"next_cursor,omitempty"`
}

func (a *API) securityLogRoutes() {
	within(a, route{
		id: "list-security-log", method: http.MethodGet, path: "/security-log", status: http.StatusOK,
		summary: "Who did what in the project, the newest first", tag: "security",
	}, func(ctx context.Context, scope project.Scope, in *Page) (*struct{ Body SecurityLog }, error) {
		if err := scope.Require(project.ReadSecurityLog); err != nil {
			return nil, err
		}
		before := uint64(math.MaxInt64)
		if in.Cursor != "" {
			n, err := strconv.ParseUint(in.Cursor, 10, 63)
			if err != nil {
				return nil, errCursor()
			}
			before = n
		}
		all, err := a.SecurityLog.Newest(ctx, audit.OfProject(scope.Project()), before, in.Limit+1)
		if err != nil {
			return nil, err
		}
		items := make([]LogEntry, len(all))
		for i, e := range all {
			items[i] = LogEntry{e.Number, Time(e.At), e.Who, e.Origin, e.Action, e.Target, e.Detail, e.Result, e.Digest}
		}
		items, next := cut(items, in.Limit, func(e LogEntry) string { return strconv.FormatUint(e.Number, 10) })
		return &struct{ Body SecurityLog }{SecurityLog{items, next}}, nil
	})
}

// refused writes in the security log that somebody who may see a project was refused an
// operation in it. That it cannot be written changes nothing for them.
func (a *API) refused(ctx context.Context, scope project.Scope, operation string, err error) {
	if sconce.KindOf(err) != sconce.Forbidden {
		return
	}
	err = a.SecurityLog.Refuse(context.WithoutCancel(ctx), audit.OfProject(scope.Project()), scope.Subject(), scope.Origin(), operation, "")
	if err != nil {
		a.Log.Error("a refusal is not in the security log", slog.String("request", requestID(ctx)), slog.Any("error", err))
	}
}
