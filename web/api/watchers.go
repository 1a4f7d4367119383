package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/consent"
)

// Watcher is what is shown of one subscription.
type Watcher struct {
	ID        string
	Of        presence.AgentID // whom it watches
	Event     string
	Entity    string // URI subscribed to
	Pending   bool
	By        consent.Watcher
	Device    presence.DeviceID
	Contact   string
	CallID    string
	Transport string
	Remote    string
	Connected bool
	Failures  int
	NextCSeq  uint32
	InFlight  bool // a NOTIFY awaits its answer
	Quirks    []string
	Since     time.Time
	Expires   time.Time
}

// Watchers tells who watches.
type Watchers interface {
	// Watchers is a part of the subscriptions that f admits, to everybody or to one
	// agent, in an order of its own. What changes meanwhile may be left out or told
	// twice. next is empty on the last.
	Watchers(p Part, f func(*Watcher) bool) (list []Watcher, next string)
}

type watcherJSON struct {
	ID        string    `json:"id"`
	Of        string    `json:"of,omitempty"`
	Event     string    `json:"event"`
	Entity    string    `json:"entity"`
	Status    string    `json:"status"`
	Agent     string    `json:"agent,omitempty"`
	Name      string    `json:"name,omitempty"`
	Peer      string    `json:"peer,omitempty"`
	Device    string    `json:"device,omitempty"`
	Contact   string    `json:"contact,omitempty"`
	CallID    string    `json:"call_id,omitempty"`
	Transport string    `json:"transport,omitempty"`
	Remote    string    `json:"remote,omitempty"`
	Connected bool      `json:"connected"`
	Failures  int       `json:"failures"`
	NextCSeq  uint32    `json:"next_cseq,omitempty"`
	InFlight  bool      `json:"in_flight,omitempty"`
	Quirks    []string  `json:"quirks,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Expires   time.Time `json:"expires"`
}

type consentJSON struct {
	Agent string    `json:"agent,omitempty"`
	Name  string    `json:"name,omitempty"`
	Peer  string    `json:"peer,omitempty"`
	Allow bool      `json:"allow"`
	Actor string    `json:"actor,omitempty"`
	At    time.Time `json:"at"`
}

var errNoWatchers = errors.New("no subscriptions are kept here")

// watching is the source of watchers and decisions, or the problem that there is
// none.
func (a *API) watching() error {
	if a.o.Watchers == nil || a.o.Consents == nil {
		return problem(http.StatusNotImplemented, "%s", errNoWatchers)
	}
	return nil
}

// listWatchers shows the subscriptions to everybody in the domain.
func (a *API) listWatchers(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	if err := a.watching(); err != nil {
		return err
	}
	q := r.URL.Query()
	list, next := a.o.Watchers.Watchers(r.part(dom.ID, 1000), func(w *Watcher) bool {
		e, st := q.Get("event"), q.Get("status")
		return a.watchedIn(dom, w) && (e == "" || e == w.Event) && (st == "" || st == w.status())
	})
	return r.answer(http.StatusOK, struct {
		Watchers []watcherJSON `json:"watchers"`
		Next     string        `json:"next,omitempty"`
	}{a.watcherViews(list), next})
}

// watchedIn reports whether it is somebody of the domain who is watched.
func (a *API) watchedIn(dom *presence.Domain, w *Watcher) bool {
	if agent, ok := a.o.Directory.Agent(w.Of); ok {
		return agent.Domain == dom.ID
	}
	_, host, _ := strings.Cut(w.Entity, "@")
	host, _, _ = strings.Cut(host, ":")
	in, ok := a.o.Directory.DomainByName(host)
	return ok && in.ID == dom.ID
}

// listAgentWatchers shows who watches an agent, and what was decided.
func (a *API) listAgentWatchers(r *request) error {
	dom, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if err := a.watching(); err != nil {
		return err
	}
	if !r.subject.SeesAll(agent.ID) {
		return forbidden("%s may see their own watchers only", r.subject.Actor())
	}
	p := r.part(dom.ID, 1000)
	p.Agent = agent.ID
	list, next := a.o.Watchers.Watchers(p, func(*Watcher) bool { return true })
	out := struct {
		Watchers  []watcherJSON `json:"watchers"`
		Decisions []consentJSON `json:"decisions"`
		Next      string        `json:"next,omitempty"`
	}{Decisions: []consentJSON{}, Next: next}
	out.Watchers = a.watcherViews(list)
	for _, d := range a.o.Consents.Of(agent.ID) {
		out.Decisions = append(out.Decisions, a.consentView(d))
	}
	return r.answer(http.StatusOK, out)
}

// decideWatcher allows or refuses a watcher.
func (a *API) decideWatcher(r *request) error {
	var in struct {
		Allow bool `json:"allow"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	dom, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if err := a.watching(); err != nil {
		return err
	}
	cause, err := mayCommand(r, agent.ID, true)
	if err != nil {
		return err
	}
	by, err := a.watcherNamed(dom, r.PathValue("watcher"))
	if err != nil {
		return err
	}
	d := consent.Decision{Domain: dom.ID, Of: agent.ID, By: by, Allow: in.Allow, Actor: r.subject.Actor(), Cause: cause, At: time.Now().UTC()}
	if err := a.o.Consents.Decide(r.Context(), d); err != nil {
		if errors.Is(err, consent.ErrFull) {
			return problem(http.StatusConflict, "too many decisions about this agent")
		}
		return err
	}
	return r.answer(http.StatusOK, a.consentView(d))
}

// watcherNamed is an agent of the domain, or a peer.
func (a *API) watcherNamed(dom *presence.Domain, name string) (consent.Watcher, error) {
	if peer, ok := strings.CutPrefix(name, "peer:"); ok && peer != "" && len(peer) <= 200 {
		return consent.Watcher{Peer: peer}, nil
	}
	agent, err := a.agentNamed(dom, name)
	if err != nil {
		return consent.Watcher{}, err
	}
	return consent.Watcher{Agent: agent.ID}, nil
}

func (a *API) watcherViews(list []Watcher) []watcherJSON {
	out := make([]watcherJSON, 0, len(list))
	for i := range list {
		out = append(out, a.watcherView(&list[i]))
	}
	return out
}

// status is that of the subscription (RFC 3857 §4.7.1).
func (w *Watcher) status() string {
	if w.Pending {
		return "pending"
	}
	return "active"
}

func (a *API) watcherView(w *Watcher) watcherJSON {
	j := watcherJSON{
		ID: w.ID, Event: w.Event, Entity: w.Entity, Status: w.status(), Peer: w.By.Peer, Device: a.deviceName(w.Device),
		Contact: w.Contact, CallID: w.CallID, Transport: w.Transport, Remote: w.Remote, Connected: w.Connected, Failures: w.Failures,
		NextCSeq: w.NextCSeq, InFlight: w.InFlight,
		Quirks: w.Quirks, Expires: w.Expires.UTC(),
	}
	if !w.Since.IsZero() {
		j.Since = w.Since.UTC()
	}
	if agent, ok := a.o.Directory.Agent(w.Of); ok {
		j.Of = agent.Number
	}
	if agent, ok := a.o.Directory.Agent(w.By.Agent); ok {
		j.Agent, j.Name = agent.Number, agent.Name
	}
	return j
}

func (a *API) consentView(d consent.Decision) consentJSON {
	j := consentJSON{Peer: d.By.Peer, Allow: d.Allow, Actor: d.Actor, At: d.At.UTC()}
	if agent, ok := a.o.Directory.Agent(d.By.Agent); ok {
		j.Agent, j.Name = agent.Number, agent.Name
	}
	return j
}
