package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"lamplight/web/api"
)

// page is one file of the pages, read once and kept with its compressed form.
type page struct {
	body, zipped []byte // zipped is nil where it would not be smaller
	kind         string
	tag          string // ETag
	lasting      bool   // its name changes with its content
}

// pages serves the built pages out of memory.
type pages struct {
	files  map[string]*page
	policy string
}

// notBuilt is served where the pages were not built into the binary.
const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lamplight</title>
<h1>UI not built: run make ui</h1>
<p>The server runs, but this binary was built without its pages. The API answers at
<a href="/api/v1/openapi.json">/api/v1</a>.</p>
</html>
`

func newPages(files fs.FS, frames []string) (http.Handler, error) {
	p := &pages{files: make(map[string]*page), policy: contentPolicy(frames)}
	if files != nil {
		err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
				return err
			}
			body, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			p.files["/"+name] = newPage(name, body)
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("web: read pages: %w", err)
		}
	}
	if p.files["/index.html"] == nil {
		p.files["/index.html"] = newPage("index.html", []byte(notBuilt))
	}
	return p, nil
}

// contentPolicy is the Content-Security-Policy of the pages: everything from
// this very server. Styles may be inline, as the widgets set them so.
func contentPolicy(frames []string) string {
	ancestors := "'self'"
	if len(frames) > 0 {
		ancestors += " " + strings.Join(frames, " ")
	}
	return "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
		"img-src 'self' data:; font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; " +
		"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors " + ancestors
}

func newPage(name string, body []byte) *page {
	sum := sha256.Sum256(body)
	p := &page{
		body: body, kind: mime.TypeByExtension(path.Ext(name)),
		tag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		// The build names what is in assets by its content.
		lasting: strings.HasPrefix(name, "assets/"),
	}
	if p.kind == "" {
		p.kind = http.DetectContentType(body)
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a constant, valid level
	_, err := z.Write(body)
	if err = errors.Join(err, z.Close()); err == nil && b.Len() < len(body)*9/10 {
		p.zipped = b.Bytes()
	}
	return p
}

// find is the file for a path. A path without an ending that is no file is one
// of the pages' own addresses: the page itself finds its way.
func (p *pages) find(name string) *page {
	if f := p.files[name]; f != nil {
		return f
	}
	if path.Ext(name) == "" {
		if f := p.files[strings.TrimSuffix(name, "/")+".html"]; f != nil {
			return f
		}
		return p.files["/index.html"]
	}
	return nil
}

// ServeHTTP answers with a file.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.find(path.Clean(r.URL.Path))
	if f == nil {
		api.WriteProblem(w, api.NewProblem(http.StatusNotFound, "there is nothing at "+r.URL.Path))
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
	h.Set("ETag", f.tag)
	h.Set("Vary", "Accept-Encoding")
	if f.lasting {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	body := f.body
	if f.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && r.Header.Get("Range") == "" {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
