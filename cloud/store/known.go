package store

import (
	"cmp"
	"context"
	"slices"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/privacy"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/sitedb"
)

// EntriesOf returns up to most entries of all chains that a subject made or that were made
// about it, the newest first.
func (s *Store) EntriesOf(ctx context.Context, who audit.Subject, most int) ([]audit.Entry, error) {
	people, err := s.identity.reading.SecurityLogOf(ctx, identitydb.SecurityLogOfParams{Subject: string(who), Max: int64(most)})
	if err != nil {
		return nil, doing("reading the security log of people", err)
	}
	others, err := s.site.across().reading.SecurityLogOf(ctx, sitedb.SecurityLogOfParams{Subject: string(who), Max: int64(most)})
	if err != nil {
		return nil, doing("reading the security logs", err)
	}
	all := append(mapped(people, personEntryOf), mapped(others, entryOf)...)
	slices.SortStableFunc(all, func(a, b audit.Entry) int { return cmp.Compare(b.At.UnixMilli(), a.At.UnixMilli()) })
	return all[:min(len(all), most)], nil
}

// CommandsOf returns up to most commands that somebody sent, in whatever project, the
// newest first.
func (s *Store) CommandsOf(ctx context.Context, who sconce.AccountID, most int) ([]privacy.Command, error) {
	rows, err := s.site.across().reading.CommandsOf(ctx, sitedb.CommandsOfParams{AccountID: string(who), Max: int64(most)})
	all := make([]privacy.Command, len(rows))
	for i, r := range rows {
		c := commandOf(r)
		all[i] = privacy.Command{
			Project: c.Project, At: c.Made, Device: c.Device, Group: c.Group, On: c.On, Level: c.Level, Lights: c.Targets, Confirmed: c.Confirmed,
		}
	}
	return all, doing("reading the commands of a person", err)
}

// InvitationsTo returns the invitations that were sent to a normalised address.
func (s *Store) InvitationsTo(ctx context.Context, email string) ([]string, error) {
	v, err := identities{s.identity, s.vault}.sealer()
	if err != nil {
		return nil, err
	}
	ids, err := s.identity.reading.InvitationsTo(ctx, emailDigest(v, email))
	if ids == nil {
		ids = []string{}
	}
	return ids, doing("reading the invitations of a person", err)
}

// SupportOf returns what somebody has to do with support.
func (s *Store) SupportOf(ctx context.Context, who sconce.AccountID) (privacy.Support, error) {
	is, err := supportGrants{s.site}.IsOperator(ctx, who)
	if err != nil {
		return privacy.Support{}, err
	}
	rows, err := s.site.across().reading.SupportGrantsOf(ctx, string(who))
	all := privacy.Support{Operator: is, Grants: make([]privacy.Grant, len(rows))}
	for i, r := range rows {
		all.Grants[i] = privacy.Grant{
			Project: sconce.ProjectID(r.ProjectID), Operator: sconce.AccountID(r.OperatorID), AskedBy: sconce.AccountID(r.AskedBy), Asked: momentOf(r.AskedMs),
			GrantedBy: sconce.AccountID(r.GrantedBy), Expires: momentOf(r.ExpiresMs),
		}
	}
	return all, doing("reading the support grants of a person", err)
}
