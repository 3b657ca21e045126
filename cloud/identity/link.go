package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/mail"
	"sconce/cloud/vault"
)

// How long the links are good for that are sent to people.
const (
	RegistrationLife = 24 * time.Hour
	ResetLife        = time.Hour
)

// How often letters may be asked for: to one address, so that nobody is flooded, and from
// one place.
const (
	lettersPerAddress = 5
	lettersPerPlace   = 50
	lettersWindow     = time.Hour
)

// LinkKind says what a link is for. The values are those of the store: never renumbered.
type LinkKind uint8

// The kinds of link.
const (
	RegistrationLink LinkKind = 1
	ResetLink        LinkKind = 2
	EmailLink        LinkKind = 3 // to another address
	UndoEmailLink    LinkKind = 4 // back to a former one
)

// Link is what the token in a link that was sent to somebody opens, once.
type Link struct {
	ID      [sha256.Size]byte // SHA-256 of the token
	Kind    LinkKind
	Account sconce.AccountID // "" of a registration
	Sealed  []byte           // who wants an account, or an address, for [vault.Vault]; nil of a reset
	Expires time.Time
}

// registration is who wants an account. Until they have shown that the address is theirs,
// it is here and nowhere else.
type registration struct {
	Email   string `json:"email"`
	Name    string `json:"name"`
	Country string `json:"country"`
}

func (l Link) place() vault.Field {
	return vault.Field{Table: "links", Column: "sealed", Row: fmt.Sprintf("%x", l.ID)}
}

// Post is what letters need, zero where none are sent.
type Post struct {
	// Page returns the absolute address of a page of the application. What is secret in
	// a link is behind its #, so that it reaches no server and no log.
	Page func(path string) string
	// Came is called when a letter is in the queue.
	Came func()
}

// Register sends a letter to somebody who wants an account: with a link that makes it, or,
// to somebody who has one, with a link to a new password. The answer does not tell which:
// the work is done after it. Whoever asked for somebody else's address has gained
// nothing, for the account is made, and its password chosen, behind the link.
func (s *Service) Register(ctx context.Context, email, name, country string, from Client) error {
	email, err := NormaliseEmail(email)
	if err != nil {
		return err
	}
	if name, err = checkName(name); err != nil {
		return err
	}
	if err := checkCountry(country); err != nil {
		return err
	}
	return s.write(ctx, email, from, func(ctx context.Context) error {
		c, err := s.store.Credentials(ctx, email)
		if err != nil {
			return err
		}
		if c.ID != "" {
			return s.sendReset(ctx, c.Account, mail.AccountExists)
		}
		token, now := NewToken(), s.now()
		l := Link{ID: token.Digest(), Kind: RegistrationLink, Expires: now.Add(RegistrationLife)}
		plain, err := json.Marshal(registration{email, name, country})
		if err != nil {
			return err
		}
		if l.Sealed, err = s.vault.Seal(plain, l.place()); err != nil {
			return err
		}
		return s.send(ctx, l, mail.VerifyAddress, email, mail.Values{Name: name, Link: s.post.Page("register#" + token.Reveal()), Until: l.Expires})
	})
}

// ForgotPassword sends a letter with a link to a new password to the address of an
// account. The answer does not tell whether there is one.
func (s *Service) ForgotPassword(ctx context.Context, email string, from Client) error {
	email, err := NormaliseEmail(email)
	if err != nil {
		return err
	}
	return s.write(ctx, email, from, func(ctx context.Context) error {
		c, err := s.store.Credentials(ctx, email)
		if err != nil || c.ID == "" {
			return err
		}
		return s.sendReset(ctx, c.Account, mail.ResetPassword)
	})
}

func (s *Service) sendReset(ctx context.Context, a Account, kind mail.Kind) error {
	token := NewToken()
	l := Link{ID: token.Digest(), Kind: ResetLink, Account: a.ID, Expires: s.now().Add(ResetLife)}
	return s.send(ctx, l, kind, a.Email, mail.Values{Name: a.Name, Link: s.post.Page("reset#" + token.Reveal()), Until: l.Expires})
}

// sealLink returns a link that holds an address.
func (s *Service) sealLink(kind LinkKind, account sconce.AccountID, email string, life time.Duration) (Token, Link, error) {
	t := NewToken()
	l := Link{ID: t.Digest(), Kind: kind, Account: account, Expires: s.now().Add(life)}
	var err error
	l.Sealed, err = s.vault.Seal([]byte(email), l.place())
	return t, l, err
}

func (s *Service) send(ctx context.Context, l Link, kind mail.Kind, to string, v mail.Values) error {
	letter, err := mail.Seal(s.vault, s.now(), kind, to, v)
	if err != nil {
		return err
	}
	if err := s.store.SendLink(ctx, l, letter, s.now()); err != nil {
		return err
	}
	s.post.Came()
	return nil
}

// write does what is behind a request for a letter, within the limits, after the request
// was answered: so the answer takes the same time whatever there is to do.
func (s *Service) write(ctx context.Context, email string, from Client, do func(context.Context) error) error {
	if s.post.Page == nil {
		return sconce.Errorf(sconce.Unavailable, "this installation sends no letters: ask its operator for an account or a new password")
	}
	now := s.now()
	if err := take(s.lettersByPlace, now, from.place(), "too many letters were asked for from here"); err != nil {
		return err
	}
	if !s.lettersTo.Take(now, email) {
		return nil // they have had enough for now; to say so would tell whoever asks that somebody else did
	}
	if !s.background.TryGo(func() error {
		if err := do(context.WithoutCancel(ctx)); err != nil {
			s.log.Error("a letter that somebody asked for was not written", slog.Any("error", err))
		}
		return nil
	}) {
		return sconce.LaterErrorf(sconce.TooMany, time.Minute, "too many people ask for letters right now: try again in a minute")
	}
	return nil
}

// ConfirmRegistration makes the account that a link was sent for, with its password, and
// signs in. A link that is wrong, was used or is too old is a [sconce.NotFound].
func (s *Service) ConfirmRegistration(ctx context.Context, t Token, p Password, from Client) (Admission, error) {
	l, err := s.link(ctx, t, RegistrationLink)
	if err != nil {
		return Admission{}, err
	}
	plain, err := s.vault.Open(l.Sealed, l.place())
	if err != nil {
		return Admission{}, err
	}
	var r registration
	if err := json.Unmarshal(plain, &r); err != nil {
		return Admission{}, fmt.Errorf("reading a registration: %w", err)
	}
	hash, err := s.hashNew(ctx, p, r.Email, r.Name)
	if err != nil {
		return Admission{}, err
	}
	a := Account{ID: s.newID(), Email: r.Email, Name: r.Name, Country: r.Country, Made: s.now()}
	if err := s.store.UseRegistration(ctx, l.ID, Credentials{a, hash}, audit.Account(a.ID)); err != nil {
		return Admission{}, err
	}
	return s.open(ctx, a, ByPassword, from)
}

// ResetPassword gives the account that a link was sent for a new password, and ends all
// its sessions. A link that is wrong, was used or is too old is a [sconce.NotFound].
func (s *Service) ResetPassword(ctx context.Context, t Token, p Password) error {
	l, err := s.link(ctx, t, ResetLink)
	if err != nil {
		return err
	}
	accounts, err := s.Accounts(ctx, []sconce.AccountID{l.Account})
	if err != nil {
		return err
	}
	a := accounts[l.Account]
	hash, err := s.hashNew(ctx, p, a.Email, a.Name)
	if err != nil {
		return err
	}
	letter, err := mail.Seal(s.vault, s.now(), mail.PasswordChanged, a.Email, mail.Values{Name: a.Name, Link: s.post.Page("forgot")})
	if err != nil {
		return err
	}
	if err := s.store.UseReset(ctx, l.ID, l.Account, hash, letter, s.now()); err != nil {
		return err
	}
	s.post.Came()
	return nil
}

// link returns what a token opens, without using it up.
func (s *Service) link(ctx context.Context, t Token, kind LinkKind) (Link, error) {
	l, err := s.store.Link(ctx, t.Digest())
	if err != nil {
		return Link{}, err
	}
	if l.Kind != kind || !s.now().Before(l.Expires) {
		return Link{}, ErrLinkEnded()
	}
	return l, nil
}

// ErrLinkEnded is the answer to a link that opens nothing, for whatever reason.
func ErrLinkEnded() error {
	return sconce.Errorf(sconce.NotFound, "this link was used already, or is too old: ask for another letter")
}

// hashNew returns what is stored of a new password of somebody, when it is a good one.
func (s *Service) hashNew(ctx context.Context, p Password, email, name string) (string, error) {
	if err := p.check(s.known(email, name)...); err != nil {
		return "", err
	}
	return s.hasher.hash(ctx, p)
}

func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > 100 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", sconce.FieldErrorf("name", "a person's name is 1 to 100 characters on one line")
	}
	return name, nil
}
