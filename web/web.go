// Package web is the HTTP side of Lamplight as one http.Handler: pages, API,
// live stream, health, metrics, and the places of the two WebSockets. The
// listeners are the wiring's.
//
// What the handler serves:
//
//	/                     the pages
//	/api/v1/…             the API, its document at /api/v1/openapi.json
//	/webphone, /sip       WebSockets, as handed in
//	/livez                200 as long as the process answers
//	/readyz               200 when every check passes, else 503; says which
//	/metrics              in Prometheus's text form
package web

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"lamplight/presence/consent"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/presence/waiting"
	"lamplight/store"
	"lamplight/web/access"
	"lamplight/web/api"
	"lamplight/web/login"
	"lamplight/web/proxies"
	"lamplight/web/ticket"
)

// Options of the server. Directory, Roster, Store and HA1 are needed; the zero
// value of the others is useful.
type Options struct {
	Directory *directory.Directory
	Roster    api.Roster
	Store     store.Store
	HA1       api.HA1

	// Tokens are the bearer tokens; see Server.SetTokens.
	Tokens []access.Token
	// UI is the built pages; without an index.html in it a page says how to
	// build them.
	UI fs.FS
	// Webphone and SIP serve /webphone, with what is below it, and /sip; without
	// one its place is 404.
	Webphone, SIP http.Handler
	// Registrations is nil where no registrar runs.
	Registrations api.Registrations
	// Watchers and Consents are nil where nobody can subscribe.
	Watchers api.Watchers
	Consents *consent.Consents
	// Lists is nil where none are kept.
	Lists *lists.Lists
	// Desks is nil where there are no hot desks.
	Desks *desk.Desks
	// Lines are who waits for ring groups; nil: nobody.
	Lines *waiting.Lines
	// Turns tells whose turn it is in them; nil: nobody's.
	Turns api.Turns
	// Diagnostics and Mailboxes are nil where no SIP runs.
	Diagnostics api.Diagnostics
	// Webphones is nil where no pages are served.
	Webphones api.Webphones
	Mailboxes api.Mailboxes
	// SessionEnded is told of a page session that logged out.
	SessionEnded func(ticket.Subject)

	Checks   []Check               // for /readyz
	Gatherer prometheus.Gatherer   // for /metrics; nil: no metrics
	Metrics  prometheus.Registerer // takes this package's own; may be nil

	Node string
	// Proxies are where X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies proxies.Proxies
	// Origins are other origins (https://crm.example.com) whose pages may send
	// commands and show the agent's bar in a frame.
	Origins []string
	// SessionLife is how long a login holds; default 14 h.
	SessionLife time.Duration
	// Streams and Heartbeat are those of api.Options.
	Streams   int
	Heartbeat time.Duration
	Log       zerolog.Logger
}

// Server is the assembled HTTP side. It is safe for concurrent use.
type Server struct {
	api     *api.API
	tokens  *access.Tokens
	tickets *ticket.Tickets
	handler http.Handler
}

// New assembles the server. Close ends it.
func New(o Options) (*Server, error) {
	if o.Store == nil || o.Directory == nil {
		return nil, errors.New("web: no store or no directory")
	}
	tokens, err := access.NewTokens(o.Tokens)
	if err != nil {
		return nil, err
	}
	s := &Server{tokens: tokens, tickets: ticket.New(ticket.Options{})}
	pages, err := newPages(o.UI, o.Origins)
	if err != nil {
		return nil, err
	}
	s.api, err = api.New(api.Options{
		Directory: o.Directory, Roster: o.Roster, Store: o.Store, HA1: o.HA1,
		Sessions: login.New(login.Options{Store: o.Store, Directory: o.Directory, Life: o.SessionLife}),
		Tokens:   tokens, Tickets: s.tickets, Registrations: o.Registrations, Lists: o.Lists, Desks: o.Desks, Lines: o.Lines, Turns: o.Turns, Watchers: o.Watchers, Consents: o.Consents, SessionEnded: o.SessionEnded,
		Diagnostics: o.Diagnostics, Mailboxes: o.Mailboxes, Webphones: o.Webphones,
		Node: o.Node, Proxies: o.Proxies, Framed: len(o.Origins) > 0, Streams: o.Streams, Heartbeat: o.Heartbeat,
		Metrics: o.Metrics, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	if s.handler, err = s.assemble(&o, pages); err != nil {
		return nil, errors.Join(err, s.api.Close())
	}
	return s, nil
}

// Handler serves everything.
func (s *Server) Handler() http.Handler { return s.handler }

// Tickets are those of the webphone, to be redeemed by its endpoint.
func (s *Server) Tickets() *ticket.Tickets { return s.tickets }

// SetTokens replaces the bearer tokens, or leaves them as they were on an
// error. Open streams notice at their next heartbeat.
func (s *Server) SetTokens(list []access.Token) error { return s.tokens.Set(list) }

// Close ends the live streams and waits for them. It is called before, or by
// way of http.Server.RegisterOnShutdown during, the shutdown of the listeners,
// which otherwise waits for streams that never end.
func (s *Server) Close() error { return s.api.Close() }

func (s *Server) assemble(o *Options, pages http.Handler) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle(api.Base+"/", s.api)
	mux.HandleFunc("/api/", nothing)
	mux.Handle("/livez", readOnly(http.HandlerFunc(livez)))
	mux.Handle("/readyz", readOnly(readyz(o.Checks)))
	if o.Gatherer != nil {
		mux.Handle("/metrics", readOnly(promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{})))
	} else {
		mux.HandleFunc("/metrics", nothing)
	}
	for path, h := range map[string]http.Handler{"/webphone": o.Webphone, "/webphone/": o.Webphone, "/sip": o.SIP} {
		if h != nil {
			mux.Handle(path, h)
		} else {
			mux.HandleFunc(path, nothing)
		}
	}
	mux.Handle("/", readOnly(pages))
	cross := http.NewCrossOriginProtection()
	for _, origin := range o.Origins {
		if err := cross.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.WriteProblem(w, api.NewProblem(http.StatusForbidden, "another site's page may not send commands here"))
	}))
	return cross.Handler(mux), nil
}

func nothing(w http.ResponseWriter, r *http.Request) {
	api.WriteProblem(w, api.NewProblem(http.StatusNotFound, "there is nothing at "+r.URL.Path))
}

// readOnly lets GET and HEAD through.
func readOnly(h http.Handler) http.Handler {
	allowed := []string{http.MethodGet, http.MethodHead}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			api.WriteProblem(w, api.NewProblem(http.StatusMethodNotAllowed, r.URL.Path+" takes "+strings.Join(allowed, " and ")+" only"))
			return
		}
		h.ServeHTTP(w, r)
	})
}
