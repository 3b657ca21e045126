package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/store"
	"sconce/cloud/vault"
)

// ctlCommand works on the data of a cloud on this machine, which may be running.
type ctlCommand struct {
	Config string `help:"Configuration of the cloud." type:"existingfile"`

	MasterKey ctlMasterKey `cmd:"" help:"The key that seals secret fields."`
	Vault     ctlVault     `cmd:"" help:"The keys of the database, which the master key seals."`
	Registry  ctlRegistry  `cmd:"" help:"The device identities that this cloud admits."`
	Account   ctlAccount   `cmd:"" help:"The people who sign in."`
	Audit     ctlAudit     `cmd:"" help:"The security log: who did what."`
	Store     ctlStore     `cmd:"" help:"The databases."`
	Journal   ctlJournal   `cmd:"" help:"What the gateways said, and what is made of it."`
	Operator  ctlOperator  `cmd:"" help:"The accounts of those who run this cloud; they see a project by a support grant only."`
	Roles     ctlRoles     `cmd:"" help:"What each role may do."`
	OpenAPI   ctlOpenAPI   `cmd:"" name:"openapi" help:"The description of the HTTP API (OpenAPI 3.1)."`
}

// open returns the databases of the cloud.
func (c *ctlCommand) open(ctx context.Context) (*store.Store, *cloudConfig, error) {
	config, err := c.config()
	if err != nil {
		return nil, nil, err
	}
	s, err := config.openStoreBeside(ctx)
	return s, config, err
}

func (c *ctlCommand) config() (*cloudConfig, error) {
	if c.Config == "" {
		return nil, sconce.Errorf(sconce.Invalid, "say which cloud: --config=FILE, the configuration that it runs with")
	}
	return loadCloudConfig(c.Config)
}

type ctlMasterKey struct {
	Create ctlMasterKeyCreate `cmd:"" help:"Make the key. Do this once, and keep a copy in a safe place."`
}

type ctlMasterKeyCreate struct{}

// Run makes the key.
func (*ctlMasterKeyCreate) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	s, config, err := ctl.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := vault.CreateMasterKey(ctx, config.Data.MasterKeyFile, s.Keysets()); err != nil {
		return err
	}
	fmt.Printf("Made %s. Without it the secrets in the database cannot be opened: keep a copy in a safe place, apart from the backups.\n", config.Data.MasterKeyFile)
	return nil
}

type ctlRegistry struct {
	Import ctlRegistryImport `cmd:"" help:"Admit the devices of a factory's records (issued.jsonl)."`
	Revoke ctlRegistryRevoke `cmd:"" help:"End the validity of a device's identity for ever."`
}

type ctlRegistryImport struct {
	Records string `arg:"" help:"File of records, one JSON object a line." type:"existingfile"`
}

// Run imports the records.
func (c *ctlRegistryImport) Run(ctx context.Context, ctl *ctlCommand) error {
	return ctl.registry(ctx, func(r *registry.Service) error {
		f, err := os.Open(c.Records)
		if err != nil {
			return fmt.Errorf("opening records: %w", err)
		}
		defer f.Close()
		added, known, err := r.Import(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Records, err)
		}
		fmt.Printf("%d devices admitted; %d were known.\n", added, known)
		return nil
	})
}

type ctlRegistryRevoke struct {
	Device sconce.EUI64 `arg:"" help:"Address, 16 hexadecimal digits."`
}

// Run revokes the identity.
func (c *ctlRegistryRevoke) Run(ctx context.Context, ctl *ctlCommand) error {
	return ctl.registry(ctx, func(r *registry.Service) error {
		if err := r.Revoke(ctx, c.Device); err != nil {
			return err
		}
		fmt.Printf("The identity of %s is revoked; its connections end within 5 seconds.\n", c.Device)
		return nil
	})
}

func (c *ctlCommand) registry(ctx context.Context, do func(*registry.Service) error) (err error) {
	s, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r, err := registry.New(ctx, s.Registry(), time.Now, slog.Default(), func(sconce.EUI64) {})
	if err != nil {
		return err
	}
	return do(r)
}

type ctlAccount struct {
	Add     ctlAccountAdd     `cmd:"" help:"Make an account that can own projects."`
	Recover ctlAccountRecover `cmd:"" help:"Turn off the second step of somebody who lost their app and their recovery codes."`
}

type ctlAccountRecover struct {
	Email string `required:"" help:"Email address of the account. Make sure first that it is its owner who asks."`
}

// Run turns the second step off.
func (c *ctlAccountRecover) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	s, config, err := ctl.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Unlock(ctx, config.Data.MasterKeyFile); err != nil {
		return err
	}
	parts := identity.Parts{Store: s.Identity(), Vault: s.Vault(), Refusals: audit.NewLog(s.SecurityLog(), time.Now), Now: time.Now}
	if config.Mail.Host != "" {
		base := config.base()
		parts.Post = identity.Post{Page: func(path string) string { return base.String() + path }, Came: func() {}}
	}
	if err := identity.New(parts).Recover(ctx, c.Email); err != nil {
		return err
	}
	fmt.Println("The password alone lets its owner in now. Every session has ended.")
	return nil
}

type ctlAccountAdd struct {
	Email        string `required:"" help:"Email address to sign in with."`
	Name         string `required:"" help:"Name of the person."`
	PasswordFile string `help:"File with the password in its first line; without it, the first line of standard input." type:"existingfile"`
	IfAbsent     bool   `help:"Do nothing when the account is there already."`
}

// Run makes the account.
func (c *ctlAccountAdd) Run(ctx context.Context, ctl *ctlCommand) (err error) {
	password, err := c.password()
	if err != nil {
		return err
	}
	s, config, err := ctl.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Unlock(ctx, config.Data.MasterKeyFile); err != nil {
		return err
	}
	_, err = identity.New(identity.Parts{
		Store: s.Identity(), Refusals: audit.NewLog(s.SecurityLog(), time.Now), Now: time.Now,
	}).CreateAccount(ctx, c.Email, c.Name, password)
	if c.IfAbsent && sconce.KindOf(err) == sconce.Conflict {
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println("The account is made.")
	return nil
}

func (c *ctlAccountAdd) password() (identity.Password, error) {
	from := io.Reader(os.Stdin)
	if c.PasswordFile != "" {
		f, err := os.Open(c.PasswordFile)
		if err != nil {
			return identity.Password{}, fmt.Errorf("opening password file: %w", err)
		}
		defer f.Close()
		from = f
	} else {
		fmt.Fprint(os.Stderr, "Password: ")
	}
	line, err := bufio.NewReader(from).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return identity.Password{}, sconce.Errorf(sconce.Invalid, "no password was given")
	}
	return identity.NewPassword(strings.TrimRight(line, "\r\n")), nil
}

type ctlRoles struct{}

// Run prints the permission matrix. It needs no cloud.
func (*ctlRoles) Run() error { return project.WriteMatrix(os.Stdout) }

type ctlOpenAPI struct{}

// Run prints the OpenAPI document. It needs no cloud.
func (*ctlOpenAPI) Run() error {
	document, err := api.Document()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}
