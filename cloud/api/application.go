package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// application serves the files of the web application from memory.
type application struct {
	files map[string]file // by path
}

type file struct {
	content []byte
	media   string
	etag    string
}

const notBuilt = "The web application was not built into this program: run `make build` and start it again.\n" +
	"The API is at " + Prefix + "/openapi.json.\n"

// newApplication reads all files of the built application.
func newApplication(files fs.FS) (*application, error) {
	a := &application{files: map[string]file{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		a.files["/"+name] = file{content, mediaOf(name), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the web application: %w", err)
	}
	return a, nil
}

// mediaOf returns the media type of a file. Those that the application needs do
// not depend on what the machine knows.
func mediaOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".webmanifest":
		return "application/manifest+json"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	case ".woff2":
		return "font/woff2"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// ServeHTTP implements [http.Handler]. A path that is no file and does not look
// like one is a place within the application: it gets index.html, which finds it.
func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this path can only be read", http.StatusMethodNotAllowed)
		return
	}
	name := path.Clean("/" + r.URL.Path)
	f, ok := a.files[name]
	if !ok && path.Ext(name) != "" {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	if !ok {
		name = "/index.html"
		if f, ok = a.files[name]; !ok {
			http.Error(w, notBuilt, http.StatusServiceUnavailable)
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache") // keep it, and ask whether it is still the same
	if strings.HasPrefix(name, "/assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable") // its name carries a hash of its content
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.content))
}
