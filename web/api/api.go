package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/presence/roster"
	"lamplight/presence/waiting"
	"lamplight/store"
	"lamplight/web/access"
	"lamplight/web/live"
	"lamplight/web/login"
	"lamplight/web/proxies"
	"lamplight/web/ticket"
)

// Base is where the API begins.
const Base = "/api/v1"

// Roster is what the API needs of the roster.
type Roster interface {
	Do(ctx context.Context, a presence.AgentID, c roster.Change) (*presence.Snapshot, error)
	Snapshot(a presence.AgentID) (*presence.Snapshot, bool)
	Watch(f func(*presence.Snapshot)) (stop func())
}

// Registration is what is shown of one contact that a device registered.
type Registration struct {
	ID         string    `json:"id"`
	Agent      string    `json:"agent,omitempty"` // number
	AOR        string    `json:"aor,omitempty"`
	Device     string    `json:"device,omitempty"`
	Username   string    `json:"username,omitempty"`
	Contact    string    `json:"contact"`
	Q          float64   `json:"q"`
	Transport  string    `json:"transport,omitempty"`
	Source     string    `json:"source,omitempty"`
	UserAgent  string    `json:"user_agent,omitempty"`
	Alive      bool      `json:"alive"`
	Restored   bool      `json:"restored,omitempty"`
	Registered time.Time `json:"registered,omitzero"`
	Seen       time.Time `json:"seen,omitzero"` // when the last message came from there
	Expires    time.Time `json:"expires,omitzero"`
	// RoundTrip is how long the device takes to answer OPTIONS, in ms.
	RoundTrip float64 `json:"round_trip_ms,omitempty"`
	// Push is the push service that can wake the device; Asleep, that nothing else
	// reaches it now; Woken, what came of the last push, at WokenAt.
	Push    string    `json:"push,omitempty"`
	Asleep  bool      `json:"asleep,omitempty"`
	Woken   string    `json:"woken,omitempty"`
	WokenAt time.Time `json:"woken_at,omitzero"`
}

// Registrations tells what an agent's devices registered. Remove ends one in
// somebody's name; ErrNoRegistration if there is none.
type Registrations interface {
	Registrations(presence.AgentID) []Registration
	Remove(ctx context.Context, a presence.AgentID, id, actor string) error
}

// HA1 computes the digest of user:realm:password for an algorithm named as in
// RFC 8760, in hex; empty when the algorithm is not known.
type HA1 func(algorithm, user, realm, password string) string

// Options of the API. Directory, Roster, Store, Sessions, Tokens, Tickets and
// HA1 are needed; the zero value of the others is useful.
type Options struct {
	Directory *directory.Directory
	Roster    Roster
	Store     store.Store
	Sessions  *login.Sessions
	Tokens    *access.Tokens
	Tickets   *ticket.Tickets
	HA1       HA1
	// Registrations is nil where no registrar runs.
	Registrations Registrations
	// Webphones is nil where no pages are served.
	Webphones Webphones
	// Lists is nil where none are kept.
	Lists *lists.Lists
	// Watchers and Consents are nil where nobody can subscribe.
	Watchers Watchers
	Consents *consent.Consents
	// Diagnostics and Mailboxes are nil where no SIP runs.
	Diagnostics Diagnostics
	Mailboxes   Mailboxes
	// SessionEnded is told of a page session that logged out, so that its
	// webphone ends too. Without it the roster logs the agent out.
	SessionEnded func(ticket.Subject)
	// Desks is nil where there are no hot desks.
	Desks *desk.Desks
	// Lines are who waits for ring groups; nil: nobody.
	Lines *waiting.Lines
	// Turns is nil where no calls are decided.
	Turns Turns
	Node  string // name in the log; default "node-1"
	// Proxies are where X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies proxies.Proxies
	// Framed lets the pages of other sites show ours in a frame with the session
	// working there.
	Framed bool
	// Streams is how many live streams may be open; default 10,000. AgentStreams
	// is how many of them one agent's sessions may have; default 50.
	Streams, AgentStreams int
	// Heartbeat is how often an idle stream says that it lives; default 15 s.
	Heartbeat time.Duration
	// Coalesce is the least time between two writes to one stream; default
	// 50 ms, in which changes of one agent become one.
	Coalesce time.Duration
	Metrics  prometheus.Registerer // default: none
	Log      zerolog.Logger        // default: none
}

// Validate reports what is missing.
func (o *Options) Validate() error {
	for name, missing := range map[string]bool{
		"Directory": o.Directory == nil, "Roster": o.Roster == nil, "Store": o.Store == nil,
		"Sessions": o.Sessions == nil, "Tokens": o.Tokens == nil, "Tickets": o.Tickets == nil, "HA1": o.HA1 == nil,
	} {
		if missing {
			return fmt.Errorf("api: option %s is missing", name)
		}
	}
	return nil
}

// API serves everything below Base. It is safe for concurrent use.
type API struct {
	o        Options
	contract *contract
	mux      *http.ServeMux
	hub      *live.Hub
	meters   *meters
	// epoch tells positions in this process's live stream from another's.
	epoch     string
	stopWatch func()

	// edit is held from reading an entity to having changed it, so that two
	// administrators do not undo each other.
	edit sync.Mutex

	done    chan struct{} // closed by Close
	streams sync.WaitGroup

	mu     sync.Mutex
	closed bool                                // guarded by mu
	open   int                                 // guarded by mu; streams
	seats  map[presence.AgentID]map[*seat]bool // guarded by mu; the streams of agents
}

// New reads the document, binds every operation of it to its handler and begins
// to follow the roster. Close ends that.
func New(o Options) (*API, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Node == "" {
		o.Node = "node-1"
	}
	if o.Streams <= 0 {
		o.Streams = 10_000
	}
	if o.AgentStreams <= 0 {
		o.AgentStreams = 50
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Coalesce <= 0 {
		o.Coalesce = 50 * time.Millisecond
	}
	c, err := readContract(Document)
	if err != nil {
		return nil, err
	}
	a := &API{
		o: o, contract: c, hub: live.New(live.Options{}), meters: newMeters(o.Metrics),
		epoch: newEpoch(), done: make(chan struct{}), seats: make(map[presence.AgentID]map[*seat]bool),
	}
	if a.mux, err = a.bind(); err != nil {
		return nil, err
	}
	o.Directory.OnChange(a.edited)
	a.stopWatch = o.Roster.Watch(a.published)
	return a, nil
}

// Close ends every live stream and waits for them.
func (a *API) Close() error {
	a.mu.Lock()
	first := !a.closed
	a.closed = true
	a.mu.Unlock()
	if first {
		close(a.done)
		a.stopWatch()
	}
	a.streams.Wait()
	return nil
}

// ServeHTTP answers a request to the API.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// handler answers one operation. An error it returns is written as a problem;
// it has then written nothing itself.
type handler func(*request) error

// bind ties the operations of the document to the handlers, one to one.
func (a *API) bind() (*http.ServeMux, error) {
	handlers := a.handlers()
	mux := http.NewServeMux()
	bound := 0
	for _, op := range a.contract.operations {
		h, ok := handlers[op.ID]
		if !ok {
			return nil, fmt.Errorf("api: operation %s has no handler", op.ID)
		}
		bound++
		mux.Handle(op.Method+" "+Base+op.Path, a.serve(op, h))
	}
	if bound != len(handlers) {
		return nil, errors.New("api: a handler belongs to no operation of the document")
	}
	mux.HandleFunc("/", a.unmatched)
	return mux, nil
}

// unmatched answers what no operation does: 405 where another method would do,
// else 404.
func (a *API) unmatched(w http.ResponseWriter, r *http.Request) {
	allowed := ""
	for _, m := range [...]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern != "/" && pattern != "" {
			if allowed != "" {
				allowed += ", "
			}
			allowed += m
		}
	}
	if allowed == "" {
		WriteProblem(w, problem(http.StatusNotFound, "there is nothing at %s; the document at %s/openapi.json lists what there is", r.URL.Path, Base))
		return
	}
	w.Header().Set("Allow", allowed)
	WriteProblem(w, problem(http.StatusMethodNotAllowed, "%s does not take %s; it takes %s", r.URL.Path, r.Method, allowed))
}

func (a *API) handlers() map[string]handler {
	return map[string]handler{
		"listAgents":        a.listAgents,
		"createAgent":       a.createAgent,
		"getAgent":          a.getAgent,
		"updateAgent":       a.updateAgent,
		"deleteAgent":       a.deleteAgent,
		"setLoginPassword":  a.setLoginPassword,
		"setStatus":         a.setStatus,
		"finishWrapUp":      a.finishWrapUp,
		"logoutAgent":       a.logoutAgent,
		"getSettings":       a.getSettings,
		"setSettings":       a.setSettings,
		"allOptionsOff":     a.allOptionsOff,
		"restoreOptions":    a.restoreOptions,
		"getHistory":        a.getHistory,
		"listDevices":       a.listDevices,
		"addDevice":         a.addDevice,
		"updateDevice":      a.updateDevice,
		"removeDevice":      a.removeDevice,
		"setDevicePassword": a.setDevicePassword,
		"listRegistrations": a.listRegistrations,
		"listWatchers":      a.listWatchers,
		"listAgentWatchers": a.listAgentWatchers,
		"decideWatcher":     a.decideWatcher,
		"listLists":         a.listLists,
		"getList":           a.getList,
		"setList":           a.setList,
		"removeList":        a.removeList,
		"listAgentLists":    a.listAgentLists,
		"getAgentList":      a.getAgentList,
		"setAgentList":      a.setAgentList,
		"removeAgentList":   a.removeAgentList,
		"listGroups":        a.listGroups,
		"listWaiting":       a.listWaiting,
		"listGroupWaiting":  a.listGroupWaiting,
		"listGroupMembers":  a.listGroupMembers,
		"getGroup":          a.getGroup,
		"setGroup":          a.setGroup,
		"removeGroup":       a.removeGroup,
		"listDesks":         a.listDesks,
		"addDesk":           a.addDesk,
		"removeDesk":        a.removeDesk,
		"loginDesk":         a.loginDesk,
		"logoutDesk":        a.logoutDesk,
		"setPIN":            a.setPIN,
		"route":             a.route,
		"routeOutbound":     a.routeOutbound,
		"getCall":           a.getCall,
		"listAgentCalls":    a.listAgentCalls,
		"listGroupCalls":    a.listGroupCalls,
		"listStatuses":      a.listStatuses,
		"listDomains":       a.listDomains,
		"importAgents":      a.importAgents,
		"streamEvents":      a.streamEvents,
		"getMe":             a.getMe,
		"login":             a.login,
		"logout":            a.logout,
		"webphoneTicket":    a.webphoneTicket,
		"getDocument":       a.getDocument,

		"listAllRegistrations": a.listAllRegistrations,
		"removeRegistration":   a.removeRegistration,
		"listPublications":     a.listPublications,
		"listFlows":            a.listFlows,
		"listWebphones":        a.listWebphones,
		"listUpstreams":        a.listUpstreams,
		"listTrunks":           a.listTrunks,
		"listMailboxes":        a.listMailboxes,
		"getMailbox":           a.getMailbox,
		"setMailbox":           a.setMailbox,
		"clearMailbox":         a.clearMailbox,
	}
}
