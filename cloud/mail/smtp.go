package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"sconce"
)

// Encryption says how an SMTP server is spoken to.
type Encryption string

// The ways. Without TLS a server on this machine alone is spoken to.
const (
	StartTLS Encryption = "starttls" // RFC 3207, and never without
	TLS      Encryption = "tls"      // from the first byte, RFC 8314
	Plain    Encryption = "none"
)

// Server is an SMTP server that takes our letters.
type Server struct {
	Host       string
	Port       int
	Encryption Encryption
	Username   string // optional
	Password   Password
	From       string // address of the sender
	TLS        *tls.Config
}

// Password is that of an SMTP server. It prints as [redacted].
type Password struct {
	_    [0]func()
	text string
}

// NewPassword returns a password.
func NewPassword(s string) Password { return Password{text: s} }

// Format implements [fmt.Formatter] for every verb.
func (Password) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// Send implements [Sender]. An answer that will not change (a 5xx for the address or the
// letter) is a [sconce.Invalid].
func (s Server) Send(ctx context.Context, l Letter) error {
	m := gomail.NewMsg()
	if err := errors.Join(m.From(s.From), m.To(l.To)); err != nil {
		return sconce.Errorf(sconce.Invalid, "an address is not one of RFC 5322") // without saying which it is
	}
	m.Subject(l.Subject)
	m.SetMessageID()
	m.SetDate()
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	options := []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(sendTime)}
	switch s.Encryption {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case TLS:
		options = append(options, gomail.WithSSL())
	case Plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.TLS != nil {
		options = append(options, gomail.WithTLSConfig(s.TLS))
	}
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.Username), gomail.WithPassword(s.Password.text))
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return fmt.Errorf("using the SMTP server %s: %w", s.Host, err)
	}
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		return refusal(err, s, l)
	}
	return nil
}

// refusal tells what will never be taken from what may be taken later, and keeps the
// address, which servers repeat, out of the text.
func refusal(err error, s Server, l Letter) error {
	var sending *gomail.SendError
	text := strings.ReplaceAll(err.Error(), l.To, "[address]")
	if errors.As(err, &sending) && !sending.IsTemp() && sending.ErrorCode() >= 500 {
		return sconce.Errorf(sconce.Invalid, "the SMTP server %s refuses it for good: %s", s.Host, text)
	}
	return fmt.Errorf("the SMTP server %s did not take it: %s", s.Host, text)
}
