// Package ui carries the pages, built by `make ui` from the sources beside it,
// inside the binary.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS //nolint:gochecknoglobals // embedding needs a variable; it is never written

// Files are the built pages: index.html and assets, or nothing but .gitkeep
// where they were not built.
func Files() fs.FS {
	f, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the directory is named above
	}
	return f
}
