package registry_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
)

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// bench is a registry with a project that has two networks, and the scopes of two
// people in it and of one in another project.
type bench struct {
	*registry.Service
	store                   *store.Store
	now                     time.Time
	projects                *project.Service
	owner, viewer, stranger project.Scope
	network, second         sconce.NetworkID
	foreign                 sconce.NetworkID // of the stranger
	assigned                []sconce.EUI64
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{store: storetest.Open(t), now: start}
	clock := func() time.Time { return b.now }
	var err error
	b.Service, err = registry.New(t.Context(), b.store.Registry(), clock, slog.New(slog.DiscardHandler), func(g sconce.EUI64) {
		b.assigned = append(b.assigned, g)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.projects = project.New(b.store.Projects(), clock)
	b.owner = b.newProject(t, "ada")
	b.stranger = b.newProject(t, "eve")
	if err := b.projects.SetMember(t.Context(), b.owner, project.Member{Account: "vic", Role: sconce.Viewer}); err != nil {
		t.Fatal(err)
	}
	if b.viewer, err = b.projects.Enter(t.Context(), project.Caller{Account: "vic"}, b.owner.Project()); err != nil {
		t.Fatal(err)
	}
	b.network, b.second, b.foreign = b.newNetwork(t, b.owner), b.newNetwork(t, b.owner), b.newNetwork(t, b.stranger)
	return b
}

func (b *bench) newProject(t *testing.T, who sconce.AccountID) project.Scope {
	t.Helper()
	m, err := b.projects.Create(t.Context(), project.Caller{Account: who}, project.NewProject{Name: "Project of " + string(who)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.projects.Enter(t.Context(), project.Caller{Account: who}, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *bench) newNetwork(t *testing.T, s project.Scope) sconce.NetworkID {
	t.Helper()
	n, err := b.projects.CreateNetwork(t.Context(), s, "Network")
	if err != nil {
		t.Fatal(err)
	}
	return n.ID
}

const claimCode = "ABCDEFGHIJKLMNOPQRST"

// issue imports an identity and returns its certificate.
func (b *bench) issue(t *testing.T, device sconce.EUI64, kind sconce.DeviceKind) *x509.Certificate {
	t.Helper()
	cert := newCertificate(t, device.String())
	if added, known, err := b.Import(t.Context(), strings.NewReader(line(device, kind, cert))); err != nil || added != 1 || known != 0 {
		t.Fatalf("Import = %d, %d, %v", added, known, err)
	}
	return cert
}

func line(device sconce.EUI64, kind sconce.DeviceKind, cert *x509.Certificate) string {
	claim := ""
	if kind == sconce.Gateway {
		sum := sha256.Sum256([]byte(claimCode))
		claim = fmt.Sprintf(`"claim_code_sha256":"%x",`, sum)
	}
	return fmt.Sprintf(`{"eui64":"%s","kind":"%s","model":"M-1","serial":"S-%s","certificate_sha256":"%x",%s"approved_by":"officer","issued_at":"2026-01-01T00:00:00Z"}`+"\n",
		device, kind, device, sha256.Sum256(cert.Raw), claim)
}

func newCertificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: start, NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func wantKind(t *testing.T, what string, err error, kind sconce.ErrorKind) {
	t.Helper()
	if err == nil || sconce.KindOf(err) != kind {
		t.Errorf("%s: error %v, want one that is %s", what, err, kind)
	}
}

const (
	gateway sconce.EUI64 = 0x5ec0ce0000000001
	light   sconce.EUI64 = 0x5ec0ce0000000002
	high    sconce.EUI64 = 0xffc0ce0000000003 // an address whose highest bit is set
)

func TestAuthenticate(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	for _, device := range []sconce.EUI64{gateway, high} {
		cert := b.issue(t, device, sconce.Gateway)
		if got, err := b.Authenticate(ctx, cert); err != nil || got != device {
			t.Errorf("Authenticate = %s, %v; want %s", got, err, device)
		}
	}
	lightCert := b.issue(t, light, sconce.Luminaire)
	for name, cert := range map[string]*x509.Certificate{
		"none":                         nil,
		"never issued":                 newCertificate(t, "5ec0ce00000000ff"),
		"another one for a known name": newCertificate(t, gateway.String()),
		"a light's":                    lightCert,
		"no address in the subject":    newCertificate(t, "gateway"),
	} {
		_, err := b.Authenticate(ctx, cert)
		wantKind(t, name, err, sconce.Unauthenticated)
	}
}

// TestTheSubjectIsInItsOneForm shows that an issued certificate passes only when
// its subject is written as the factory writes it.
func TestTheSubjectIsInItsOneForm(t *testing.T) {
	b := newBench(t)
	capitals := newCertificate(t, strings.ToUpper(gateway.String()))
	if _, _, err := b.Import(t.Context(), strings.NewReader(line(gateway, sconce.Gateway, capitals))); err != nil {
		t.Fatal(err)
	}
	_, err := b.Authenticate(t.Context(), capitals)
	wantKind(t, "in capitals", err, sconce.Unauthenticated)
}

// TestTheSubjectMustBeTheDevice shows that a certificate which was issued, but to
// another gateway than its subject names, does not pass.
func TestTheSubjectMustBeTheDevice(t *testing.T) {
	b := newBench(t)
	b.issue(t, gateway, sconce.Gateway)
	misnamed := newCertificate(t, gateway.String())
	if _, _, err := b.Import(t.Context(), strings.NewReader(line(high, sconce.Gateway, misnamed))); err != nil {
		t.Fatal(err)
	}
	_, err := b.Authenticate(t.Context(), misnamed)
	wantKind(t, "issued to another", err, sconce.Unauthenticated)
}

func TestRevoke(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	cert, other := b.issue(t, gateway, sconce.Gateway), b.issue(t, high, sconce.Gateway)
	wantKind(t, "revoking the unknown", b.Revoke(ctx, light), sconce.NotFound)
	for range 2 { // a second time is no error
		if err := b.Revoke(ctx, gateway); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Authenticate(ctx, cert)
	wantKind(t, "revoked", err, sconce.Unauthenticated)
	if _, err := b.Authenticate(ctx, other); err != nil {
		t.Errorf("another gateway: %v", err)
	}
	if added, known, err := b.Import(ctx, strings.NewReader(line(gateway, sconce.Gateway, cert))); err != nil || added != 0 || known != 1 {
		t.Errorf("importing it again = %d, %d, %v", added, known, err)
	}
	_, err = b.Authenticate(ctx, cert)
	wantKind(t, "revoked, imported again", err, sconce.Unauthenticated)
	wantKind(t, "claiming the revoked", b.Claim(ctx, b.owner, gateway, registry.NewClaimCode(claimCode), b.network), sconce.Invalid)
}

// memory is a store of the registry that another process changes.
type memory struct {
	registry.Store
	mu       sync.Mutex
	version  int64
	gateways []registry.Identity
	err      error
}

func (m *memory) Version(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version, m.err
}

func (m *memory) Gateways(context.Context) ([]registry.Identity, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.gateways), m.version, m.err
}

// change is what the other process does. A nil err is a store that can be read.
func (m *memory) change(err error, gateways ...registry.Identity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version, m.err, m.gateways = m.version+1, err, gateways
}

func TestWatchSeesWhatAnotherProcessDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := newCertificate(t, gateway.String())
		valid := registry.Identity{Device: gateway, CertificateSHA256: sha256.Sum256(cert.Raw)}
		revoked := valid
		revoked.Revoked = start
		store := &memory{}
		s, err := registry.New(t.Context(), store, time.Now, slog.New(slog.DiscardHandler), func(sconce.EUI64) {})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan []sconce.EUI64, 10)
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Watch(ctx, func(revoked []sconce.EUI64) { ended <- revoked })
		}()
		step := func() {
			<-time.After(registry.RefreshEvery) // virtual time
			synctest.Wait()
		}

		store.change(nil, valid)
		step()
		if _, err := s.Authenticate(ctx, cert); err != nil || len(ended) != 0 {
			t.Errorf("after an import: %v, %d calls to end", err, len(ended))
		}

		store.change(context.DeadlineExceeded, revoked)
		step()
		if _, err := s.Authenticate(ctx, cert); err != nil {
			t.Errorf("while the store is away: %v", err)
		}

		store.change(nil, revoked)
		for range 3 { // again and again, for a connection that was just being made
			step()
			if _, err := s.Authenticate(ctx, cert); err == nil {
				t.Error("the revoked gateway is admitted")
			}
			if len(ended) != 1 || !slices.Equal(<-ended, []sconce.EUI64{gateway}) {
				t.Error("the revoked gateway was not to be ended")
			}
		}
		cancel()
		<-done
	})
}

func TestImportNamesTheLine(t *testing.T) {
	b := newBench(t)
	cert := newCertificate(t, gateway.String())
	good := line(gateway, sconce.Gateway, cert)
	edit := func(old, replacement string) string {
		return strings.Replace(line(light, sconce.Gateway, cert), old, replacement, 1)
	}
	for name, bad := range map[string]string{
		"not JSON":              "{",
		"empty":                 "",
		"not an object":         "[]",
		"two objects":           "{} {}",
		"an unknown field":      edit(`{"eui64"`, `{"colour":"red","eui64"`),
		"no address":            edit(`"eui64":"`+light.String()+`",`, ""),
		"a bad address":         edit(light.String(), "xyz"),
		"an unknown kind":       edit(`"gateway"`, `"toaster"`),
		"no kind":               edit(`"kind":"gateway",`, ""),
		"no serial":             edit(`"S-`+light.String()+`"`, `""`),
		"a short digest":        edit(`"certificate_sha256":"`, `"certificate_sha256":"00`),
		"no digest":             edit(`"certificate_sha256"`, `"claim_code_sha256"`),
		"no claim code":         strings.Replace(line(light, sconce.Luminaire, cert), "luminaire", "gateway", 1),
		"a light's claim code":  edit(`"gateway"`, `"luminaire"`),
		"not approved":          edit(`"officer"`, `""`),
		"no date":               edit(`,"issued_at":"2026-01-01T00:00:00Z"`, ""),
		"the same device again": strings.TrimSpace(good),
		"an endless line":       strings.Repeat("x", 5000),
	} {
		_, _, err := b.Import(t.Context(), strings.NewReader(good+bad+"\n"))
		wantKind(t, name, err, sconce.Invalid)
		if err != nil && !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %v does not name the line", name, err)
		}
	}
	if known, err := b.Describe(t.Context(), []sconce.EUI64{gateway, light}); err != nil || len(known) != 0 {
		t.Errorf("something was stored of refused files: %v, %v", known, err)
	}
}

func TestImportKeepsWhatItKnows(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	cert := b.issue(t, gateway, sconce.Gateway)
	changed := []string{
		line(gateway, sconce.Gateway, newCertificate(t, gateway.String())),
		strings.Replace(line(gateway, sconce.Gateway, cert), "M-1", "M-2", 1),
		strings.Replace(line(light, sconce.Gateway, newCertificate(t, "x")), "S-"+light.String(), "S-"+gateway.String(), 1),
		line(light, sconce.Gateway, cert), // the certificate of another
	}
	for _, c := range changed {
		_, _, err := b.Import(ctx, strings.NewReader(line(high, sconce.Luminaire, newCertificate(t, "y"))+c))
		wantKind(t, c, err, sconce.Conflict)
	}
	if known, err := b.Describe(ctx, []sconce.EUI64{gateway, light, high}); err != nil || len(known) != 1 ||
		known[gateway].CertificateSHA256 != sha256.Sum256(cert.Raw) || known[gateway].Model != "M-1" {
		t.Errorf("after refused imports: %v, %v", known, err)
	}
}

func TestClaim(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.issue(t, gateway, sconce.Gateway)
	b.issue(t, high, sconce.Gateway)
	b.issue(t, light, sconce.Luminaire)
	right, wrong := registry.NewClaimCode("abcde fghij-klmno pqrst"), registry.NewClaimCode("WRONG")

	wantKind(t, "by a viewer", b.Claim(ctx, b.viewer, gateway, right, b.network), sconce.Forbidden)
	wantKind(t, "by nobody", b.Claim(ctx, project.Scope{}, gateway, right, b.network), sconce.Forbidden)
	wantKind(t, "by its address alone", b.Claim(ctx, b.owner, gateway, registry.ClaimCode{}, b.network), sconce.Invalid)
	wantKind(t, "with a wrong code", b.Claim(ctx, b.owner, gateway, wrong, b.network), sconce.Invalid)
	wantKind(t, "one that does not exist", b.Claim(ctx, b.owner, 42, right, b.network), sconce.Invalid)
	wantKind(t, "a light", b.Claim(ctx, b.owner, light, right, b.network), sconce.Invalid)
	wantKind(t, "into no network", b.Claim(ctx, b.owner, gateway, right, "x"), sconce.NotFound)
	wantKind(t, "into the network of others", b.Claim(ctx, b.owner, gateway, right, b.foreign), sconce.NotFound)
	if len(b.assigned) != 0 {
		t.Errorf("a refused claim was announced: %v", b.assigned)
	}
	if err := b.Claim(ctx, b.owner, gateway, right, b.network); err != nil {
		t.Fatal(err)
	}
	if s, err := b.projects.EnterGateway(ctx, gateway); err != nil || s.Project() != b.owner.Project() {
		t.Errorf("the gateway enters %v, %v", s, err)
	} else if g, n := s.Gateway(); g != gateway || n != b.network {
		t.Errorf("the gateway serves %s, %s", g, n)
	}

	err := b.Claim(ctx, b.stranger, gateway, right, b.foreign)
	wantKind(t, "claimed by others", err, sconce.Conflict)
	if text := fmt.Sprint(err); strings.Contains(text, string(b.owner.Project())) || strings.Contains(text, "ada") {
		t.Errorf("the answer says by whom: %s", text)
	}
	wantKind(t, "claimed by others, without the code", b.Claim(ctx, b.stranger, gateway, wrong, b.foreign), sconce.Invalid)
	wantKind(t, "a second one for the network", b.Claim(ctx, b.owner, high, right, b.network), sconce.Conflict)

	wantKind(t, "released by a viewer", b.Release(ctx, b.viewer, gateway), sconce.Forbidden)
	wantKind(t, "released by others", b.Release(ctx, b.stranger, gateway), sconce.NotFound)
	if err := b.Release(ctx, b.owner, gateway); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "released twice", b.Release(ctx, b.owner, gateway), sconce.NotFound)
	if err := b.Claim(ctx, b.stranger, gateway, right, b.foreign); err != nil {
		t.Errorf("free again: %v", err)
	}
	if want := []sconce.EUI64{gateway, gateway, gateway}; !slices.Equal(b.assigned, want) {
		t.Errorf("announced %v, want %v", b.assigned, want)
	}
}

func TestGuessingIsLimited(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.issue(t, gateway, sconce.Gateway)
	for i := range 20 {
		code := registry.NewClaimCode(fmt.Sprintf("GUESS%d", i))
		wantKind(t, "a guess", b.Claim(ctx, b.stranger, gateway, code, b.foreign), sconce.Invalid)
	}
	right := registry.NewClaimCode(claimCode)
	wantKind(t, "the right code after too many guesses", b.Claim(ctx, b.stranger, gateway, right, b.foreign), sconce.TooMany)
	if err := b.Claim(ctx, b.owner, gateway, right, b.network); err != nil {
		t.Errorf("somebody else's guesses lock the owner out: %v", err)
	}
	for range 30 {
		if err := b.Release(ctx, b.owner, gateway); err != nil {
			t.Fatal(err)
		}
		if err := b.Claim(ctx, b.owner, gateway, right, b.network); err != nil {
			t.Fatalf("right codes count as guesses: %v", err)
		}
	}
	b.now = b.now.Add(15 * time.Minute)
	wantKind(t, "after a wait", b.Claim(ctx, b.stranger, gateway, right, b.foreign), sconce.Conflict)
}

func TestClaimCodeDoesNotPrint(t *testing.T) {
	code := registry.NewClaimCode(claimCode)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out := fmt.Sprintf(verb, code)
		if strings.Contains(out, claimCode) || strings.Contains(out, hex.EncodeToString([]byte(claimCode))) {
			t.Errorf("%s prints %s", verb, out)
		}
	}
	if out, err := json.Marshal(code); err == nil {
		t.Errorf("encodes as %s", out)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "code", code)
	if strings.Contains(log.String(), claimCode) {
		t.Error(log.String())
	}
}
