// Package mail writes to people: it composes letters from templates, keeps them in a
// queue until they are sent, and sends them over SMTP (RFC 5321, with TLS by
// RFC 8314), or into the mailbox of the demo.
//
// What is in the queue is sealed (package vault): it holds addresses, and links that open
// things. Nothing of a letter is logged. It will not send to more than one person, carry
// attachments, or receive.
package mail

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	texttemplate "text/template"
	"time"

	"sconce"
)

// Kind says which letter it is: the name of its template.
type Kind string

// The letters.
const (
	VerifyAddress   Kind = "verify-address"
	AccountExists   Kind = "account-exists"
	ResetPassword   Kind = "reset-password"
	PasswordChanged Kind = "password-changed"
	AccountChanged  Kind = "account-changed"
	AccountErased   Kind = "account-erased"
	ConfirmAddress  Kind = "confirm-address"
	AddressChanging Kind = "address-changing"
	AddressTaken    Kind = "address-taken"
	Invitation      Kind = "invitation"
	SupportGranted  Kind = "support-granted"
	AlertBegan      Kind = "alert-began"
	AlertEnded      Kind = "alert-ended"

	DeletionAsked     Kind = "deletion-asked"
	DeletionTakenBack Kind = "deletion-taken-back"
)

// Kinds returns all letters.
func Kinds() []Kind {
	return []Kind{
		VerifyAddress, AccountExists, ResetPassword, PasswordChanged, AccountChanged, AccountErased, ConfirmAddress, AddressChanging, AddressTaken,
		Invitation, SupportGranted, DeletionAsked, DeletionTakenBack, AlertBegan, AlertEnded,
	}
}

// Values are what a letter speaks of. A template uses those that it needs.
type Values struct {
	Name    string    `json:"name,omitempty"`    // of who gets it
	By      string    `json:"by,omitempty"`      // name of who caused it
	Project string    `json:"project,omitempty"` // name
	Role    string    `json:"role,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Link    string    `json:"link,omitempty"`  // absolute; holds a secret
	Until   time.Time `json:"until,omitzero"`  // how long the link, or the right, is good for
	What    string    `json:"what,omitempty"`  // happened
	Lines   []string  `json:"lines,omitempty"` // to what
}

// Letter is a letter as it is sent.
type Letter struct {
	To      string // one address, normalised
	Subject string // one line
	Text    string
	HTML    string
}

//go:embed templates
var files embed.FS

// Composer makes letters of one installation.
type Composer struct {
	site string // name by which people know it: its domain
	text *texttemplate.Template
	html *template.Template
}

// NewComposer returns a composer for the installation of a domain. An error is a fault in
// the templates.
func NewComposer(site string) (*Composer, error) {
	functions := map[string]any{"moment": moment}
	text, err := texttemplate.New("").Funcs(functions).Option("missingkey=error").ParseFS(files, "templates/*.txt")
	if err != nil {
		return nil, fmt.Errorf("reading the templates of letters: %w", err)
	}
	html, err := template.New("").Funcs(functions).Option("missingkey=error").ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the templates of letters: %w", err)
	}
	return &Composer{site, text, html}, nil
}

// moment writes a time as a letter does.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// Compose returns a letter.
func (c *Composer) Compose(kind Kind, to string, v Values) (Letter, error) {
	data := struct {
		Values
		Site string
	}{v, c.site}
	var text, html bytes.Buffer
	if err := c.text.ExecuteTemplate(&text, string(kind)+".txt", data); err != nil {
		return Letter{}, fmt.Errorf("composing a letter: %w", err)
	}
	if err := c.html.ExecuteTemplate(&html, string(kind)+".html", data); err != nil {
		return Letter{}, fmt.Errorf("composing a letter: %w", err)
	}
	subject, body, found := strings.Cut(text.String(), "\n\n") // its first line is the subject
	if !found || strings.ContainsAny(subject, "\r\n") {
		return Letter{}, sconce.Errorf(sconce.Invalid, "composing a letter: its subject is not one line")
	}
	return Letter{To: to, Subject: subject, Text: body, HTML: html.String()}, nil
}
