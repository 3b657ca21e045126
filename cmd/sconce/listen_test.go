package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestRedirectStaysHere sends a browser to the same place over TLS, and nowhere
// else, whatever it asks for.
func TestRedirectStaysHere(t *testing.T) {
	for _, tt := range []struct {
		port           int
		target, goesTo string
	}{
		{443, "/projects/1?x=2", "https://sconce.example.org/projects/1?x=2"},
		{8443, "/", "https://sconce.example.org:8443/"},
		{443, "http://evil.example/a", "https://sconce.example.org/a"},
		{443, "//evil.example/a", "https://sconce.example.org//evil.example/a"},
	} {
		c := &cloud{config: &cloudConfig{Domain: "sconce.example.org", PublicPort: tt.port}}
		w := httptest.NewRecorder()
		c.redirect(w, httptest.NewRequest(http.MethodGet, tt.target, nil))
		if got := w.Header().Get("Location"); got != tt.goesTo || w.Code != http.StatusPermanentRedirect {
			t.Errorf("%s leads to %s (%d), want %s", tt.target, got, w.Code, tt.goesTo)
		}
	}
}

// TestOnlyPagesAreRedirected tells programs that they use TLS, and takes them nowhere.
func TestOnlyPagesAreRedirected(t *testing.T) {
	c := &cloud{config: &cloudConfig{Domain: "sconce.example.org", PublicPort: 443}}
	for _, tt := range []struct{ method, target string }{
		{http.MethodGet, "/api/v1/projects"},
		{http.MethodPost, "/api/v1/sessions"},
		{http.MethodPost, "/"},
	} {
		w := httptest.NewRecorder()
		c.redirect(w, httptest.NewRequest(tt.method, tt.target, nil))
		if w.Code != http.StatusForbidden || w.Header().Get("Location") != "" {
			t.Errorf("%s %s: %d, to %q; want 403, to nowhere", tt.method, tt.target, w.Code, w.Header().Get("Location"))
		}
	}
}
