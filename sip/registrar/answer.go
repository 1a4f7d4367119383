package registrar

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/store"
)

func (no *refusal) answer(req *transaction.Request) {
	b := message.NewResponse(req.Message, no.status, no.phrase)
	for _, h := range no.extra {
		b.Add(h.Name, h.Value)
	}
	req.Respond(b)
}

// refuseLater is the answer when a change could not be committed or too many
// wait.
func refuseLater() *refusal {
	return refuse(503, "", message.Header{Name: message.RetryAfter, Value: "5"})
}

// refreshLocked recognises the refresh of a single binding, by far the most
// common REGISTER, by its bytes, and answers it without reading it. If it is one
// it unlocks and returns true.
func (s *shard) refreshLocked(rec *record, w *who, req *transaction.Request, now time.Time) bool {
	raw, ok := rawOf(req.Message)
	if !ok {
		return false
	}
	l := s.r.limits()
	raw.under = l
	for _, b := range rec.bindings {
		if b.raw != raw || b.Device != w.device || b.Restored || b.Dead || b.AOR != w.aor ||
			b.CallID != req.CallID() || !b.sameWay(req.Flow.Transport(), req.Flow.Remote(), req.Flow) {
			continue
		}
		cseq, _ := req.CSeq()
		end := now.Add(b.Grant)
		if cseq <= b.CSeq || end.Before(b.Expires) || end.Add(l.grace(b.Grant)).After(b.Stored) {
			return false
		}
		b.later(cseq, end, b.Grant, l)
		b.flow = req.Flow // of the same place, but for UDP perhaps a newer one
		ans := s.listLocked(rec, b.AOR, b.Device, req, now)
		if b.RegID != "" && req.Supports("outbound") {
			s.r.addOutbound(ans, b.Transport)
		}
		s.mu.Unlock()
		s.r.count.refresh()
		req.Respond(ans)
		return true
	}
	return false
}

// sameUser: aor is that user's, in the domain both were looked up in.
func sameUser(aor, user string) bool {
	return len(aor) > len(user) && aor[len(user)] == '@' && aor[:len(user)] == user
}

// registerLocked answers a REGISTER of an agent whose turn it is, now or after a
// commit. It unlocks.
func (s *shard) registerLocked(agent presence.AgentID, rec *record, j job, now time.Time) (committing bool) {
	req, r := j.req, s.r
	if r.holder(j.who.device, now) != agent { // it changed hands while this waited
		s.forgetLocked(agent, rec)
		s.mu.Unlock()
		r.route(&j, now)
		return false
	}
	a := ask{domain: j.who.domain, agent: agent, device: j.who.device, kind: r.kindOf(j.who.device), aor: j.who.aor, said: j.who.said,
		by: req.Flow.Transport(), source: req.Flow.Remote(), flow: req.Flow}
	l := r.limits()
	no := a.read(req.Message, l)
	var p plan
	if no == nil {
		p, no = makePlan(rec.bindings, &a, l, now)
	}
	if no != nil {
		s.forgetLocked(agent, rec)
		s.mu.Unlock()
		r.count.refused(no.status)
		no.answer(req)
		return false
	}
	// Refreshes change nothing that is stored; they hold only if the rest of the
	// request does.
	refresh := func() {
		for _, f := range p.refresh {
			f.b.later(a.cseq, f.expires, f.grant, l)
			if len(a.contacts) == 1 {
				f.b.raw = a.raw
			}
		}
	}
	if len(p.put) == 0 && len(p.drop) == 0 {
		refresh()
		ans := s.answerLocked(rec, &a, req, now)
		s.forgetLocked(agent, rec)
		s.mu.Unlock()
		r.count.refresh()
		req.Respond(ans)
		return false
	}
	c := &change{next: p.next, put: p.put, drop: p.drop, actor: "device:" + j.who.user, cause: presence.CauseLogin}
	if len(p.put) == 0 {
		c.cause = presence.CauseLogout
	}
	var ans *message.Builder
	c.adopted = func() {
		refresh()
		ans = s.answerLocked(rec, &a, req, now) // as long as was granted, however long the commit took
	}
	c.then = func(err error) {
		if err != nil {
			r.notCommitted(req, &a, err)
			return
		}
		r.count.changed()
		req.Respond(ans)
	}
	s.commitLocked(agent, rec, c)
	return true
}

// notCommitted answers a change that the store or the roster would not take.
func (r *Registrar) notCommitted(req *transaction.Request, a *ask, err error) {
	r.o.Log.Error().Err(err).Str("method", req.Method).Str("call_id", a.callID).Str("aor", a.aor).
		Stringer("src", a.source).Str("transport", a.by).Msg("registration not committed")
	no := refuseLater()
	switch {
	case errors.Is(err, roster.ErrUnknown): // deleted this moment
		no = refuse(404, "")
	case errors.Is(err, roster.ErrRefused):
		no = refuse(403, "Too Many Contacts")
	case errors.Is(err, errUnencodable):
		no = refuse(500, "")
	}
	r.count.refused(no.status)
	no.answer(req)
}

// errUnencodable is a change that can never be written.
var errUnencodable = errors.New("registrar: cannot be encoded")

// answerLocked is the 200 to a request that was read.
func (s *shard) answerLocked(rec *record, a *ask, req *transaction.Request, now time.Time) *message.Builder {
	ans := s.listLocked(rec, a.aor, a.device, req, now)
	if a.outbound {
		s.r.addOutbound(ans, a.by)
	}
	return a.featureCaps(ans)
}

// listLocked is the 200 with every contact of the address of record (RFC 3261
// §10.3 step 8) and the Path that was recorded (RFC 3327 §5.3). Of another device's
// contact it leaves out the push token.
func (s *shard) listLocked(rec *record, aor string, dev presence.DeviceID, req *transaction.Request, now time.Time) *message.Builder {
	ans := message.NewResponse(req.Message, 200, "")
	gruu := s.r.limits().GRUU && req.Supports("gruu")
	var room [512]byte
	for _, b := range rec.bindings {
		left := b.left(now)
		if b.AOR != aor || left <= 0 {
			continue
		}
		head := b.Head
		if b.Device != dev {
			head = b.bareHead()
		}
		v := append(append(room[:0], head...), ";expires="...)
		v = strconv.AppendInt(v, int64(left), 10)
		if gruu && b.Device == dev && b.Instance != "" {
			v = s.r.appendGRUUs(v, b)
		}
		ans.Add(message.Contact, string(v))
	}
	for i := range req.Headers {
		if req.Headers[i].Name == message.Path {
			ans.Add(message.Path, req.Headers[i].Value)
		}
	}
	for _, hop := range s.r.limits().ServiceRoute { // RFC 3608 §6.3
		ans.Add(serviceRoute, "<"+hop+">")
	}
	return ans
}

// describe completes a change with what the roster and the store are told.
func (r *Registrar) describe(c *change) error {
	c.ops = r.ops(c)
	for _, b := range c.put {
		w, err := b.row(r.o.Node)
		if err != nil {
			return errors.Join(errUnencodable, err)
		}
		c.writes = append(c.writes, w)
		c.log = append(c.log, r.entry(c, b, nil, w.Data))
	}
	for i, b := range slices.Concat(c.drop, c.leave) {
		w, err := b.row(r.o.Node)
		if err != nil {
			return errors.Join(errUnencodable, err)
		}
		if i < len(c.drop) {
			c.writes = append(c.writes, store.Delete(b.key()))
		}
		c.log = append(c.log, r.entry(c, b, w.Data, nil))
	}
	return nil
}

// kindOf is what the directory says the device is.
func (r *Registrar) kindOf(dev presence.DeviceID) presence.DeviceKind {
	if d, ok := r.o.Directory.Device(dev); ok {
		return d.Kind
	}
	return presence.KindDesk
}

// kind is what the binding is to calls: that of its device, but what a push wakes
// is a mobile, whose credential it may have borrowed.
func (r *Registrar) kind(b *Binding) presence.DeviceKind {
	if b.Push {
		return presence.KindMobile
	}
	return r.kindOf(b.Device)
}

func (r *Registrar) entry(c *change, b *Binding, before, after []byte) store.Entry {
	before, after = b.withoutToken(before), b.withoutToken(after)
	return store.Entry{
		Domain: b.Domain.String(), Time: time.Now().UTC(), Node: r.o.Node, Actor: c.actor, Cause: string(c.cause),
		Kind: "registration", Entity: b.Agent.String(), Before: before, After: after,
	}
}
