package ua

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// PhoneOptions of one phone. Address and Incoming are required.
type PhoneOptions struct {
	// Address is whose phone it is, "sip:1001@example.com", and Name how that is shown.
	Address, Name string
	// Calls bounds the calls at once, default 8.
	Calls int
	// Incoming is told of each call that comes, before anything else of it, and gives
	// what hears of it, or nil: then it is refused with 480, or 481 if it was to replace
	// another. It must not block.
	Incoming func(*Call) Handler
}

// Phone is one user agent.
type Phone struct {
	stack   *Stack
	o       PhoneOptions
	flow    *transport.Flow // its own end
	there   *transport.Flow // the end at the proxy
	contact string

	mu     sync.Mutex
	calls  map[callKey]*Call // guarded by mu
	closed bool              // guarded by mu
}

type callKey struct{ id, tag string } // Call-ID and our own tag

// Phone makes a phone that is reached by Flow, a flow of the given layer.
func (s *Stack) Phone(at *transport.Layer, o PhoneOptions) (*Phone, error) {
	p := s.newPhone(o)
	var err error
	if p.flow, p.there, err = transport.Pipe(s.tp, at); err != nil {
		return nil, fmt.Errorf("ua: %w", err)
	}
	if err := s.enter(p); err != nil {
		return nil, err
	}
	return p, nil
}

// Flow is a flow of the proxy's.
type Flow = transport.Flow

// URI is what to call for what somebody typed: an address, or a number of the
// phone's own domain.
func (p *Phone) URI(typed string) (string, error) {
	typed = strings.TrimSpace(typed)
	if !strings.HasPrefix(typed, "sip:") && !strings.HasPrefix(typed, "sips:") {
		user, host, at := strings.Cut(typed, "@")
		if !at { // people group digits
			user = strings.Map(func(r rune) rune {
				if strings.ContainsRune(" -()/.", r) {
					return -1
				}
				return r
			}, user)
			own, err := message.ParseURI(p.o.Address)
			if err != nil {
				return "", fmt.Errorf("ua: own address: %w", err)
			}
			host = own.Host
		}
		typed = "sip:" + message.UserURI(user) + "@" + host
	}
	u, err := message.ParseURI(typed)
	if err != nil || u.User == "" || u.Headers != "" {
		return "", fmt.Errorf("%w: %.64q cannot be called", ErrAddress, typed)
	}
	return u.String(), nil
}

// Flow is how the proxy reaches the phone; it ends with it.
func (p *Phone) Flow() *transport.Flow { return p.there }

// Contact is the phone's own URI: the Request-URI of what goes to it.
func (p *Phone) Contact() string { return p.contact }

// Close ends all calls and then the flow, once what says so has been sent.
func (p *Phone) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for _, c := range p.list() {
		c.End(480)
	}
	p.flow.Finish()
}

// ended: the flow is gone, so nobody can be told anything.
func (p *Phone) ended() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for _, c := range p.list() {
		c.over(End{Status: 503, Text: "Flow Ended", Far: true})
	}
}

func (p *Phone) list() []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*Call, 0, len(p.calls))
	for _, c := range p.calls {
		out = append(out, c)
	}
	return out
}

func (p *Phone) find(id, tag string) *Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[callKey{id, tag}]
}

// add takes a call in if there is room.
func (p *Phone) add(c *Call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(p.calls) >= p.o.Calls:
		return ErrBusy
	}
	p.calls[callKey{c.id, c.tag}] = c
	return nil
}

func (p *Phone) drop(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, callKey{c.id, c.tag})
}

// describe says who answers and what it can do (RFC 3261 §13.2.1).
func (p *Phone) describe(b *message.Builder) *message.Builder {
	return b.Add(message.Contact, "<"+p.contact+">").Add(message.Allow, allow).
		Add(message.Supported, extensions).Add(message.UserAgent, p.stack.o.UserAgent)
}

// address is the phone's own address in a From or To.
func (p *Phone) address() string {
	if p.o.Name == "" {
		return "<" + p.o.Address + ">"
	}
	return message.Quote(p.o.Name) + " <" + p.o.Address + ">"
}

// invited takes an INVITE that begins a call (RFC 3261 §13.3).
func (p *Phone) invited(r *transaction.Request) {
	contacts, err := r.Contacts()
	if err != nil || len(contacts) == 0 {
		refuse(r, 400, "Contact Cannot Be Read")
		return
	}
	c := &Call{
		phone: p, id: strings.Clone(r.CallID()), tag: message.NewTag(), state: ringing, incoming: true,
		remoteTag: r.FromTag(), remote: r.Get(message.From), local: r.Get(message.To),
		target: contacts[0].URI, routes: r.Values(message.RecordRoute), invite: r,
	}
	c.local += ";tag=" + c.tag
	c.remoteSeq, _ = r.CSeq()
	status := 480
	if r.Has(message.Replaces) {
		status = 481 // what was to be replaced is there no more
		if c.replaces = p.replaced(r); c.replaces == nil {
			return
		}
	}
	if err := p.add(c); err != nil {
		refuse(r, 486, "")
		return
	}
	h := p.o.Incoming(c)
	if h == nil {
		p.drop(c)
		refuse(r, status, "")
		return
	}
	c.own(h)
	r.OnCancel(func() { c.canceled(r.CancelReasons()) })
}

// replaced is the call whose place an INVITE is to take (RFC 3891 §3), nil if it
// was answered.
func (p *Phone) replaced(r *transaction.Request) *Call {
	name, ok := r.Replaces()
	if !ok {
		refuse(r, 400, "Replaces Cannot Be Read")
		return nil
	}
	old := p.find(name.CallID, name.ToTag)
	switch {
	case old == nil || !old.remoteIs(name.FromTag):
		refuse(r, 481, "")
		return nil
	case name.EarlyOnly && old.talking():
		refuse(r, 486, "")
		return nil
	case !old.talking() && old.incoming: // only who began an early dialog may replace it
		refuse(r, 481, "")
		return nil
	}
	return old
}

// elsewhere: the one who cancelled says that somebody has answered (RFC 3326).
func elsewhere(reasons []string) bool {
	return slices.ContainsFunc(reasons, func(v string) bool {
		v = strings.ToLower(strings.ReplaceAll(v, " ", ""))
		return strings.HasPrefix(v, "sip;") && strings.Contains(v, ";cause=200")
	})
}
