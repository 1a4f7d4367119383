package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/consent"
)

// Watchers implements the interface of that name.
func (h *house) Watchers(p Part, f func(*Watcher) bool) (list []Watcher, next string) {
	for _, w := range h.watching {
		switch {
		case w.ID <= p.After || !p.Agent.IsZero() && w.Of != p.Agent || !f(&w):
		case len(list) == p.Limit:
			return list, list[len(list)-1].ID
		default:
			list = append(list, w)
		}
	}
	return list, ""
}

// watched fills the house: 1002 watches 1001, 1003 waits to watch 1002, and
// somebody watches in the other domain and a parking slot.
func (h *house) watched() {
	id := func(number string) presence.AgentID {
		a, _ := h.dir.AgentByNumber(h.one.ID, number)
		return a.ID
	}
	two, _ := h.dir.DomainByName("two.test")
	zoe, _ := h.dir.AgentByNumber(two.ID, "1001")
	at := time.Now().Add(time.Hour)
	h.watching = []Watcher{
		{ID: "a", Of: id("1001"), Event: "dialog", Entity: "sip:1001@one.test", By: consent.Watcher{Agent: id("1002")}, Connected: true, Expires: at},
		{ID: "b", Of: id("1002"), Event: "presence", Entity: "sip:1002@one.test", By: consent.Watcher{Agent: id("1003")}, Pending: true, Expires: at, Quirks: []string{"xpidf"}},
		{ID: "c", Of: zoe.ID, Event: "dialog", Entity: "sip:1001@two.test", By: consent.Watcher{Peer: "pbx"}, Expires: at},
		{ID: "d", Of: presence.BareAgentID(h.one.ID, "park@one.test"), Event: "dialog", Entity: "sip:park@alias.test:5060", By: consent.Watcher{Peer: "pbx"}, Failures: 2, Expires: at},
	}
}

type watcherList struct {
	Watchers  []watcherJSON `json:"watchers"`
	Decisions []consentJSON `json:"decisions"`
	Next      string        `json:"next"`
}

// decode reads an answer into an empty list.
func decode(t *testing.T, r *reply, l *watcherList) {
	t.Helper()
	*l = watcherList{}
	if err := json.Unmarshal(r.body, l); err != nil {
		t.Fatal(err)
	}
}

func TestWatchersOfTheDomain(t *testing.T) {
	h := newHouse(t)
	h.watched()
	for query, want := range map[string]string{
		"": "abd", "?status=pending": "b", "?event=dialog": "ad", "?status=active&event=presence": "", "?limit=1": "a", "?cursor=a": "bd", "?limit=1&cursor=a": "b",
	} {
		var l watcherList
		decode(t, h.ask(supervisor, http.MethodGet, "/watchers"+query, "").want(200), &l)
		got := ""
		for _, w := range l.Watchers {
			got += w.ID
		}
		if got != want || (l.Next != "") != strings.Contains(query, "limit") {
			t.Errorf("%q: watchers %q, next %q", query, got, l.Next)
		}
	}
	h.ask(h.login("1001"), http.MethodGet, "/watchers", "").want(403)
}

func TestAgentDecidesAboutHisWatchers(t *testing.T) {
	h := newHouse(t)
	h.watched()
	ben := h.login("1002")
	var l watcherList
	decode(t, h.ask(ben, http.MethodGet, "/agents/1002/watchers", "").want(200), &l)
	if len(l.Watchers) != 1 || l.Watchers[0].Status != "pending" || l.Watchers[0].Agent != "1003" || l.Watchers[0].Name != "Cleo Reed" || len(l.Decisions) != 0 {
		t.Fatalf("%+v", l)
	}
	h.ask(ben, http.MethodPut, "/agents/1002/watchers/1003", `{"allow":false}`).want(200)
	decode(t, h.ask(ben, http.MethodGet, "/agents/1002/watchers", "").want(200), &l)
	if len(l.Decisions) != 1 || l.Decisions[0].Allow || l.Decisions[0].Agent != "1003" || l.Decisions[0].Actor != "agent:1002" {
		t.Errorf("%+v", l.Decisions)
	}
	h.ask(ben, http.MethodGet, "/agents/1001/watchers", "").want(403)
	h.ask(ben, http.MethodPut, "/agents/1001/watchers/1003", `{"allow":true}`).want(403)
	h.ask(reader, http.MethodPut, "/agents/1001/watchers/1003", `{"allow":true}`).want(403)
	h.ask(supervisor, http.MethodPut, "/agents/1002/watchers/1003", `{"allow":true}`).want(200)
	h.ask(admin, http.MethodPut, "/agents/1002/watchers/peer:pbx", `{"allow":true}`).want(200)
	h.ask(admin, http.MethodPut, "/agents/1002/watchers/9999", `{"allow":true}`).want(404)
	h.ask(admin, http.MethodPut, "/agents/1002/watchers/1003", `{}`).want(400)
	h.ask(elsewhere, http.MethodPut, "/agents/1002/watchers/1003", `{"allow":true}`).want(404)
	decode(t, h.ask(ben, http.MethodGet, "/agents/1002/watchers", "").want(200), &l)
	if len(l.Decisions) != 2 || !l.Decisions[0].Allow || l.Decisions[0].Actor != "token:supervisor" || l.Decisions[1].Peer != "pbx" {
		t.Errorf("%+v", l.Decisions)
	}
}

func TestDecisionIsDurableBeforeItIsAnswered(t *testing.T) {
	h := newHouse(t)
	h.store.FailNext(1)
	h.ask(admin, http.MethodPut, "/agents/1002/watchers/1003", `{"allow":true}`).want(503)
	a, _ := h.dir.AgentByNumber(h.one.ID, "1002")
	if got := h.consents.Of(a.ID); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWithoutSubscriptionsNobodyIsListed(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Watchers = nil })
	h.ask(admin, http.MethodGet, "/watchers", "").want(501)
	h.ask(admin, http.MethodGet, "/agents/1001/watchers", "").want(501)
}
