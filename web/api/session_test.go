package api

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/store/sim"
	"lamplight/web/login"
	"lamplight/web/ticket"
)

const rightLogin = `{"number":"1001","password":"` + password + `","domain":"one.test"}`

func TestLogin(t *testing.T) {
	h := newHouse(t)
	r := h.ask(nobody, "POST", "/login", rightLogin).want(200).is("agent", "kind").is("1001", "name").
		is("one.test", "domain").is("Ada Lark", "agent", "name").is("ask", "keep_selected")
	c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil || c.Name != login.CookiePlain || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("cookie %+v, %v", c, err)
	}
	h.ask(c, "GET", "/me", "").want(200).is("1001", "name").is("agent", "role")
	h.ask(admin, "GET", "/me", "").want(200).is("token", "kind").is("admin", "role").is(nil, "agent")
	h.ask(nobody, "GET", "/me", "").problem(401, "log in")
	h.ask(&http.Cookie{Name: login.CookiePlain, Value: "made-up"}, "GET", "/me", "").problem(401, "log in again")
	for name, c := range map[string]struct {
		body string
		code int
		says string
	}{
		"wrong password": {`{"number":"1001","password":"x","domain":"one.test"}`, 401, "number or password is wrong"},
		"unknown number": {`{"number":"4711","password":"x","domain":"one.test"}`, 401, "number or password is wrong"},
		"unknown domain": {`{"number":"1001","password":"x","domain":"x.test"}`, 404, "x.test"},
		"no domain":      {`{"number":"1001","password":"x"}`, 400, "several domains"},
		"no password":    {`{"number":"1001"}`, 400, "required"},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			if got := h.ask(nobody, "POST", "/login", c.body).problem(c.code, c.says).header.Get("Set-Cookie"); got != "" {
				t.Errorf("a cookie: %s", got)
			}
		})
	}
}

func TestLoginIsLimited(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		h.ask(nobody, "POST", "/login", `{"number":"1001","password":"guess","domain":"one.test"}`).want(401)
	}
	if r := h.ask(nobody, "POST", "/login", rightLogin).problem(429, "try again"); r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestLoginNeedsHTTPSOffThisMachine(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	for name, c := range map[string]struct {
		from, proto string
		cookie      string // empty: refused
	}{
		"this machine, plain": {"127.0.0.1", "http", login.CookiePlain},
		"network, plain":      {"192.0.2.4", "http", ""},
		"network, TLS":        {"192.0.2.4", "https", login.CookieSecure},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+Base+"/login", strings.NewReader(rightLogin))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Forwarded-For", c.from+", 10.0.0.1")
			req.Header.Set("X-Forwarded-Proto", c.proto)
			r := h.send(nobody, req)
			if c.cookie == "" {
				r.problem(403, "HTTPS")
				return
			}
			got, err := http.ParseSetCookie(r.want(200).header.Get("Set-Cookie"))
			if err != nil || got.Name != c.cookie || got.Secure != (c.cookie == login.CookieSecure) {
				t.Errorf("cookie %+v, %v", got, err)
			}
		})
	}
}

func TestLogoutEndsSessionAndWebphone(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	c := h.login("1001")
	ticket := h.ask(c, "POST", "/webphone-ticket", "").want(201).get("ticket").(string)
	r := h.ask(c, "POST", "/logout", "").want(204)
	if gone, err := http.ParseSetCookie(r.header.Get("Set-Cookie")); err != nil || gone.MaxAge >= 0 {
		t.Errorf("the cookie stays: %v %v", gone, err)
	}
	h.ask(c, "GET", "/me", "").problem(401, "ended")
	h.ask(admin, "GET", "/agents/1001", "").is("offline", "status", "team", "status").is("logout", "status", "team", "cause")
	if _, ok := h.tickets.Redeem(ticket); ok {
		t.Error("a ticket outlived its session")
	}
	h.ask(c, "POST", "/logout", "").want(204)
	h.ask(nobody, "POST", "/logout", "").want(204)
}

func TestLogoutTellsTheWebphone(t *testing.T) {
	var ended []ticket.Subject
	h := newHouse(t, func(o *Options) { o.SessionEnded = func(s ticket.Subject) { ended = append(ended, s) } })
	c := h.login("1001")
	got, ok := h.tickets.Redeem(h.ask(c, "POST", "/webphone-ticket", "").want(201).get("ticket").(string))
	h.ask(c, "POST", "/logout", "").want(204)
	if !ok || len(ended) != 1 || ended[0] != got {
		t.Errorf("ended %v, want %v", ended, got)
	}
}

func TestWebphoneTicket(t *testing.T) {
	h := newHouse(t)
	c := h.login("1001")
	r := h.ask(c, "POST", "/webphone-ticket", "").want(201).is(30, "expires_in_seconds")
	got, ok := h.tickets.Redeem(r.get("ticket").(string))
	if !ok || got.Agent != h.agent("1001").ID || got.Domain != h.one.ID || got.Session == "" {
		t.Errorf("redeemed %+v %v", got, ok)
	}
	if _, ok := h.tickets.Redeem(r.get("ticket").(string)); ok {
		t.Error("good twice")
	}
	h.ask(admin, "POST", "/webphone-ticket", "").problem(403, "token has none")
}

// A page's session goes on after the server was started anew.
func TestSessionOutlivesRestart(t *testing.T) {
	h := newHouse(t)
	c := h.login("1001")
	_ = h.roster.Close()
	h.store.Crash()
	st, err := h.store.Reopen(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	dir, err := directory.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	ros, err := roster.Open(t.Context(), roster.Options{Store: st, Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer ros.Close()
	o := h.api.o
	o.Store, o.Directory, o.Roster, o.Sessions = st, dir, ros, login.New(login.Options{Store: st, Directory: dir})
	again, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	h.server.Config.Handler = again
	h.ask(c, "GET", "/me", "").want(200).is("Ada Lark", "agent", "name")
}

func TestKeepAvailableSelectsAtLogin(t *testing.T) {
	h := newHouse(t)
	dom := *h.one
	dom.Policy.KeepSelected = presence.KeepAvailable
	if err := h.dir.Apply(t.Context(), directory.Edit{Domains: []presence.Domain{dom}}); err != nil {
		t.Fatal(err)
	}
	h.do("1001", roster.Select{Status: presence.SelectDND})
	h.ask(nobody, "POST", "/login", rightLogin).want(200).is("available", "agent", "selected", "status").is("login", "agent", "selected", "cause")
}

func TestLoginWithoutStore(t *testing.T) {
	h := newHouse(t)
	h.store.FailNext(1)
	h.ask(nobody, "POST", "/login", rightLogin).problem(503, "")
	h.ask(nobody, "POST", "/login", rightLogin).want(200)
}
