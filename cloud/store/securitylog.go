package store

import (
	"context"
	"database/sql"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/sitedb"
)

// SecurityLog returns where the security log is kept: people's chain in the identity
// database, every other in that of the site, each beside what it speaks of.
func (s *Store) SecurityLog() audit.Store { return securityLog{s.identity, s.site} }

type securityLog struct {
	people *database[*identitydb.Queries]
	site   site
}

// SecurityLogs returns every chain that has entries.
func (s *Store) SecurityLogs(ctx context.Context) ([]audit.Chain, error) {
	ids, err := s.site.across().reading.SecurityLogs(ctx)
	if err != nil {
		return nil, doing("reading which security logs there are", err)
	}
	chains := mapped(ids, chainOf)
	some, err := s.identity.reading.SecurityLog(ctx, identitydb.SecurityLogParams{Max: 1})
	if len(some) > 0 {
		chains = append(chains, audit.People)
	}
	return chains, doing("reading whether people have a security log", err)
}

// The chain of the installation is kept as that of no project, ”.
func chainOf(projectID string) audit.Chain {
	if projectID == "" {
		return audit.Installation
	}
	return audit.Chain(projectID)
}

func projectOf(c audit.Chain) string {
	if c == audit.Installation {
		return ""
	}
	return string(c)
}

func (l securityLog) Append(ctx context.Context, chain audit.Chain, e audit.Event) error {
	if chain == audit.People {
		return l.people.update(ctx, func(q *identitydb.Queries) error { return recordPeople(ctx, q, e) })
	}
	return l.site.of(sconce.ProjectID(projectOf(chain))).update(ctx, func(q *sitedb.Queries) error { return record(ctx, q, chain, e) })
}

// record continues a chain of the site in the transaction of what the event speaks of.
func record(ctx context.Context, q *sitedb.Queries, chain audit.Chain, event audit.Event) error {
	last, err := q.SecurityLogHead(ctx, projectOf(chain))
	if err := ignore(err, sql.ErrNoRows); err != nil {
		return doing("reading the end of a security log", err)
	}
	e := headOf(last.Number, last.Digest).Next(chain, event)
	return doing("writing the security log", q.AppendSecurityLog(ctx, sitedb.AppendSecurityLogParams{
		ProjectID: projectOf(chain), Number: int64(e.Number), AtMs: e.At.UnixMilli(),
		Who: string(e.Who), Origin: string(e.Origin), Action: string(e.Action), Target: e.Target, Detail: e.Detail, Result: string(e.Result),
		Previous: e.Previous[:], Digest: e.Digest[:],
	}))
}

// note records a change of a project that is made with a scope.
func note(ctx context.Context, q *sitedb.Queries, s project.Scope, action audit.Action, target, detail string) error {
	return record(ctx, q, audit.OfProject(s.Project()), s.Event(action, target, detail))
}

// recordPeople is record for the chain of people.
func recordPeople(ctx context.Context, q *identitydb.Queries, event audit.Event) error {
	last, err := q.SecurityLogHead(ctx)
	if err := ignore(err, sql.ErrNoRows); err != nil {
		return doing("reading the end of the security log of people", err)
	}
	e := headOf(last.Number, last.Digest).Next(audit.People, event)
	return doing("writing the security log of people", q.AppendSecurityLog(ctx, identitydb.AppendSecurityLogParams{
		Number: int64(e.Number), AtMs: e.At.UnixMilli(),
		Who: string(e.Who), Origin: string(e.Origin), Action: string(e.Action), Target: e.Target, Detail: e.Detail, Result: string(e.Result),
		Previous: e.Previous[:], Digest: e.Digest[:],
	}))
}

func headOf(number int64, digest []byte) audit.Head {
	h := audit.Head{Number: uint64(number)}
	copy(h.Digest[:], digest)
	return h
}

func (l securityLog) Entries(ctx context.Context, chain audit.Chain, after uint64, limit int) ([]audit.Entry, error) {
	var all []audit.Entry
	var err error
	if chain == audit.People {
		var rows []identitydb.SecurityLog
		rows, err = l.people.reading.SecurityLog(ctx, identitydb.SecurityLogParams{After: int64(after), Max: int64(limit)})
		all = mapped(rows, personEntryOf)
	} else {
		var rows []sitedb.SecurityLog
		rows, err = l.site.of(sconce.ProjectID(projectOf(chain))).reading.SecurityLog(ctx, sitedb.SecurityLogParams{ProjectID: projectOf(chain), After: int64(after), Max: int64(limit)})
		all = mapped(rows, entryOf)
	}
	return all, doing("reading a security log", err)
}

func (l securityLog) Newest(ctx context.Context, chain audit.Chain, before uint64, limit int) ([]audit.Entry, error) {
	var all []audit.Entry
	var err error
	if chain == audit.People {
		var rows []identitydb.SecurityLog
		rows, err = l.people.reading.SecurityLogNewest(ctx, identitydb.SecurityLogNewestParams{Before: int64(before), Max: int64(limit)})
		all = mapped(rows, personEntryOf)
	} else {
		var rows []sitedb.SecurityLog
		rows, err = l.site.of(sconce.ProjectID(projectOf(chain))).reading.SecurityLogNewest(ctx, sitedb.SecurityLogNewestParams{ProjectID: projectOf(chain), Before: int64(before), Max: int64(limit)})
		all = mapped(rows, entryOf)
	}
	return all, doing("reading a security log", err)
}

func entryOf(r sitedb.SecurityLog) audit.Entry {
	e := audit.Entry{
		Chain: chainOf(r.ProjectID), Number: uint64(r.Number), Previous: headOf(0, r.Previous).Digest, Digest: headOf(0, r.Digest).Digest,
		Event: audit.Event{
			At: momentOf(r.AtMs), Who: audit.Subject(r.Who), Origin: audit.Origin(r.Origin), Action: audit.Action(r.Action),
			Target: r.Target, Detail: r.Detail, Result: audit.Result(r.Result),
		},
	}
	return e
}

func personEntryOf(r identitydb.SecurityLog) audit.Entry {
	e := entryOf(sitedb.SecurityLog{
		Number: r.Number, AtMs: r.AtMs, Who: r.Who, Origin: r.Origin, Action: r.Action, Target: r.Target, Detail: r.Detail,
		Result: r.Result, Previous: r.Previous, Digest: r.Digest,
	})
	e.Chain = audit.People
	return e
}
