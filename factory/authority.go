// Package factory makes device identities: the certificate authority of a
// factory, the certificates and secrets of the devices it makes, the text of
// their labels, and the record from which a cloud learns that they exist.
//
// A device certificate is an IEEE 802.1AR initial device identifier: X.509 v3
// (RFC 5280), P-256, subject common name = EUI-64 in 16 hexadecimal digits,
// serial number attribute = serial of the product, client authentication only,
// no expiry (99991231235959Z, RFC 5280, 4.1.2.5). Every identity is issued on the
// recorded approval of a security officer.
//
// It does not talk to a cloud and holds no device's private key after it was
// handed over; a device that makes its own key pair sends a signing request.
package factory

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"sconce"
)

// The files of an authority's folder.
const (
	CertificateFile = "factory-ca.crt" // public: what a cloud trusts
	keyFile         = "factory-ca.key" // secret, mode 0600
	RecordsFile     = "issued.jsonl"   // public: what a cloud imports; one Record a line
)

// noExpiry is the time that RFC 5280 (4.1.2.5) reserves for no well-defined
// expiration date.
var noExpiry = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// An Authority signs device certificates. It is used by one process at a time.
type Authority struct {
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	issued      []Record
}

// Init makes a new authority in a folder, which is made if it is not there. It
// never touches an existing authority: that is a Conflict.
func Init(dir, name string, now time.Time) error {
	if name == "" {
		return sconce.Errorf(sconce.Invalid, "the factory needs a name, which every device certificate will show as its issuer")
	}
	if _, err := os.Stat(filepath.Join(dir, keyFile)); !errors.Is(err, fs.ErrNotExist) {
		return sconce.Errorf(sconce.Conflict, "%s already holds a factory; choose another folder", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making factory folder: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making factory key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour), // a device's clock may be behind
		NotAfter:              noExpiry,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("signing factory certificate: %w", err)
	}
	if err := writeKey(filepath.Join(dir, keyFile), key); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, RecordsFile), nil, 0o644); err != nil { //nolint:gosec // the records are public
		return fmt.Errorf("making factory records: %w", err)
	}
	return writeCertificate(filepath.Join(dir, CertificateFile), der)
}

// Open reads the authority of a folder, and all that it has issued.
func Open(dir string) (*Authority, error) {
	certificate, err := os.ReadFile(filepath.Join(dir, CertificateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sconce.Errorf(sconce.NotFound, "%s holds no factory; make one with sconce factory init", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading factory certificate: %w", err)
	}
	a := &Authority{dir: dir}
	if a.certificate, err = parseCertificate(certificate); err != nil {
		return nil, fmt.Errorf("reading %s: %w", CertificateFile, err)
	}
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("reading factory key: %w", err)
	}
	if a.key, err = parseKey(key); err != nil {
		return nil, fmt.Errorf("reading %s: %w", keyFile, err)
	}
	if !a.key.PublicKey.Equal(a.certificate.PublicKey) {
		return nil, fmt.Errorf("reading factory: %s is not the key of %s", keyFile, CertificateFile)
	}
	records, err := os.ReadFile(filepath.Join(dir, RecordsFile))
	if err != nil {
		return nil, fmt.Errorf("reading factory records: %w", err)
	}
	if a.issued, err = ParseRecords(bytes.NewReader(records)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", RecordsFile, err)
	}
	return a, nil
}

// Certificate returns the authority's certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.certificate }

// Issued returns the records of all identities issued so far, oldest first.
func (a *Authority) Issued() []Record { return a.issued }

// newSerial returns a certificate serial number of 127 random bits (RFC 5280,
// 4.1.2.2: positive, at most 20 octets).
func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing key: %w", err)
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		return fmt.Errorf("writing key: %w", err)
	}
	return f.Sync()
}

func writeCertificate(path string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // certificates are public
		return fmt.Errorf("writing certificate: %w", err)
	}
	return nil
}

func parseCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("expected a PEM block CERTIFICATE")
	}
	return x509.ParseCertificate(block.Bytes)
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("expected a PEM block PRIVATE KEY")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("expected a key on P-256")
	}
	return ec, nil
}
