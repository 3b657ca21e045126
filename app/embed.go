// Package app holds the built web application (Svelte, TypeScript), so that one
// program serves it without any file beside it.
//
// It serves nothing itself and knows no address: cloud/api does. A tree whose
// application was not built yet embeds an empty folder; [Built] tells.
package app

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the built application: index.html at its root, and under assets/
// the scripts, styles and fonts whose names carry a hash of their content and
// which may be cached for ever.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path, which is all that Sub checks
	}
	return files
}

// Built reports whether the application was built before this program was
// compiled ("npm run build" in app/, which "make build" does).
func Built() bool {
	_, err := fs.Stat(Files(), "index.html")
	return err == nil
}
