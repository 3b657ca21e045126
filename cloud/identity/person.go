package identity

import (
	"context"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"sconce"
	"sconce/cloud/mail"
)

// Prove asks somebody who is signed in once more who they are, by their password; who has
// none must have signed in just now. What does not prove it is a [sconce.Forbidden].
func (s *Service) Prove(ctx context.Context, in Session, a Account, p Password, from Client) error {
	return s.prove(ctx, in, a, p, from)
}

// Details are what somebody may say of how to reach them; "" is what they do not. Nobody is
// asked for them.
type Details struct {
	Phone   string
	Address string // of letters on paper; may have several lines
	Contact string // who else can be asked
}

// The longest details, in characters.
const (
	maxPhone   = 40
	maxAddress = 300
	maxContact = 200
)

var phoneNumber = regexp.MustCompile(`^\+?[0-9 ()./-]*[0-9][0-9 ()./-]*$`)

func (d Details) check() (Details, error) {
	d = Details{strings.TrimSpace(d.Phone), strings.TrimSpace(strings.ReplaceAll(d.Address, "\r\n", "\n")), strings.TrimSpace(d.Contact)}
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' }
	switch {
	case d.Phone != "" && (len(d.Phone) > maxPhone || !phoneNumber.MatchString(d.Phone)):
		return Details{}, sconce.FieldErrorf("phone", "expected a phone number such as +49 30 1234567, of up to %d characters", maxPhone)
	case utf8.RuneCountInString(d.Address) > maxAddress || !utf8.ValidString(d.Address) || strings.ContainsFunc(d.Address, control):
		return Details{}, sconce.FieldErrorf("address", "expected an address of up to %d characters", maxAddress)
	case utf8.RuneCountInString(d.Contact) > maxContact || !utf8.ValidString(d.Contact) || strings.ContainsFunc(d.Contact, unicode.IsControl):
		return Details{}, sconce.FieldErrorf("contact", "expected up to %d characters on one line", maxContact)
	}
	return d, nil
}

// Details returns what a person said of how to reach them.
func (s *Service) Details(ctx context.Context, account sconce.AccountID) (Details, error) {
	return s.store.Details(ctx, account)
}

// Correct changes what is known of somebody who is signed in: name, country and details. The
// address is that to which links were sent: [Service.AskEmail] changes it.
func (s *Service) Correct(ctx context.Context, in Session, a Account, name, country string, d Details) (Account, error) {
	name, err := checkName(name)
	if err != nil {
		return Account{}, err
	}
	if err := checkCountry(country); err != nil {
		return Account{}, err
	}
	if d, err = d.check(); err != nil {
		return Account{}, err
	}
	a.Name, a.Country = name, country
	return a, s.store.CorrectPerson(ctx, in, a, d, s.now())
}

// Erase forgets an account: what is known of the person, with the key that it was sealed
// under, their sessions, tokens, second steps and history, and the invitations that were
// sent to them. The security log keeps the identifier, which names nobody from then on. A
// letter says that it was done. Which projects the account belongs to is not known here.
func (s *Service) Erase(ctx context.Context, in Session, a Account) error {
	var letter *mail.Item
	if s.post.Page != nil {
		l, err := mail.Seal(s.vault, s.now(), mail.AccountErased, a.Email, mail.Values{Name: a.Name, Link: s.post.Page("register")})
		if err != nil {
			return err
		}
		letter = &l
	}
	if err := s.store.EraseAccount(ctx, in, a, letter, s.now()); err != nil {
		return err
	}
	s.noticed(letter)
	return nil
}

// ErrAccountGone is the answer to a change of an account that is not there any more.
func ErrAccountGone() error {
	return sconce.Errorf(sconce.NotFound, "this account is not there any more")
}

func checkCountry(country string) error {
	if len(country) != 2 || strings.ContainsFunc(country, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return sconce.FieldErrorf("country", "expected a country as two capital letters, such as DE (ISO 3166-1)")
	}
	return nil
}
