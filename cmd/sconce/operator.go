package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/store"
	"sconce/cloud/support"
)

type ctlOperator struct {
	Add    ctlOperatorAdd    `cmd:"" help:"Make an account that of an operator."`
	Remove ctlOperatorRemove `cmd:"" help:"End that, and every support grant that the account has."`
	List   ctlOperatorList   `cmd:"" help:"Show the operators."`
}

type ctlOperatorAdd struct {
	Email string `required:"" help:"Email address of the account."`
}

// Run makes an account that of an operator.
func (c *ctlOperatorAdd) Run(ctx context.Context, ctl *ctlCommand) error {
	return ctl.operators(ctx, func(s *support.Service, people *identity.Service) error {
		id, err := accountOf(ctx, people, c.Email)
		if err == nil {
			err = s.AddOperator(ctx, id)
		}
		if err != nil {
			return err
		}
		fmt.Println("The account is that of an operator. It opens no project: owners are asked for that in the app.")
		return nil
	})
}

type ctlOperatorRemove struct {
	Email string `required:"" help:"Email address of the account."`
}

// Run ends that an account is that of an operator.
func (c *ctlOperatorRemove) Run(ctx context.Context, ctl *ctlCommand) error {
	return ctl.operators(ctx, func(s *support.Service, people *identity.Service) error {
		id, err := accountOf(ctx, people, c.Email)
		if err == nil {
			err = s.RemoveOperator(ctx, id)
		}
		if err != nil {
			return err
		}
		fmt.Println("The account is no operator's any more, and sees no project as support.")
		return nil
	})
}

type ctlOperatorList struct{}

// Run shows the operators.
func (*ctlOperatorList) Run(ctx context.Context, ctl *ctlCommand) error {
	return ctl.operators(ctx, func(s *support.Service, people *identity.Service) error {
		ids, err := s.Operators(ctx)
		if err != nil {
			return err
		}
		accounts, err := people.Accounts(ctx, ids)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, id := range ids {
			fmt.Fprintf(t, "%s\t%s\t%s\n", id, accounts[id].Email, accounts[id].Name)
		}
		return t.Flush()
	})
}

func accountOf(ctx context.Context, people *identity.Service, email string) (sconce.AccountID, error) {
	a, err := people.AccountOf(ctx, email)
	if err == nil && a.ID == "" {
		err = sconce.Errorf(sconce.NotFound, "no account has this email address: make it first, in the app or with sconce ctl account add")
	}
	return a.ID, err
}

func (c *ctlCommand) operators(ctx context.Context, do func(*support.Service, *identity.Service) error) (err error) {
	s, config, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Unlock(ctx, config.Data.MasterKeyFile); err != nil {
		return err
	}
	people := peopleOf(s)
	return do(support.New(s.Support(), people, s.Vault(), time.Now), people)
}

// peopleOf returns what knows people, for a tool that sends no letters.
func peopleOf(s *store.Store) *identity.Service {
	return identity.New(identity.Parts{Store: s.Identity(), Refusals: audit.NewLog(s.SecurityLog(), time.Now), Now: time.Now})
}
