package compositor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/events/dialoginfo"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/transaction"
)

// job is one PUBLISH on its way, or the end of a publication's time.
type job struct {
	req      *transaction.Request // nil: an expiry
	peer     *peers.Peer
	only     presence.AgentID // of whom alone it may tell; zero: a peer
	pub      uint64           // publication named by the entity tag; 0: a new one
	change   uint32           // the rest of the tag
	seconds  int              // asked for and bounded; 0: removal
	doc      *dialoginfo.Document
	kind     presence.CallKind
	restored bool // a reload: the legs are told to the roster again
}

// Event is the one package whose PUBLISHes are for the compositor.
func (*Compositor) Event() string { return "dialog" }

// ServeSIP answers a PUBLISH (RFC 3903 §6). It does not block: the answer
// follows when the store has committed.
func (c *Compositor) ServeSIP(r *transaction.Request) {
	j := job{req: r}
	if !c.publisher(r, &j) || !c.headers(r, &j) || !c.body(r, &j) {
		return
	}
	p, ok := c.target(r, &j)
	if !ok {
		return
	}
	if !j.only.IsZero() && p.agent != j.only {
		c.answer(r, 403, "Not This Device's Agent")
		return
	}
	if dom, ok := c.directory.Domain(p.domain); ok && j.doc != nil {
		hidePINs(&dom.Policy.Codes, j.doc)
	}
	c.enqueue(p, j)
}

// hidePINs leaves of a dialled hot desk's login the code alone: what follows it is
// nobody's to see.
func hidePINs(codes *presence.FeatureCodes, doc *dialoginfo.Document) {
	for i := range doc.Dialogs {
		d := &doc.Dialogs[i]
		u, err := message.ParseURI(d.Remote)
		if err != nil {
			continue
		}
		if code, _, ok := codes.Find(u.UserDecoded()); ok && code.Does == presence.FeatureDeskLogin {
			d.Remote, d.RemoteDisplay = message.URI{Scheme: u.Scheme, User: message.UserURI(code.Code), Host: u.Host}.String(), ""
		}
	}
}

// headers checks extensions, expiry, entity tag and the kind of call.
func (c *Compositor) headers(r *transaction.Request, j *job) bool {
	if no := r.UnsupportedExtensions(); len(no) > 0 {
		c.respond(r, message.NewResponse(r.Message, 420, "").Add(message.Unsupported, strings.Join(no, ", ")))
		return false
	}
	asked, given := r.ExpiresHeader()
	if !given {
		asked = c.defaultExpires
	}
	if asked > 0 && asked < c.minExpires {
		c.respond(r, message.NewResponse(r.Message, 423, "").AddInt(message.MinExpires, c.minExpires))
		return false
	}
	j.seconds = min(asked, c.maxExpires)
	if tag := r.Get(message.SIPIfMatch); tag != "" {
		var ok bool
		if j.pub, j.change, ok = parseTag(tag); !ok {
			c.answer(r, 412, "")
			return false
		}
	}
	if !j.only.IsZero() { // a phone's word on the kind of call counts for nothing
		return true
	}
	switch kind := presence.CallKind(strings.ToLower(strings.TrimSpace(r.Get(message.CallKind)))); kind {
	case presence.CallRegular, presence.CallCampaign, presence.CallInternal:
		j.kind = kind
	default: // none, or one we do not know
		if j.peer.Campaign {
			j.kind = presence.CallCampaign
		}
	}
	return true
}

// body reads the document. Only a refresh and a removal may come without (RFC
// 3903 §4.1, table 1).
func (c *Compositor) body(r *transaction.Request, j *job) bool {
	if len(r.Body) == 0 || j.seconds == 0 && j.pub != 0 {
		if j.pub == 0 {
			c.answer(r, 400, "Missing body")
			return false
		}
		return true
	}
	typ, _, _ := strings.Cut(r.Get(message.ContentType), ";")
	coding := r.Get(message.ContentEncoding)
	if !strings.EqualFold(strings.TrimSpace(typ), dialoginfo.ContentType) || coding != "" && !strings.EqualFold(coding, "identity") {
		c.respond(r, message.NewResponse(r.Message, 415, "").Add(message.Accept, dialoginfo.ContentType).Add("Accept-Encoding", "identity"))
		return false
	}
	doc, err := dialoginfo.Parse(r.Body)
	if err != nil {
		status := 400
		if errors.Is(err, dialoginfo.ErrTooLarge) {
			status = 413
		}
		c.log.Info().Err(err).Str("call_id", r.CallID()).Str("method", "PUBLISH").Str("src", r.Flow.Sender()).Str("peer", j.peer.Name).Msg("publication refused")
		c.answer(r, status, "Bad dialog-info body")
		return false
	}
	j.doc = doc
	return true
}

// target finds whose publication it is. The document's entity names it, because
// some peers send everything to one address; the Request-URI does if there is
// none. Peers speak for their own domains only.
func (c *Compositor) target(r *transaction.Request, j *job) (*presentity, bool) {
	uri, err := message.ParseURI(r.URI)
	if j.doc != nil && j.doc.Entity != "" {
		if u, eerr := message.ParseURI(j.doc.Entity); eerr == nil && u.User != "" {
			uri, err = u, nil
		}
	}
	if err != nil || uri.Host == "" || uri.User == "" && j.pub == 0 {
		c.answer(r, 404, "No Such Entity")
		return nil, false
	}
	if j.pub != 0 && j.doc == nil { // the tag says whose
		if p := c.ofTag(j.pub); p != nil {
			return p, true
		}
		c.answer(r, 412, "")
		return nil, false
	}
	dom, ok := c.directory.DomainByName(uri.Host)
	if !ok {
		c.answer(r, 404, "Domain Not Served Here")
		return nil, false
	}
	if !speaksFor(j.peer, dom) {
		c.answer(r, 403, "Not Your Domain")
		return nil, false
	}
	agent, aor := c.entity(dom, uri.UserDecoded())
	if j.pub != 0 {
		p := c.ofTag(j.pub)
		if p == nil {
			c.answer(r, 412, "")
			return nil, false
		}
		if p.agent != agent {
			c.answer(r, 400, "Entity Is Not the Publication's")
			return nil, false
		}
		return p, true
	}
	return c.open(dom.ID, agent, aor), true
}

// entity is the agent of that user, by address or number, or the address itself.
func (c *Compositor) entity(dom *presence.Domain, user string) (id presence.AgentID, bare string) {
	if a, ok := c.directory.AgentByAOR(user, dom.Name()); ok {
		return a.ID, ""
	}
	if a, ok := c.directory.AgentByNumber(dom.ID, user); ok {
		return a.ID, ""
	}
	aor := user + "@" + dom.Name()
	return presence.BareAgentID(dom.ID, aor), aor
}

func speaksFor(p *peers.Peer, d *presence.Domain) bool {
	for _, name := range d.Names {
		if p.SpeaksFor(name) {
			return true
		}
	}
	return false
}

// entityTag is the value of SIP-ETag: which publication, and which of its
// changes, so that each tag is good once (RFC 3903 §6 step 6).
func (p *publication) entityTag() string { return fmt.Sprintf("%016x-%x", p.ID, p.Change) }

func parseTag(s string) (id uint64, change uint32, ok bool) {
	a, b, found := strings.Cut(strings.TrimSpace(s), "-")
	id, err := strconv.ParseUint(a, 16, 64)
	n, err2 := strconv.ParseUint(b, 16, 32)
	return id, uint32(n), found && err == nil && err2 == nil && id != 0
}

func (c *Compositor) answer(r *transaction.Request, status int, phrase string) {
	c.respond(r, message.NewResponse(r.Message, status, phrase))
}

func (c *Compositor) retryLater(r *transaction.Request, seconds int) {
	c.respond(r, message.NewResponse(r.Message, 503, "").AddInt(message.RetryAfter, seconds))
}

func (c *Compositor) respond(r *transaction.Request, b *message.Builder) {
	c.metrics.answers.WithLabelValues(strconv.Itoa(b.Status())).Inc()
	r.Respond(b)
}

// published answers 200 (RFC 3903 §6 steps 6 and 7).
func (c *Compositor) published(r *transaction.Request, p *publication, seconds int) {
	c.respond(r, message.NewResponse(r.Message, 200, "").Add(message.SIPETag, p.entityTag()).AddInt(message.Expires, seconds))
}

// until is when the time granted ends.
func until(now time.Time, seconds int) time.Time {
	return now.Add(time.Duration(seconds) * time.Second).Truncate(time.Second).UTC()
}
