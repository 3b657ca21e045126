package oauth

import (
	"net/url"
	"slices"
	"strings"

	"sconce"
)

const maxRedirect = 500 // bytes

// CheckRedirect reports whether an app may be called back at an address, as a
// [sconce.Invalid] that says what is expected: https; or of one that cannot keep a secret also
// this machine itself by its number (RFC 8252, 7.3), and a scheme of its own, which is a
// name of its maker turned around (7.1). Never with a query, a fragment or a user.
func CheckRedirect(address string, confidential bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || len(address) > maxRedirect || u.String() != address || strings.ContainsFunc(address, notVisible):
		return redirectError("an address as in https://example.org/callback, of at most 500 characters")
	case u.User != nil || strings.ContainsAny(address, "?#*"):
		return redirectError("an address without a user, a query, a fragment and *")
	case u.Scheme == "https" && u.Hostname() != "":
		return nil
	case confidential:
		return redirectError("an address that begins with https:// for an app that keeps a secret")
	case u.Scheme == "http" && loopback(u):
		return nil
	case u.Scheme == "http":
		return redirectError("https://, or of an app on the same machine http://127.0.0.1/… or http://[::1]/…")
	case strings.Contains(u.Scheme, ".") && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return nil
	default:
		return redirectError("https://, http://127.0.0.1/… or a scheme of your own with a dot, as in org.example.app:/callback")
	}
}

func redirectError(expected string) error {
	return sconce.FieldErrorf("redirect_uris", "expected %s", expected)
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\", r) }

func loopback(u *url.URL) bool { return u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" }

// matches reports whether an address that an app asks to be called back at is one of those
// that it is registered with: to the letter, but that a program on this machine listens at
// any port (RFC 8252, 7.3).
func (c Client) matches(address string) bool {
	return slices.ContainsFunc(c.Redirects, func(registered string) bool {
		if registered == address {
			return true
		}
		r, err := url.Parse(registered)
		if err != nil || c.Confidential || r.Scheme != "http" || !loopback(r) || CheckRedirect(address, false) != nil {
			return false
		}
		a, err := url.Parse(address)
		return err == nil && withoutPort(r) == withoutPort(a)
	})
}

func withoutPort(u *url.URL) string {
	plain := *u
	if plain.Host = u.Hostname(); strings.Contains(plain.Host, ":") {
		plain.Host = "[" + plain.Host + "]"
	}
	return plain.String()
}

// answer returns the address with the parameters of an answer; it has none of its own.
func answer(redirect string, parameters url.Values) string {
	return redirect + "?" + parameters.Encode()
}
