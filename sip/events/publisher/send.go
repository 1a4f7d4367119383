package publisher

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/digest"
	"lamplight/sip/events/dialoginfo"
	"lamplight/sip/events/pidf"
	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// burst is how far the pace may be ahead of even.
const burst = 50 * time.Millisecond

// datagramBody is how large a dialog document should be that has to fit a UDP
// packet with its headers (RFC 3261 §18.1.1: 1300 bytes).
const datagramBody = 850

// sockets is how long after the start we wait for a UDP socket: they are opened
// after us.
const sockets = 30 * time.Second

// The sorts of PUBLISH (RFC 3903 §4.1).
const (
	first   = "first"
	change  = "change"
	refresh = "refresh"
	remove  = "remove"
)

// attempt is one PUBLISH.
type attempt struct {
	sort    string
	entity  string
	tag     string // If-Match
	expires int
	body    []byte
	typ     string
	sum     uint64                 // of the document it brings or confirms
	live    []presence.DialogState // under way, as the document says
	from    string                 // tag of the From: which request an answer is to
	creds   *digest.Responder
	at      time.Time
}

// work sends what may be sent and returns how long there is nothing to do.
func (u *upstream) work(ctx context.Context) time.Duration {
	for {
		if ctx.Err() != nil {
			return 0
		}
		p, wait := u.pick(time.Now())
		if p == nil {
			return wait
		}
		f, err := u.connect(ctx)
		if err == nil {
			u.turn(p, f)
			continue
		}
		u.mu.Lock()
		u.markLocked(p, urgent)
		if errors.Is(err, transport.ErrNoListener) && time.Since(u.p.opened) < sockets {
			u.outage.notBefore = time.Now().Add(burst)
			u.mu.Unlock()
			continue
		}
		if ctx.Err() == nil {
			u.p.metrics.result(u.conf.Name, "flow")
			u.failLocked(err.Error(), true, 0)
		}
		u.mu.Unlock()
	}
}

// pick takes the next publication that may have its turn.
func (u *upstream) pick(now time.Time) (p *publication, wait time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ringLocked(now)
	u.p.metrics.waiting.WithLabelValues(u.conf.Name).Set(float64(u.lanes[urgent].len() + u.lanes[background].len()))
	window := u.conf.InFlight
	if u.outage.failed > 0 {
		window = 1
	}
	if u.draining || u.flying >= window {
		return nil, time.Hour // an answer wakes us
	}
	if wait = max(u.outage.wait(now), u.paced.Add(-burst).Sub(now)); wait > 0 {
		return nil, wait
	}
	if p = u.nextLocked(); p != nil {
		return p, 0
	}
	if p, wait = u.askLocked(now); p != nil {
		return p, 0
	}
	if len(u.clock) > 0 {
		wait = min(wait, u.clock[0].due.Sub(now))
	}
	return nil, max(wait, time.Millisecond)
}

// connect finds a way to the upstream; it may wait for a resolver and a dial.
func (u *upstream) connect(ctx context.Context) (*transport.Flow, error) {
	u.mu.Lock()
	moved, dead, server, roots := u.moved, u.dead, u.conf.Server, u.conf.Roots
	u.moved, u.dead = false, false
	u.mu.Unlock()
	if dead && u.flow != nil && u.flow.Reliable() {
		_ = u.flow.Close()
	}
	if u.flow != nil && !moved {
		select {
		case <-u.flow.Done():
			u.hungUp()
		default:
			return u.flow, nil
		}
	}
	u.hangUp()
	if moved && len(u.targets) > 0 {
		u.targets = u.targets[1:]
	}
	if len(u.targets) == 0 {
		find, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		var err error
		if u.targets, err = u.p.o.Finder.Find(find, server); err != nil {
			return nil, err
		}
		for _, t := range u.targets {
			u.p.o.Flows.Trust(t.Addr.Addr()) // it answers as fast as we ask
		}
	}
	t := u.targets[0]
	var err error
	if t.Transport == transport.TLS {
		u.flow, err = u.p.o.Flows.Secure(ctx, t.Name, roots, t.Addr)
	} else {
		u.flow, err = u.p.o.Flows.Flow(ctx, t.Transport, t.Addr)
	}
	return u.flow, err
}

// hangUp leaves the way it has; a stream of its own is closed.
func (u *upstream) hangUp() {
	if u.flow != nil && u.flow.Transport() == transport.TLS {
		_ = u.flow.Close()
	}
	u.flow = nil
}

// turn sends the publication's newest state, if there is anything to send.
func (u *upstream) turn(p *publication, f *transport.Flow) {
	u.mu.Lock()
	gone, hidden, told := p.gone, u.conf.HideCallers, slices.Clone(p.told)
	u.mu.Unlock()
	var s *presence.Snapshot // of an agent who is gone: none, so nothing is under way
	if !gone {
		s = u.snapshot(p)
	}
	doc, version, sum := u.render(p, s, f, dialoginfo.View{Entity: p.entity, Ended: ended(told, s), Hidden: hidden})
	u.mu.Lock()
	if p.gone != gone {
		u.markLocked(p, urgent)
		u.mu.Unlock()
		return
	}
	a := u.decideLocked(p, s, sum)
	if a == nil {
		u.mu.Unlock()
		return
	}
	if a.sort == first || a.sort == change {
		a.body, a.typ = doc, pidf.ContentType
		if p.id.kind == dialogs {
			p.version++
			u.p.versions.Store(max(u.p.versions.Load(), p.version))
			a.body, a.typ = slices.Insert(doc, version, strconv.AppendUint(nil, uint64(p.version), 10)...), dialoginfo.ContentType
			p.tell(s)
			a.live = liveOf(s)
		}
	}
	name := u.name(p, a.tag)
	branch := message.Cookie + name
	b := u.buildLocked(p, a, name)
	b.Via(u.p.o.Transactions.Via(f, branch))
	p.flying, p.again, p.refresh = true, false, false
	u.flying++
	u.paced = later(u.paced, a.at).Add(time.Second / time.Duration(u.conf.Rate))
	if a.tag != "" {
		u.doubt.asked = a.at
	}
	u.p.metrics.sent.WithLabelValues(u.conf.Name, p.id.kind.event(), a.sort).Inc()
	u.mu.Unlock()
	u.p.o.Transactions.SendRaw(f, branch, b.Bytes(), func(m *message.Message, err error) { u.answered(p, a, m, err) })
}

// snapshot is the agent's newest, nil if there is no such agent any more.
func (u *upstream) snapshot(p *publication) *presence.Snapshot {
	s, ok := u.p.o.Roster.Snapshot(p.id.agent)
	if !ok || s.AOR == "" {
		return nil
	}
	return s
}

// render makes the document and its sum; a dialog document has no version yet.
func (u *upstream) render(p *publication, s *presence.Snapshot, f *transport.Flow, v dialoginfo.View) (doc []byte, version int, sum uint64) {
	switch {
	case p.id.kind == dialogs:
		if s != nil {
			v.Entity = entityOf(s)
		}
		if !f.Reliable() {
			v.Limit = datagramBody
		}
		doc, version = dialoginfo.Append(make([]byte, 0, 1024), s, v)
	case s != nil:
		doc = pidf.Append(make([]byte, 0, 1024), s, entityOf(s))
	}
	return doc, version, max(1, maphash.Bytes(u.p.seed, doc))
}

// entityOf is what an agent is published as.
func entityOf(s *presence.Snapshot) string {
	user, host, _ := strings.Cut(s.AOR, "@")
	return "sip:" + message.UserURI(user) + "@" + host
}

func liveOf(s *presence.Snapshot) (out []presence.DialogState) {
	if s != nil {
		for i := range s.Watch.Dialogs {
			out = append(out, named(&s.Watch.Dialogs[i]))
		}
	}
	return out
}

// decideLocked says what to send now; nil is nothing.
func (u *upstream) decideLocked(p *publication, s *presence.Snapshot, sum uint64) *attempt {
	now := time.Now()
	p.gone = p.gone || s == nil
	alive := p.alive(now)
	if !alive {
		u.lostLocked(p)
	}
	a := &attempt{entity: p.entity, tag: p.tag, at: now, sum: sum, expires: u.expires(p.id.kind)}
	calls := s != nil && len(s.Watch.Dialogs) > 0
	switch {
	case p.gone && !alive:
		u.forgetLocked(p)
		return nil
	case p.gone && p.id.kind == dialogs && len(p.told) > 0 && p.entity != "":
		a.sort = change // what ended is told before it is removed
	case p.gone, alive && p.entity != entityOf(s), alive && p.over && (calls || p.refresh || len(p.told) > 0):
		a.sort, a.expires = remove, 0
	case p.id.kind == dialogs && !calls && len(p.told) == 0 && (p.over || !alive):
		p.since, p.refresh = time.Time{}, false // nothing to tell
		return nil
	case !alive:
		p.entity = entityOf(s)
		a.sort, a.entity = first, p.entity
	case sum != p.sum:
		a.sort = change
	case p.refresh:
		a.sort = refresh
	default:
		p.since = time.Time{}
		return nil
	}
	if p.id.kind == dialogs && p.version-p.durable >= maxAhead {
		u.scheduleLocked(p, now.Add(burst)) // until the store has caught up
		return nil
	}
	return a
}

// expires is what is asked for, in seconds.
func (u *upstream) expires(k kind) int {
	d := u.conf.Expiry
	if k == dialogs {
		d = u.conf.DialogExpiry
	}
	return max(int(d/time.Second), u.minExpires[k])
}

// buildLocked writes the request (RFC 3903 §4.1).
func (u *upstream) buildLocked(p *publication, a *attempt, name string) *message.Builder {
	a.from = message.NewTag()
	b := message.NewRequest("PUBLISH", a.entity).
		Add(message.MaxForwards, "70").
		Add(message.From, "<"+a.entity+">;tag="+a.from).
		Add(message.To, "<"+a.entity+">").
		Add(message.CallID, name).
		Add(message.CSeq, "1 PUBLISH").
		Add(message.Event, p.id.kind.event()).
		AddInt(message.Expires, a.expires)
	if a.tag != "" {
		b.Add(message.SIPIfMatch, a.tag)
	}
	a.creds = u.creds
	for _, h := range u.creds.Answer(b.Method(), b.URI(), a.body) {
		b.Add(h.Name, h.Value)
	}
	if len(a.body) > 0 {
		b.Body(a.typ, a.body)
	}
	return b
}

// name is what the transaction of a PUBLISH is known by: its branch and its
// Call-ID are made of it. It follows from the tag it bears, so that who asks
// again because no answer came, or because we were restarted before we had
// stored it, asks in the same transaction: within its life (32 s over UDP, RFC
// 3261 §17.2.2) the upstream repeats its answer, and with it the tag that we
// lack. A tag is good for one change, so no two requests that can both be taken
// share a name. After an answer that changed nothing the salt makes another.
func (u *upstream) name(p *publication, tag string) string {
	h := hmac.New(sha256.New, u.p.key)
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00%d\x00%d", u.identity, p.id.kind.event(), p.id.agent, tag, p.firsts, p.salt)
	return hex.EncodeToString(h.Sum(nil)[:12])
}
