package factory

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/internal/corpus"
	"sconce/zigbee"
)

var someTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T) (*Authority, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "factory")
	if err := Init(dir, "Test Factory", someTime); err != nil {
		t.Fatal(err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a, dir
}

func request(eui sconce.EUI64, kind sconce.DeviceKind) Request {
	return Request{EUI64: eui, Kind: kind, Model: "SL-1", Serial: fmt.Sprintf("S-%d", eui), ApprovedBy: "officer"}
}

func TestIssuedCertificate(t *testing.T) {
	a, _ := newAuthority(t)
	id, err := a.Issue(request(0x5ec0ce0000000001, sconce.Gateway), someTime)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	verify := func(usage x509.ExtKeyUsage) error {
		_, err := id.Certificate.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}, CurrentTime: someTime.AddDate(500, 0, 0)})
		return err
	}
	if err := verify(x509.ExtKeyUsageClientAuth); err != nil {
		t.Errorf("as a client, in 500 years: %v", err)
	}
	if verify(x509.ExtKeyUsageServerAuth) == nil {
		t.Error("the certificate also serves a server")
	}
	if id.Certificate.IsCA {
		t.Error("a device can sign certificates")
	}
	if got := id.Certificate.Subject; got.CommonName != "5ec0ce0000000001" || got.SerialNumber != "S-"+fmt.Sprint(uint64(0x5ec0ce0000000001)) {
		t.Errorf("subject %v", got)
	}
	if !id.Key.PublicKey.Equal(id.Certificate.PublicKey) || id.Key.Curve != elliptic.P256() {
		t.Error("the key is not that of the certificate, or not on P-256")
	}
	sum := sha256.Sum256(id.Certificate.Raw)
	if id.Record.CertificateSHA256 != hex.EncodeToString(sum[:]) {
		t.Error("the record names another certificate")
	}
	sum = sha256.Sum256([]byte(id.ClaimCode.Reveal()))
	if id.Record.ClaimCodeSHA256 != hex.EncodeToString(sum[:]) || len(id.ClaimCode.Reveal()) != 20 {
		t.Error("the record holds another claim code")
	}
}

func TestSecretsDoNotPrintAndAreNotRecorded(t *testing.T) {
	a, dir := newAuthority(t)
	gateway, err := a.Issue(request(1, sconce.Gateway), someTime)
	if err != nil {
		t.Fatal(err)
	}
	light, err := a.Issue(request(2, sconce.Luminaire), someTime)
	if err != nil {
		t.Fatal(err)
	}
	code := strings.ReplaceAll(light.InstallCode.Label(), " ", "")
	printed := fmt.Sprintf("%v %+v %#v %v %+v", gateway.ClaimCode, gateway.ClaimCode, gateway.ClaimCode, light.InstallCode, light.InstallCode)
	records, err := os.ReadFile(filepath.Join(dir, RecordsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{gateway.ClaimCode.Reveal(), code, strings.ToLower(code)} {
		if strings.Contains(printed, secret) || bytes.Contains(records, []byte(secret)) {
			t.Errorf("secret %s is printed or recorded", secret)
		}
	}
	if !strings.Contains(gateway.Label(), "G:0000000000000001$C:"+gateway.ClaimCode.Reveal()+"\n") {
		t.Errorf("label:\n%s", gateway.Label())
	}
	if !strings.Contains(light.Label(), "Z:0000000000000002$I:"+code+"\n") {
		t.Errorf("label:\n%s", light.Label())
	}
	if got, err := zigbee.ParseInstallCode(code); err != nil || !got.Equal(light.InstallCode) {
		t.Errorf("the code on the label reads back as another: %v", err)
	}
}

func TestIssuedIsRemembered(t *testing.T) {
	a, dir := newAuthority(t)
	first, err := a.Issue(request(1, sconce.Luminaire), someTime)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Issued()) != 1 || again.Issued()[0] != first.Record {
		t.Fatalf("records %+v, want %+v", again.Issued(), first.Record)
	}
	sameSerial := request(2, sconce.Luminaire)
	sameSerial.Serial = first.Record.Serial
	for _, r := range []Request{request(1, sconce.Luminaire), sameSerial} {
		if _, err := again.Issue(r, someTime); sconce.KindOf(err) != sconce.Conflict {
			t.Errorf("issued twice: %v", err)
		}
	}
	if err := Init(dir, "Other", someTime); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("a second factory in one folder: %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	a, _ := newAuthority(t)
	for name, change := range map[string]func(*Request){
		"no address":     func(r *Request) { r.EUI64 = 0 },
		"all ones":       func(r *Request) { r.EUI64 = 0xffffffffffffffff },
		"no kind":        func(r *Request) { r.Kind = 0 },
		"no model":       func(r *Request) { r.Model = "" },
		"no serial":      func(r *Request) { r.Serial = "" },
		"long serial":    func(r *Request) { r.Serial = strings.Repeat("x", 33) },
		"no approval":    func(r *Request) { r.ApprovedBy = "" },
		"not a CSR":      func(r *Request) { r.CSR = []byte("x") },
		"CSR on P-384":   func(r *Request) { r.CSR = newCSR(t, elliptic.P384(), false) },
		"CSR not signed": func(r *Request) { r.CSR = newCSR(t, elliptic.P256(), true) },
	} {
		r := request(7, sconce.Luminaire)
		change(&r)
		if _, err := a.Issue(r, someTime); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(a.Issued()) != 0 {
		t.Errorf("refused requests were recorded: %v", a.Issued())
	}
}

func newCSR(t *testing.T, curve elliptic.Curve, forged bool) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	if forged {
		csr[len(csr)-1] ^= 1
	}
	return csr
}

func TestDeviceKeepsItsOwnKey(t *testing.T) {
	a, _ := newAuthority(t)
	r := request(7, sconce.Luminaire)
	r.CSR = newCSR(t, elliptic.P256(), false)
	id, err := a.Issue(r, someTime)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		t.Fatal(err)
	}
	if id.Key != nil || !csr.PublicKey.(*ecdsa.PublicKey).Equal(id.Certificate.PublicKey) {
		t.Error("the identity is not of the device's own key")
	}
	dir := filepath.Join(t.TempDir(), "identity")
	if err := id.Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, IdentityKeyFile)); err == nil {
		t.Error("a key was written that the factory does not hold")
	}
}

func TestSecretFilesAreClosedToOthers(t *testing.T) {
	a, dir := newAuthority(t)
	id, err := a.Issue(request(7, sconce.Luminaire), someTime)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "identity")
	if err := id.Write(out); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, keyFile), filepath.Join(out, IdentityKeyFile), filepath.Join(out, LabelFile)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", filepath.Base(path), info.Mode(), err)
		}
	}
	if err := id.Write(out); err == nil {
		t.Error("an identity was overwritten")
	}
}

func TestBadRecordsNameTheLine(t *testing.T) {
	good, err := json.Marshal(Record{EUI64: 1, Kind: sconce.Luminaire, IssuedAt: someTime})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"{", `{"eui64":"1"}`, `{"colour":"red"}`, `[]`, ""} {
		_, err := ParseRecords(strings.NewReader(string(good) + "\n" + bad + "\n"))
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzParseRecords checks that records which parse encode to lines that parse to
// the same records.
func FuzzParseRecords(f *testing.F) {
	f.Add([]byte(`{"eui64":"5ec0ce0000000001","kind":"gateway","model":"m","serial":"s","certificate_sha256":"00","approved_by":"o","issued_at":"2026-11-23T12:00:00Z"}` + "\n"))
	corpus.Fuzz(f, func(t *testing.T, text []byte) {
		records, err := ParseRecords(bytes.NewReader(text))
		if err != nil {
			return
		}
		canonical := encoded(t, records)
		again, err := ParseRecords(bytes.NewReader(canonical))
		if err != nil || len(again) != len(records) {
			t.Fatalf("%d records, then %d: %v", len(records), len(again), err)
		}
		if b := encoded(t, again); !bytes.Equal(b, canonical) {
			t.Fatalf("%s, and then %s", canonical, b)
		}
	})
}

// encoded returns records as the lines that [ParseRecords] reads.
func encoded(t *testing.T, records []Record) []byte {
	t.Helper()
	var out []byte
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("parsed but does not encode: %v", err)
		}
		out = append(append(out, line...), '\n')
	}
	return out
}
