package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"mime/quotedprintable"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"sconce"
)

// smtpServer is somebody else's SMTP server, which keeps what it is given.
type smtpServer struct {
	mu     sync.Mutex
	letter []byte
	refuse *smtp.SMTPError // what it says to a recipient
	secure bool            // the letter came over TLS
}

type smtpSession struct {
	s    *smtpServer
	conn *smtp.Conn
	user string
}

func (s *smtpServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &smtpSession{s: s, conn: c}, nil
}

func (s *smtpSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "sconce" || password != "pass word" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (*smtpSession) Reset()                               {}
func (*smtpSession) Logout() error                        { return nil }
func (*smtpSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *smtpSession) Rcpt(string, *smtp.RcptOptions) error {
	if s.s.refuse != nil {
		return s.s.refuse
	}
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	_, s.s.secure = s.conn.TLSConnectionState()
	s.s.letter = b
	return err
}

// startSMTP starts a server, with a certificate when it is to have TLS, and returns how to
// reach it.
func startSMTP(t *testing.T, withTLS, fromFirstByte bool) (*smtpServer, Server) {
	t.Helper()
	backend := &smtpServer{}
	s := smtp.NewServer(backend)
	s.Domain, s.AllowInsecureAuth = "localhost", true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := Server{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Encryption: Plain, From: "sconce@example.org"}
	if withTLS {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := x509.Certificate{
			SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(certificate)
		out.TLS = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
		out.Encryption = StartTLS
		if fromFirstByte {
			out.Encryption = TLS
			listener = tls.NewListener(listener, s.TLSConfig)
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return backend, out
}

var letter = Letter{To: to, Subject: "Grüße", Text: "Dear Ada,\n\nhttps://sconce.example.org/x#secret\n", HTML: "<p>Dear Ada</p>"}

func TestSMTP(t *testing.T) {
	for name, c := range map[string]struct{ tls, first bool }{"plain": {false, false}, "STARTTLS": {true, false}, "TLS": {true, true}} {
		t.Run(name, func(t *testing.T) {
			backend, server := startSMTP(t, c.tls, c.first)
			if c.tls {
				server.Username, server.Password = "sconce", NewPassword("pass word")
			}
			if err := server.Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			backend.mu.Lock()
			defer backend.mu.Unlock()
			text, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(backend.letter)))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{
				"To: <ada@example.org>", "From: <sconce@example.org>", "=?UTF-8?q?Gr", "multipart/alternative", "auto-generated",
				"https://sconce.example.org/x#secret", "<p>Dear Ada</p>",
			} {
				if !bytes.Contains(text, []byte(want)) && !bytes.Contains(backend.letter, []byte(want)) {
					t.Errorf("the letter lacks %q:\n%s", want, backend.letter)
				}
			}
			if backend.secure != c.tls {
				t.Errorf("sent over TLS: %v", backend.secure)
			}
		})
	}
}

// TestSMTPRefusals tells what is tried again from what is not, and names nobody.
func TestSMTPRefusals(t *testing.T) {
	wantKind := func(name string, err error, final bool) {
		t.Helper()
		if err == nil || (sconce.KindOf(err) == sconce.Invalid) != final {
			t.Errorf("%s: %v; given up: %v, want %v", name, err, !final, final)
		} else if strings.Contains(err.Error(), to) {
			t.Errorf("%s: the error names the address: %v", name, err)
		}
	}
	backend, server := startSMTP(t, false, false)
	backend.refuse = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no mailbox for " + to}
	wantKind("no such mailbox", server.Send(t.Context(), letter), true)
	backend.refuse = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	wantKind("later", server.Send(t.Context(), letter), false)
	wrong := letter
	wrong.To = "no address"
	wantKind("no address", server.Send(t.Context(), wrong), true)
	server.Encryption = StartTLS
	wantKind("a server without TLS", server.Send(t.Context(), letter), false)
	server.Port = 1
	wantKind("nobody there", server.Send(t.Context(), letter), false)

	_, secure := startSMTP(t, true, false)
	secure.Username, secure.Password = "sconce", NewPassword("wrong")
	wantKind("a wrong password", secure.Send(t.Context(), letter), false)
	stranger := secure
	stranger.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	wantKind("a certificate of nobody", stranger.Send(t.Context(), letter), false)
	ended, end := context.WithCancel(t.Context())
	end()
	wantKind("stopped", secure.Send(ended, letter), false)
}
