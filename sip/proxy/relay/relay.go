// Package relay stays in the way of the calls that went through us: it says so
// by Record-Route (RFC 3261 §16.6 step 4), and passes on what belongs to their
// dialogs: ACK, BYE, re-INVITE, UPDATE, INFO, REFER and the like.
//
// Each side of a call is told of us by a route of its own, which names the flow
// it is reached by (RFC 5658 §3.1, RFC 5626 §5.3): so a request finds its way to
// a phone behind a translator of addresses or in a browser without any state
// here, also after a restart as far as the flow outlived it.
//
// # Guarantees
//
//   - Only who was told a route can use it: names of flows cannot be guessed.
//   - Only requests within a dialog pass (with a To tag): nobody can begin a call
//     by a route of an old one.
//   - A flow that has ended is answered 430 (RFC 5626 §5.3.1), at once.
//   - A request other than INVITE that nobody answers is not answered by us
//     either (RFC 4320 §4.2).
//   - The answer to a BYE passes when what it ended is durable (Options.Seen).
package relay

import (
	"errors"
	"strings"
	"sync"

	"lamplight/sip/message"
	"lamplight/sip/outbound"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Tokens is what it uses of outbound.Tokens.
type Tokens interface {
	Token(f *transport.Flow) string
	Flow(token string) (*transport.Flow, error)
}

// Transactions is what it uses of transaction.Layer.
type Transactions interface {
	Send(f *transport.Flow, b *message.Builder, done func(*message.Message, error))
	Via(f *transport.Flow, branch string) string
	LocalURI(f *transport.Flow, user string) string
}

// Options of a Relay; all but Instance, Seen and Answered are required.
type Options struct {
	Tokens       Tokens
	Transactions Transactions
	Forker       *fork.Forker
	// Instance finds the contact and the flow of a phone whose GRUU is the Request-URI
	// (RFC 5627 §6.1): it may have moved since the dialog began. nil: none is known.
	Instance func(gruu string) (contact string, flow *transport.Flow, ok bool)
	// Way is the way of a request to a server that may ask who we are (fork.Way's Ahead and
	// Answer); nil, or false: what it asks is for the sender to answer.
	Way func(m *message.Message, to *transport.Flow) (fork.Way, bool)
	// Believed says of which flows what they say of who speaks is believed (RFC 3325);
	// nil: of none.
	Believed func(*transport.Flow) bool
	// Refer may have another Refer-To in a REFER that is passed on; nil, or "": it
	// stays.
	Refer func(m *message.Message) string
	// Media is what may have other descriptions pass in the dialog of a request, and
	// Ack the body an ACK gets instead of its own; nil: nothing.
	Media func(m *message.Message) fork.Media
	Ack   func(m *message.Message) []byte
	// Seen is told of every request before it is passed on, and calls settled once,
	// perhaps at once, on any goroutine: before that no answer to it passes.
	// Answered is told of the final response. They must not block; nil: nobody.
	Seen     func(m *message.Message, settled func())
	Answered func(req, res *message.Message)
}

// Relay is safe for concurrent use and owns no goroutine.
type Relay struct{ o Options }

// New makes a Relay.
func New(o Options) *Relay {
	if o.Seen == nil {
		o.Seen = func(_ *message.Message, settled func()) { settled() }
	}
	if o.Answered == nil {
		o.Answered = func(_, _ *message.Message) {}
	}
	if o.Media == nil {
		o.Media = func(*message.Message) fork.Media { return nil }
	}
	if o.Ack == nil {
		o.Ack = func(*message.Message) []byte { return nil }
	}
	return &Relay{o: o}
}

// RecordRoute is what goes on top of a request that came by one flow and leaves
// by another: for each side the route by which the other is reached.
func (r *Relay) RecordRoute(from, to *transport.Flow) []string {
	return []string{r.route(to), r.route(from)}
}

func (r *Relay) route(f *transport.Flow) string {
	return "<" + r.o.Transactions.LocalURI(f, r.o.Tokens.Token(f)) + ";lr>"
}

// Here is a Contact of our own, for who is reached by that flow.
func (r *Relay) Here(f *transport.Flow) string { return "<" + r.o.Transactions.LocalURI(f, "") + ">" }

// Serve passes the request on if it has a route of ours on top; on false it has
// none and nothing was done.
func (r *Relay) Serve(req *transaction.Request) bool {
	routes, err := req.Addresses(message.Route)
	if err != nil || len(routes) == 0 {
		return false
	}
	// The last of our routes names the flow to the other side (RFC 3261 §16.4).
	var out *transport.Flow
	ours := 0
	for _, route := range routes {
		f, ferr := r.flow(route.URI)
		if errors.Is(ferr, outbound.ErrNoToken) {
			break
		}
		ours++
		out, err = f, ferr
	}
	switch {
	case ours == 0:
		return false
	case req.ToTag() == "":
		refuse(req, 403, "Routes Are Of Dialogs")
	default:
		uri := req.URI
		if contact, f, ok := r.instance(uri); ok && ours == len(routes) {
			uri, out, err = contact, f, nil
		}
		if err != nil { // who cannot be told has left all the same
			r.o.Seen(req.Message, func() { refuse(req, 430, "") })
			return true
		}
		r.pass(req, uri, out, routes[ours:], fork.ShiftOf(routes[ours-1].URI))
	}
	return true
}

func (r *Relay) instance(uri string) (contact string, flow *transport.Flow, ok bool) {
	if r.o.Instance == nil || !strings.Contains(uri, ";gr") {
		return "", nil, false
	}
	return r.o.Instance(uri)
}

func (r *Relay) flow(uri string) (*transport.Flow, error) {
	u, err := message.ParseURI(uri)
	if err != nil || u.User == "" {
		return nil, outbound.ErrNoToken
	}
	return r.o.Tokens.Flow(u.User)
}

func refuse(req *transaction.Request, status int, phrase string) {
	req.Respond(message.NewResponse(req.Message, status, phrase)) // an ACK is never answered
}

// pass sends the request on. Behind a trunk that was given our credentials the
// numbers of CSeq are ahead of the sender's own by shift.
func (r *Relay) pass(req *transaction.Request, uri string, out *transport.Flow, routes []message.NameAddr, shift uint32) {
	rest := make([]string, len(routes))
	first := make([]message.Header, len(routes))
	for i, route := range routes {
		rest[i] = route.String()
		first[i] = message.Header{Name: message.Route, Value: rest[i]}
	}
	way, signs := r.way(req, out)
	switch req.Method {
	case "INVITE":
		r.o.Seen(req.Message, func() {})
		target := fork.Target{ID: "dialog", URI: uri, Route: rest, Flow: out, Shift: shift}
		if signs {
			target.Next = once(way)
		}
		r.o.Forker.Begin(req, fork.Plan{Steps: []fork.Step{{Targets: []fork.Target{target}}}, Strip: r.strip(req), InDialog: true, Media: r.o.Media(req.Message), Tell: func(e fork.Event) {
			if e.What == fork.Answered || e.What == fork.Failed && e.Res != nil {
				r.o.Answered(req.Message, e.Res)
			}
		}})
	case "ACK": // RFC 3261 §16.6: it has no response, so no transaction
		r.o.Seen(req.Message, func() {})
		b := message.RelayRequest(req.Message, uri, first, r.strip(req)...)
		ahead(b, req.Message, shift)
		if body := r.o.Ack(req.Message); body != nil {
			b.Body(fork.SDP, body)
		}
		_ = out.Send(b.Via(r.o.Transactions.Via(out, message.NewBranch())).Bytes())
	default:
		q := &question{r: r, req: req, uri: uri, first: first, out: out, way: way, shift: shift}
		if req.Method == "REFER" && r.o.Refer != nil {
			q.referTo = r.o.Refer(req.Message)
		}
		var md fork.Media
		if len(req.Body) > 0 { // an UPDATE, say
			md = r.o.Media(req.Message)
		}
		if md != nil {
			body, status := md.Request(req.Message, "dialog", out)
			if status != 0 {
				req.Respond(fork.Warn(message.NewResponse(req.Message, status, ""), md))
				return
			}
			q.body = body
		}
		h := &held{}
		r.o.Seen(req.Message, func() { h.settled(r.o.Forker) })
		q.send(q.ahead(), func(m *message.Message, err error) { h.answer(func() { r.answered(req, md, m, err, q.shift) }) })
	}
}

// held is an answer that passes when what was asked is settled.
type held struct {
	mu   sync.Mutex
	free bool   // guarded by mu
	pass func() // guarded by mu; nil: there is no answer yet
}

func (h *held) settled(f *fork.Forker) {
	h.mu.Lock()
	h.free = true
	pass := h.pass
	h.mu.Unlock()
	if pass != nil {
		f.Go(pass) // whoever settles must not wait for a socket
	}
}

func (h *held) answer(pass func()) {
	h.mu.Lock()
	free := h.free
	h.pass = pass
	h.mu.Unlock()
	if free {
		pass()
	}
}

// answered brings the final response back.
func (r *Relay) answered(req *transaction.Request, md fork.Media, m *message.Message, err error, shift uint32) {
	switch {
	case err == nil:
		r.o.Answered(req.Message, m)
		b := message.RelayResponse(m)
		fork.Unshift(b, m, shift)
		fork.Describe(b, md, m, "dialog") // what cannot be used is left as it was
		req.Respond(b)
	case errors.Is(err, transaction.ErrTimeout): // RFC 4320 §4.2: the sender's own timer has ended too
	case errors.Is(err, transaction.ErrFlowClosed):
		refuse(req, 430, "")
	default:
		req.Reply(503, message.Header{Name: message.RetryAfter, Value: "5"})
	}
}
