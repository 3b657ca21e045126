package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// SecurityText is whom somebody tells who found a weakness of the installation (RFC
// 9116). The zero value is nobody: then there is no such file.
type SecurityText struct {
	Contacts  []string // URIs, the preferred one first: mailto:, https: or tel:
	Policy    string   // URI of how reports are dealt with; optional
	Languages string   // as in "en, de"; optional
	Canonical string   // URI of the file itself
}

// securityTextLife is for how long the file says that it holds. Who runs an installation
// keeps its configuration right while it answers; a copy of the file grows old.
const securityTextLife = 30 * 24 * time.Hour

const securityTextPath = "/.well-known/security.txt"

// text returns the file at a time. What it says does not change within a day.
func (s SecurityText) text(now time.Time) string {
	var b strings.Builder
	for _, c := range s.Contacts {
		fmt.Fprintf(&b, "Contact: %s\n", c)
	}
	fmt.Fprintf(&b, "Expires: %s\n", now.UTC().Truncate(24*time.Hour).Add(securityTextLife).Format(time.RFC3339))
	for _, line := range [][2]string{{"Preferred-Languages", s.Languages}, {"Canonical", s.Canonical}, {"Policy", s.Policy}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
		}
	}
	return b.String()
}

func (a *API) serveSecurityText(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=86400")
	_, _ = w.Write([]byte(a.SecurityText.text(time.Now()))) // the client went away
}
