package mailbox

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/transaction"
)

// event is the package's name (RFC 3842 §3.1).
const event = "message-summary"

// Event is the one package whose PUBLISHes are for the mailboxes.
func (*Mailboxes) Event() string { return event }

// ServeSIP answers a PUBLISH of a trusted peer (RFC 3903 §6). It does not block:
// the answer follows when the store has committed.
func (m *Mailboxes) ServeSIP(r *transaction.Request) {
	peer, ok := m.peer(r)
	if !ok {
		m.refuse(r, 403, "Publishing Is Not Allowed")
		return
	}
	p := publish{m: m, r: r, peer: peer}
	if !p.headers() || !p.body() {
		return
	}
	if b := p.target(); b != nil {
		m.enqueue(b, job{asked: true, apply: p.apply, done: p.done})
	}
}

// peer is the trusted peer that sent a request, if it may tell of mailboxes.
func (m *Mailboxes) peer(r *transaction.Request) (*peers.Peer, bool) {
	p, ok := m.peers.Load().Find(r.Flow.Neighbour(), r.Flow.Transport())
	return p, ok && p.Publish
}

// publish is one PUBLISH on its way.
type publish struct {
	m       *Mailboxes
	r       *transaction.Request
	peer    *peers.Peer
	id      uint64 // publication named by the entity tag; 0: a new one
	change  uint32 // the rest of the tag
	seconds int    // asked for and bounded; 0: removal
	summary *Summary
	made    publication // by apply
}

// headers checks extensions, expiry and entity tag.
func (p *publish) headers() bool {
	r, m := p.r, p.m
	if no := r.UnsupportedExtensions(); len(no) > 0 {
		r.Reply(420, message.Header{Name: message.Unsupported, Value: strings.Join(no, ", ")})
		return false
	}
	asked, given := r.ExpiresHeader()
	if !given {
		asked = m.defaultExpires
	}
	if asked > 0 && asked < m.minExpires {
		r.Respond(message.NewResponse(r.Message, 423, "").AddInt(message.MinExpires, m.minExpires))
		return false
	}
	p.seconds = min(asked, m.maxExpires)
	if tag := r.Get(message.SIPIfMatch); tag != "" {
		var ok bool
		if p.id, p.change, ok = parseTag(tag); !ok {
			m.refuse(r, 412, "")
			return false
		}
	}
	return true
}

// body reads the summary. Only a refresh and a removal may come without (RFC
// 3903 §4.1, table 1).
func (p *publish) body() bool {
	if p.id != 0 && (len(p.r.Body) == 0 || p.seconds == 0) {
		return true
	}
	var ok bool
	p.summary, ok = p.m.readBody(p.r, p.peer)
	return ok
}

// readBody reads the summary of a request; on false it has been answered.
func (m *Mailboxes) readBody(r *transaction.Request, peer *peers.Peer) (*Summary, bool) {
	if len(r.Body) == 0 {
		m.refuse(r, 400, "Missing body")
		return nil, false
	}
	typ, _, _ := strings.Cut(r.Get(message.ContentType), ";")
	coding := r.Get(message.ContentEncoding)
	if !strings.EqualFold(strings.TrimSpace(typ), ContentType) || coding != "" && !strings.EqualFold(coding, "identity") {
		m.metrics.changes.WithLabelValues("refused").Inc()
		r.Reply(415, message.Header{Name: message.Accept, Value: ContentType})
		return nil, false
	}
	s, err := Parse(r.Body)
	if err == nil {
		return &s, true
	}
	m.o.Log.Info().Err(err).Str("call_id", r.CallID()).Str("method", r.Method).Str("src", r.Flow.Sender()).Str("peer", peer.Name).Msg("message summary refused")
	if errors.Is(err, ErrTooLarge) {
		m.refuse(r, 413, "")
	} else {
		m.refuse(r, 400, "Bad message summary")
	}
	return nil, false
}

// target finds whose mailbox it is: the tag says it, else the Request-URI. On nil
// the request has been answered.
func (p *publish) target() *box {
	m := p.m
	if p.id != 0 {
		m.mu.RLock()
		b := m.tags[p.id]
		m.mu.RUnlock()
		if b == nil {
			m.refuse(p.r, 412, "")
		}
		return b
	}
	return m.named(p.r, p.peer, p.r.URI)
}

// named finds the mailbox a URI names, which must be of a domain the peer speaks
// for. On nil the request has been answered.
func (m *Mailboxes) named(r *transaction.Request, peer *peers.Peer, text string) *box {
	uri, err := message.ParseURI(text)
	if err != nil || uri.User == "" {
		m.refuse(r, 404, "No Such Mailbox")
		return nil
	}
	dom, ok := m.domain(r, peer, uri.Host)
	switch {
	case !ok:
		m.refuse(r, 404, "Domain Not Served Here")
		return nil
	case !speaksFor(peer, dom):
		m.refuse(r, 403, "Not Your Domain")
		return nil
	}
	agent, aor := m.Owner(dom, uri.UserDecoded())
	b, err := m.open(dom.ID, agent, aor)
	if err != nil {
		m.failed(r, err)
		return nil
	}
	return b
}

// domain is the one of that name; for a host that is the address we were reached
// by, the peer's only one: some servers know us by nothing else.
func (m *Mailboxes) domain(r *transaction.Request, peer *peers.Peer, host string) (*presence.Domain, bool) {
	if dom, ok := m.o.Directory.DomainByName(host); ok {
		return dom, true
	}
	if a, err := netip.ParseAddr(host); err != nil || a.Unmap().String() != r.Flow.Host() {
		return nil, false
	}
	var own []*presence.Domain
	for _, dom := range m.o.Directory.Domains() {
		if speaksFor(peer, dom) {
			own = append(own, dom)
		}
	}
	if len(own) != 1 {
		return nil, false
	}
	return own[0], true
}

func speaksFor(p *peers.Peer, d *presence.Domain) bool {
	for _, name := range d.Names {
		if p.SpeaksFor(name) {
			return true
		}
	}
	return false
}

// apply makes the change on the mailbox (RFC 3903 §6 steps 4 to 6).
func (p *publish) apply(st *state, now time.Time) error {
	pub, known := st.pubs[p.id]
	switch {
	case p.id != 0 && (!known || pub.Change != p.change || pub.Peer != p.peer.Name || !pub.Expires.After(now)):
		return errGone
	case p.id == 0 && len(st.pubs) >= p.m.o.PerMailbox:
		return ErrFull
	case p.id == 0:
		pub = publication{ID: max(1, rand.Uint64()), Peer: p.peer.Name}
	}
	pub.Change++
	pub.Expires = now.Add(time.Duration(p.seconds) * time.Second).Truncate(time.Second).UTC()
	p.made = pub
	if p.seconds == 0 {
		st.drop(pub.owner())
		delete(st.pubs, pub.ID)
		return nil
	}
	st.pubs[pub.ID] = pub
	if p.summary != nil {
		st.take(pub.owner(), p.summary)
	}
	return nil
}

// done answers (RFC 3903 §6 step 7).
func (p *publish) done(err error) {
	if err != nil {
		p.m.failed(p.r, err)
		return
	}
	p.r.Respond(message.NewResponse(p.r.Message, 200, "").Add(message.SIPETag, p.made.entityTag()).AddInt(message.Expires, p.seconds))
}

// failed answers a change that was not made.
func (m *Mailboxes) failed(r *transaction.Request, err error) {
	switch {
	case errors.Is(err, errGone):
		m.refuse(r, 412, "")
	case errors.Is(err, ErrFull), errors.Is(err, ErrBusy):
		m.metrics.changes.WithLabelValues("limit").Inc()
		r.Respond(message.NewResponse(r.Message, 503, "").AddInt(message.RetryAfter, 30))
	default:
		r.Respond(message.NewResponse(r.Message, 503, "").AddInt(message.RetryAfter, 5))
	}
}

func (m *Mailboxes) refuse(r *transaction.Request, status int, phrase string) {
	m.metrics.changes.WithLabelValues("refused").Inc()
	r.Respond(message.NewResponse(r.Message, status, phrase))
}
