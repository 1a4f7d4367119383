package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"lamplight/presence"
)

// Part asks for a part of a list that may be long: at most Limit of what comes
// after After, the next of the part before.
type Part struct {
	Domain presence.DomainID // zero: every domain
	Agent  presence.AgentID  // zero: everybody
	Kind   string            // event of publications, transport of flows; empty: every
	After  string
	Limit  int
}

// Publication is what a phone or server published.
type Publication struct {
	Agent    string    `json:"agent,omitempty"`
	Entity   string    `json:"entity,omitempty"`
	Event    string    `json:"event"`
	Peer     string    `json:"peer"`
	Observer bool      `json:"observer,omitempty"`
	ETag     string    `json:"etag"`
	Expires  time.Time `json:"expires"`
	Calls    int       `json:"calls,omitempty"`
}

// Flow is a phone or server as seen from one of our sockets.
type Flow struct {
	ID        string    `json:"id"`
	Transport string    `json:"transport"`
	Remote    string    `json:"remote"`
	Client    string    `json:"client,omitempty"`
	Local     string    `json:"local"`
	Since     time.Time `json:"since"`
	Seen      time.Time `json:"seen"`
	Queued    int       `json:"queued,omitempty"`
	Dropped   uint64    `json:"dropped,omitempty"`
}

// Upstream is a presence server that is told what agents are doing.
type Upstream struct {
	Name         string    `json:"name"`
	Server       string    `json:"server"`
	Transport    string    `json:"transport"`
	Up           bool      `json:"up"`
	Error        string    `json:"error,omitempty"`
	Since        time.Time `json:"since"`
	Publications int       `json:"publications"`
	Waiting      int       `json:"waiting"`
	InFlight     int       `json:"in_flight"`
}

// Trunk is one address of a trunk, which takes calls to numbers outside.
type Trunk struct {
	Name       string     `json:"name"`
	Hop        string     `json:"hop"` // address/transport; empty: none could be found
	Up         bool       `json:"up"`
	Error      string     `json:"error,omitempty"`
	Since      time.Time  `json:"since"`
	RetryAfter *time.Time `json:"retry_after,omitempty"`
	RoundTrip  float64    `json:"round_trip_ms,omitempty"`
}

// Diagnostics shows what phones and servers have with the SIP side. Each list
// comes in parts, in an order of its own; what changes meanwhile may be left out
// or told twice. next is empty on the last.
type Diagnostics interface {
	Publications(Part) (list []Publication, next string)
	Flows(Part) (list []Flow, next string)
	// Upstreams are all of them.
	Upstreams() []Upstream
	// Trunks are all hops of all of them.
	Trunks() []Trunk
}

// ErrNoRegistration says that the agent has none of that id.
var ErrNoRegistration = errors.New("no such registration")

// errNoSIP is the answer where no SIP runs.
func errNoSIP() error { return problem(http.StatusNotImplemented, "no SIP runs here") }

// part reads limit and cursor.
func (r *request) part(dom presence.DomainID, limit int64) Part {
	q := r.URL.Query()
	return Part{Domain: dom, Kind: q.Get("event") + q.Get("transport"), After: q.Get("cursor"), Limit: int(r.intQuery("limit", limit))}
}

// page answers a part of a list under its name.
func page[T any](r *request, name string, list []T, next string) error {
	out := map[string]any{name: noNil(list)}
	if next != "" {
		out["next"] = next
	}
	return r.answer(http.StatusOK, out)
}

// listRegistrations shows what the agent's devices registered, as the registrar
// tells it.
func (a *API) listRegistrations(r *request) error {
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	switch {
	case !r.subject.SeesAll(agent.ID):
		return forbidden("%s may see their own registrations only", r.subject.Actor())
	case a.o.Registrations == nil:
		return problem(http.StatusNotImplemented, "no registrar runs here")
	}
	return page(r, "registrations", a.registrationsOf(agent), "")
}

func (a *API) registrationsOf(agent *presence.Agent) []Registration {
	list := a.o.Registrations.Registrations(agent.ID)
	for i := range list {
		list[i].Agent = agent.Number
	}
	return list
}

// listAllRegistrations shows what devices of the domain registered, agent by
// agent. A page has all of an agent's, and so may have a few more than the limit.
func (a *API) listAllRegistrations(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	if a.o.Registrations == nil {
		return problem(http.StatusNotImplemented, "no registrar runs here")
	}
	agents := a.o.Directory.Agents(dom.ID)
	p := r.part(dom.ID, defaultPage)
	if p.After != "" {
		at := slices.IndexFunc(agents, func(x *presence.Agent) bool { return x.Number == p.After }) + 1
		if at == 0 {
			return problem(http.StatusBadRequest, "the cursor %q is no longer good; begin again without one", p.After)
		}
		agents = agents[at:]
	}
	var list []Registration
	next := ""
	for i, agent := range agents {
		if list = append(list, a.registrationsOf(agent)...); len(list) >= p.Limit && i < len(agents)-1 {
			next = agent.Number
			break
		}
		if r.Context().Err() != nil {
			return r.Context().Err()
		}
	}
	return page(r, "registrations", list, next)
}

// removeRegistration ends what a device registered. It may register again.
func (a *API) removeRegistration(r *request) error {
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if a.o.Registrations == nil {
		return problem(http.StatusNotImplemented, "no registrar runs here")
	}
	err = a.o.Registrations.Remove(r.Context(), agent.ID, r.PathValue("registration"), r.subject.Actor())
	if errors.Is(err, ErrNoRegistration) {
		return problem(http.StatusNotFound, "agent %s has no registration %q", agent.Number, r.PathValue("registration"))
	}
	if err != nil {
		return err
	}
	return r.noContent()
}

// listPublications shows what is published of users of the domain.
func (a *API) listPublications(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	if a.o.Diagnostics == nil {
		return errNoSIP()
	}
	list, next := a.o.Diagnostics.Publications(r.part(dom.ID, defaultPage))
	return page(r, "publications", list, next)
}

// listFlows shows connections. They are of no domain, so who belongs to one of
// several may not see them.
func (a *API) listFlows(r *request) error {
	switch {
	case !r.subject.Domain.IsZero() && len(a.o.Directory.Domains()) > 1:
		return forbidden("%s belongs to one domain; flows are of none", r.subject.Actor())
	case a.o.Diagnostics == nil:
		return errNoSIP()
	}
	list, next := a.o.Diagnostics.Flows(r.part(presence.DomainID{}, defaultPage))
	return page(r, "flows", list, next)
}

// listUpstreams shows the presence servers that are told. They are of no domain,
// like flows.
func (a *API) listUpstreams(r *request) error {
	switch {
	case !r.subject.Domain.IsZero() && len(a.o.Directory.Domains()) > 1:
		return forbidden("%s belongs to one domain; upstreams are of none", r.subject.Actor())
	case a.o.Diagnostics == nil:
		return errNoSIP()
	}
	return page(r, "upstreams", a.o.Diagnostics.Upstreams(), "")
}

// listTrunks shows whether the servers for calls to numbers outside answer. They are
// of no domain, like flows.
func (a *API) listTrunks(r *request) error {
	switch {
	case !r.subject.Domain.IsZero() && len(a.o.Directory.Domains()) > 1:
		return forbidden("%s belongs to one domain; trunks are of none", r.subject.Actor())
	case a.o.Diagnostics == nil:
		return errNoSIP()
	}
	return page(r, "trunks", a.o.Diagnostics.Trunks(), "")
}
