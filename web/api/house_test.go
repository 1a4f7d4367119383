package api

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/presence/roster"
	"lamplight/store/sim"
	"lamplight/web/access"
	"lamplight/web/login"
	"lamplight/web/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is an API over the real directory and roster, with two domains.
type house struct {
	t       *testing.T
	store   *sim.Store
	dir     *directory.Directory
	roster  *roster.Roster
	tickets *ticket.Tickets
	api     *API
	server  *httptest.Server
	one     *presence.Domain
	// consents and watching are the decisions and the subscriptions there are.
	consents *consent.Consents
	watching []Watcher
}

// The tokens of the house.
const (
	admin      = "t-admin"
	supervisor = "t-supervisor"
	reader     = "t-reader"
	elsewhere  = "t-elsewhere" // administrator of the other domain
	everywhere = "t-everywhere"
	nobody     = ""
)

// The login password of every agent; hashed once, because that is slow.
const password = "let me in"

var passwordHash = login.HashPassword(password)

func testHA1(alg, user, realm, pass string) string {
	switch alg {
	case "MD5":
		sum := md5.Sum([]byte(user + ":" + realm + ":" + pass))
		return hex.EncodeToString(sum[:])
	case "SHA-256":
		sum := sha256.Sum256([]byte(user + ":" + realm + ":" + pass))
		return hex.EncodeToString(sum[:])
	}
	return ""
}

func newHouse(t *testing.T, change ...func(*Options)) *house {
	t.Helper()
	h := &house{t: t, store: sim.New(sim.Options{}), tickets: ticket.New(ticket.Options{})}
	t.Cleanup(func() { _ = h.store.Close() })
	var err error
	if h.dir, err = directory.Open(t.Context(), h.store); err != nil {
		t.Fatal(err)
	}
	one := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"one.test", "alias.test"}, Realm: "one.test",
		Policy: presence.Policy{Statuses: []presence.Custom{
			{Name: "Lunch", Colour: "amber", Icon: "fork", Class: presence.ClassBreak, Activity: "meal", Max: time.Hour, Return: "available"},
			{Name: "Mail", Regular: true, Outbound: true},
		}}}
	two := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"two.test"}, Realm: "two.test"}
	e := directory.Edit{Domains: []presence.Domain{one, two}}
	for _, a := range []presence.Agent{
		{Domain: one.ID, Number: "1001", Name: "Ada Lark", Teams: []string{"sales"}, LoginHash: passwordHash},
		{Domain: one.ID, Number: "1002", Name: "Ben Moss", Teams: []string{"sales"}, LoginHash: passwordHash},
		{Domain: one.ID, Number: "1003", Name: "Cleo Reed", Teams: []string{"support"}, LoginHash: passwordHash, Role: presence.RoleSupervisor},
		{Domain: two.ID, Number: "1001", Name: "Zoe Other", LoginHash: passwordHash},
	} {
		a.ID = presence.AgentID{ID: presence.NewID()}
		a.Settings.Options = presence.Options{Webphone: true, SIPPhone: true, Mobile: true}
		e.Agents = append(e.Agents, a)
		for _, kind := range []presence.DeviceKind{presence.KindWebphone, presence.KindDesk} {
			d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: a.Domain, Kind: kind, Name: kind.Text()}
			e.Devices = append(e.Devices, d)
			e.Assignments = append(e.Assignments, presence.Assignment{Device: d.ID, Agent: a.ID, From: time.Unix(1, 0)})
			if kind == presence.KindDesk {
				e.Credentials = append(e.Credentials, presence.Credential{Domain: a.Domain, Device: d.ID, Username: a.Number,
					HA1: presence.HA1{MD5: testHA1("MD5", a.Number, "x", "y")}})
			}
		}
	}
	hot := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: one.ID, Kind: presence.KindDesk, Name: "Window seat", Shared: true}
	e.Devices = append(e.Devices, hot)
	e.Credentials = append(e.Credentials, presence.Credential{Domain: one.ID, Device: hot.ID, Username: "desk-1", HA1: presence.HA1{MD5: testHA1("MD5", "desk-1", "x", "y")}})
	if err := h.dir.Apply(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	h.one, _ = h.dir.DomainByName("one.test")
	if h.roster, err = roster.Open(t.Context(), roster.Options{Store: h.store, Directory: h.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.roster.Close() })
	if h.consents, err = consent.Open(t.Context(), h.store, h.dir, "node-1", zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	tokens, err := access.NewTokens([]access.Token{
		{Name: "admin", Hash: access.HashToken(admin), Role: presence.RoleAdmin, Domain: one.ID},
		{Name: "supervisor", Hash: access.HashToken(supervisor), Role: presence.RoleSupervisor, Domain: one.ID},
		{Name: "reader", Hash: access.HashToken(reader), Role: access.RoleAgentRead, Domain: one.ID},
		{Name: "elsewhere", Hash: access.HashToken(elsewhere), Role: presence.RoleAdmin, Domain: two.ID},
		{Name: "everywhere", Hash: access.HashToken(everywhere), Role: presence.RoleAdmin},
	})
	if err != nil {
		t.Fatal(err)
	}
	desks, err := desk.New(desk.Options{Directory: h.dir, Hash: func(pin string) string { return "#" + pin },
		Verify: func(hash, pin string) (bool, error) { return hash == "#"+pin, nil }})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Desks: desks, Directory: h.dir, Roster: h.roster, Store: h.store, Tokens: tokens, Tickets: h.tickets, HA1: testHA1,
		Sessions:      login.New(login.Options{Store: h.store, Directory: h.dir, UserTries: 3, UserPause: time.Hour}),
		Registrations: noRegistrations{}, Lists: h.lists(), Watchers: h, Consents: h.consents, Coalesce: time.Millisecond,
		Diagnostics: someSIP{}, Mailboxes: &someMailboxes{}, Webphones: somePages{},
	}
	for _, f := range change {
		f(&o)
	}
	if h.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(h.api)
	t.Cleanup(func() {
		_ = h.api.Close()
		h.server.CloseClientConnections()
		h.server.Close()
	})
	return h
}

type noRegistrations struct{}

func (noRegistrations) Registrations(presence.AgentID) []Registration {
	return []Registration{{ID: "b1", AOR: "1001@one.test", Contact: "sip:1001@192.0.2.1", Q: 1, Alive: true, Expires: time.Unix(2e9, 0).UTC()}}
}

// agent of the first domain by number.
func (h *house) agent(number string) *presence.Agent {
	h.t.Helper()
	a, ok := h.dir.AgentByNumber(h.one.ID, number)
	if !ok {
		h.t.Fatalf("no agent %s", number)
	}
	return a
}

// do applies operations to an agent.
func (h *house) do(number string, ops ...roster.Op) *presence.Snapshot {
	h.t.Helper()
	s, err := h.roster.Do(context.Background(), h.agent(number).ID, roster.Change{Cause: presence.CauseAgent, Actor: "test", Ops: ops})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// online opens a webphone for the agent.
func (h *house) online(number string) *presence.Snapshot {
	h.t.Helper()
	a := h.agent(number)
	s := presence.Session{ID: "web-" + number, Client: "web", State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true, Since: time.Now().UTC()}
	for _, d := range h.dir.DevicesOf(a.ID, time.Now()) {
		if d.Kind == presence.KindWebphone {
			s.Device = d.ID
		}
	}
	return h.do(number, roster.PutSession{Session: s})
}

// talking gives the agent a call.
func (h *house) talking(number string, kind presence.CallKind) *presence.Snapshot {
	h.t.Helper()
	return h.do(number, roster.PutLeg{Leg: presence.Leg{
		ID: "leg", Call: "call", Source: "test", Direction: presence.Inbound, Kind: kind, State: presence.LegTalking, Talked: true,
		CallID: "c", LocalTag: "l", RemoteTag: "r", Remote: "sip:+15550100@example.com", Since: time.Now().UTC(),
	}})
}

// lists has one named friends of the domain and one of agent 1001.
func (h *house) lists() *lists.Lists {
	h.t.Helper()
	l, err := lists.Open(h.t.Context(), lists.Options{Store: h.store, Directory: h.dir, PerAgent: 2})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, owner := range []presence.AgentID{{}, h.agent("1001").ID} {
		if _, err := l.Put(h.t.Context(), "test", lists.List{Domain: h.one.ID, Owner: owner, Name: "friends", Members: []string{"1002"}}); err != nil {
			h.t.Fatal(err)
		}
	}
	return l
}

// reply is an answer of the API.
type reply struct {
	t      *testing.T
	code   int
	header http.Header
	body   []byte
}

// ask makes a request. who is a token, a *http.Cookie or nobody.
func (h *house) ask(who any, method, path, body string) *reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+Base+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(path, "/import") {
			req.Header.Set("Content-Type", "text/csv")
		}
	}
	return h.send(who, req)
}

func (h *house) send(who any, req *http.Request) *reply {
	h.t.Helper()
	identify(who, req)
	res, err := h.server.Client().Transport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return &reply{h.t, res.StatusCode, res.Header, b}
}

func identify(who any, req *http.Request) {
	switch who := who.(type) {
	case string:
		if who != nobody {
			req.Header.Set("Authorization", "Bearer "+who)
		}
	case *http.Cookie:
		req.AddCookie(who)
	}
}

// login opens a session and gives its cookie.
func (h *house) login(number string) *http.Cookie {
	h.t.Helper()
	r := h.ask(nobody, "POST", "/login", `{"number":"`+number+`","password":"`+password+`","domain":"one.test"}`).want(200)
	c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// want ends the test if another status came.
func (r *reply) want(code int) *reply {
	r.t.Helper()
	if r.code != code {
		r.t.Fatalf("status %d, want %d: %s", r.code, code, r.body)
	}
	return r
}

// problem checks the one shape of errors and that its detail says something.
func (r *reply) problem(code int, says string) *reply {
	r.t.Helper()
	r.want(code)
	var p Problem
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || r.header.Get("Content-Type") != mediaProblem {
		r.t.Fatalf("no problem: %v, %s: %s", err, r.header.Get("Content-Type"), r.body)
	}
	if p.Status != code || p.Title == "" || !strings.Contains(p.Detail, says) {
		r.t.Errorf("problem %+v, want %d saying %q", p, code, says)
	}
	return r
}

// get is a value within the JSON answer, by names and indices.
func (r *reply) get(path ...any) any {
	r.t.Helper()
	var v any
	if err := json.Unmarshal(r.body, &v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			o, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = o[p]
		case int:
			l, ok := v.([]any)
			if !ok || p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// is checks a value within the JSON answer.
func (r *reply) is(want any, path ...any) *reply {
	r.t.Helper()
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	if got := r.get(path...); got != want {
		r.t.Errorf("%v is %v, want %v: %s", path, got, want, r.body)
	}
	return r
}
