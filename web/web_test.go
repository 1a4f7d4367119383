package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/store/sim"
	"lamplight/web/access"
	"lamplight/web/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newServer(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	st := sim.New(sim.Options{})
	t.Cleanup(func() { _ = st.Close() })
	dir, err := directory.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"one.test"}, Realm: "one.test"}
	if err := dir.Apply(t.Context(), directory.Edit{Domains: []presence.Domain{dom}}); err != nil {
		t.Fatal(err)
	}
	ros, err := roster.Open(t.Context(), roster.Options{Store: st, Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ros.Close() })
	o := Options{
		Directory: dir, Roster: ros, Store: st, HA1: func(_, _, _, _ string) string { return "" },
		Tokens: []access.Token{{Name: "admin", Hash: access.HashToken("admin"), Role: presence.RoleAdmin}},
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// ask makes a request; headers are "Name: value".
func ask(t *testing.T, s *Server, method, target string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func built() fstest.MapFS {
	return fstest.MapFS{
		"index.html":             {Data: []byte("<!doctype html><title>team</title>")},
		"agent.html":             {Data: []byte("<!doctype html><title>bar</title>")},
		"assets/app-3f9a.js":     {Data: []byte(strings.Repeat("console.log('lamp');\n", 200))},
		"assets/small.css":       {Data: []byte("a{}")},
		".gitkeep":               {},
		"assets/.hidden/file.js": {Data: []byte("1")},
	}
}

func TestPages(t *testing.T) {
	s := newServer(t, func(o *Options) { o.UI = built() })
	for name, c := range map[string]struct {
		path, kind, cache, has string
		code                   int
	}{
		"root":           {"/", "text/html; charset=utf-8", "no-cache", "team", 200},
		"page's address": {"/team/sales", "text/html; charset=utf-8", "no-cache", "team", 200},
		"second page":    {"/agent", "text/html; charset=utf-8", "no-cache", "bar", 200},
		"asset":          {"/assets/app-3f9a.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "lamp", 200},
		"missing asset":  {"/assets/gone.js", "application/problem+json", "no-store", "nothing at", 404},
		"hidden":         {"/.gitkeep", "application/problem+json", "no-store", "nothing at", 404},
		"climbing":       {"/assets/../../../etc/passwd.txt", "application/problem+json", "no-store", "nothing at", 404},
	} {
		t.Run(name, func(t *testing.T) {
			res := ask(t, s, "GET", c.path)
			for i := 0; res.StatusCode == http.StatusTemporaryRedirect || res.StatusCode == http.StatusMovedPermanently; i++ {
				if i == 3 {
					t.Fatal("redirected without end")
				}
				res = ask(t, s, "GET", res.Header.Get("Location"))
			}
			if res.StatusCode != c.code || res.Header.Get("Content-Type") != c.kind || res.Header.Get("Cache-Control") != c.cache {
				t.Errorf("%d, %s, %s", res.StatusCode, res.Header.Get("Content-Type"), res.Header.Get("Cache-Control"))
			}
			if got := text(t, res); !strings.Contains(got, c.has) {
				t.Errorf("body %q", got)
			}
		})
	}
	res := ask(t, s, "GET", "/")
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self'", "script-src 'self';", "object-src 'none'", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if !strings.Contains(res.Header.Get("Permissions-Policy"), "microphone=(self)") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", res.Header)
	}
	if again := ask(t, s, "GET", "/", "If-None-Match: "+res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("a page that has not changed is sent again: %d", again.StatusCode)
	}
	zipped := ask(t, s, "GET", "/assets/app-3f9a.js", "Accept-Encoding: gzip, br")
	if zipped.Header.Get("Content-Encoding") != "gzip" || len(text(t, zipped)) > 500 {
		t.Error("a large file is not compressed")
	}
	if small := ask(t, s, "GET", "/assets/small.css", "Accept-Encoding: gzip"); small.Header.Get("Content-Encoding") != "" {
		t.Error("a small file is compressed in vain")
	}
	if res := ask(t, s, "DELETE", "/"); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE /: %d, %s", res.StatusCode, res.Header.Get("Allow"))
	}
}

func TestPagesNotBuilt(t *testing.T) {
	for name, ui := range map[string]fstest.MapFS{"no files": nil, "only the keeper": {".gitkeep": {}}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(o *Options) {
				if ui != nil {
					o.UI = ui
				}
			})
			if got := text(t, ask(t, s, "GET", "/")); !strings.Contains(got, "UI not built: run make ui") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	broken := errors.New("disk is full")
	var err error
	s := newServer(t, func(o *Options) {
		o.Checks = []Check{
			{"store", func(context.Context) error { return err }},
			{"listeners", func(context.Context) error { return nil }},
		}
	})
	if res := ask(t, s, "GET", "/livez"); res.StatusCode != http.StatusOK || text(t, res) != "alive\n" {
		t.Errorf("livez: %d", res.StatusCode)
	}
	for name, c := range map[string]struct {
		err  error
		code int
		word string
	}{"ready": {nil, 200, "ready"}, "not ready": {broken, 503, "not ready"}} {
		t.Run(name, func(t *testing.T) {
			err = c.err
			res := ask(t, s, "GET", "/readyz")
			var got struct {
				Status string
				Checks []struct {
					Name  string
					OK    bool
					Error string
				}
			}
			if e := json.Unmarshal([]byte(text(t, res)), &got); e != nil {
				t.Fatal(e)
			}
			if res.StatusCode != c.code || got.Status != c.word || len(got.Checks) != 2 || got.Checks[0].Name != "store" || got.Checks[0].OK != (c.err == nil) || !got.Checks[1].OK {
				t.Errorf("%d: %+v", res.StatusCode, got)
			}
			if c.err != nil && got.Checks[0].Error != "disk is full" {
				t.Errorf("why not is not told: %+v", got)
			}
		})
	}
	err = nil
	if res := ask(t, s, "POST", "/readyz"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz: %d", res.StatusCode)
	}
}

// A check that hangs does not make readiness hang.
func TestHangingCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := readyz([]Check{{"slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}})
		w, began := httptest.NewRecorder(), time.Now()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if w.Code != http.StatusServiceUnavailable || time.Since(began) != checkLimit {
			t.Errorf("%d after %s", w.Code, time.Since(began))
		}
	})
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := newServer(t, func(o *Options) { o.Gatherer, o.Metrics = reg, reg })
	ask(t, s, "GET", "/api/v1/me", "Authorization: Bearer admin")
	ask(t, s, "GET", "/api/v1/me")
	got := text(t, ask(t, s, "GET", "/metrics"))
	for _, want := range []string{
		`lamplight_http_requests_total{code="200",operation="getMe"} 1`,
		`lamplight_http_requests_total{code="401",operation="getMe"} 1`,
		`lamplight_live_streams 0`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestPlaces(t *testing.T) {
	ws := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
	}
	s := newServer(t, func(o *Options) { o.Webphone, o.SIP = ws("webphone"), ws("sip") })
	bare := newServer(t, nil)
	for _, name := range []string{"webphone", "sip"} {
		if got := text(t, ask(t, s, "GET", "/"+name)); got != name {
			t.Errorf("/%s answers %q", name, got)
		}
		if res := ask(t, bare, "GET", "/"+name); res.StatusCode != http.StatusNotFound {
			t.Errorf("/%s without a handler: %d", name, res.StatusCode)
		}
	}
	if got := text(t, ask(t, s, "POST", "/webphone/bye")); got != "webphone" {
		t.Errorf("what is below /webphone answers %q", got)
	}
	for _, path := range []string{"/api/", "/api/v2/agents", "/metrics", "/webphone/bye"} {
		res := ask(t, bare, "GET", path)
		if res.StatusCode != http.StatusNotFound || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.Header.Get("Content-Type"))
		}
	}
}

// Another site's page may not send commands with the visitor's cookie.
func TestOtherSitesAreRefused(t *testing.T) {
	s := newServer(t, func(o *Options) { o.Origins = []string{"https://crm.example"} })
	for name, c := range map[string]struct {
		method  string
		headers []string
		code    int
	}{
		"own page":          {"POST", []string{"Sec-Fetch-Site: same-origin"}, 204},
		"program":           {"POST", nil, 204},
		"another site":      {"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
		"old browser":       {"POST", []string{"Origin: https://evil.example"}, 403},
		"trusted site":      {"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: https://crm.example"}, 204},
		"reading is no act": {"GET", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 405},
	} {
		t.Run(name, func(t *testing.T) {
			if res := ask(t, s, c.method, "http://lamp.example/api/v1/logout", c.headers...); res.StatusCode != c.code {
				t.Errorf("%d, want %d: %s", res.StatusCode, c.code, text(t, res))
			}
		})
	}
}

func TestSetTokens(t *testing.T) {
	s := newServer(t, nil)
	me := func(token string) int {
		return ask(t, s, "GET", "/api/v1/me", "Authorization: Bearer "+token).StatusCode
	}
	if me("admin") != 200 || me("next") != 401 {
		t.Fatal("the first table")
	}
	if err := s.SetTokens([]access.Token{{Name: "n", Hash: access.HashToken("next"), Role: presence.RoleAdmin}}); err != nil {
		t.Fatal(err)
	}
	if me("admin") != 401 || me("next") != 200 {
		t.Error("the second table")
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("no store was accepted")
	}
	st := sim.New(sim.Options{})
	defer st.Close()
	dir, err := directory.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"no roster": {Store: st, Directory: dir, HA1: func(_, _, _, _ string) string { return "" }},
		"bad token": {Store: st, Directory: dir, Tokens: []access.Token{{Name: "x"}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if err := (&api.Options{}).Validate(); err == nil {
		t.Error("empty options of the API are valid")
	}
}
