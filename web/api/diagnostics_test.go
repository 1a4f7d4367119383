package api

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
)

// someSIP has one of each, and says in it what it was asked for.
type someSIP struct{}

func (someSIP) Publications(p Part) ([]Publication, string) {
	next := ""
	if p.Limit == 1 {
		next = "more"
	}
	return []Publication{{Agent: "1001", Event: "dialog" + p.Kind, Peer: "pbx", ETag: p.After, Expires: time.Unix(2e9, 0).UTC(), Calls: 1}}, next
}

func (someSIP) Flows(p Part) ([]Flow, string) {
	return []Flow{{ID: "TCP-1", Transport: "TCP" + p.Kind, Remote: "192.0.2.1:40000", Local: "192.0.2.2:5060", Since: time.Unix(2e9, 0).UTC(), Seen: time.Unix(2e9, 0).UTC()}}, ""
}

func (someSIP) Upstreams() []Upstream {
	return []Upstream{{Name: "up", Server: "192.0.2.3:5060", Transport: "TCP", Error: "answered 503", Since: time.Unix(2e9, 0).UTC(), Publications: 7, Waiting: 3, InFlight: 1}}
}

func (someSIP) Trunks() []Trunk {
	at := time.Unix(2e9+60, 0).UTC()
	return []Trunk{{Name: "carrier", Hop: "192.0.2.4:5060/UDP", Error: "no answer to OPTIONS", Since: time.Unix(2e9, 0).UTC(), RetryAfter: &at, RoundTrip: 1.5}}
}

// someMailboxes keeps them by account.
type someMailboxes struct {
	mu sync.Mutex
	m  map[string]Mailbox // mu guards it
}

func (b *someMailboxes) Mailbox(dom *presence.Domain, account string) Mailbox {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.m[account]
	m.Account = account + "@" + dom.Name()
	return m
}

func (b *someMailboxes) SetMailbox(_ context.Context, _ *presence.Domain, account string, m Mailbox) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = make(map[string]Mailbox)
	}
	m.ToldBy = []string{"api"}
	b.m[account] = m
	return nil
}

func (b *someMailboxes) ClearMailbox(_ context.Context, _ *presence.Domain, account string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.m, account)
	return nil
}

func (b *someMailboxes) Mailboxes(Part) ([]Mailbox, string) {
	return []Mailbox{{Account: "1001@one.test"}}, ""
}

func (noRegistrations) Remove(_ context.Context, _ presence.AgentID, id, actor string) error {
	switch {
	case id != "b1":
		return ErrNoRegistration
	case !strings.HasPrefix(actor, "token:"):
		return fmt.Errorf("removed by %s", actor)
	}
	return nil
}

func TestAgentsSeeTheirOwnSIPSideOnly(t *testing.T) {
	h := newHouse(t)
	agent, other, boss := h.login("1001"), h.login("1002"), h.login("1003")
	for _, path := range []string{"/agents/1001/registrations", "/agents/1001/watchers", "/mailboxes/1001"} {
		h.ask(agent, "GET", path, "").want(200)
		h.ask(boss, "GET", path, "").want(200)
		h.ask(reader, "GET", path, "").problem(403, "their own")
		h.ask(other, "GET", path, "").problem(403, "their own")
		h.ask(elsewhere, "GET", path+"?domain=one.test", "").problem(403, "belongs to the domain")
	}
	for _, path := range []string{"/registrations", "/watchers", "/publications", "/mailboxes", "/mailboxes/sales"} {
		h.ask(boss, "GET", path, "").want(200)
		h.ask(agent, "GET", path, "").want(403)
		h.ask(everywhere, "GET", path, "").problem(400, "name one")
		h.ask(everywhere, "GET", path+"?domain=one.test", "").want(200)
	}
	h.ask(everywhere, "GET", "/flows", "").want(200)
	h.ask(admin, "GET", "/flows", "").problem(403, "flows are of none")
	h.ask(boss, "GET", "/flows", "").want(403)
}

func TestDiagnosticsArePaged(t *testing.T) {
	h := newHouse(t)
	r := h.ask(supervisor, "GET", "/publications?event=-x&limit=1&cursor=here", "").want(200)
	if r.get("next") != "more" || r.get("publications", 0, "event") != "dialog-x" || r.get("publications", 0, "etag") != "here" {
		t.Errorf("asked for %s", r.body)
	}
	if r := h.ask(supervisor, "GET", "/publications", ""); r.get("next") != nil {
		t.Errorf("all: %s", r.body)
	}
	if r := h.ask(everywhere, "GET", "/flows?transport=WSS", ""); r.get("flows", 0, "transport") != "TCPWSS" {
		t.Errorf("flows: %s", r.body)
	}
	h.ask(everywhere, "GET", "/flows?transport=SCTP", "").problem(400, "transport")
	h.ask(supervisor, "GET", "/publications?limit=1001", "").problem(400, "limit")

	var numbers []any
	cursor := ""
	for range 5 { // one registration each
		r := h.ask(supervisor, "GET", "/registrations?limit=2"+cursor, "").want(200)
		for i := range 3 {
			if n := r.get("registrations", i, "agent"); n != nil {
				numbers = append(numbers, n)
			}
		}
		next, more := r.get("next").(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	if fmt.Sprint(numbers) != "[1001 1002 1003]" {
		t.Errorf("registrations of %v", numbers)
	}
	h.ask(supervisor, "GET", "/registrations?cursor=9", "").problem(400, "no longer good")
}

func TestRegistrationIsRemovedByAdministratorsOnly(t *testing.T) {
	h := newHouse(t)
	h.ask(supervisor, "DELETE", "/agents/1001/registrations/b1", "").want(403)
	h.ask(admin, "DELETE", "/agents/1001/registrations/b2", "").problem(404, `no registration "b2"`)
	h.ask(admin, "DELETE", "/agents/1001/registrations/b1", "").want(204)
}

func TestMailboxIsSetAndCleared(t *testing.T) {
	h := newHouse(t)
	if r := h.ask(admin, "GET", "/mailboxes/1001", "").want(200); r.get("waiting") != false || r.get("account") != "1001@one.test" {
		t.Errorf("before: %s", r.body)
	}
	r := h.ask(admin, "PUT", "/mailboxes/1001@alias.test", `{"messages":{"voice":{"new":2},"fax":{"old":1}}}`).want(200)
	if r.get("waiting") != true || r.get("messages", "voice", "new") != 2.0 || r.get("messages", "fax", "old") != 1.0 || r.get("told_by", 0) != "api" {
		t.Errorf("set: %s", r.body)
	}
	if r := h.ask(admin, "PUT", "/mailboxes/sales", `{"waiting":true}`).want(200); r.get("waiting") != true || r.get("account") != "sales@one.test" {
		t.Errorf("a word without counts: %s", r.body)
	}
	for body, says := range map[string]string{
		`{"messages":{"voice":{"new":-1}}}`:         "messages.voice.new",
		`{"messages":{"voice":{"new":4294967296}}}`: "messages.voice.new",
		`{"messages":{"smell":{"new":1}}}`:          "messages.smell",
		`{"message_account":7}`:                     "message_account",
	} {
		h.ask(admin, "PUT", "/mailboxes/1001", body).problem(400, says)
	}
	h.ask(admin, "PUT", "/mailboxes/1001", `{"message_account":"sip:a\r\nEvil: yes"}`).problem(422, "must be a URI")
	h.ask(admin, "PUT", "/mailboxes/1001@two.test", `{}`).problem(404, "not of the domain")
	h.ask(admin, "PUT", "/mailboxes/a%20b", `{}`).problem(400, "no user")
	h.ask(admin, "DELETE", "/mailboxes/1001", "").want(204)
	if r := h.ask(admin, "GET", "/mailboxes/1001", "").want(200); r.get("waiting") != false {
		t.Errorf("cleared: %s", r.body)
	}
}

func TestWithoutSIPThereIsNothingToShow(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Registrations, o.Diagnostics, o.Mailboxes = nil, nil, nil })
	for _, path := range []string{"/registrations", "/publications", "/mailboxes", "/mailboxes/1001"} {
		h.ask(admin, "GET", path, "").problem(501, "runs here")
	}
	h.ask(everywhere, "GET", "/flows", "").problem(501, "runs here")
	h.ask(admin, "DELETE", "/agents/1001/registrations/b1", "").problem(501, "no registrar")
}
