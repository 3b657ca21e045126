package factory

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sconce"
	"sconce/zigbee"
)

// A Request asks for one identity.
type Request struct {
	EUI64      sconce.EUI64
	Kind       sconce.DeviceKind
	Model      string
	Serial     string
	ApprovedBy string // the security officer who approved it; kept in the record

	// CSR is a PKCS #10 signing request in DER (RFC 2986) of a device that made
	// its own key pair; its subject is not used. Without it a key pair is made
	// here, and given out once.
	CSR []byte
}

// Record is what everybody may know of an issued identity. A cloud imports it,
// and admits no device without it.
type Record struct {
	EUI64             sconce.EUI64      `json:"eui64"`
	Kind              sconce.DeviceKind `json:"kind"`
	Model             string            `json:"model"`
	Serial            string            `json:"serial"`
	CertificateSHA256 string            `json:"certificate_sha256"`          // of the DER, in hexadecimal
	ClaimCodeSHA256   string            `json:"claim_code_sha256,omitempty"` // gateways: of the claim code as on the label
	ApprovedBy        string            `json:"approved_by"`
	IssuedAt          time.Time         `json:"issued_at"`
}

// ClaimCode is the secret on a gateway's label that, with its address, claims it
// for a project: 100 random bits in 20 letters and digits (RFC 4648 base 32).
type ClaimCode struct{ text string }

// Reveal returns the code as printed on the label.
func (c ClaimCode) Reveal() string { return c.text }

// String returns "[redacted]".
func (ClaimCode) String() string { return "[redacted]" }

// GoString returns "[redacted]".
func (ClaimCode) GoString() string { return "[redacted]" }

// MarshalText refuses: the code leaves by its label only.
func (ClaimCode) MarshalText() ([]byte, error) {
	return nil, errors.New("a claim code is not for encoding")
}

// Identity is a new device identity, with its secrets.
type Identity struct {
	Record      Record
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey  // nil where the device made its own
	InstallCode zigbee.InstallCode // luminaires, sensors and switches
	ClaimCode   ClaimCode          // gateways
}

// Issue makes an identity and records it durably before it returns it. An
// address or serial that was issued before is a Conflict.
func (a *Authority) Issue(r Request, now time.Time) (*Identity, error) {
	if err := a.check(r); err != nil {
		return nil, err
	}
	id := &Identity{Record: Record{
		EUI64: r.EUI64, Kind: r.Kind, Model: r.Model, Serial: r.Serial, ApprovedBy: r.ApprovedBy, IssuedAt: now.UTC().Truncate(time.Second),
	}}
	if err := a.certify(id, r.CSR, now); err != nil {
		return nil, err
	}
	if err := id.drawSecrets(); err != nil {
		return nil, err
	}
	if err := a.record(id.Record); err != nil {
		return nil, err
	}
	return id, nil
}

func (a *Authority) check(r Request) error {
	switch {
	case r.EUI64 == 0 || ^r.EUI64 == 0:
		return sconce.Errorf(sconce.Invalid, "the device needs an address: 16 hexadecimal digits, not all 0 or f")
	case r.Kind < sconce.Luminaire || r.Kind > sconce.Gateway:
		return sconce.Errorf(sconce.Invalid, "the device needs a kind: luminaire, sensor, switch or gateway")
	case r.Model == "" || r.Serial == "" || len(r.Model) > 32 || len(r.Serial) > 32:
		return sconce.Errorf(sconce.Invalid, "the device needs a model and a serial of 1 to 32 characters each")
	case r.ApprovedBy == "":
		return sconce.Errorf(sconce.Invalid, "an identity is issued on the approval of a security officer: say whose")
	}
	for _, old := range a.issued {
		if old.EUI64 == r.EUI64 || old.Serial == r.Serial {
			return sconce.Errorf(sconce.Conflict, "an identity was issued before for address %s, serial %s", old.EUI64, old.Serial)
		}
	}
	return nil
}

func (a *Authority) certify(id *Identity, csr []byte, now time.Time) error {
	public, err := id.publicKey(csr)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{CommonName: id.Record.EUI64.String(), SerialNumber: id.Record.Serial},
		NotBefore:    now.Add(-time.Hour), // a device's clock may be behind
		NotAfter:     noExpiry,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.certificate, public, a.key)
	if err != nil {
		return fmt.Errorf("signing device certificate: %w", err)
	}
	if id.Certificate, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("reading back device certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	id.Record.CertificateSHA256 = hex.EncodeToString(sum[:])
	return nil
}

// publicKey returns the key of the signing request, or that of a new key pair.
func (id *Identity) publicKey(csr []byte) (*ecdsa.PublicKey, error) {
	if csr == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("making device key: %w", err)
		}
		id.Key = key
		return &key.PublicKey, nil
	}
	request, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, sconce.Errorf(sconce.Invalid, "signing request: expected PKCS #10: %w", err)
	}
	if err := request.CheckSignature(); err != nil {
		return nil, sconce.Errorf(sconce.Invalid, "signing request: the device has not proved that it holds the key: %w", err)
	}
	public, ok := request.PublicKey.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, sconce.Errorf(sconce.Invalid, "signing request: expected a key on P-256")
	}
	return public, nil
}

func (id *Identity) drawSecrets() error {
	var code [16]byte
	_, _ = rand.Read(code[:]) // never fails (Go 1.24)
	if id.Record.Kind == sconce.Gateway {
		text := base32.StdEncoding.EncodeToString(code[:])[:20]
		id.ClaimCode = ClaimCode{text}
		sum := sha256.Sum256([]byte(text))
		id.Record.ClaimCodeSHA256 = hex.EncodeToString(sum[:])
		return nil
	}
	var err error
	if id.InstallCode, err = zigbee.NewInstallCode(code[:]); err != nil {
		return fmt.Errorf("making install code: %w", err)
	}
	return nil
}

// record appends to the file of records, and waits until it is on the disk.
func (a *Authority) record(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding record: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(a.dir, RecordsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("opening factory records: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing factory record: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("writing factory record: %w", err)
	}
	a.issued = append(a.issued, r)
	return nil
}

// ParseRecords reads records, one JSON object a line. A wrong line is an error
// that names it.
func ParseRecords(r io.Reader) ([]Record, error) {
	var records []Record
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		var record Record
		if err := dec.Decode(&record); err != nil {
			return nil, sconce.Errorf(sconce.Invalid, "line %d: %w", n, err)
		}
		if record.EUI64 == 0 || record.Kind == 0 || record.IssuedAt.IsZero() {
			return nil, sconce.Errorf(sconce.Invalid, "line %d: a record needs at least eui64, kind and issued_at", n)
		}
		records = append(records, record)
	}
	return records, lines.Err()
}

// The files of an identity's folder.
const (
	IdentityCertificateFile = "identity.crt"
	IdentityKeyFile         = "identity.key" // secret, mode 0600; absent where the device made its own
	LabelFile               = "label.txt"    // secret: what is printed on the device
)

// Write puts the identity into a new folder.
func (id *Identity) Write(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making identity folder: %w", err)
	}
	if err := writeCertificate(filepath.Join(dir, IdentityCertificateFile), id.Certificate.Raw); err != nil {
		return err
	}
	if id.Key != nil {
		if err := writeKey(filepath.Join(dir, IdentityKeyFile), id.Key); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, LabelFile), []byte(id.Label()), 0o600); err != nil {
		return fmt.Errorf("writing label: %w", err)
	}
	return nil
}

// Label returns the text of the device's label. Its last line is the content of
// the QR code: for a device of the mesh in the common form of Zigbee install
// codes (Z:address$I:code), for a gateway G:address$C:code.
func (id *Identity) Label() string {
	var b strings.Builder
	r := id.Record
	fmt.Fprintf(&b, "%s %s\nSerial  %s\nAddress %s\n", r.Model, r.Kind, r.Serial, r.EUI64)
	if r.Kind == sconce.Gateway {
		fmt.Fprintf(&b, "Claim   %s\nG:%016X$C:%s\n", inFours(id.ClaimCode.text), uint64(r.EUI64), id.ClaimCode.text)
	} else {
		code := id.InstallCode.Label()
		fmt.Fprintf(&b, "Install %s\nZ:%016X$I:%s\n", inFours(strings.ReplaceAll(code, " ", "")), uint64(r.EUI64), strings.ReplaceAll(code, " ", ""))
	}
	return b.String()
}

func inFours(s string) string {
	var parts []string
	for len(s) > 4 {
		parts, s = append(parts, s[:4]), s[4:]
	}
	return strings.Join(append(parts, s), " ")
}
