package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
)

// guard is what every request passes before anything looks at it.
func (a *API) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(a.crossOrigin))
	policy := a.contentPolicy()
	checked := origin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.requests.Add(1)
		id := rand.Text()
		ctx := context.WithValue(context.WithValue(r.Context(), requestKey, id), connectionKey, r.Context())
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		r = r.WithContext(ctx)
		defer a.contain(w, r)

		setHeaders(w.Header(), r, policy)
		w.Header().Set("X-Request-Id", id)
		if r.TLS == nil && (a.DemoLiveURL == "" || !isLoopback(r.Host)) {
			writeProblem(w, &Problem{
				Type: problemType("tls-required"), Title: "TLS is required", Status: http.StatusForbidden,
				Detail: "this server answers over TLS only: use https, or in the demo the address localhost",
			})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody+1) // one more than routes admit, so that they say it
		checked.ServeHTTP(w, r)
	})
}

// isLoopback reports whether a request's Host names this machine to itself. A web
// site that lets its own name point here (DNS rebinding) has another.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// contain keeps a panic to the request that met it.
func (a *API) contain(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	a.Log.Error("a request met a fault in the program", slog.String("request", requestID(r.Context())),
		slog.String("path", r.Pattern), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	writeProblem(w, a.problem(context.WithoutCancel(r.Context()), fmt.Errorf("panic: %v", v)))
}

// crossOrigin answers a request that another web site made with this browser.
func (a *API) crossOrigin(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, &Problem{
		Type: problemType("cross-origin"), Title: "From another web site", Status: http.StatusForbidden,
		Detail: "requests that change something are taken from this server's own pages only", RequestID: requestID(r.Context()),
	})
}

// setHeaders sets what a browser is told about every answer.
func setHeaders(h http.Header, r *http.Request, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=(), usb=()")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	if isAPI(r) {
		h.Set("Cache-Control", "no-store")
	}
}

// contentPolicy returns the Content-Security-Policy (CSP level 3): the pages run
// and show nothing but their own files, and connect to this server and to where
// live data comes from.
func (a *API) contentPolicy() string {
	connect := "connect-src 'self'"
	for _, live := range []string{a.LiveURL, a.DemoLiveURL} {
		if u, err := url.Parse(live); err == nil && u.Host != "" {
			connect += " " + u.Scheme + "://" + u.Host
		}
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
		"manifest-src 'self'", "worker-src 'self'", connect,
		"base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
	}, "; ")
}
