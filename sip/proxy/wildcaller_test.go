package proxy_test

import (
	"fmt"
	"slices"
	"time"

	"lamplight/sip/message"
)

// call begins a call, and gives up or hangs up by dice.
func (r *robot) call(uri string, headers ...message.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &robotLeg{caller: true}
	id := fmt.Sprintf("%016x", r.rng.Uint64()) // of the seed, as the losses are that follow from it
	r.legs["to "+uri+" "+id] = l
	r.tryLocked(l, uri, id, message.NewTag(), 1, headers)
	switch r.rng.IntN(4) {
	case 0: // gives up after a while, but not before it has heard anything (RFC 3261 §9.1)
		r.after(r.between(0, 40*time.Second), func() { l.wants = true; r.giveUpLocked(l) })
	case 1: // in the moment of the answer, perhaps
		r.after(r.between(0, 3*time.Second), func() { l.wants = true; r.giveUpLocked(l) })
	}
}

// tryLocked sends the INVITE, anew with credentials if it is asked for them.
func (r *robot) tryLocked(l *robotLeg, uri, callID, tag string, seq uint32, headers []message.Header) {
	branch := message.NewBranch()
	b := message.NewRequest("INVITE", uri).Add(message.MaxForwards, "70").Add(message.From, "<"+r.from+">;tag="+tag).Add(message.To, "<"+uri+">").
		Add(message.CallID, callID).Add(message.CSeq, fmt.Sprint(seq, " INVITE")).Add(message.Contact, r.contact())
	for _, h := range headers {
		b.Add(h.Name, h.Value)
	}
	raw := b.Via(r.via(branch)).Bytes()
	inv, err := message.Parse(raw)
	if err != nil {
		r.wrong("%v", err)
		return
	}
	l.inv, l.seq, l.first, l.gaveUp = inv, seq, false, false
	challenged := false
	r.waits[branch+" INVITE"] = func(m *message.Message) {
		if (m.Status == 401 || m.Status == 407) && r.secret != nil && seq == 1 {
			r.send(hopBy(inv, "ACK", m.Get(message.To)))
			if !challenged {
				challenged = true
				name, value := r.secret(m, "INVITE", uri)
				r.tryLocked(l, uri, callID, tag, seq+1, append(slices.Clone(headers), message.Header{Name: name, Value: value}))
			}
			return
		}
		r.heardLocked(l, inv, m)
	}
	r.repeatLocked(raw, 32*time.Second, func() bool { return !l.first && l.inv == inv && !challenged && len(l.heard) == 0 }, "nothing heard of its INVITE")
}

// heardLocked takes a response to the INVITE.
func (r *robot) heardLocked(l *robotLeg, inv, m *message.Message) {
	l.first = true
	if m.Status < 200 {
		if len(l.heard) > 0 {
			return
		}
		r.giveUpLocked(l)
		return
	}
	final := fmt.Sprint(m.Status, " ", m.ToTag())
	if slices.Contains(l.heard, final) { // again: so is the ACK
		r.send(l.ack)
		return
	}
	l.heard = append(l.heard, final)
	if m.Status >= 300 {
		l.ack = hopBy(inv, "ACK", m.Get(message.To))
		r.send(l.ack)
		return
	}
	l.seen = m
	l.ack = l.inDialog("ACK", l.seq).Via(r.via(message.NewBranch())).Bytes()
	r.send(l.ack)
	if l.gaveUp { // too late
		r.hangUpLocked(l)
		return
	}
	r.after(r.between(0, 30*time.Second), func() { r.hangUpLocked(l) })
	if r.rng.IntN(3) == 0 {
		r.after(r.between(time.Second, 10*time.Second), func() { r.holdLocked(l) })
	}
}

// giveUpLocked cancels, once it may.
func (r *robot) giveUpLocked(l *robotLeg) {
	if !l.wants || !l.first || l.gaveUp || len(l.heard) > 0 {
		return
	}
	l.gaveUp = true
	raw := hopBy(l.inv, "CANCEL", l.inv.Get(message.To))
	via, _ := l.inv.TopVia()
	done := false
	r.waits[via.Branch+" CANCEL"] = func(*message.Message) { done = true }
	r.repeatLocked(raw, t2, func() bool { return !done }, "no answer to its CANCEL")
}

// check is what must be true when all is over.
func (r *robot) check() (answered, connected int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, l := range r.legs {
		switch {
		case l.caller && len(l.heard) != 1:
			r.wrong("%s: a caller heard %d final responses: %v\n%s", r.port.Addr(), len(l.heard), l.heard, l.inv.Raw)
		case l.caller && l.seen != nil && !l.over:
			r.wrong("%s: a caller still talks\n%s", r.port.Addr(), l.inv.Raw)
		case l.caller:
			if l.seen != nil {
				connected++
			}
		case l.inv.ToTag() != "": // within a call
		case l.plan == "dead":
		case l.said < 200:
			r.wrong("%s (%s): a branch rings for ever: %s\n%s", r.port.Addr(), l.plan, k, l.inv.Raw)
		case !l.acked:
			r.wrong("%s (%s): %d was not acknowledged\n%s", r.port.Addr(), l.plan, l.said, l.inv.Raw)
		case l.seen != nil && !l.over:
			r.wrong("%s (%s): it answered and nobody hung up\n%s", r.port.Addr(), l.plan, l.inv.Raw)
		case l.seen != nil:
			answered++
		}
	}
	return answered, connected
}
