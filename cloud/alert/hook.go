package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/vault"
)

// HookID names a webhook.
type HookID string

// Hook is a program elsewhere that is told of alerts.
type Hook struct {
	ID      HookID
	Address string // https://…
	Secret  HookSecret
	Least   rules.Severity // this or worse
	Made    time.Time
	Failing time.Time // since when it takes nothing; zero while it does
	Sealed  []byte    // address and secret, as they are stored
}

// HookSecret signs what a webhook is told, so that it knows who says it.
type HookSecret struct{ text string }

// newHookSecret draws one: 256 bits and more.
func newHookSecret() HookSecret { return HookSecret{"whsec_" + rand.Text() + rand.Text()} }

// Reveal returns the secret itself, to be shown once.
func (s HookSecret) Reveal() string { return s.text }

// String, GoString and LogValue keep the secret out of texts and logs.
func (HookSecret) String() string { return "[redacted]" }

// GoString implements [fmt.GoStringer].
func (HookSecret) GoString() string { return "[redacted]" }

// LogValue implements [slog.LogValuer].
func (HookSecret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Sign returns the signature of a body at a time, in seconds since 1970: HMAC-SHA-256
// (FIPS 198-1) over the decimal time, a full stop, and the body; in hexadecimal digits.
func (s HookSecret) Sign(seconds int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(s.text))
	mac.Write(strconv.AppendInt(nil, seconds, 10))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// sealedHook is what of a hook is sealed: an address may open something by itself.
type sealedHook struct {
	Address string `json:"address"`
	Secret  string `json:"secret"`
}

func hookPlace(id HookID) vault.Field {
	return vault.Field{Table: "alert_hooks", Column: "sealed", Row: string(id)}
}

func (h Hook) seal(v *vault.Vault) (Hook, error) {
	plain, err := json.Marshal(sealedHook{h.Address, h.Secret.text}) //nolint:gosec // it is sealed at once
	if err != nil {
		return h, fmt.Errorf("sealing a webhook: %w", err)
	}
	h.Sealed, err = v.Seal(plain, hookPlace(h.ID))
	return h, err
}

func (h Hook) open(v *vault.Vault) (Hook, error) {
	plain, err := v.Open(h.Sealed, hookPlace(h.ID))
	if err != nil {
		return h, fmt.Errorf("opening a webhook: %w", err)
	}
	var s sealedHook
	if err := json.Unmarshal(plain, &s); err != nil {
		return h, fmt.Errorf("opening a webhook: %w", err)
	}
	h.Address, h.Secret = s.Address, HookSecret{s.Secret}
	return h, nil
}

// maxAddress is the longest address of a webhook.
const maxAddress = 500

// checkAddress says what is wrong with the address of a webhook. Where its name leads is
// checked each time that it is called.
func checkAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxAddress || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return sconce.FieldErrorf("url", "expected an address that begins with https://, of at most %d characters, without user name and fragment", maxAddress)
	}
	return nil
}

// Post is what a webhook is told, in JSON. Its fields do not change their meaning.
type Post struct {
	ID      string           `json:"id"` // the same when it is told again
	News    string           `json:"news"`
	Project sconce.ProjectID `json:"project_id"`
	Alert   Message          `json:"alert"`
}

// The time that one call of a webhook may take, and what of its answer is read.
const (
	callTime   = 10 * time.Second
	maxAnswer  = 4 << 10
	maxHeaders = 16 << 10
)

// Caller calls webhooks. It follows no redirects, uses no proxy, and connects to no address
// that is not public, unless it was told to: what a name leads to is checked when it is
// connected to, so that a name which leads elsewhere the second time gains nothing.
type Caller struct {
	client *http.Client
}

// CallerOptions say how a [Caller] is to be. The zero value is right for the internet.
type CallerOptions struct {
	AllowPrivate bool        // addresses that are not public may be called
	TLS          *tls.Config // for authorities of one's own
}

// NewCaller returns a caller.
func NewCaller(o CallerOptions) *Caller {
	dialer := &net.Dialer{Timeout: callTime, KeepAlive: -1}
	if !o.AllowPrivate {
		dialer.Control = onlyPublic
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	return &Caller{&http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: callTime, ResponseHeaderTimeout: callTime,
			MaxResponseHeaderBytes: maxHeaders, DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callTime,
	}}
}

// errRefusedAddress is the error of an address that is not public.
var errRefusedAddress = sconce.Errorf(sconce.Forbidden, "the address is not a public one")

// onlyPublic is called when an address is about to be connected to.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) {
		return errRefusedAddress
	}
	return nil
}

// reserved are the addresses that netip does not know to be special (IANA's registries of
// special-purpose addresses, RFC 6890), and those that lead to IPv4 addresses inside others.
var reserved = func() []netip.Prefix {
	var all []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// unicast6 is all that was ever given out of IPv6 (RFC 4291, 2.4, and IANA's registry): outside of
// it are forms that lead to IPv4 addresses, those of this machine among them.
var unicast6 = netip.MustParsePrefix("2000::/3")

// isPublic reports whether an address is one of the internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !unicast6.Contains(a) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Call tells a webhook something. It is an error unless the webhook answers with a status
// from 200 to 299.
func (c *Caller) Call(ctx context.Context, h Hook, p Post, now time.Time) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("writing to a webhook: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.Address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("calling a webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Sconce")
	r.Header.Set("Sconce-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Sconce-Signature", "v1="+h.Secret.Sign(now.Unix(), body))
	answer, err := c.client.Do(r)
	if err != nil {
		var e *url.Error // names the address, which may be secret
		if errors.As(err, &e) {
			err = e.Err
		}
		return fmt.Errorf("calling a webhook: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("calling a webhook: %w", statusError(answer.StatusCode))
	}
	return nil
}

// statusError is the status with which a webhook did not take what it was told.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("it answered with status %d", int(s)) }
