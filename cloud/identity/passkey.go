package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"sconce"
	"sconce/cloud/vault"
)

// The limits of passkeys.
const (
	// MaxPasskeys is how many an account may have.
	MaxPasskeys = 20
	// CeremonyLife is how long a browser has to make a passkey, or to sign in with one.
	CeremonyLife = 5 * time.Minute
	// ceremoniesPerPlace is how often one place may begin to sign in with a passkey, within
	// attemptsWindow.
	ceremoniesPerPlace = 300
	maxPasskeyName     = 100 // characters
)

// PasskeyID is the SHA-256 of a credential's identifier.
type PasskeyID [sha256.Size]byte

// Name names a passkey among those of its account.
func (id PasskeyID) Name() string { return hex.EncodeToString(id[:8]) }

// Passkey is a passkey of an account as it is stored.
type Passkey struct {
	ID      PasskeyID
	Account sconce.AccountID
	Sealed  []byte // name and credential, for [vault.Vault]
	Made    time.Time
	Used    time.Time // zero when it was not used yet
	Count   uint32    // the last signature counter, 0 of an authenticator without one
	Suspect bool      // its counter went back: there may be two of it
}

// OwnPasskey is a passkey as its owner sees it.
type OwnPasskey struct {
	Passkey
	Label  string
	Synced bool // it is kept by a service that has it on several devices
}

// Ceremony is what a browser is asked, to make a passkey or to sign in with one.
type Ceremony struct {
	Token   Token
	Options json.RawMessage // of the browser's PublicKeyCredential.parse…OptionsFromJSON
	Expires time.Time
}

// making is a passkey that is being made.
type making struct {
	account sconce.AccountID
	session SessionID
	data    webauthn.SessionData
}

// record is what is sealed of a passkey.
type record struct {
	Label      string              `json:"label"`
	Credential webauthn.Credential `json:"credential"`
}

func passkeyPlace(id PasskeyID) vault.Field {
	return vault.Field{Table: "passkeys", Column: "sealed", Row: hex.EncodeToString(id[:])}
}

// NewRelyingParty returns what checks passkeys (Web Authentication, level 3) for the
// application at base. A passkey always proves that its owner has it and was recognised by
// it (user verification), so that it is two factors by itself, and it names the account, so
// that nobody types an address. Its signatures are those of NIST (ECDSA and RSA); what
// made it is not asked for.
func NewRelyingParty(base *url.URL) (*webauthn.WebAuthn, error) {
	rp, err := webauthn.New(&webauthn.Config{
		RPID: base.Hostname(), RPDisplayName: "Sconce", RPOrigins: []string{base.Scheme + "://" + base.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys for %s: %w", base, err)
	}
	return rp, nil
}

// algorithms are those that a passkey may sign with, the first preferred.
func algorithms() []protocol.CredentialParameter {
	var all []protocol.CredentialParameter
	for _, a := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgES384, webauthncose.AlgRS256} {
		all = append(all, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: a})
	}
	return all
}

// holder is an account as the library knows it.
type holder struct {
	account     Account
	credentials []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.account.ID) }
func (h holder) WebAuthnName() string                       { return h.account.Email }
func (h holder) WebAuthnDisplayName() string                { return h.account.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

// openPasskey returns what is sealed of a passkey.
func (s *Service) openPasskey(p Passkey) (r record, err error) {
	plain, err := s.vault.Open(p.Sealed, passkeyPlace(p.ID))
	if err != nil {
		return record{}, err
	}
	if err := json.Unmarshal(plain, &r); err != nil {
		return record{}, fmt.Errorf("reading a passkey: %w", err)
	}
	r.Credential.Authenticator.SignCount = p.Count
	return r, nil
}

// Passkeys returns the passkeys of an account, the newest first.
func (s *Service) Passkeys(ctx context.Context, account sconce.AccountID) ([]OwnPasskey, error) {
	stored, err := s.store.Passkeys(ctx, account)
	if err != nil {
		return nil, err
	}
	var all []OwnPasskey
	for _, p := range stored {
		r, err := s.openPasskey(p)
		if err != nil {
			return nil, err
		}
		all = append(all, OwnPasskey{p, r.Label, r.Credential.Flags.BackupEligible})
	}
	return all, nil
}

// BeginPasskey begins to make a passkey for somebody who proves once more that they know the
// password. One that the account has already is not made again on the same authenticator.
func (s *Service) BeginPasskey(ctx context.Context, in Session, a Account, p Password, from Client) (Ceremony, error) {
	if s.relying == nil {
		return Ceremony{}, errNoPasskeys()
	}
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return Ceremony{}, err
	}
	stored, err := s.store.Passkeys(ctx, a.ID)
	if err != nil {
		return Ceremony{}, err
	}
	if len(stored) >= MaxPasskeys {
		return Ceremony{}, ErrPasskeys()
	}
	var there webauthn.Credentials
	for _, p := range stored {
		r, err := s.openPasskey(p)
		if err != nil {
			return Ceremony{}, err
		}
		there = append(there, r.Credential)
	}
	creation, data, err := s.relying.BeginRegistration(holder{a, there},
		webauthn.WithCredentialParameters(algorithms()), webauthn.WithExclusions(there.CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, fmt.Errorf("beginning to make a passkey: %w", err)
	}
	creation.Response.Timeout = int(CeremonyLife.Milliseconds())
	options, err := json.Marshal(creation.Response)
	if err != nil {
		return Ceremony{}, err
	}
	token, until := s.makings.put(s.now(), making{a.ID, in.ID, *data})
	return Ceremony{token, options, until}, nil
}

// FinishPasskey stores a passkey with a label when the browser's answer is one to
// [Service.BeginPasskey] in the same session. An answer that is not is a [sconce.Invalid].
func (s *Service) FinishPasskey(ctx context.Context, in Session, a Account, t Token, label string, answer []byte) (OwnPasskey, error) {
	label, err := checkLabel(label)
	if err != nil {
		return OwnPasskey{}, err
	}
	m, ok := s.makings.take(s.now(), t)
	if !ok || m.account != a.ID || m.session != in.ID {
		return OwnPasskey{}, ErrCeremonyEnded()
	}
	wrong := sconce.Errorf(sconce.Invalid, "this passkey cannot be used here: it has to be kept on the device, and to recognise you by a PIN, a finger or your face")
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return OwnPasskey{}, wrong
	}
	c, err := s.relying.CreateCredential(holder{account: a}, m.data, parsed)
	if err != nil {
		return OwnPasskey{}, wrong
	}
	c.Attestation = webauthn.CredentialAttestation{} // not asked for, and not kept
	p := Passkey{ID: sha256.Sum256(c.ID), Account: a.ID, Made: s.now(), Count: c.Authenticator.SignCount}
	plain, err := json.Marshal(record{label, *c})
	if err != nil {
		return OwnPasskey{}, err
	}
	if p.Sealed, err = s.vault.Seal(plain, passkeyPlace(p.ID)); err != nil {
		return OwnPasskey{}, err
	}
	letter, err := s.notice(a, "a passkey was added, with which one signs in without the password")
	if err != nil {
		return OwnPasskey{}, err
	}
	if err := s.store.CreatePasskey(ctx, in, p, letter, MaxPasskeys); err != nil {
		return OwnPasskey{}, err
	}
	s.noticed(letter)
	return OwnPasskey{p, label, c.Flags.BackupEligible}, nil
}

// RemovePasskey removes a passkey by its name, for somebody who proves once more that they know
// the password. It is a [sconce.NotFound] when the account has none of that name.
func (s *Service) RemovePasskey(ctx context.Context, in Session, a Account, p Password, name string, from Client) error {
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return err
	}
	stored, err := s.store.Passkeys(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, k := range stored {
		if k.ID.Name() != name {
			continue
		}
		letter, err := s.notice(a, "a passkey was removed")
		if err != nil {
			return err
		}
		if err := s.store.RemovePasskey(ctx, in, k.ID, letter, s.now()); err != nil {
			return err
		}
		s.noticed(letter)
		return nil
	}
	return sconce.Errorf(sconce.NotFound, "this passkey was removed already")
}

// BeginPasskeySignIn begins to sign in with a passkey: which one, and so whose, the browser says.
func (s *Service) BeginPasskeySignIn(from Client) (Ceremony, error) {
	if s.relying == nil {
		return Ceremony{}, errNoPasskeys()
	}
	if err := take(s.ceremonies, s.now(), from.place(), tooManySignIns); err != nil {
		return Ceremony{}, err
	}
	assertion, data, err := s.relying.BeginDiscoverableLogin()
	if err != nil {
		return Ceremony{}, fmt.Errorf("beginning to sign in with a passkey: %w", err)
	}
	assertion.Response.Timeout = int(CeremonyLife.Milliseconds())
	options, err := json.Marshal(assertion.Response)
	if err != nil {
		return Ceremony{}, err
	}
	token, until := s.assertions.put(s.now(), *data)
	return Ceremony{token, options, until}, nil
}

// FinishPasskeySignIn opens a session for the owner of the passkey that answered
// [Service.BeginPasskeySignIn]. Any other answer is a [sconce.Unauthenticated]. So is that of a
// passkey whose signature counter did not go on (level 3, 6.1.1): there may be a copy of it,
// and it is not taken any more.
func (s *Service) FinishPasskeySignIn(ctx context.Context, t Token, answer []byte, from Client) (Admission, error) {
	now := s.now()
	if err := take(s.byPlace, now, from.place(), tooManySignIns); err != nil {
		return Admission{}, s.refuse(ctx, "", ByPasskey, from, err)
	}
	data, ok := s.assertions.take(now, t)
	if !ok {
		return Admission{}, errStepEnded()
	}
	wrong := sconce.Errorf(sconce.Unauthenticated, "this passkey is not known here: sign in with your password, or with another one")
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Admission{}, s.refuse(ctx, "", ByPasskey, from, wrong)
	}
	p, a, err := s.store.Passkey(ctx, sha256.Sum256(parsed.RawID))
	if err != nil {
		return Admission{}, err
	}
	if p.Account == "" {
		return Admission{}, s.refuse(ctx, "", ByPasskey, from, wrong)
	}
	r, err := s.openPasskey(p)
	if err != nil {
		return Admission{}, err
	}
	find := func(_, _ []byte) (webauthn.User, error) { return holder{a, []webauthn.Credential{r.Credential}}, nil }
	_, c, err := s.relying.ValidatePasskeyLogin(find, data, parsed)
	if err != nil || p.Suspect {
		return Admission{}, s.refuse(ctx, a.ID, ByPasskey, from, wrong)
	}
	used := false
	if !c.Authenticator.CloneWarning {
		if used, err = s.store.UsePasskey(ctx, p.ID, c.Authenticator.SignCount, now); err != nil {
			return Admission{}, err
		}
	}
	if !used {
		return Admission{}, s.suspect(ctx, p, a, from)
	}
	s.byPlace.Undo(from.place())
	return s.open(ctx, a, ByPasskey, from)
}

// suspect takes a passkey no more, tells its owner, and returns the answer.
func (s *Service) suspect(ctx context.Context, p Passkey, a Account, from Client) error {
	letter, err := s.notice(a, "a passkey was refused, and is not taken any more, because there may be a copy of it: remove it, and make another")
	if err != nil {
		return err
	}
	if err := s.store.SuspectPasskey(ctx, p.ID, a.ID, letter, s.now()); err != nil {
		return err
	}
	s.noticed(letter)
	return s.refuse(ctx, a.ID, ByPasskey, from, sconce.Errorf(sconce.Unauthenticated,
		"there may be a copy of this passkey, so it is not taken any more: sign in with your password, remove it from your account, and make another"))
}

func checkLabel(label string) (string, error) {
	label = strings.TrimSpace(label)
	if n := utf8.RuneCountInString(label); n == 0 || n > maxPasskeyName || !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl) {
		return "", sconce.FieldErrorf("name", "a passkey's name is 1 to %d characters on one line", maxPasskeyName)
	}
	return label, nil
}

func errNoPasskeys() error {
	return sconce.Errorf(sconce.Unavailable, "this installation takes no passkeys")
}

// ErrPasskeys is the answer to one passkey too many.
func ErrPasskeys() error {
	return sconce.Errorf(sconce.TooMany, "an account has at most %d passkeys: remove one first", MaxPasskeys)
}

// ErrCeremonyEnded is the answer to a passkey that was not asked for now.
func ErrCeremonyEnded() error {
	return sconce.Errorf(sconce.NotFound, "making the passkey took too long: begin again")
}
