// Package securitykey is a security key with one passkey, for tests: written down from Web
// Authentication, level 3 (6.1 and 7), so that a library is not checked by itself. It will not keep
// its key from anybody.
package securitykey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Key is a security key. A test changes what it is to be wrong about.
type Key struct {
	Origin    string // of the page that it is used on
	RP        string // identifier of the relying party
	Flags     byte   // of the authenticator data, but for that of attested data
	Algorithm int    // that it says it has, COSE

	ID     []byte // of the credential
	Key    *ecdsa.PrivateKey
	Handle []byte // of its owner, once it is made
	Count  uint32 // signature counter

	t testing.TB
}

// The flags of authenticator data (6.1).
const (
	UserPresent  = 0x01
	UserVerified = 0x04
	BackedUp     = 0x18 // eligible, and it is
	attested     = 0x40
)

// New returns a key whose owner is present and recognised, for the relying party at an origin.
func New(t testing.TB, origin string) *Key {
	t.Helper()
	at, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Key{
		Origin: origin, RP: at.Hostname(), Flags: UserPresent | UserVerified, Algorithm: -7,
		ID: []byte(rand.Text()), Key: key, Count: 1, t: t,
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Options is what tests read of what a browser is asked.
type Options struct {
	Challenge              string
	User                   struct{ ID, Name string }
	AuthenticatorSelection struct{ ResidentKey, UserVerification string }
	UserVerification       string
	PubKeyCredParams       []struct{ Alg int }
	ExcludeCredentials     []struct{ ID string }
	AllowCredentials       []struct{ ID string }
	Attestation            string
}

// Read reads what a browser is asked.
func (a *Key) Read(asked json.RawMessage) (o Options) {
	a.t.Helper()
	if err := json.Unmarshal(asked, &o); err != nil {
		a.t.Fatal(err)
	}
	return o
}

// data returns the authenticator data (6.1), and the client data of a ceremony (5.8.1).
func (a *Key) data(kind, challenge string, more []byte) (auth, client []byte) {
	rp := sha256.Sum256([]byte(a.RP))
	auth = append(rp[:], a.Flags)
	if more != nil {
		auth[32] |= attested
	}
	auth = append(binary.BigEndian.AppendUint32(auth, a.Count), more...)
	client, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return auth, client
}

// Create makes the passkey (7.1), with no attestation, and returns the answer to what was asked.
func (a *Key) Create(asked json.RawMessage) []byte {
	a.t.Helper()
	o := a.Read(asked)
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		a.t.Fatal(err)
	}
	a.Handle = handle
	point, err := a.Key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	public := a.encode(map[int]any{1: 2, 3: a.Algorithm, -1: 1, -2: point[1:33], -3: point[33:]})
	more := make([]byte, 16) // AAGUID
	more = binary.BigEndian.AppendUint16(more, uint16(len(a.ID)))
	more = append(append(more, a.ID...), public...)
	auth, client := a.data("webauthn.create", o.Challenge, more)
	object := a.encode(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": auth})
	return a.answer(map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(object), "transports": []string{"internal"}})
}

// Get signs (7.2), and returns the answer to what was asked.
func (a *Key) Get(asked json.RawMessage) []byte {
	a.t.Helper()
	auth, client := a.data("webauthn.get", a.Read(asked).Challenge, nil)
	digest := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte{}, auth...), digest[:]...))
	signature, err := a.Key.Sign(rand.Reader, signed[:], crypto.SHA256)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(auth), "signature": b64(signature), "userHandle": b64(a.Handle),
	})
}

func (a *Key) answer(response map[string]any) []byte {
	a.t.Helper()
	b, err := json.Marshal(map[string]any{
		"id": b64(a.ID), "rawId": b64(a.ID), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
		"authenticatorAttachment": "platform",
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a *Key) encode(v any) []byte {
	a.t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		a.t.Fatal(err)
	}
	b, err := mode.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}
