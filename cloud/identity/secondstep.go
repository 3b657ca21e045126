package identity

import (
	"context"
	"crypto/sha256"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/mail"
	"sconce/cloud/vault"
)

// The limits of the second step of signing in.
const (
	// StepLife is how long somebody has for the second step after the first.
	StepLife = 5 * time.Minute
	// OfferLife is how long a key for an authenticator app waits to be confirmed.
	OfferLife = 15 * time.Minute
	// stepTries is how many codes may be tried after one right password.
	stepTries = 5
	// codesPerAccount is how many wrong codes may be tried for one account in a window, from
	// wherever (RFC 4226, 7.3): whoever gets to try one knows the password, so that nobody
	// can lock out somebody else. 240 a day find a code once in four years.
	codesPerAccount = 10
	codesWindow     = time.Hour
	// shelfSize is how many sign-ins, and how many offers, are unfinished at a time.
	shelfSize = 1 << 14
)

// SecondStep is what an account has for the second step of signing in, the zero value when it
// has none.
type SecondStep struct {
	Sealed   []byte // the key of the authenticator app, for [vault.Vault]
	Since    time.Time
	LastStep int64 // the time step of the last code that was used
	Recovery int   // recovery codes that are left
}

// Asked reports whether there is a second step.
func (s SecondStep) Asked() bool { return s.Sealed != nil }

// halfway is somebody whose first proof was right and who has not done the second step.
type halfway struct {
	account Account
	by      By     // the first proof
	hash    string // of the password: another one ends this
	tries   int
}

// offer is a key for an authenticator app that was not confirmed by a code yet.
type offer struct {
	account sconce.AccountID
	session SessionID
	key     otpKey
	tries   int
}

// Admission is how far somebody came who signs in: to a session, or half the way.
type Admission struct {
	Account Account
	// Token opens the session, or, half the way, the second step and nothing else.
	Token Token
	Half  bool
	Until time.Time // of the second step
}

// KeyOffer is a key for an authenticator app.
type KeyOffer struct {
	Token   Token // for [Service.ConfirmSecondStep]
	Key     string
	URI     string // the same for scanning
	Expires time.Time
}

func keyPlace(a sconce.AccountID) vault.Field {
	return vault.Field{Table: "second_steps", Column: "sealed", Row: string(a)}
}

// admit lets somebody in whose first proof was right: to a session, or to the second step
// when their account has one.
func (s *Service) admit(ctx context.Context, c Credentials, by By, from Client) (Admission, error) {
	step, err := s.store.SecondStep(ctx, c.ID)
	if err != nil {
		return Admission{}, err
	}
	if step.Asked() {
		token, until := s.halfways.put(s.now(), halfway{account: c.Account, by: by, hash: c.PasswordHash})
		return Admission{Account: c.Account, Token: token, Half: true, Until: until}, nil
	}
	return s.open(ctx, c.Account, by, from)
}

// FinishSignIn opens a session for somebody half the way in when the code is right: that of
// their authenticator app, or a recovery code, each once. For a wrong code, and for a token
// that is wrong, was used, or is too old, the error is a [sconce.Unauthenticated].
func (s *Service) FinishSignIn(ctx context.Context, half Token, code Code, from Client) (Admission, error) {
	now := s.now()
	if err := take(s.byPlace, now, from.place(), tooManySignIns); err != nil {
		return Admission{}, err
	}
	var h halfway
	found := s.halfways.use(now, half, func(kept *halfway) bool {
		kept.tries++
		h = *kept
		return kept.tries >= stepTries
	})
	if !found {
		return Admission{}, errStepEnded()
	}
	c, err := s.store.Credentials(ctx, h.account.Email)
	if err != nil {
		return Admission{}, err
	}
	if c.ID != h.account.ID || c.PasswordHash != h.hash {
		s.halfways.take(now, half)
		return Admission{}, errStepEnded()
	}
	by, err := s.useCode(ctx, c.Account, code, from)
	if err != nil {
		return Admission{}, err
	}
	if _, mine := s.halfways.take(now, half); !mine && h.tries < stepTries {
		return Admission{}, errStepEnded() // somebody was quicker
	}
	s.byPlace.Undo(from.place())
	if h.by == ByProvider {
		by = ByProvider // which says more than that a code was right as well
	}
	return s.open(ctx, c.Account, by, from)
}

// useCode uses a code of the second step up, and says which kind it was.
func (s *Service) useCode(ctx context.Context, a Account, code Code, from Client) (By, error) {
	wrong := sconce.Errorf(sconce.Unauthenticated, "the code is wrong or was used already: wait for the next one")
	step, err := s.store.SecondStep(ctx, a.ID)
	if err != nil {
		return "", err
	}
	if !step.Asked() {
		return "", errStepEnded() // taken away meanwhile
	}
	if code.isRecovery() {
		letter, err := s.notice(a, "a recovery code was used to sign in")
		if err != nil {
			return "", err
		}
		used, err := s.store.UseRecoveryCode(ctx, a.ID, sha256.Sum256([]byte(code.text)), letter, s.now())
		if err != nil {
			return "", err
		}
		if !used {
			return "", s.refuse(ctx, a.ID, ByRecoveryCode, from, wrong)
		}
		s.noticed(letter)
		return ByRecoveryCode, nil
	}
	if err := take(s.codes, s.now(), string(a.ID), "too many wrong codes, use a recovery code"); err != nil {
		return "", err
	}
	ok, err := s.useAppCode(ctx, a.ID, step, code)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", s.refuse(ctx, a.ID, ByCode, from, wrong)
	}
	s.codes.Forget(string(a.ID))
	return ByCode, nil
}

func (s *Service) useAppCode(ctx context.Context, a sconce.AccountID, step SecondStep, code Code) (bool, error) {
	plain, err := s.vault.Open(step.Sealed, keyPlace(a))
	if err != nil {
		return false, err
	}
	key, err := otpKeyOf(plain)
	if err != nil {
		return false, err
	}
	at, ok := key.check(code.text, s.now(), step.LastStep)
	if !ok {
		return false, nil
	}
	return s.store.UseCode(ctx, a, at)
}

// SecondStep returns what an account has for the second step of signing in.
func (s *Service) SecondStep(ctx context.Context, a sconce.AccountID) (SecondStep, error) {
	return s.store.SecondStep(ctx, a)
}

// OfferSecondStep draws a key for an authenticator app, for somebody who proves once more
// that they know the password. It comes into force with [Service.ConfirmSecondStep].
func (s *Service) OfferSecondStep(ctx context.Context, in Session, a Account, p Password, from Client) (KeyOffer, error) {
	if s.vault == nil {
		return KeyOffer{}, sconce.Errorf(sconce.Unavailable, "this installation cannot keep keys of authenticator apps")
	}
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return KeyOffer{}, err
	}
	step, err := s.store.SecondStep(ctx, a.ID)
	if err != nil {
		return KeyOffer{}, err
	}
	if step.Asked() {
		return KeyOffer{}, ErrHasSecondStep()
	}
	key := newOTPKey()
	token, until := s.offers.put(s.now(), offer{account: a.ID, session: in.ID, key: key})
	return KeyOffer{Token: token, Key: key.reveal(), URI: key.uri(s.host(), a.Email), Expires: until}, nil
}

// ConfirmSecondStep asks for the second step from now on, when the code shows that the
// app has the key, and returns the recovery codes, which nobody can see again. Every other
// session of the account ends: it was opened without the step.
func (s *Service) ConfirmSecondStep(ctx context.Context, in Session, a Account, t Token, code Code) ([]Code, error) {
	now := s.now()
	var o offer
	found := s.offers.use(now, t, func(kept *offer) bool {
		kept.tries++
		o = *kept
		return kept.tries >= stepTries
	})
	if !found || o.account != a.ID || o.session != in.ID {
		return nil, ErrOfferEnded()
	}
	step, ok := o.key.check(code.text, now, 0)
	if !ok {
		return nil, sconce.FieldErrorf("code", "the code is wrong: check that the clock of your device is right, and type the code that the app shows now")
	}
	sealed, err := s.vault.Seal(o.key.bytes[:], keyPlace(a.ID))
	if err != nil {
		return nil, err
	}
	letter, err := s.notice(a, "a second step is asked for when you sign in with your password")
	if err != nil {
		return nil, err
	}
	codes, digests := drawRecoveryCodes()
	err = s.store.CreateSecondStep(ctx, in, SecondStep{Sealed: sealed, Since: now, LastStep: step}, digests, letter)
	if err != nil {
		return nil, err
	}
	s.offers.take(now, t)
	s.noticed(letter)
	return codes, nil
}

// RenewRecoveryCodes replaces the recovery codes of an account, for somebody who proves once
// more that they know the password.
func (s *Service) RenewRecoveryCodes(ctx context.Context, in Session, a Account, p Password, from Client) ([]Code, error) {
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return nil, err
	}
	letter, err := s.notice(a, "new recovery codes were made, and the old ones are void")
	if err != nil {
		return nil, err
	}
	codes, digests := drawRecoveryCodes()
	if err := s.store.RenewRecoveryCodes(ctx, in, digests, letter, s.now()); err != nil {
		return nil, err
	}
	s.noticed(letter)
	return codes, nil
}

// RemoveSecondStep asks for no second step any more, when somebody proves once more that they
// know the password.
func (s *Service) RemoveSecondStep(ctx context.Context, in Session, a Account, p Password, from Client) error {
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return err
	}
	letter, err := s.notice(a, "no second step is asked for any more when you sign in")
	if err != nil {
		return err
	}
	if err := s.store.RemoveSecondStep(ctx, a.ID, audit.Account(a.ID), in.Origin(), letter, s.now()); err != nil {
		return err
	}
	s.noticed(letter)
	return nil
}

// Recover asks for no second step any more of somebody who lost the app and the recovery codes, and
// has shown to an operator who they are. Every session of theirs ends; the password stays.
func (s *Service) Recover(ctx context.Context, email string) error {
	a, err := s.AccountOf(ctx, email)
	if err != nil {
		return err
	}
	if a.ID == "" {
		return sconce.Errorf(sconce.NotFound, "there is no account with this email address")
	}
	letter, err := s.notice(a, "an operator turned the second step off, and signed you out everywhere")
	if err != nil {
		return err
	}
	if err := s.store.RemoveSecondStep(ctx, a.ID, audit.Operator, audit.Console, letter, s.now()); err != nil {
		return err
	}
	s.noticed(letter)
	return s.EndAll(ctx, a.ID)
}

func drawRecoveryCodes() (codes []Code, digests [][sha256.Size]byte) {
	for range recoveryCodes {
		c := newRecoveryCode()
		codes, digests = append(codes, c), append(digests, sha256.Sum256([]byte(c.text)))
	}
	return codes, digests
}

// ProofLife is how long signing in counts as a proof of who somebody is, where an account
// has no password to ask for.
const ProofLife = 10 * time.Minute

// prove asks somebody who is signed in for their password once more: whoever found the
// browser open does not know it. Who has none must have signed in just now. What does not
// prove it is a [sconce.Forbidden].
func (s *Service) prove(ctx context.Context, in Session, a Account, p Password, from Client) error {
	c, err := s.store.Credentials(ctx, a.Email)
	if err != nil {
		return err
	}
	if c.ID == a.ID && c.PasswordHash == "" {
		if s.now().Sub(in.Made) > ProofLife {
			return sconce.Errorf(sconce.Forbidden, "this needs that you signed in within the last %d minutes: sign out, sign in, and try again", int(ProofLife.Minutes()))
		}
		return nil
	}
	c, err = s.tryPassword(ctx, a.Email, p, from)
	if err != nil {
		return err
	}
	if c.ID != a.ID {
		return sconce.Errorf(sconce.Forbidden, "the password is wrong")
	}
	return nil
}

// notice returns the letter that tells somebody what was changed in their account, nil where
// no letters are sent. It is queued with the change.
func (s *Service) notice(a Account, what string) (*mail.Item, error) {
	if s.post.Page == nil {
		return nil, nil
	}
	letter, err := mail.Seal(s.vault, s.now(), mail.AccountChanged, a.Email, mail.Values{Name: a.Name, Reason: what, Link: s.post.Page("account")})
	if err != nil {
		return nil, err
	}
	return &letter, nil
}

// noticed is called when a letter of notice is in the queue.
func (s *Service) noticed(l *mail.Item) {
	if l != nil {
		s.post.Came()
	}
}

func errStepEnded() error {
	return sconce.Errorf(sconce.Unauthenticated, "this sign-in took too long, or too many wrong codes were tried: sign in from the beginning")
}

// ErrOfferEnded is the answer to who confirms a key that was not offered to them now.
func ErrOfferEnded() error {
	return sconce.Errorf(sconce.NotFound, "this key is too old, or too many wrong codes were tried: begin again")
}

// ErrHasSecondStep is the answer to who sets up a second step twice.
func ErrHasSecondStep() error {
	return sconce.Errorf(sconce.Conflict, "a second step is set up already: remove it first")
}
